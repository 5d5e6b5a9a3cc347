// The host worker behind leaks.mjs: loads many workers, good ones and garbage, and keeps none of them.

import { WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, worker } from "./check.js";

const GOOD = `export default { fetch() { return new Response("good"); }, run(n) { return n; } };`;

/** Calls that its host makes of it, and calls that it makes of its host. */
const CALLED = `
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
class Target extends RpcTarget { add(n) { return n + 1; } }
let held;
export default class extends WorkerEntrypoint {
    add(n) { return n + 1; }
    addBy(n, f) { return f(n); }
    target() { return new Target(); }
    hold(f) { held = f.dup(); }
    async callBack(count, lanes) {
        let next = 0;
        const lane = async () => { while (next < count) { const n = next++; if ((await held(n)) !== n + 1) throw new Error("a wrong answer"); } };
        await Promise.all(Array.from({ length: lanes }, lane));
    }
}`;

/** Counts the WebSockets that it has with its host, and says something to all of them. */
const SOCKETS = `
const open = new Set();
export default {
    count() { return open.size; },
    say(text) { for (const socket of open) socket.send(text); },
    fetch() {
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        open.add(server);
        server.addEventListener("close", () => open.delete(server));
        return new Response(null, { status: 101, webSocket: client });
    },
};`;
const heard = [];

let isSeen = false;

export class Watch extends WorkerEntrypoint {
    isSeen() {
        return isSeen;
    }
}

/** What each of many calls of one worker is. */
const calls = {
    plain: async (child, n) => equal(await child.add(n), n + 1),
    stubs: async (child, n) => {
        equal(await child.addBy(n, (x) => x + 1), n + 1);
        using target = await child.target();
        equal(await target.add(n), n + 1);
    },
};

/** Lines that try the engine's own recursion, and then fail in any case. */
const deep = (lines) => `export default { run() { ${lines} throw new Error("survived"); } };`;

/** Workers that are wrong in one way or another: what is loaded, and what its call must come to. */
const garbage = [
    () => worker("export default {;"),
    () => worker("throw new Error('at the start')"),
    () => worker("import './nowhere.js'"),
    () => worker("import { a } from './a.js'", { modules: { "main.js": "import { a } from './a.js'", "a.js": "" } }),
    () => worker("\0\ufffd\u2028 not a program at all (((("),
    () => worker("export default { run() { throw new Error('in the call'); } };"),
    () => worker("export default { run() { return (function f() { return f() + 1; })(); } };"),
    () => worker("const f = () => f() + 1; f();"),
    () => worker("export default { run() { return new ArrayBuffer(2 ** 50); } };"),
    () => worker("export default { run() { return 'x'.repeat(2 ** 40); } };"),
    () => worker("export default { run() { return new WeakMap(); } };"),
    () => worker("export default 5;"),
    () => worker("export const nothing = 1;"),
    () => worker("export default { run: 5 };"),
    () => worker("await null; throw undefined;"),
    () => worker("let a = ".repeat(10000)),
    () => worker(`export default ${"[".repeat(20000)}${"]".repeat(20000)};`),
    () => worker(`export default { run() { return JSON.parse("[".repeat(1e5)); } };`),
    () => worker("export default { run() { return /^(a+)+$/.test('a'.repeat(20) + 'b') || missing; } };"),
    () => worker(deep("let a = []; for (let i = 0; i < 1e5; i++) a = [a]; String(a); JSON.stringify(a); structuredClone(a);")),
    () => worker(deep("let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x;")),
    () => worker(deep("let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(); f();")),
    () => worker(deep("new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('');")),
    () => worker(deep("'('.repeat(1e6).replace(/(\\()+/g, (m) => m + m).split('').flat(Infinity).sort().join();")),
    () => worker("export default new Proxy({}, { get() { throw new Error('trap'); }, has() { throw 1; }, ownKeys() { throw 2; } });"),
    () => worker("globalThis.Promise = globalThis.Array = undefined; export default { run() { throw 1; } };"),
    () => worker("import m from './m.wasm'", { modules: { "main.js": "import m from './m.wasm'", "m.wasm": { wasm: new Uint8Array(9) } } }),
    () => worker("import './c.cjs'", { modules: { "main.js": "import './c.cjs'", "c.cjs": { cjs: "require('./c2.cjs')" } } }),
];

/** Wrong shapes, which load() refuses itself. */
const shapes = [
    () => undefined,
    () => ({}),
    () => worker({}),
    () => worker({ "a.txt": "text" }),
    () => worker({ "a.js": {} }),
    () => worker("", { env: { f() {} } }),
    () => worker("", { compatibilityDate: "never" }),
];

async function loadGood(env, n, more) {
    const stub = env.LOADER.load(worker(`${GOOD}// ${n}`, { modules: { "main.js": `${GOOD}// ${n}`, ...more } }));
    if (n % 2) equal(await stub.getEntrypoint().run(n), n);
    else equal(await (await stub.getEntrypoint().fetch("http://w/")).text(), "good");
}

function query(request) {
    return Object.fromEntries(new URL(request.url).searchParams);
}

async function inLanes(count, lanes, body) {
    let next = 0;
    const lane = async () => {
        while (next < count) await body(next++);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return Response.json("done");
}

async function rejected(promise) {
    return promise.then(
        (value) => {
            throw new Error(`expected a rejection, got ${String(value)}`);
        },
        () => {},
    );
}

export default cases(
    {
        "200 pieces of garbage, each told, none harming the good ones among them": async ({ env }) => {
            for (let i = 0; i < 200; i++) {
                const stub = env.LOADER.load(garbage[i % garbage.length]());
                await rejected(stub.getEntrypoint().run(i));
                if (i % 5 === 0) {
                    let thrown;
                    try {
                        env.LOADER.load(shapes[(i / 5) % shapes.length]());
                    } catch (error) {
                        thrown = error;
                    }
                    ok(thrown instanceof Error || thrown instanceof DOMException, "an error for a wrong shape");
                }
                if (i % 10 === 0) await loadGood(env, i);
            }
        },
    },
    {
        "/loads": (request, env) => {
            const { count, lanes } = query(request);
            return inLanes(Number(count), Number(lanes), (n) => loadGood(env, n));
        },
        /** WebAssembly's first: from now on the pool has cells for it, too. */
        "/compiled": (request, env) => inLanes(1, 1, (n) => loadGood(env, n, { "m.wasm": { wasm: new Uint8Array(9) } })),
        "/uncalled": (request, env) => {
            for (let i = 0; i < Number(query(request).count); i++) env.LOADER.load(worker(GOOD));
            return Response.json("done");
        },
        /** Calls that take longer than the loader waits before it looks for dropped stubs. */
        "/long": (request, env) =>
            inLanes(Number(query(request).count), 20, async (n) => {
                const source = "export default { run(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); } };";
                await env.LOADER.load(worker(source)).getEntrypoint().run(500 + 20 * n);
            }),
        "/disposed": (request, env) =>
            inLanes(Number(query(request).count), 4, async (n) => {
                const stub = env.LOADER.load(worker(GOOD));
                equal(await stub.getEntrypoint().run(n), n);
                stub[Symbol.dispose]();
            }),
        "/failed": (request, env) =>
            inLanes(Number(query(request).count), 4, (n) => rejected(env.LOADER.load(worker(`broken( // ${n}`)).getEntrypoint().run(n))),
        "/failed-names": (request, env) =>
            inLanes(Number(query(request).count), 4, async (n) => {
                await rejected(env.LOADER.get(`name ${n}`, () => worker("broken(")).getEntrypoint().run(n));
                await rejected(env.LOADER.get(`callback ${n}`, () => Promise.reject(new Error("none"))).getEntrypoint().run(n));
            }),
        "/unread": (request, env) =>
            inLanes(Number(query(request).count), 4, async () => {
                const source = "export default { fetch() { return new Response(new Uint8Array(1 << 20)); } };";
                await env.LOADER.load(worker(source)).getEntrypoint().fetch("http://w/");
            }),
        "/sockets": async (request, env) => {
            const child = env.LOADER.get("sockets", () => worker(SOCKETS)).getEntrypoint();
            for (let i = 0; i < Number(query(request).count); i++) {
                const { webSocket } = await child.fetch("http://w/", { headers: { upgrade: "websocket" } });
                if (i === 0) webSocket.addEventListener("message", ({ data }) => heard.push(data));
                if (i % 3 !== 1) webSocket.accept();
            }
            return Response.json(await child.count(0));
        },
        "/say": async (request, env) => {
            await env.LOADER.get("sockets", () => worker(SOCKETS)).getEntrypoint().say("still there");
            while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
            return Response.json(heard);
        },
        "/hang": async (request, env) => {
            const source = "export default { fetch: () => new Promise((resolve) => setTimeout(resolve, 1e6)) };";
            return env.LOADER.load(worker(source)).getEntrypoint().fetch(request);
        },
        "/calls": (request, env) => {
            const stub = env.LOADER.load(worker(GOOD));
            return inLanes(Number(query(request).count), 8, async (n) => {
                equal(await stub.getEntrypoint("default", { props: { n } }).run(n), n);
            });
        },
        "/warm": async (request, env) => {
            const { kind, count } = query(request);
            const called = env.LOADER.get("called", () => worker(CALLED)).getEntrypoint(); // a stub of load() ends with its request
            if (kind !== "back") return inLanes(Number(count), 16, (n) => calls[kind](called, n));
            let heard = 0;
            await called.hold((n) => (heard++, n + 1));
            await called.callBack(Number(count), 16);
            equal(heard, Number(count));
            return Response.json("done");
        },
        /** Uploads to workers that read nothing, or only a little, of them. */
        "/unread-uploads": (request, env) =>
            inLanes(Number(query(request).count), 4, async (n) => {
                const reads = n % 2 ? "await request.body.getReader().read();" : "";
                const source = `export default { async fetch(request) { ${reads} return new Response("enough"); } };`;
                const body = new Uint8Array(1 << 20);
                await env.LOADER.load(worker(source)).getEntrypoint().fetch("http://w/", { method: "POST", body });
            }),
        /** A worker that nobody holds and that weighs something at the end of its background work, until /seen. */
        "/background": (request, env, ctx) => {
            const source = `
                const work = async (env) => {
                    await new Promise((resolve) => setTimeout(resolve, 1000));
                    const ballast = new Uint8Array(96 << 20).fill(1);
                    while (!(await env.WATCH.isSeen())) await new Promise((resolve) => setTimeout(resolve, 20));
                    return ballast;
                };
                export default { fetch(request, env, ctx) { ctx.waitUntil(work(env)); return new Response("answered"); } };`;
            isSeen = false;
            return env.LOADER.load(worker(source, { env: { WATCH: ctx.exports.Watch({}) } })).getEntrypoint().fetch(request);
        },
        "/seen": () => {
            isSeen = true;
            return new Response("");
        },
    },
);
