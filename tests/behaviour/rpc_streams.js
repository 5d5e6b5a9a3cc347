// Streams and objects of the web platform as arguments and results: what arrives, flow control, endings on either side.
// dynamic-workers.md 6.1, row K4.

import { WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, sleep, throws, until, worker } from "./check.js";

const CHILD = `
import { WorkerEntrypoint } from "cloudflare:workers";
let state = {};
export default class extends WorkerEntrypoint {
    echo(value) { return value; }
    async text(stream) { return new Response(stream).text(); }
    async count(stream) { let n = 0; for await (const chunk of stream) n += chunk.length; return n; }
    async first(stream) { const r = stream.getReader(); const { value } = await r.read(); await r.cancel("enough"); return value.length; }
    hold(stream) { state.stream = stream; }
    lock(stream) { const s = stream; s.getReader(); return s; }
    bytes(n, size) {
        return new ReadableStream({ type: "bytes", pull(c) { if (n-- > 0) c.enqueue(new Uint8Array(size).fill(n)); else c.close(); } });
    }
    endless() {
        state.pulled = 0; state.cancelled = undefined;
        return new ReadableStream({ pull(c) { state.pulled++; c.enqueue(new Uint8Array(65536)); }, cancel(r) { state.cancelled = String(r?.message ?? r); } });
    }
    state() { return state; }
    failing() { let n = 0; return new ReadableStream({ pull(c) { if (n++ < 2) c.enqueue(new Uint8Array(10)); else c.error(new RangeError("no more")); } }); }
    objects() { return new ReadableStream({ start(c) { c.enqueue({ no: "bytes" }); c.close(); } }); }
    async write(stream, parts) { const w = stream.getWriter(); for (const part of parts) await w.write(part); await w.close(); }
    async writeMany(stream, n, size) { const w = stream.getWriter(); for (let i = 0; i < n; i++) await w.write(new Uint8Array(size)); await w.close(); }
    async writeThenAbort(stream) { const w = stream.getWriter(); await w.write(new Uint8Array(3)); await w.abort(new RangeError("gave up")); }
    sink() {
        state.written = []; state.ended = undefined;
        return new WritableStream({ write(chunk) { state.written.push(chunk.length); }, close() { state.ended = "closed"; }, abort(r) { state.ended = "aborted " + r?.message; } });
    }
    slowSink() { state.written = []; return new WritableStream({ async write(c) { await new Promise((r) => setTimeout(r, 5)); state.written.push(c.length); } }); }
    badSink() { return new WritableStream({ write() { throw new RangeError("the sink is full"); } }); }
    async request(request) { return [request.method, request.url, [...request.headers], request.redirect, await request.text()]; }
    async response(response) { return [response.status, response.statusText, [...response.headers], await response.text()]; }
    describe(v) { return [Object.prototype.toString.call(v), v instanceof globalThis[Object.prototype.toString.call(v).slice(8, -1)]]; }
    makeResponse() { return new Response("made", { status: 201, statusText: "Made", headers: { "x-a": "1" } }); }
    makeStreamed(n) { return new Response(this.bytes(n, 65536), { headers: { "x-n": String(n) } }); }
    whenAborted(signal) { return new Promise((resolve) => signal.addEventListener("abort", () => resolve([signal.reason.name, signal.reason.message, signal.reason instanceof DOMException]))); }
    aborted(signal) { return [signal.aborted, signal.reason?.message]; }
    signal() { const c = new AbortController(); state.controller = c; return c.signal; }
    abort(text) { state.controller.abort(new Error(text)); }
    async blob(blob) { return [blob.type, blob.size, blob.name, blob.lastModified, await blob.text()]; }
}
`;

const load = (env) => env.LOADER.load(worker(CHILD)).getEntrypoint();

export class Api extends WorkerEntrypoint {
    echo(value) {
        return value;
    }
    async text(stream) {
        return new Response(stream).text();
    }
}

function stream(...chunks) {
    return new ReadableStream({
        start(controller) {
            for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
            controller.close();
        },
    });
}

async function readAll(readable) {
    let n = 0;
    for await (const chunk of readable) n += chunk.length;
    return n;
}

const readables = {
    "as an argument": async ({ env }) => {
        equal(await load(env).text(stream("one ", "two")), "one two");
        equal(await load(env).text(stream()), "");
    },
    "as a result": async ({ env }) => {
        equal(await readAll(await load(env).bytes(10, 1000)), 10000);
    },
    "there and back": async ({ env }) => {
        const back = await load(env).echo({ list: [stream("a"), stream("b")] });
        equal([await new Response(back.list[0]).text(), await new Response(back.list[1]).text()], ["a", "b"]);
    },
    "large chunks and many": async ({ env }) => {
        const child = load(env);
        equal(await readAll(await child.bytes(4, 3 << 20)), 12 << 20);
        equal(await child.count(await child.bytes(200, 65536)), 200 * 65536);
        equal(await child.count(new Response("x".repeat(5 << 20)).body), 5 << 20);
    },
    "from one worker to another": async ({ env }) => {
        equal(await load(env).count(await load(env).bytes(50, 65536)), 50 * 65536);
    },
    "within one worker": async ({ ctx }) => {
        equal(await ctx.exports.Api.text(stream("here")), "here");
        equal(await new Response(await ctx.exports.Api.echo(stream("again"))).text(), "again");
    },
    "is locked where it was sent from": async ({ env }) => {
        const sent = stream("a");
        await load(env).text(sent);
        ok(sent.locked, "a locked stream");
        await rejects(load(env).text(sent), { name: "TypeError", message: "The ReadableStream has been locked to a reader." });
        await rejects(load(env).lock(stream("a")), { name: "TypeError" });
    },
    "goes no faster than it is read": async ({ env }) => {
        const child = load(env);
        const reader = (await child.endless()).getReader();
        await reader.read();
        await sleep(50);
        const { pulled } = await child.state();
        ok(pulled < 20, `fewer than 20 chunks of 64 KiB made for one that was read, ${pulled}`);
        for (let i = 0; i < 20; i++) await reader.read();
        await reader.cancel(new Error("seen enough"));
        await until("a cancelled source", async () => (await child.state()).cancelled !== undefined);
    },
    "is cancelled by the worker": async ({ env }) => {
        let reason;
        const sent = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(10)), cancel: (r) => void (reason = r ?? "none") });
        equal(await load(env).first(sent), 10);
        await until("a cancelled source", () => reason !== undefined);
    },
    "fails at its source": async ({ env }) => {
        await rejects(readAll(await load(env).failing()), { name: "RangeError", message: "no more" });
        const failing = new ReadableStream({ pull: (c) => c.error(new TypeError("here too")) });
        await rejects(load(env).count(failing), { name: "TypeError", message: "here too" });
    },
    "gives bytes only": async ({ env }) => {
        const expected = { name: "TypeError", message: "This ReadableStream did not return bytes." };
        await rejects(readAll(await load(env).objects()), expected);
        equal(await load(env).text(new ReadableStream({ start(c) { c.enqueue("text"); c.close(); } })), "text");
    },
    "of a worker that ends": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const reader = (await stub.getEntrypoint().endless()).getReader();
        await reader.read();
        stub[Symbol.dispose]();
        await rejects((async () => { for (;;) if ((await reader.read()).done) return; })(), { name: "Error" });
    },
    "outlives the call that brought it": async ({ env }) => {
        const child = load(env);
        let pulls = 0;
        await child.hold(new ReadableStream({ pull: (c) => void (pulls++, c.enqueue(new Uint8Array(100000))) }));
        await until("a pull", () => pulls > 0);
        await sleep(30);
        ok(pulls < 20, `a few pulls, ${pulls}`);
    },
    "300 at once": async ({ env }) => {
        const child = load(env);
        equal(await Promise.all(Array.from({ length: 300 }, (_, i) => child.text(stream(`s${i}`)))), Array.from({ length: 300 }, (_, i) => `s${i}`));
    },
};

const writables = {
    "as an argument": async ({ env }) => {
        const parts = [];
        let closed = false;
        const target = new WritableStream({ write: (c) => void parts.push(new TextDecoder().decode(c)), close: () => void (closed = true) });
        await load(env).write(target, ["text", new TextEncoder().encode("bytes"), new TextEncoder().encode("buffer").buffer]);
        equal([parts, closed], [["text", "bytes", "buffer"], true]);
    },
    "as a result": async ({ env }) => {
        const child = load(env);
        const writer = (await child.sink()).getWriter();
        await writer.write(new Uint8Array(5));
        await writer.write(new Uint8Array(6));
        await writer.close();
        const { written, ended } = await child.state();
        equal([written, ended], [[5, 6], "closed"]);
    },
    "is aborted": async ({ env }) => {
        const child = load(env);
        const writer = (await child.sink()).getWriter();
        await writer.write(new Uint8Array(5));
        await writer.abort(new RangeError("enough"));
        equal((await child.state()).ended, "aborted enough");
        let reason;
        await child.writeThenAbort(new WritableStream({ abort: (r) => void (reason = r) }));
        equal([reason?.name, reason?.message], ["RangeError", "gave up"]);
    },
    "tells the writer of its failure": async ({ env }) => {
        const writer = (await load(env).badSink()).getWriter();
        const expected = { name: "RangeError", message: "the sink is full" };
        await writer.write(new Uint8Array(1)).catch(() => {});
        await rejects(writer.closed, expected);
        await rejects(writer.write(new Uint8Array(1)), expected);
    },
    "goes no faster than it is drained": async ({ env }) => {
        let written = 0;
        const target = new WritableStream({ write: async (c) => void (await sleep(5), (written += c.length)) });
        const done = load(env).writeMany(target, 100, 65536);
        await sleep(50);
        ok(written < 100 * 65536, "that the writer waits");
        await done;
        equal(written, 100 * 65536);
    },
    "takes bytes only": async ({ env }) => {
        const writer = (await load(env).sink()).getWriter();
        await rejects(writer.write({ no: "bytes" }), { name: "TypeError", message: /only accepts bytes/ });
        await writer.closed.catch(() => {});
    },
    "piped through": async ({ env }) => {
        const child = load(env);
        await (await child.bytes(20, 65536)).pipeTo(await child.sink());
        equal((await child.state()).written.reduce((a, b) => a + b, 0), 20 * 65536);
    },
    "a locked one is refused": async ({ env }) => {
        const target = new WritableStream();
        target.getWriter();
        await rejects(load(env).write(target, []), { name: "TypeError", message: "The WritableStream has been locked to a writer." });
    },
};

const objects = {
    "Headers": async ({ env }) => {
        const headers = new Headers([["x-a", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
        const back = await load(env).echo(headers);
        ok(back instanceof Headers, "Headers");
        equal([...back], [...headers]);
        back.set("x-b", "2");
    },
    "Request": async ({ env }) => {
        const child = load(env);
        const request = new Request("http://w/a?b", { method: "POST", headers: { "x-a": "1" }, body: "body", redirect: "manual" });
        equal(await child.request(request), ["POST", "http://w/a?b", [["content-type", "text/plain;charset=UTF-8"], ["x-a", "1"]], "manual", "body"]);
        equal((await child.request(new Request("http://w/")))[4], "");
        equal((await child.request(new Request("http://w/", { method: "PUT", body: stream("streamed"), duplex: "half" })))[4], "streamed");
        const back = await child.echo(new Request("http://w/", { method: "PUT", body: "kept" }));
        equal([back instanceof Request, await back.text()], [true, "kept"]);
    },
    "Response": async ({ env }) => {
        const child = load(env);
        const made = await child.makeResponse();
        equal([made instanceof Response, made.status, made.statusText, made.headers.get("x-a"), await made.text()], [true, 201, "Made", "1", "made"]);
        const streamed = await child.makeStreamed(40);
        equal([streamed.headers.get("x-n"), (await streamed.arrayBuffer()).byteLength], ["40", 40 * 65536]);
        equal(await child.response(new Response("sent", { status: 404 })), [404, "", [["content-type", "text/plain;charset=UTF-8"]], "sent"]);
        equal((await child.echo(new Response(null, { status: 204 }))).body, null);
    },
    "a body that was used": async ({ env }) => {
        const response = new Response("x");
        await response.text();
        await rejects(load(env).echo(response), { name: "TypeError", message: /already been used/ });
    },
    "Blob and File": async ({ env }) => {
        const child = load(env);
        equal(await child.blob(new Blob(["ab", "c"], { type: "text/x" })), ["text/x", 3, undefined, undefined, "abc"]);
        equal(await child.blob(new File(["f"], "n.txt", { type: "text/y", lastModified: 7 })), ["text/y", 1, "n.txt", 7, "f"]);
        const back = await child.echo(new Blob(["z"]));
        equal([back instanceof Blob, await back.text()], [true, "z"]);
    },
    "AbortSignal": async ({ env }) => {
        const child = load(env);
        const controller = new AbortController();
        const told = child.whenAborted(controller.signal);
        await sleep(10);
        controller.abort();
        equal(await told, ["AbortError", "The operation was aborted", true]);
        equal(await child.aborted(AbortSignal.abort(new Error("before"))), [true, "before"]);
        equal(await child.aborted(new AbortController().signal), [false, undefined]);
        const signal = await child.signal();
        const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
        await child.abort("from afar");
        await aborted;
        equal(signal.reason.message, "from afar");
    },
    "a signal does not keep its worker": async ({ env }) => {
        for (let i = 0; i < 5; i++) await load(env).aborted(new AbortController().signal);
    },
    "of all kinds in one value": async ({ env, ctx }) => {
        const shared = new Headers([["x", "y"]]);
        const make = () => ({ a: [new Response("r"), stream("s")], h: shared, h2: shared, m: new Map([["q", new Request("http://q/")]]), f: () => 1 });
        for (const echo of [load(env).echo, ctx.exports.Api.echo]) {
            const back = await echo(make());
            ok(back.h === back.h2, "one Headers");
            equal([await back.a[0].text(), await new Response(back.a[1]).text(), back.m.get("q").url, await back.f()], ["r", "s", "http://q/", 1]);
        }
    },
    "in env: what has no stream": async ({ env }) => {
        const given = (value) => env.LOADER.load(worker("export default { get(_, env) { return env.V; } };", { env: { V: value } })).getEntrypoint().get(0);
        equal([...(await given(new Headers([["a", "b"]])))], [["a", "b"]]);
        equal((await given(new Request("http://w/x"))).url, "http://w/x");
        equal(await (await given(new Blob(["b"]))).text(), "b");
        for (const value of [new ReadableStream(), new Response("body")]) {
            throws(() => given(value), { name: "DataCloneError", message: "ReadableStream can only be serialized for RPC." });
        }
        throws(() => given(new WritableStream()), { name: "DataCloneError" });
    },
    "what has no support": async ({ env }) => {
        for (const value of [new URL("http://u/"), new FormData(), new URLSearchParams("a"), new TextEncoder(), new EventTarget()]) {
            const type = Object.prototype.toString.call(value).slice(8, -1);
            await rejects(load(env).echo(value), {
                name: "DataCloneError",
                message: `Could not serialize object of type "${type}". This type does not support serialization.`,
            });
        }
    },
};

export default cases({ ...prefixed("ReadableStream", readables), ...prefixed("WritableStream", writables), ...objects });

function prefixed(prefix, table) {
    return Object.fromEntries(Object.entries(table).map(([name, run]) => [`${prefix} ${name}`, run]));
}
