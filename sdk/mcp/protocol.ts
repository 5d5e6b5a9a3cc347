// The Model Context Protocol's server side, as far as it is needed to show three tools: JSON-RPC messages in, answers
// out, no state between them but which calls are under way, for a client may take one back.

import { isObject, own, text, type Json } from "../types/schema";
import { argumentsOf, type Tools } from "./tools";

const VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const INTERNAL = -32603;

const INSTRUCTIONS = "Search for functions, read their types, then write one TypeScript program that does the whole task, and execute it.";

class RpcError extends Error {
    readonly code: number;

    constructor(code: number, message: string) {
        super(message);
        this.code = code;
    }
}

/** Calls under way, by client and id. */
const underWay = new Map<string, AbortController>();

const keyOf = (client: string, id: unknown): string => JSON.stringify([client, id]);

async function answer(tools: Promise<Tools>, method: string, params: unknown, signal: AbortSignal): Promise<Json> {
    switch (method) {
        case "initialize": {
            const asked = text(own(params, "protocolVersion"));
            return {
                protocolVersion: VERSIONS.includes(asked) ? asked : VERSIONS[0],
                capabilities: { tools: {} },
                serverInfo: { name: "mayfly", version: "0.1.0" },
                instructions: INSTRUCTIONS,
            };
        }
        case "ping":
            return {};
        case "tools/list":
            return { tools: await (await tools).definitions() };
        case "tools/call": {
            const name = text(own(params, "name"));
            if (name === "") throw new RpcError(INVALID_PARAMS, "tools/call needs a name");
            return (await (await tools).call(name, argumentsOf(params), signal)) as unknown as Json;
        }
        default:
            throw new RpcError(METHOD_NOT_FOUND, `Method not found: ${method}`);
    }
}

/**
 * Answers one message; a notification, the answer to a question that was never asked, and a call that its client has
 * taken back get none. Only what needs the tools waits for them. `client` tells clients apart, whose ids may be the same;
 * one without it can take nothing back.
 */
export async function answerMessage(tools: Promise<Tools>, message: unknown, client?: string): Promise<Json | undefined> {
    const id = own(message, "id");
    const method = own(message, "method");
    const error = (code: number, words: string): Json => ({ jsonrpc: "2.0", id: id ?? null, error: { code, message: words } });
    if (!isObject(message) || message.jsonrpc !== "2.0") return error(INVALID_REQUEST, "This is no JSON-RPC 2.0 message.");
    if (typeof method !== "string") return undefined;
    if (method === "notifications/cancelled" && client !== undefined) underWay.get(keyOf(client, own(message.params, "requestId")))?.abort();
    if (id === undefined) return undefined;
    const controller = new AbortController();
    const key = client !== undefined && method === "tools/call" ? keyOf(client, id) : undefined;
    if (key !== undefined) underWay.set(key, controller);
    try {
        const result = await answer(tools, method, message.params, controller.signal);
        return controller.signal.aborted ? undefined : { jsonrpc: "2.0", id, result };
    } catch (thrown) {
        if (controller.signal.aborted) return undefined;
        if (thrown instanceof RpcError) return error(thrown.code, thrown.message);
        return error(INTERNAL, (thrown as Error).message);
    } finally {
        if (key !== undefined && underWay.get(key) === controller) underWay.delete(key);
    }
}
