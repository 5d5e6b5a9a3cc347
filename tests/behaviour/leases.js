// The host worker behind leases.mjs: what it loads in one request, another one asks for.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { cases, worker } from "./check.js";

const CHILD = `
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
class Target extends RpcTarget { name() { return "target"; } }
export default class extends WorkerEntrypoint {
    name() { return "child"; }
    target() { return new Target(); }
    later(ms) { return new Promise((resolve) => setTimeout(() => resolve("later"), ms)); }
    fetch() {
        let left = 4;
        const pull = async (controller) => {
            await new Promise((resolve) => setTimeout(resolve, 100));
            if (left-- > 0) controller.enqueue(new TextEncoder().encode("tick "));
            else controller.close();
        };
        return new Response(new ReadableStream({ pull }));
    }
}`;

/** Keeps over its requests what its host gave it. */
const KEEPER = `
import { WorkerEntrypoint } from "cloudflare:workers";
let tool;
export default class extends WorkerEntrypoint {
    async open() { tool = await this.env.TOOLS.make(); return tool.run(); }
    run() { return tool.run(); }
    close() { tool[Symbol.dispose](); return "closed"; }
}`;

/** Leaves open what it asked for, or hands that on. */
const ASKER = `
import { WorkerEntrypoint } from "cloudflare:workers";
const drip = () => fetch("http://outside/");
let left;
export default class extends WorkerEntrypoint {
    async fetch(request) {
        if (request.headers.has("upgrade")) return fetch(request);
        return drip();
    }
    async stream() { return (await drip()).body; }
    async leave() { left = (await drip()).body.getReader(); }
    async body() {
        await this.leave();
        (async () => { for (;;) if ((await left.read()).done) return; else fetch("http://outside/"); })().catch(() => {});
    }
    async socket() {
        const { webSocket } = await fetch("http://outside/", { headers: { upgrade: "websocket" } });
        webSocket.accept();
        webSocket.addEventListener("message", ({ data }) => webSocket.send(data));
        webSocket.send("hello");
    }
    hanging() { for (let i = 0; i < 2; i++) (async () => { for (;;) await this.env.OUTSIDE.hang(); })(); }
    async read() { while (!(await left.read()).done); }
}`;

/** The world of ASKER: a body and a socket that go on until they are given up. */
const outside = { open: 0, heard: 0 };

export class Outside extends WorkerEntrypoint {
    fetch(request) {
        outside.open++;
        if (request.headers.has("upgrade")) {
            const [client, server] = Object.values(new WebSocketPair());
            server.accept();
            server.addEventListener("message", ({ data }) => (outside.heard++, server.send(data)));
            server.addEventListener("close", () => outside.open--);
            return new Response(null, { status: 101, webSocket: client });
        }
        const pull = async (controller) => {
            await new Promise((resolve) => setTimeout(resolve, 20));
            controller.enqueue(new TextEncoder().encode("tick "));
        };
        return new Response(new ReadableStream({ pull, cancel: () => void outside.open-- }));
    }
    async hang() {
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

const asker = (ctx) => worker(ASKER, { env: { OUTSIDE: ctx.exports.Outside({}) }, globalOutbound: ctx.exports.Outside({}) });

/** An object of the host worker's with a worker inside. */
class Tool extends RpcTarget {
    #child;

    constructor(child) {
        super();
        this.#child = child;
    }

    run() {
        return this.#child.name();
    }
}

export class Tools extends WorkerEntrypoint {
    make() {
        return new Tool(this.env.LOADER.load(worker(CHILD)).getEntrypoint());
    }
}

/** What earlier requests left. No collection takes these stubs, so it is the request's end that ends their workers. */
const kept = {};

async function told(f) {
    try {
        return await f();
    } catch ({ name, message }) {
        return `${name}: ${message}`;
    }
}

export default cases(
    {},
    {
        "/load": async (request, env) => {
            kept.stub = env.LOADER.load(worker(CHILD));
            kept.entrypoint = kept.stub.getEntrypoint();
            kept.named = env.LOADER.get("named", () => worker(CHILD)).getEntrypoint();
            kept.target = await kept.entrypoint.target();
            return Response.json([await kept.entrypoint.name(), await kept.target.name(), await kept.named.name()]);
        },
        "/use": async () =>
            Response.json([
                await told(() => kept.entrypoint.name()),
                await told(() => kept.entrypoint.fetch("http://w/")),
                await told(() => kept.stub.getEntrypoint()),
                await told(() => kept.target.name()),
                await told(() => kept.named.name()),
            ]),
        "/background": (request, env, ctx) => {
            const entrypoint = env.LOADER.load(worker(CHILD)).getEntrypoint();
            const work = async () => {
                await new Promise((resolve) => setTimeout(resolve, 300));
                kept.background = await told(() => entrypoint.name());
            };
            ctx.waitUntil(work());
            return new Response("answered");
        },
        "/background-result": () => new Response(kept.background),
        "/stream": (request, env) => env.LOADER.load(worker(CHILD)).getEntrypoint().fetch("http://w/"),
        "/unawaited": (request, env) => {
            kept.later = told(() => env.LOADER.load(worker(CHILD)).getEntrypoint().later(300));
            return new Response("answered");
        },
        "/unawaited-result": async () => new Response(await kept.later),
        "/endless": async (request, env) => {
            kept.begun = (kept.begun ?? 0) + 1;
            const result = await told(() => env.LOADER.load(worker(CHILD)).getEntrypoint().later(2 ** 30));
            kept.endless = `${kept.endless ?? ""}${result}\n`;
            return new Response(result);
        },
        "/endless-begun": () => new Response(String(kept.begun ?? 0)),
        "/endless-results": () => new Response(kept.endless ?? ""),
        "/asker": (request, env, ctx) => env.LOADER.load(asker(ctx)).getEntrypoint().fetch(request),
        "/asker-leaves": async (request, env, ctx) => {
            const { searchParams } = new URL(request.url);
            const entrypoint = (searchParams.has("named") ? env.LOADER.get("asker", () => asker(ctx)) : env.LOADER.load(asker(ctx))).getEntrypoint();
            return new Response(await told(async () => String(await entrypoint[searchParams.get("what")]())));
        },
        "/asker-stream": async (request, env, ctx) => new Response(await env.LOADER.load(asker(ctx)).getEntrypoint().stream()),
        "/outside": () => Response.json(outside),
        "/keeper": async (request, env, ctx) => {
            const keeper = env.LOADER.get("keeper", () => worker(KEEPER, { env: { TOOLS: ctx.exports.Tools({}) } })).getEntrypoint();
            return new Response(await told(() => keeper[new URL(request.url).searchParams.get("call")]()));
        },
        "/socket": () => {
            const [client, server] = Object.values(new WebSocketPair());
            server.accept();
            return new Response(null, { status: 101, webSocket: client });
        },
        "/hold": async (request, env) => {
            kept.held = env.LOADER.load(worker(CHILD));
            return new Response(await kept.held.getEntrypoint().name());
        },
        "/let-go": () => {
            kept.held = undefined;
            return new Response("let go");
        },
        "/dropped": async (request, env) => new Response(await env.LOADER.load(worker(CHILD)).getEntrypoint().name()),
    },
);
