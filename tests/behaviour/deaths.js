// The host worker behind deaths.mjs. Its routes load workers that a runner outside can recognise by their memory, and tell
// how calls to them end.

import { cases, equal, sleep, worker } from "./check.js";

const CHILD = `
let ballast;
let calls = 0;
export default {
    count(_) { return ++calls; },
    weigh(bytes) { ballast = new Uint8Array(bytes).fill(1); return ballast.length; },
    async hang(_) { await new Promise((resolve) => setTimeout(resolve, 1e6)); },
    spin(_) { for (;;); },
    async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/hang") await new Promise((resolve) => setTimeout(resolve, 1e6));
        if (pathname === "/spin") for (;;);
        if (pathname === "/take") await request.body.pipeTo(new WritableStream({ write: () => new Promise(() => {}) }));
        return new Response(new ReadableStream({
            start(controller) { controller.enqueue(new Uint8Array(1000)); },
            pull: () => new Promise((resolve) => setTimeout(resolve, 1e6)),
        }));
    },
    async grow(_) {
        for (ballast = []; ; ) {
            ballast.push(new Uint8Array(8 << 20).fill(1));
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
    },
};`;

const calls = {
    rpc: (entrypoint) => entrypoint.hang(0),
    spin: (entrypoint) => entrypoint.spin(0),
    grow: (entrypoint) => entrypoint.grow(0),
    fetch: (entrypoint) => entrypoint.fetch("http://w/hang"),
    spinFetch: (entrypoint) => entrypoint.fetch("http://w/spin", { signal: (held.abort = new AbortController()).signal }),
    body: async (entrypoint) => (await entrypoint.fetch("http://w/stream")).arrayBuffer(),
    upload: (entrypoint) => {
        const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(60000)) });
        return entrypoint.fetch("http://w/take", { method: "POST", body, duplex: "half" });
    },
};

let asked = 0;
const load = (env, id) => {
    const code = () => {
        asked++;
        return worker(CHILD);
    };
    return env.LOADER.get(id, code).getEntrypoint();
};

/** How a promise ended, in words for the runner. */
async function ending(promise) {
    return promise.then(
        () => ({ how: "resolved" }),
        (error) => ({ how: "rejected", name: error.name, message: error.message, at: Date.now() }),
    );
}

/** How often calls have begun, and what later requests need of them. */
let begun = 0;
const held = {};
let ballast;

export default cases(
    {
        "fresh workers answer": async ({ env }) => {
            const source = "export default { run(n) { return n + 1; } };";
            const answers = Array.from({ length: 40 }, (_, n) => env.LOADER.load(worker(source)).getEntrypoint().run(n));
            equal(await Promise.all(answers), answers.map((_, n) => n + 1));
        },
    },
    {
        /** Makes the host worker itself recognisable. */
        "/weigh": () => {
            ballast = new Uint8Array(160 << 20).fill(1);
            return Response.json(ballast.length);
        },
        /** Loads a worker of this weight, and begins these calls; answers when all have ended. */
        "/call": async (request, env) => {
            const query = new URL(request.url).searchParams;
            const stub = query.has("id") ? undefined : (held.stub = env.LOADER.load(worker(CHILD)));
            const entrypoint = stub?.getEntrypoint() ?? load(env, query.get("id"));
            if (query.has("bytes")) await entrypoint.weigh(Number(query.get("bytes")));
            const ends = query.getAll("call").map((name) => ending(calls[name](entrypoint)));
            begun++;
            return Response.json(await Promise.all(ends));
        },
        "/drop": (request, env) => {
            held.stub = undefined;
            env.LOADER.load(worker(CHILD)); // has the loader look for stubs that were dropped
            return Response.json("dropped");
        },
        "/begun": () => Response.json({ begun }),
        "/abort": () => {
            held.abort.abort();
            return Response.json("aborted");
        },
        "/again": async () => Response.json(await held.stub.getEntrypoint().count(0)),
        "/dispose": () => {
            held.stub[Symbol.dispose]();
            return Response.json("disposed");
        },
        "/count": async (request, env) => {
            const id = new URL(request.url).searchParams.get("id");
            return Response.json({ count: await load(env, id).count(0), asked });
        },
        "/hang": () => new Promise(() => {}),
        "/stream": () => {
            const start = (controller) => controller.enqueue(new Uint8Array(1000));
            return new Response(new ReadableStream({ start }));
        },
        "/sleep": async () => {
            await sleep(50);
            return new Response("slept");
        },
    },
);
