// Calls of dynamic workers that nothing can answer any more, and all that may look like one. workerd's words and, where a
// call waits for nothing at all, its behaviour; what may still come of the host's own doing is waited for here.

import { WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, rejects, START_FAILED, worker } from "./check.js";

const HUNG =
    "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never generate " +
    "a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

const CHILD = `
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
const never = new Promise(() => {});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let calls = 0;
let wake;
let kept;
const bytes = (text) => new TextEncoder().encode(text);
/** A stream of these parts, one each 30 ms, that never ends. */
const endless = (...parts) => new ReadableStream({ type: "bytes", async pull(controller) {
    kept = controller;
    if (parts.length === 0) await never;
    await sleep(30);
    controller.enqueue(bytes(parts.shift()));
} });
/** One that has more than a window of bytes, and never ends. */
const large = () => new ReadableStream({ type: "bytes", start(controller) {
    for (let i = 0; i < 40; i++) controller.enqueue(new Uint8Array(10_000));
} });
class Waker extends RpcTarget { wake(value) { wake(value); } }
class Feeder extends RpcTarget { feed(text) { kept.enqueue(bytes(text)); kept.close(); } }
export default class extends WorkerEntrypoint {
    count() { return ++calls; }
    never() { return never; }
    async later(f) { const kept = f.dup(); await kept(); await sleep(5); console.log("that was all"); await never; }
    async made() { await never; return { f() {} }; }
    wait() { return new Promise((resolve) => (wake = resolve)); }
    wake(value) { wake(value); }
    waker() { return new Waker(); }
    waits(f) { return new Promise((resolve) => f((value) => resolve(value))); }
    asks(f) { return f(); }
    stream() { return endless("some"); }
    fed() { return { stream: endless("some "), feeder: new Feeder() }; }
    feed(text) { kept.enqueue(bytes(text)); kept.close(); }
    nap(ms) { return sleep(ms); }
    async drain(stream) { let text = ""; for await (const part of stream) text += new TextDecoder().decode(part); return text; }
    aborted(signal) { return new Promise((resolve) => signal.addEventListener("abort", () => resolve("aborted"))); }
    async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/never") await never;
        if (pathname === "/background") { this.ctx.waitUntil(never); await never; }
        if (pathname === "/body") return new Response(await request.text());
        if (pathname === "/endless") return new Response(endless("some ", "more "));
        if (pathname === "/large") return new Response(large());
        if (pathname === "/waiting") return new Response(endless());
        if (pathname === "/empty") return new Response(new ReadableStream());
        if (pathname === "/napping") { this.ctx.waitUntil(sleep(150)); return new Response(endless()); }
        if (pathname === "/echo") { const reader = request.body.getReader(); return new Response(new ReadableStream({ async pull(controller) {
            const { done, value } = await reader.read();
            if (done) await never;
            controller.enqueue(value);
        } })); }
        if (pathname === "/outside") return fetch("http://outside/");
        if (pathname === "/socket") {
            const [client, server] = Object.values(new WebSocketPair());
            server.accept();
            server.addEventListener("message", ({ data }) => wake(data));
            return new Response(null, { status: 101, webSocket: client });
        }
        return new Response("ok");
    }
}`;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const load = (env, more) => env.LOADER.load(worker(CHILD, more)).getEntrypoint();
const hangs = (call) => rejects(call, { name: "Error", message: HUNG });

/** Text that comes in two parts, the second late. */
function slow(...parts) {
    const pull = async (controller) => {
        await sleep(50);
        if (parts.length === 0) controller.close();
        else controller.enqueue(new TextEncoder().encode(parts.shift()));
    };
    return new ReadableStream({ type: "bytes", pull });
}

export class Outside extends WorkerEntrypoint {
    async fetch() {
        await sleep(100);
        return new Response(slow("from ", "outside"));
    }
}

/** Its cell may make threads, which compile. */
const threaded = (env) => {
    const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    const main = `import empty from "empty.wasm";
const never = new Promise(() => {});
let calls = 0;
export default {
    count(_) { return ++calls; },
    never(_) { return never; },
    async instances(n) { for (let i = 0; i < n; i++) await WebAssembly.instantiate(empty); return n; },
    async afterOne(_) { await WebAssembly.instantiate(empty); await never; },
    fetch: () => new Response(new ReadableStream({ async start(controller) {
        await WebAssembly.instantiate(empty);
        controller.enqueue(new TextEncoder().encode("instantiated"));
    } })),
};`;
    return env.LOADER.load(worker({ "main.js": main, "empty.wasm": { wasm: bytes.buffer } })).getEntrypoint();
};

const hung = {
    "in a cell with threads": async ({ env }) => {
        const child = threaded(env);
        await hangs(child.never(0));
        equal([await child.instances(100), await child.count(0)], [100, 1]);
        await hangs(child.afterOne(0));
        equal(await drained((await child.fetch("http://w/")).body), ["instantiated", HUNG, true]);
    },
    "a fetch": async ({ env }) => {
        const { remote } = await hangs(load(env).fetch("http://w/never"));
        equal(remote, true);
    },
    "a call": ({ env }) => hangs(load(env).never()),
    "a body is there, and nobody reads on": ({ env }) => hangs(load(env).fetch("http://w/never", { method: "POST", body: "all of it" })),
    "waitUntil waits for the same": ({ env }) => hangs(load(env).fetch("http://w/background")),
    "a call that has called, slept and logged": ({ env }) => hangs(load(env).later(() => 1)),
    "what was to be called of its result": ({ env }) => hangs(load(env).made().f()),
    "several at once, and the worker is as it was": async ({ env }) => {
        const child = load(env);
        await child.count();
        const calls = [child.never(), child.fetch("http://w/never"), child.wait(), child.never()];
        for (const call of calls) await hangs(call);
        equal(await child.count(), 2);
        await hangs(child.never());
        equal(await child.count(), 3);
    },
    "what an earlier one left behind wakes nobody": async ({ env }) => {
        const child = load(env);
        await hangs(child.wait());
        await child.wake("too late");
        equal(await child.count(), 1);
    },
    "a lower limit of its own goes with it": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        await hangs(stub.getEntrypoint(undefined, { limits: { cpuMs: 20 } }).never());
        equal(await stub.getEntrypoint().count(), 1);
    },
    "a start": async ({ env }) => {
        const message = `${START_FAILED}Uncaught Error: Top-level await in module is unsettled.`;
        const source = "await new Promise(() => {}); export default { fetch() {} };";
        await rejects(env.LOADER.load(worker(source)).getEntrypoint().fetch("http://w/"), { name: "Error", message });
        let asked = 0;
        const get = () => env.LOADER.get("unsettled", () => worker(++asked === 1 ? source : CHILD)).getEntrypoint();
        await rejects(get().count(), { name: "Error", message });
        equal([await get().count(), asked], [1, 2]);
    },
};

/** All that comes of a stream, and what ends it. */
async function drained(stream, pauseMs = 0) {
    const reader = stream.getReader();
    const parts = [];
    try {
        for (let part; !(part = await reader.read()).done; ) {
            parts.push(part.value);
            if (pauseMs > 0) await sleep(pauseMs);
        }
        return [await new Response(new Blob(parts)).text(), "its end"];
    } catch (error) {
        return [await new Response(new Blob(parts)).text(), error.message, error.remote];
    }
}

const bodies = {
    "one that has begun": async ({ env }) => equal(await drained((await load(env).fetch("http://w/endless")).body), ["some more ", HUNG, true]),
    "one that never begins": async ({ env }) => equal(await drained((await load(env).fetch("http://w/empty")).body), ["", HUNG, true]),
    "one that is read as a whole": async ({ env }) => {
        const { remote } = await hangs((await load(env).fetch("http://w/endless")).text());
        equal(remote, true);
    },
    "one that is read late": async ({ env }) => {
        const { body } = await load(env).fetch("http://w/endless");
        await sleep(300);
        equal(await drained(body), ["some more ", HUNG, true]);
    },
    "when the body that it reads has ended": async ({ env }) => {
        const { body } = await load(env).fetch("http://w/echo", { method: "POST", body: slow("two ", "parts") });
        equal(await drained(body), ["two parts", HUNG, true]);
    },
    "when what was left to waitUntil has ended": async ({ env }) => equal(await drained((await load(env).fetch("http://w/napping")).body), ["", HUNG, true]),
    "a stream that a call gave": async ({ env }) =>
        equal(await drained(await load(env).stream()), ["some", "ReadableStream received over RPC disconnected prematurely.", undefined]),
    "a call beside it, too, and the worker is as it was": async ({ env }) => {
        const child = load(env);
        await child.count();
        const { body } = await child.fetch("http://w/endless");
        await Promise.all([hangs(child.never()), drained(body)]);
        equal(await child.count(), 2);
    },
};

const goingOn = {
    "one that has no room": async ({ env }) => {
        const { body } = await load(env).fetch("http://w/large");
        await sleep(300);
        const [text, why] = await drained(body, 5);
        equal([text.length, why], [400_000, HUNG]);
    },
    "one that the next call goes on with": async ({ env }) => {
        const child = load(env);
        const { body } = await child.fetch("http://w/waiting");
        const reading = drained(body);
        await child.feed("woken");
        equal(await reading, ["woken", "its end"]);
    },
    "a stream that the host has the means to go on with": async ({ env }) => {
        const result = await load(env).fed();
        const reading = drained(result.stream);
        await sleep(300);
        await result.feeder.feed("and more");
        equal(await reading, ["some and more", "its end"]);
    },
    "one whose request's body goes on": async ({ env }) => {
        const late = new ReadableStream({ type: "bytes", pull: (controller) => sleep(300).then(() => controller.enqueue(new TextEncoder().encode("late"))) });
        const { body } = await load(env).fetch("http://w/echo", { method: "POST", body: late });
        const reader = body.getReader();
        equal(new TextDecoder().decode((await reader.read()).value), "late");
        await reader.cancel();
    },
};

const waiting = {
    "for a callback that the host has": async ({ env }) => {
        const given = Promise.withResolvers();
        const call = load(env).waits((f) => given.resolve({ wake: f.dup() })); // a stub by itself would be taken for a thenable
        const { wake } = await given.promise;
        await sleep(100);
        await wake("woken");
        equal(await call, "woken");
    },
    "for an object that the host has": async ({ env }) => {
        const child = load(env);
        const waker = await child.waker();
        const call = child.wait();
        await sleep(100);
        await waker.wake("woken");
        equal(await call, "woken");
    },
    "for the host": async ({ env }) => equal(await load(env).asks(() => sleep(100).then(() => "told")), "told"),
    "for another call": async ({ env }) => {
        const child = load(env);
        const [nap, call] = [child.nap(150), child.wait()];
        await sleep(50);
        await child.wake("woken");
        equal(await call, "woken");
        await nap;
    },
    "and is woken by the next": async ({ env }) => {
        const child = load(env);
        const call = child.wait();
        await child.wake("woken");
        equal(await call, "woken");
    },
    "for a stream": async ({ env }) => equal(await load(env).drain(slow("two ", "parts")), "two parts"),
    "for a signal": async ({ env }) => {
        const controller = new AbortController();
        const call = load(env).aborted(controller.signal);
        await sleep(100);
        controller.abort();
        equal(await call, "aborted");
    },
    "for the body of its request": async ({ env }) => {
        const response = await load(env).fetch("http://w/body", { method: "POST", body: slow("two ", "parts") });
        equal(await response.text(), "two parts");
    },
    "for what it fetches": async ({ env, ctx }) => {
        const response = await load(env, { globalOutbound: ctx.exports.Outside({}) }).fetch("http://w/outside");
        equal(await response.text(), "from outside");
    },
    "for a message of a WebSocket": async ({ env }) => {
        const child = load(env);
        const { webSocket } = await child.fetch("http://w/socket", { headers: { upgrade: "websocket" } });
        webSocket.accept();
        const call = child.wait();
        await sleep(100);
        webSocket.send("woken");
        equal(await call, "woken");
        webSocket.close();
    },
    "at its start, for what it fetches": async ({ env, ctx }) => {
        const source = "const text = await (await fetch('http://outside/')).text(); export default { fetch: () => new Response(text) };";
        const response = await env.LOADER.load(worker(source, { globalOutbound: ctx.exports.Outside({}) })).getEntrypoint().fetch("http://w/");
        equal(await response.text(), "from outside");
    },
};

const named = (prefix, table) => Object.fromEntries(Object.entries(table).map(([name, body]) => [`${prefix}: ${name}`, body]));

export default cases({ ...named("hung", hung), ...named("a body that hangs", bodies), ...named("a body that may go on", goingOn), ...named("waiting", waiting) });
