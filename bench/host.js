// The host worker of the benchmark. The same file runs on mayfly (wrangler.jsonc) and on workerd (workerd.capnp).
// Every answer names what it answers, so that the client can tell a right answer from a quick one.

import { WorkerEntrypoint } from "cloudflare:workers";
import { kernelModules } from "./kernels.js";

const freshSource = (number) => `
let calls = 0;
export default {
    fetch(request, env) {
        calls++;
        return Response.json({ fresh: ${number}, calls, greeting: env.GREETING });
    },
};`;

/** Code of a size: functions as a bundle has them, none of which is called. The text is kept, since making it is not what is measured. */
const fillers = new Map();
function filler(bytes) {
    if (fillers.has(bytes)) return fillers.get(bytes);
    const functions = [];
    for (let i = 0, length = 0; length < bytes; i++) {
        const text = `function f${i}(items, depth) {\n    if (depth > ${i}) return items.length;\n    return items.map((item) => item.n + ${i});\n}\n`;
        functions.push(text);
        length += text.length;
    }
    fillers.set(bytes, functions.join("").slice(0, bytes).replace(/function f\d+\([^]{0,120}$/, (cut) => " ".repeat(cut.length)));
    return fillers.get(bytes);
}

const namedSource = (id) => `
let calls = 0;
export default {
    fetch(request, env) {
        calls++;
        return Response.json({ id: ${JSON.stringify(id)}, calls, greeting: env.GREETING });
    },
};`;

const RPC_SOURCE = `
import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
    add(a, b) { return a + b; }
    size(bytes) { return bytes.byteLength; }
    async each(f, n) { let sum = 0; for (let i = 0; i < n; i++) sum += await f(i); return sum; }
    stream(chunks) {
        const pull = (controller) => (chunks-- > 0 ? controller.enqueue(new Uint8Array(65536)) : controller.close());
        return new ReadableStream({ type: "bytes", pull });
    }
}`;

const attacks = (lines) => `export default { async fetch() { const l = []; for (;;) { ${lines} } } };`;

const attackSources = {
    cpu: attacks(""),
    memory: attacks("l.push(new Uint8Array(1 << 16).fill(1));"),
    log: attacks("console.log('x'.repeat(1000));"),
    microtasks: attacks("await null;"),
};

function workerCode(source, more = {}) {
    return {
        compatibilityDate: "2026-01-01",
        mainModule: "main.js",
        modules: { "main.js": source, ...more },
        env: { GREETING: "hello" },
        globalOutbound: null,
    };
}

/** A dynamic worker that fetches from the benchmark's origin. */
const fetchingSource = `
export default {
    async fetch(request) {
        const response = await fetch("http://127.0.0.1:" + new URL(request.url).searchParams.get("origin") + "/");
        return Response.json({ got: await response.text() });
    },
};`;

/** An outbound that is code of the host worker's. */
export class Gate extends WorkerEntrypoint {
    fetch(request) {
        return fetch(request);
    }
}

function fetching(outbound) {
    const { globalOutbound, ...code } = workerCode(fetchingSource);
    return outbound === undefined ? code : { ...code, globalOutbound: outbound };
}

const routes = {
    // A dynamic worker's fetch() of a local server: with its parent's way out, and through a stub of its parent's.
    "/fetch": (request, env) => env.LOADER.get("fetch", () => fetching()).getEntrypoint().fetch(request),
    "/gate": (request, env, query, ctx) =>
        env.LOADER.get("gate", () => fetching(ctx.exports.Gate({ props: {} }))).getEntrypoint().fetch(request),

    // A sandbox that never existed before: its number stands in its source, so no cache of code can know it.
    "/fresh": (request, env, query) =>
        env.LOADER.load(workerCode(freshSource(Number(query.get("n"))))).getEntrypoint().fetch(request),

    // The same with more code: `bytes` of it.
    "/size": (request, env, query) => {
        const source = freshSource(Number(query.get("n")));
        const code = workerCode(source + filler(Number(query.get("bytes")) - source.length));
        return env.LOADER.load(code).getEntrypoint().fetch(request);
    },

    // One sandbox by name. /warm comes back to the same one; /live makes many, which stay alive.
    "/warm": callNamed,
    "/live": callNamed,

    // n warm RPC calls, one after the other: out to the sandbox; and back from it, within one call.
    "/rpc-out": async (request, env, query) => {
        const child = rpcChild(env);
        let sum = 0;
        for (let i = 0; i < Number(query.get("n")); i++) sum = await child.add(sum, 1);
        return Response.json({ sum });
    },
    "/rpc-in": async (request, env, query) => {
        let calls = 0;
        await rpcChild(env).each(() => ++calls, Number(query.get("n")));
        return Response.json({ calls });
    },

    // Bytes: a MiB as an argument, n MiB as a stream from the sandbox.
    "/rpc-bytes": async (request, env) => Response.json({ size: await rpcChild(env).size(new Uint8Array(1 << 20)) }),
    "/rpc-stream": async (request, env, query) => {
        let size = 0;
        const reader = (await rpcChild(env).stream(Number(query.get("n")) * 16)).getReader();
        for (let read = await reader.read(); !read.done; read = await reader.read()) size += read.value.byteLength;
        return Response.json({ size });
    },

    // Computing: each kernel in a sandbox of its own, which stays.
    "/kernel": (request, env, query) => {
        const name = query.get("name");
        const { "main.js": main, ...more } = kernelModules(name);
        return env.LOADER.get(`kernel ${name}`, () => workerCode(main, more)).getEntrypoint().fetch(request);
    },

    // A worker that takes what it can get until a limit ends it.
    "/attack": async (request, env, query) => {
        const code = { ...workerCode(attackSources[query.get("kind")]), limits: { cpuMs: 50, memoryMb: 16 } };
        try {
            return await env.LOADER.load(code).getEntrypoint().fetch(request);
        } catch (error) {
            return Response.json({ exceeded: String(error) });
        }
    },

    // The server without its loader.
    "/hello": () => Response.json({ hello: "world" }),
};

function callNamed(request, env, query) {
    const id = query.get("id");
    return env.LOADER.get(id, () => workerCode(namedSource(id))).getEntrypoint().fetch(request);
}

function rpcChild(env) {
    return env.LOADER.get("rpc", () => workerCode(RPC_SOURCE)).getEntrypoint();
}

export default {
    async fetch(request, env, ctx) {
        const url = new URL(request.url);
        const route = routes[url.pathname];
        if (!route) return new Response("no such route", { status: 404 });
        try {
            return await route(request, env, url.searchParams, ctx);
        } catch (error) {
            return new Response(String(error), { status: 500 });
        }
    },
};
