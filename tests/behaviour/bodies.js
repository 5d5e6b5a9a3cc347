// fetch() of a dynamic worker: what a request and a response carry, and bodies that stream both ways, are held back, are
// given up, or fail. dynamic-workers.md 1.7, rows D1 and D5.

import { WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, sleep, throws, until, worker } from "./check.js";

/** /STATUS?to=LOCATION redirects; /loop does so for ever. */
export class Signposts extends WorkerEntrypoint {
    async fetch(request) {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === "/loop") return Response.redirect("http://w/loop");
        const location = searchParams.get("to");
        if (Number(pathname.slice(1))) return new Response(null, { status: Number(pathname.slice(1)), headers: location ? { location } : {} });
        return new Response(`${request.method} ${[...request.headers.keys()]} ${await request.text()}`);
    }
}

const CHILD = `
const seen = { cancelled: null, asked: null, aborted: null, pulled: 0, readAll: null };

async function digest(stream) {
    let hash = 1, length = 0;
    for (const reader = stream.getReader();;) {
        const { done, value } = await reader.read();
        if (done) return { hash, length };
        for (const byte of value) hash = (hash * 31 + byte) | 0;
        length += value.length;
    }
}

function blocks(count, size) {
    let at = 0;
    return new ReadableStream({
        pull(controller) {
            seen.pulled++;
            if (at === count) return controller.close();
            controller.enqueue(new Uint8Array(size).map((_, i) => i * 7 + at));
            at++;
        },
        cancel(reason) { seen.cancelled = String(reason ?? "no reason"); },
    }, { highWaterMark: 0 });
}

const routes = {
    async mirror(request) {
        const { method, url, headers } = request;
        const body = request.body === null ? null : await request.text();
        return Response.json({ method, url, headers: [...headers], body });
    },
    async digest(request) { return Response.json(await digest(request.body)); },
    produce(request, url) {
        return new Response(blocks(Number(url.searchParams.get("count")), Number(url.searchParams.get("size"))));
    },
    echo(request) { return new Response(request.body); },
    async upper(request) {
        const { readable, writable } = new TransformStream({
            transform(chunk, controller) { controller.enqueue(chunk.map((b) => b ^ 32)); },
        });
        request.body.pipeTo(writable);
        return new Response(readable);
    },
    respond(request, url) {
        const init = JSON.parse(url.searchParams.get("init"));
        return new Response(url.searchParams.get("body"), init);
    },
    failAfter(request, url) {
        let at = 0;
        return new Response(new ReadableStream({
            pull(controller) {
                if (at++ === Number(url.searchParams.get("count"))) return controller.error(new RangeError("broken stream"));
                controller.enqueue(new Uint8Array(1000));
            },
        }));
    },
    async never(request) {
        seen.asked = "never";
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        seen.aborted = request.signal.reason?.name ?? "no reason";
        return new Response("too late");
    },
    ignore() { return new Response("ignored"); },
    async readOne(request) {
        const { value } = await request.body.getReader().read();
        return new Response(String(value.length > 0));
    },
    async readAllLater(request) {
        seen.readAll = digest(request.body).then(({ length }) => "read " + length, (error) => "failed: " + error.name);
        return new Response("answered first");
    },
};

export default {
    fetch(request) {
        const url = new URL(request.url);
        return routes[url.pathname.slice(1)](request, url);
    },
    async seen(_) { return { ...seen, readAll: await seen.readAll }; },
    pulled(_) { return seen.pulled; },
};
`;

const load = (env) => env.LOADER.load(worker(CHILD)).getEntrypoint();
const MEBIBYTE = 1 << 20;

/** The same bytes that the worker makes, and their checksum. */
function block(at, size) {
    return new Uint8Array(size).map((_, i) => i * 7 + at);
}

function hashOf(chunks) {
    let hash = 1;
    for (const chunk of chunks) for (const byte of chunk) hash = (hash * 31 + byte) | 0;
    return hash;
}

/** A stream that makes its blocks when asked, and counts. */
function source(count, size) {
    const made = { count: 0, cancelled: undefined };
    made.stream = new ReadableStream(
        {
            pull(controller) {
                if (made.count === count) return controller.close();
                controller.enqueue(block(made.count++, size));
            },
            cancel(reason) {
                made.cancelled = reason ?? "no reason";
            },
        },
        { highWaterMark: 0 },
    );
    return made;
}

function post(child, path, body, more) {
    return child.fetch(`http://w/${path}`, { method: "POST", body, duplex: "half", ...more });
}

const plain = {
    "method, address, headers and body arrive": async ({ env }) => {
        const headers = [["x-one", "1"], ["x-two", "a"], ["x-two", "b"], ["content-type", "text/odd"]];
        const init = { method: "PUT", body: "the body \u{1f41d}", headers };
        const got = await (await load(env).fetch("http://host.example:8080/mirror?a=b&c#fragment", init)).json();
        equal(got.method, "PUT");
        equal(got.url, "http://host.example:8080/mirror?a=b&c");
        equal(got.body, "the body \u{1f41d}");
        const table = Object.fromEntries(got.headers);
        equal([table["x-one"], table["x-two"], table["content-type"]], ["1", "a, b", "text/odd"]);
    },
    "every method": async ({ env }) => {
        const child = load(env);
        for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "ODD"]) {
            const response = await child.fetch("http://w/mirror", { method });
            equal((await response.json()).method, method);
        }
    },
    "no body is null, an empty one is not": async ({ env }) => {
        const child = load(env);
        equal((await (await child.fetch("http://w/mirror")).json()).body, null);
        equal((await (await post(child, "mirror", "")).json()).body, "");
        equal((await (await post(child, "mirror", new Uint8Array(0))).json()).body, "");
    },
    "bodies of every kind": async ({ env }) => {
        const child = load(env);
        const form = new FormData();
        form.set("field", "value");
        const bodies = [
            ["text", "text/plain;charset=UTF-8", "text"],
            [new TextEncoder().encode("bytes"), null, "bytes"],
            [new TextEncoder().encode("buffer").buffer, null, "buffer"],
            [new Blob(["blob"], { type: "image/odd" }), "image/odd", "blob"],
            [new URLSearchParams({ a: "b c" }), "application/x-www-form-urlencoded;charset=UTF-8", "a=b+c"],
            [source(1, 3).stream, null, "\0\u0007\u000e"],
        ];
        for (const [body, type, text] of bodies) {
            const got = await (await post(child, "mirror", body)).json();
            equal([Object.fromEntries(got.headers)["content-type"] ?? null, got.body], [type, text]);
        }
        const got = await (await post(child, "mirror", form)).json();
        ok(/form-data; name="field"\r\n\r\nvalue\r\n/.test(got.body), `a form in ${got.body}`);
    },
    "status, headers and body come back": async ({ env }) => {
        const init = { status: 418, statusText: "Odd", headers: [["x-a", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]] };
        const query = new URLSearchParams({ init: JSON.stringify(init), body: "text" });
        const response = await load(env).fetch(`http://w/respond?${query}`);
        equal([response.status, response.statusText, response.ok], [418, "Odd", false]);
        equal([response.headers.get("x-a"), response.headers.getSetCookie()], ["1", ["a=1", "b=2"]]);
        equal(await response.text(), "text");
    },
    "a response without body": async ({ env }) => {
        const child = load(env);
        for (const status of [204, 304]) {
            const query = new URLSearchParams({ init: JSON.stringify({ status }) });
            const source = `export default { fetch() { return new Response(null, { status: ${status} }); } };`;
            const response = await env.LOADER.load(worker(source)).getEntrypoint().fetch("http://w/");
            equal([response.status, response.body], [status, null], String(query));
        }
        equal((await (await child.fetch("http://w/ignore")).text()), "ignored");
    },
    "a redirect is the caller's to follow": async ({ env }) => {
        const init = { status: 302, headers: { location: "http://elsewhere/" } };
        const query = new URLSearchParams({ init: JSON.stringify(init), body: "" });
        const response = await load(env).fetch(`http://w/respond?${query}`, { redirect: "manual" });
        equal([response.status, response.headers.get("location")], [302, "http://elsewhere/"]);
    },
    "a buffer tells its length, however large": async ({ env }) => {
        const main = `export default { async fetch(request) {
            const length = request.headers.get("content-length");
            return new Response(new Uint8Array(await request.arrayBuffer()), { headers: { "x-length": length } }); } };`;
        const body = new Uint8Array(100_000);
        const response = await env.LOADER.load(worker(main)).getEntrypoint().fetch("http://x/", { method: "PUT", body });
        equal([response.headers.get("x-length"), response.headers.get("content-length")], ["100000", "100000"]);
        equal((await response.arrayBuffer()).byteLength, 100_000);
    },
    "a worker is told the length of a small body, too": async ({ env }) => {
        const child = env.LOADER.load(worker("export default { fetch: ({ headers }) => Response.json(headers.get('content-length')) };")).getEntrypoint();
        const told = async (init) => (await child.fetch("http://w/", init)).json();
        const text = "ünïcode";
        equal(await told({ method: "POST", body: text }), String(new TextEncoder().encode(text).length));
        equal(await told({ method: "POST", body: "" }), "0");
        equal(await told({ method: "POST", body: new URLSearchParams("a=b") }), "3");
        equal(await told({ method: "POST", body: "abc", headers: { "Content-Length": "9" } }), "9"); // as in workerd
        equal(await told({ method: "POST" }), null);
        equal(await told({}), null);
    },
    "a FixedLengthStream tells its length": async ({ env }) => {
        const source = `export default { fetch(request) {
            const { readable, writable } = new FixedLengthStream(5);
            void request.body.pipeTo(writable);
            return new Response(readable, { headers: { "content-length": "9", "x-length": request.headers.get("content-length") } }); } };`;
        const { readable, writable } = new FixedLengthStream(5);
        void new Blob(["fives"]).stream().pipeTo(writable);
        const response = await env.LOADER.load(worker(source)).getEntrypoint().fetch("http://w/", { method: "POST", body: readable });
        const { headers } = response;
        equal([headers.get("x-length"), headers.get("content-length"), await response.text()], ["5", "5", "fives"]);
    },
    "a handler's request, sent on, follows no redirects": async ({ env, request, ctx }) => {
        equal(request.redirect, "manual");
        const source = "export default { fetch: (request) => request.headers.has('x-ask') ? new Response(request.redirect) : fetch(request) }";
        const gate = env.LOADER.load(worker(source, { globalOutbound: ctx.exports.Signposts })).getEntrypoint();
        equal(await (await gate.fetch("http://w/", { headers: { "x-ask": "1" } })).text(), "manual");
        const response = await gate.fetch("http://w/302?to=/end", { redirect: "manual" });
        equal([response.status, response.headers.get("location")], [302, "/end"]);
    },
    "redirects of a stub are followed": async ({ ctx }) => {
        const ask = async (path, init) => {
            const response = await ctx.exports.Signposts.fetch(`http://w/${path}`, init);
            return [response.status, response.redirected, response.url, await response.text()];
        };
        const headers = { authorization: "secret", "x-a": "1" };
        equal(await ask("302?to=/307%3Fto=end%23there", { headers }), [200, true, "http://w/end", "GET authorization,x-a "]);
        equal(await ask("301?to=http://v/end", { headers }), [200, true, "http://v/end", "GET x-a "]);
        equal(await ask("303?to=/end", { method: "PUT", body: "gone" }), [200, true, "http://w/end", "GET  "]);
        equal(await ask("302?to=/end", { method: "POST", body: "gone" }), [200, true, "http://w/end", "GET  "]);
        equal(await ask("308?to=/end", { method: "POST", body: "kept" }), [200, true, "http://w/end", "POST content-type kept"]);
        equal(await ask("302", {}), [302, false, "", ""]);
        await rejects(ask("302?to=http://", {}), { name: "TypeError", message: "Invalid Location header; unable to follow redirect." });
        await rejects(ask("loop"), { name: "TypeError", message: /^Too many redirects\./ });
        const { readable, writable } = new TransformStream();
        void new Blob(["once"]).stream().pipeTo(writable).catch(() => {});
        await rejects(ask("307?to=/end", { method: "POST", body: readable }), { name: "TypeError", message: /^A request with a one-time-use body/ });
    },
    "a request that is answered in the same cell stays the caller's": async ({ ctx }) => {
        const request = new Request("http://w/end", { method: "POST", body: "once" });
        equal(await (await ctx.exports.Signposts.fetch(request)).text(), "POST content-type once");
        equal([request.redirect, request.bodyUsed], ["follow", true]);
    },
    "a request object's body is used up": async ({ env }) => {
        const request = new Request("http://w/mirror", { method: "POST", body: "once" });
        const child = load(env);
        equal((await (await child.fetch(request)).json()).body, "once");
        equal(request.bodyUsed, true);
        await rejects(child.fetch(request), { name: "TypeError" });
    },
    "an address that is none": async ({ env }) => {
        await rejects(load(env).fetch("not an address"), { name: "TypeError" });
        await rejects(load(env).fetch(), { name: "TypeError" });
    },
};

const streaming = {
    "10 MB to the worker": async ({ env }) => {
        const blocks = Array.from({ length: 160 }, (_, at) => block(at, 65536));
        const { stream } = source(160, 65536);
        const got = await (await post(load(env), "digest", stream)).json();
        equal(got, { hash: hashOf(blocks), length: 10 * MEBIBYTE });
    },
    "10 MB in one piece to the worker": async ({ env }) => {
        const bytes = block(3, 10 * MEBIBYTE);
        equal(await (await post(load(env), "digest", bytes)).json(), { hash: hashOf([bytes]), length: bytes.length });
    },
    "10 MB from the worker": async ({ env }) => {
        const response = await load(env).fetch(`http://w/produce?count=160&size=65536`);
        const bytes = new Uint8Array(await response.arrayBuffer());
        equal(bytes.length, 10 * MEBIBYTE);
        equal(hashOf([bytes]), hashOf(Array.from({ length: 160 }, (_, at) => block(at, 65536))));
    },
    "10 MB there and back at once": async ({ env }) => {
        const made = source(160, 65536);
        const response = await post(load(env), "echo", made.stream);
        const bytes = new Uint8Array(await response.arrayBuffer());
        equal([bytes.length, hashOf([bytes])], [
            10 * MEBIBYTE, hashOf(Array.from({ length: 160 }, (_, at) => block(at, 65536))),
        ]);
    },
    "pieces of every size through a transform": async ({ env }) => {
        const sizes = [1, 2, 65535, 65536, 65537, 262143, 262144, 262145, 3];
        let at = 0;
        const stream = new ReadableStream({
            pull(controller) {
                if (at === sizes.length) return controller.close();
                controller.enqueue(block(at, sizes[at++]));
            },
        });
        const bytes = new Uint8Array(await (await post(load(env), "upper", stream)).arrayBuffer());
        const expected = sizes.map((size, i) => block(i, size).map((byte) => byte ^ 32));
        equal([bytes.length, hashOf([bytes])], [sizes.reduce((a, b) => a + b), hashOf(expected)]);
    },
    "an echo answers before the request has ended": async ({ env }) => {
        const { readable, writable } = new TransformStream();
        const writer = writable.getWriter();
        const reader = (await post(load(env), "echo", readable)).body.getReader();
        for (const text of ["ping", "pong", "last"]) {
            writer.write(new TextEncoder().encode(text));
            equal(new TextDecoder().decode((await reader.read()).value), text);
        }
        writer.close();
        equal((await reader.read()).done, true);
    },
    "a URL's fragment, name and password stay with who asks": async ({ env }) => {
        const urls = { "http://u:p@h/p#frag": "http://h/p", "http://u@h:81/p?a=@#@/": "http://h:81/p?a=@", "http://h/@x": "http://h/@x", "http://h/?q#": "http://h/?q", "https://:p@[::1]/#": "https://[::1]/" };
        const gate = worker("export default { fetch: (request) => Response.json([request.url]) };");
        const asking = "export default { fetch: (request) => fetch(request.headers.get('to')) };";
        const child = env.LOADER.load(gate).getEntrypoint();
        const behind = env.LOADER.load(worker(asking, { globalOutbound: child })).getEntrypoint();
        for (const [asked, seen] of Object.entries(urls)) {
            equal(await (await child.fetch(asked, { method: "POST", body: "b" })).json(), [seen]);
            equal(await (await behind.fetch("http://x/", { headers: { to: asked } })).json(), [seen]);
            equal(new Request(asked).url, asked);
        }
    },
    "a stream of text leaves its worker in UTF-8": async ({ env }) => {
        const parts = ["data: \u00fc\n\n", "", "\u{1f41d}", new Uint8Array([65]), "\ud800"];
        const text = () => new ReadableStream({ start(c) { parts.forEach((part) => c.enqueue(part)); c.close(); } });
        const expected = "data: \u00fc\n\n\u{1f41d}A\ufffd";
        equal(await (await post(load(env), "echo", text())).text(), expected);
        const child = `export default { fetch: () => new Response(new ReadableStream({ start(c) { for (const text of ["a", "\u00fc"]) c.enqueue(text); c.close(); } })) };`;
        equal(await (await env.LOADER.load(worker(child)).getEntrypoint().fetch("http://x/")).text(), "a\u00fc");
        await rejects(new Response(text()).text(), { name: "TypeError", message: "This ReadableStream did not return bytes." });
    },
    "40 streams at once": async ({ env }) => {
        const child = load(env);
        const lengths = await Promise.all(
            Array.from({ length: 40 }, async (_, i) => {
                const response = await post(child, "echo", source(8 + i, 10000).stream);
                return (await response.arrayBuffer()).byteLength;
            }),
        );
        equal(lengths, Array.from({ length: 40 }, (_, i) => (8 + i) * 10000));
    },
    "a response passes through three workers": async ({ env }) => {
        const child = load(env);
        const first = await child.fetch("http://w/produce?count=40&size=65536");
        const second = await post(load(env), "upper", first.body);
        const third = await post(load(env), "upper", second.body);
        const bytes = new Uint8Array(await third.arrayBuffer());
        equal(hashOf([bytes]), hashOf(Array.from({ length: 40 }, (_, at) => block(at, 65536))));
    },
};

const pressure = {
    "who reads slowly holds the worker back": async ({ env }) => {
        const child = load(env);
        const response = await child.fetch("http://w/produce?count=10000&size=65536");
        const reader = response.body.getReader();
        await reader.read();
        let before = -1;
        let pulled = await child.pulled(0);
        while (pulled !== before) {
            await sleep(50);
            before = pulled;
            pulled = await child.pulled(0);
        }
        ok(pulled < 64, `fewer than 64 blocks made ahead, not ${pulled}`);
        await reader.cancel();
    },
    "a worker that reads slowly holds its caller back": async ({ env }) => {
        const made = source(10000, 65536);
        const response = await post(load(env), "readOne", made.stream);
        equal(await response.text(), "true");
        let before = -1;
        while (made.count !== before) {
            before = made.count;
            await sleep(50);
        }
        ok(made.count < 64, `fewer than 64 blocks made ahead, not ${made.count}`);
    },
    "a body that nobody reads holds nobody up": async ({ env }) => {
        const child = load(env);
        for (let i = 0; i < 20; i++) {
            equal(await (await post(child, "ignore", source(1000, 65536).stream)).text(), "ignored");
        }
        for (let i = 0; i < 20; i++) await child.fetch("http://w/produce?count=10000&size=65536");
        equal((await (await child.fetch("http://w/mirror")).json()).method, "GET");
    },
    "a body may be read after the answer": async ({ env }) => {
        const child = load(env);
        equal(await (await post(child, "readAllLater", source(40, 65536).stream)).text(), "answered first");
        equal((await child.seen(0)).readAll, `read ${40 * 65536}`);
    },
};

const endings = {
    "a reader that cancels cancels the worker's stream": async ({ env }) => {
        const child = load(env);
        const response = await child.fetch("http://w/produce?count=10000&size=65536");
        const reader = response.body.getReader();
        await reader.read();
        await reader.cancel("enough");
        await until("the worker's cancel()", async () => (await child.seen(0)).cancelled !== null);
    },
    "a worker's stream that fails fails its reader": async ({ env }) => {
        for (const count of [0, 1, 300]) {
            const response = await load(env).fetch(`http://w/failAfter?count=${count}`);
            await rejects(response.arrayBuffer(), { name: "RangeError", message: "broken stream" });
        }
    },
    "a request's stream that fails fails the worker's reader": async ({ env }) => {
        const child = load(env);
        let at = 0;
        const stream = new ReadableStream({
            pull(controller) {
                if (at++ === 20) controller.error(new RangeError("caller's stream broke"));
                else controller.enqueue(new Uint8Array(10000));
            },
        });
        await rejects(post(child, "digest", stream), { message: "caller's stream broke" });
        equal(await (await child.fetch("http://w/ignore")).text(), "ignored");
    },
    "a stream of what is no bytes fails": async ({ env }) => {
        const stream = new ReadableStream({
            start(controller) {
                controller.enqueue({ no: "bytes" });
                controller.close();
            },
        });
        await rejects(post(load(env), "digest", stream), { name: "TypeError" });
    },
    "an abort gives the call up on both sides": async ({ env }) => {
        const child = load(env);
        const controller = new AbortController();
        const call = child.fetch("http://w/never", { signal: controller.signal });
        await until("the request", async () => (await child.seen(0)).asked);
        controller.abort();
        await rejects(call, { name: "AbortError" });
        await until("the worker's abort event", async () => (await child.seen(0)).aborted !== null);
    },
    "an abort with a reason": async ({ env }) => {
        const controller = new AbortController();
        const child = load(env);
        const call = child.fetch("http://w/never", { signal: controller.signal });
        await until("the request", async () => (await child.seen(0)).asked);
        controller.abort(new RangeError("my reason"));
        await rejects(call, { name: "RangeError", message: "my reason" });
    },
    "an abort before the call": async ({ env }) => {
        const child = load(env);
        await rejects(child.fetch("http://w/ignore", { signal: AbortSignal.abort() }), { name: "AbortError" });
        equal(await (await child.fetch("http://w/ignore")).text(), "ignored");
    },
    "an abort while the body comes": async ({ env }) => {
        const child = load(env);
        const controller = new AbortController();
        const response = await child.fetch("http://w/produce?count=10000&size=65536", { signal: controller.signal });
        const reader = response.body.getReader();
        await reader.read();
        controller.abort();
        await rejects(
            (async () => {
                for (;;) if ((await reader.read()).done) return "the end";
            })(),
            { name: "AbortError" },
        );
        await until("the worker's cancel()", async () => (await child.seen(0)).cancelled !== null);
    },
    "an abort of a call that has ended does nothing": async ({ env }) => {
        const child = load(env);
        const controller = new AbortController();
        const response = await child.fetch("http://w/ignore", { signal: controller.signal });
        equal(await response.text(), "ignored");
        controller.abort();
        equal(await (await child.fetch("http://w/ignore")).text(), "ignored");
    },
    "a timeout's signal": async ({ env }) => {
        const call = load(env).fetch("http://w/never", { signal: AbortSignal.timeout(30) });
        await rejects(call, { name: "TimeoutError" });
    },
    "statuses that are none": ({ env }) => {
        void env;
        for (const status of [0, 99, 600, 1000]) throws(() => new Response("", { status }), { name: "RangeError" });
    },
};

export default cases({ ...plain, ...streaming, ...pressure, ...endings });
