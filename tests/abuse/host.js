// The host worker behind the abuse cases: loads what a case sends, calls it, and tells how that ended. Beside it lives a
// neighbour that must not notice anything.

import { WorkerEntrypoint } from "cloudflare:workers";

const NEIGHBOUR = `let calls = 0; export default { count() { return ++calls; } };`;

const worker = (modules, more) => ({
    compatibilityDate: "2026-01-01",
    mainModule: Object.keys(modules)[0],
    modules,
    ...more,
});

/** WebAssembly travels in JSON as a list of bytes. */
function unpack(modules) {
    return Object.fromEntries(
        Object.entries(modules).map(([name, content]) => [
            name,
            Array.isArray(content) ? { wasm: new Uint8Array(content) } : name.endsWith(".cjs") ? { cjs: content } : content,
        ]),
    );
}

async function outcome(promise) {
    try {
        return { value: await promise };
    } catch (error) {
        return { name: error?.name, message: String(error?.message), limit: error?.limit };
    }
}

/** One call: by fetch, or of a method. A body is read to its end, unless the case wants that nobody does. */
async function call(entrypoint, { method, args = [0], body }) {
    if (method !== undefined) return entrypoint[method](...args);
    const response = await entrypoint.fetch("http://worker/", body === undefined ? {} : { method: "POST", body });
    return response.text();
}

/** Requests of a worker that have come here and get their answers together, once as many as are expected have come and
 * no further one does. */
let held = [];
let heldMost = 0;
let expected = 0;

/** The way out of a worker whose case has `gate`: shows how many of its requests are under way at once. */
export const Gate = {
    async fetch(request) {
        if (new URL(request.url).pathname === "/now") return new Response("now");
        const answer = Promise.withResolvers();
        held.push(answer);
        heldMost = Math.max(heldMost, held.length);
        const known = held.length;
        setTimeout(() => {
            if (held.length === known) for (const each of held.splice(0)) each.resolve();
        }, known < expected ? 2000 : 30);
        await answer.promise;
        return new Response(String(heldMost));
    },
};

/** What a worker whose case has `gate` finds as env.API. */
export class Api extends WorkerEntrypoint {
    one() {
        return 1;
    }
    make() {
        return () => 1;
    }
    take() {
        return "taken";
    }
    fetch() {
        return new Response("api");
    }
}

async function attempt(env, ctx, test) {
    [heldMost, expected] = [0, test.gate];
    const more = test.gate ? { globalOutbound: ctx.exports.Gate, env: { API: ctx.exports.Api({ props: {} }) } } : { env: test.env };
    const code = worker(unpack(test.modules), { limits: test.limits, ...more });
    const stub = test.id === undefined ? env.LOADER.load(code) : env.LOADER.get(test.id, () => code);
    const entrypoint = stub.getEntrypoint(test.entrypoint, test.options);
    const calls = Array.from({ length: test.times ?? 1 }, () => outcome(call(entrypoint, test)));
    const ends = await Promise.all(calls);
    // A case may want to know what the same worker does next.
    for (const next of test.then ?? []) ends.push(await outcome(call(entrypoint, next)));
    if (test.id === undefined) stub[Symbol.dispose]();
    return ends;
}

/** What it tells its supervisor comes after a megabyte of other words. */
async function later(ms, run) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    for (let i = 0; i < 10; i++) console.log("x".repeat(100_000));
    return run();
}

export default {
    async fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        if (pathname === "/neighbour") {
            const code = () => worker({ "neighbour.js": NEIGHBOUR });
            return Response.json(await env.LOADER.get("neighbour", code).getEntrypoint().count(0));
        }
        if (pathname === "/later") {
            const test = await request.json();
            ctx.waitUntil(later(300, () => outcome(attempt(env, ctx, test))));
            return new Response("later");
        }
        if (pathname === "/attempt") return Response.json(await outcome(attempt(env, ctx, await request.json())));
        return new Response("host");
    },
};
