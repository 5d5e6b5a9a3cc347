// The worker behind `mayfly mcp`: a host worker in a cell, which reads the sources, answers MCP messages over HTTP (the
// command line turns standard input into such requests) and runs models' code in fresh sandboxes through env.LOADER.
// Documents of others are parsed here and nowhere else; credentials are never here.

import { isObject, own, text, type Json } from "../types/schema";
import { DEFAULT_LIMITS } from "./execute";
import { startPractice } from "./practice";
import { answerMessage } from "./protocol";
import { Sources, type SourcesEnv } from "./sources";
import { Tools } from "./tools";

interface Env extends SourcesEnv {
    /** What requests must carry, if anything: the command line makes one for its own; of its clients' it tells the SHA-256. */
    TOKEN?: string;
    /** Standard input is the one client. */
    IS_STDIO?: boolean;
}

const BODY_BYTES_MAX = 8 << 20;

let sources: Sources | undefined;

async function readTools(env: Env): Promise<Tools> {
    sources = new Sources(env);
    await sources.start();
    const limits = { ...DEFAULT_LIMITS, ...(env.TIMEOUT_MS && { timeoutMs: env.TIMEOUT_MS }) };
    return new Tools(sources.catalog, env.LOADER, limits, () => sources!.refresh());
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

async function sha256(text: string): Promise<string> {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Looks at all characters whatever they are, so that the time does not tell how many are right. */
async function isAllowed(request: Request, { TOKEN: token = "", IS_STDIO }: Env): Promise<boolean> {
    const written = /^bearer +(.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const sent = IS_STDIO ? written : await sha256(written);
    let difference = sent.length ^ token.length;
    for (let at = 0; at < token.length; at++) difference |= token.charCodeAt(at) ^ sent.charCodeAt(at);
    return difference === 0;
}

/** What the command line asks first: 200 once the sources are read, 503 if none of them can ever be used. */
const READY = "mayfly/ready";

/** The client that standard input is. */
const STDIO = "stdio";

/** A session is kept nowhere: its id tells clients apart. */
function sessionFor(message: unknown, env: Env): HeadersInit {
    return env.IS_STDIO || own(message, "method") !== "initialize" ? {} : { "mcp-session-id": crypto.randomUUID() };
}

async function answerBody(body: string, env: Env, client?: string): Promise<Response> {
    let message: unknown;
    try {
        message = JSON.parse(body);
    } catch {
        return Response.json({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } }, { status: 400 });
    }
    const ready = (tools ??= readTools(env));
    if (own(message, "method") === READY) {
        await ready;
        return sources!.isHopeless ? new Response("No source can be used.\n", { status: 503 }) : Response.json({});
    }
    const messages = Array.isArray(message) ? message.slice(0, 100) : [message];
    const answers = (await Promise.all(messages.map((one) => answerMessage(ready, one, client)))).filter((one): one is Json => isObject(one));
    if (answers.length === 0) return new Response(null, { status: 202 });
    return Response.json(Array.isArray(message) ? answers : answers[0], { headers: sessionFor(message, env) });
}

async function answer(request: Request, env: Env): Promise<Response> {
    if (isForeign(request)) return new Response("Forbidden origin\n", { status: 403 });
    if (env.TOKEN && !(await isAllowed(request, env))) {
        const words = "Unauthorized: this server wants the header Authorization: Bearer TOKEN, with the token that it was started with\n";
        return new Response(words, { status: 401, headers: { "www-authenticate": "Bearer" } });
    }
    if (request.method === "DELETE") return new Response(null, { status: 200 });
    if (request.method !== "POST") return new Response("POST JSON-RPC messages here.\n", { status: 405, headers: { allow: "POST, DELETE" } });
    if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) return new Response("Too large\n", { status: 413 });
    return answerBody(text(await request.text()), env, env.IS_STDIO ? STDIO : (request.headers.get("mcp-session-id") ?? undefined));
}

export default {
    async fetch(request: Request, env: Env): Promise<Response> {
        underWay++;
        if (!isPractising) startPractice(env.LOADER, () => underWay > 0);
        isPractising = true;
        try {
            return await answer(request, env);
        } finally {
            underWay--;
        }
    },
};
