// The worker behind `mayfly mcp`: a host worker in a cell, which reads the sources, answers MCP messages over HTTP (the
// command line turns standard input into such requests) and runs models' code in fresh sandboxes through env.LOADER.
// Documents of others are parsed here and nowhere else; credentials are never here.

import { isObject, text, type Json } from "../types/schema";
import { Names } from "../types/names";
import { Catalog, type Source } from "./catalog";
import { CHILD_LIMITS, childExchange } from "./child-exchange";
import { DEFAULT_LIMITS, type Loader } from "./execute";
import { httpExchange, mcpSource } from "./mcp-source";
import { openApiSource, type Send } from "./openapi-source";
import { startPractice } from "./practice";
import { answerMessage } from "./protocol";
import { Tools } from "./tools";
import { typeScriptSource } from "./typescript-source";

/** A source as the command line gives it; `file` names a module that has its text. */
interface SourceOptions {
    name: string;
    kind: "openapi" | "mcp" | "typescript";
    /** One of these, or neither for a server that the command line starts. */
    file?: string;
    url?: string;
    server?: string;
}

interface Env {
    LOADER: Loader;
    SOURCES: SourceOptions[];
    TIMEOUT_MS?: number;
    /** What requests must carry, if anything: the command line's own are the only ones then. */
    TOKEN?: string;
    /** Where the command line passes messages on to servers that it has started. */
    CHILDREN?: string;
    /** Each source's way out, with its own rules and its own credential: OUTBOUND_NAME. */
    [binding: `OUTBOUND_${string}`]: () => Outbound;
}

interface Outbound {
    fetch(request: Request): Promise<Response>;
}

const outboundOf = (env: Env, name: string): Outbound => env[`OUTBOUND_${name}`]!();

const senderOf = (env: Env, name: string): Send => {
    const outbound = outboundOf(env, name);
    return (request) => outbound.fetch(request);
};

const BODY_BYTES_MAX = 8 << 20;

/** How long the first who asks for tools waits for sources that others have to answer for; later ones are added later. */
const READY_MS = 10_000;

async function textOf({ file, url }: SourceOptions, send: Send): Promise<string> {
    if (file !== undefined) return ((await import(file)) as { default: string }).default;
    const response = await send(new Request(url!));
    if (!response.ok) throw new Error(`HTTP ${response.status} from ${url}`);
    return response.text();
}

/** Calls an export of a file of tools, in the sandbox that is kept for it. */
function exportCaller(env: Env, name: string, source: string) {
    const main = `import * as tools from "./tools.ts";
import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { call(name, args) { return tools[name](...args); } }`;
    const loader = env.LOADER as Loader & { get(id: string, code: () => unknown): { getEntrypoint(): unknown } };
    const worker = loader.get(`tools:${name}`, () => ({
        compatibilityDate: "2026-01-01",
        compatibilityFlags: ["nodejs_compat"],
        mainModule: "main.js",
        modules: { "main.js": main, "tools.ts": source },
        env: {},
        globalOutbound: outboundOf(env, name),
    }));
    const entrypoint = worker.getEntrypoint() as { call(name: string, args: unknown[]): Promise<unknown> };
    return (wanted: string, args: unknown[]) => entrypoint.call(wanted, args);
}

function serverSource({ name, url }: SourceOptions, env: Env, names: Names): Promise<Source> {
    const send = senderOf(env, name);
    if (url !== undefined) return mcpSource(name, httpExchange(url, send), names);
    const limits = { ...CHILD_LIMITS, ...(env.TIMEOUT_MS && { requestMs: env.TIMEOUT_MS }) };
    const address = `${env.CHILDREN}/${encodeURIComponent(name)}`;
    return mcpSource(name, childExchange(address, send, limits, (note) => console.warn(`${name}: ${note}`)), names);
}

async function documentSource(options: SourceOptions, contents: Promise<string>, env: Env, names: Names): Promise<Source> {
    const { name, kind, url, server } = options;
    const content = await contents;
    if (kind === "typescript") return typeScriptSource(name, content, exportCaller(env, name, content));
    const source = openApiSource({ namespace: name, text: content, ...(url && { url }), ...(server && { server }) }, names, senderOf(env, name));
    for (const problem of source.problems.slice(0, 10)) console.warn(`${name}: left out: ${problem}`);
    return source;
}

/**
 * Reads all sources: servers side by side, documents one after the other, so that their types get the same names each
 * time. Whoever is not ready in time is not waited for, and joins when it is.
 */
async function readSources(env: Env): Promise<Tools> {
    const names = Names.ofTypes();
    const catalog = new Catalog([]);
    const ready: (Source | undefined)[] = [];
    const begun = Date.now();
    const state = { isLate: false };
    const join = async (index: number, reading: Promise<Source>): Promise<void> => {
        const { name } = env.SOURCES[index]!;
        try {
            const source = await reading;
            console.info(`${name}: ${source.entries.length} functions (${Date.now() - begun} ms)`);
            ready[index] = source;
            if (state.isLate) catalog.replace(ready.filter((one) => one !== undefined));
        } catch (error) {
            console.error(`${name}: left out: ${(error as Error).message}`);
        }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<string>((resolve) => (timer = setTimeout(resolve, READY_MS, "late")));
    const within = async (index: number, joined: Promise<void>): Promise<void> => {
        if ((await Promise.race([joined, late])) !== "late") return;
        console.warn(`${env.SOURCES[index]!.name}: not ready after ${READY_MS} ms; it is added when it is`);
    };
    const servers = env.SOURCES.map((options, index) => (options.kind === "mcp" ? join(index, serverSource(options, env, names)) : undefined));
    const contents = env.SOURCES.map((options) => (options.kind === "mcp" ? undefined : textOf(options, senderOf(env, options.name))));
    for (const content of contents) content?.catch(() => {}); // its turn comes
    for (const [index, content] of contents.entries()) {
        if (content) await within(index, join(index, documentSource(env.SOURCES[index]!, content, env, names)));
    }
    await Promise.all(servers.map((joined, index) => joined && within(index, joined)));
    clearTimeout(timer);
    state.isLate = true;
    catalog.replace(ready.filter((one) => one !== undefined));
    const limits = { ...DEFAULT_LIMITS, ...(env.TIMEOUT_MS && { timeoutMs: env.TIMEOUT_MS }) };
    return new Tools(catalog, env.LOADER, limits);
}

let tools: Promise<Tools> | undefined;

let isPractising = false;
let underWay = 0;

/** A page in a browser may not speak to a server on its user's machine. */
function isForeign(request: Request): boolean {
    const origin = request.headers.get("origin");
    if (origin === null) return false;
    try {
        return !["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
    } catch {
        return true;
    }
}

async function answerBody(body: string, env: Env): Promise<Response> {
    let message: unknown;
    try {
        message = JSON.parse(body);
    } catch {
        return Response.json({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } }, { status: 400 });
    }
    const ready = (tools ??= readSources(env));
    const messages = Array.isArray(message) ? message.slice(0, 100) : [message];
    const answers = (await Promise.all(messages.map((one) => answerMessage(ready, one)))).filter((one): one is Json => isObject(one));
    if (answers.length === 0) return new Response(null, { status: 202 });
    return Response.json(Array.isArray(message) ? answers : answers[0]);
}

async function answer(request: Request, env: Env): Promise<Response> {
    if (isForeign(request)) return new Response("Forbidden origin\n", { status: 403 });
    if (env.TOKEN && request.headers.get("authorization") !== `Bearer ${env.TOKEN}`) return new Response("Unauthorized\n", { status: 401 });
    if (request.method === "DELETE") return new Response(null, { status: 200 });
    if (request.method !== "POST") return new Response("POST JSON-RPC messages here.\n", { status: 405, headers: { allow: "POST, DELETE" } });
    if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) return new Response("Too large\n", { status: 413 });
    return answerBody(text(await request.text()), env);
}

export default {
    async fetch(request: Request, env: Env): Promise<Response> {
        underWay++;
        if (!isPractising) startPractice(() => underWay > 0);
        isPractising = true;
        try {
            return await answer(request, env);
        } finally {
            underWay--;
        }
    },
};
