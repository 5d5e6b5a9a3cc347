// Another MCP server as a source: its tools as functions. Talks through `exchange`, which takes a message and gives the
// answer to it, whatever lies between.

import { isObject, list, own, text, type Json } from "../types/schema";
import { firstSentence } from "../types/comments";
import { sanitizeToolName, Names } from "../types/names";
import type { NamedType } from "../types/renderer";
import { ToolDeclarer, type Tool } from "../types/tool";
import type { Declaration, Entry, Source } from "./catalog";

export const PROTOCOL_VERSION = "2025-06-18";

const PAGES_MAX = 100;
const TOOLS_MAX = 10_000;
const EVENT_CHARACTERS_MAX = 64 << 20;
/** Whoever ends what it has to say sooner than that is not listened to again. */
const LISTENING_MS_MIN = 1000;

/** Questions of a server's that are answered, from one message to it to the next. */
const QUESTIONS_MAX = 1000;
/** Answers that may be on their way: a server need not take any. */
const ANSWERS_MAX = 100;

/** Sends a message; resolves with the answer if the message is a request. `signal` ends the waiting for it. */
export type Exchange = (message: Json, signal?: AbortSignal) => Promise<Json | undefined>;

/** Hears the methods of what a server says without being asked. */
export type Notified = (method: string) => void;

export const LIST_CHANGED = "notifications/tools/list_changed";

const METHOD_NOT_FOUND = -32601;

/** A question of a server's: nothing was offered to it, so all there is to answer is whether somebody is here. */
export function answerToQuestion({ id, method }: Json): Json {
    const words = `Method not found: ${text(method).slice(0, 100)}; this client asks no model and no user`;
    return { jsonrpc: "2.0", id, ...(method === "ping" ? { result: {} } : { error: { code: METHOD_NOT_FOUND, message: words } }) };
}

/** Whether a message is a question that waits for an answer. */
export const isQuestion = ({ id, method }: Json): boolean => typeof method === "string" && id !== undefined;

// --- Resources -------------------------------------------------------------------------------------------------------

const RESOURCES_MAX = 10_000;
const texts = (...names: string[]): Json => Object.fromEntries(names.map((name) => [name, { type: "string" }]));
const object = (properties: Json, ...required: string[]): Json => ({ type: "object", properties, required });
const listOf = (items: Json): Json => ({ type: "array", items });

const LIST_RESOURCES: Tool = {
    name: "list_resources",
    description: "Lists the server's resources, and templates of the URIs of more",
    inputSchema: object({}),
    outputSchema: object(
        {
            resources: listOf(object(texts("uri", "name", "description", "mimeType"), "uri", "name")),
            resourceTemplates: listOf(object(texts("uriTemplate", "name", "description", "mimeType"), "uriTemplate", "name")),
        },
        "resources",
        "resourceTemplates",
    ),
};

const READ_RESOURCE: Tool = {
    name: "read_resource",
    description: "Reads a resource of the server's, as links in results name it",
    inputSchema: object(texts("uri"), "uri"),
    outputSchema: listOf(object(texts("uri", "mimeType", "text", "blob"), "uri")),
};

/** A connection to a server: requests, and what their answers say. */
export class McpConnection {
    readonly #exchange: Exchange;
    #next = 0;
    /** Whether resources are all that the server has. */
    #isWithoutTools = false;
    /** Whether the server has said so of its tools since they were listed. */
    isChanged = false;
    /** Whether the server has resources; without a function that reads them, links to them would lead nowhere. */
    hasResources = false;

    constructor(connect: (notified: Notified) => Exchange) {
        this.#exchange = connect((method) => (this.isChanged ||= method === LIST_CHANGED));
    }

    /** The server is told when `signal` ends the waiting. */
    async request(method: string, params: Json, signal?: AbortSignal): Promise<Json> {
        const id = ++this.#next;
        const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id, reason: "nobody waits for it any more" } };
        const cancel = (): void => void this.#exchange(cancelled).catch(() => {});
        signal?.addEventListener("abort", cancel);
        let answer: Json | undefined;
        try {
            answer = await this.#exchange({ jsonrpc: "2.0", id, method, params }, signal);
        } finally {
            signal?.removeEventListener("abort", cancel);
        }
        const error = own(answer, "error");
        if (error !== undefined) throw new Error(text(own(error, "message")) || "the server answered with an error");
        const result = own(answer, "result");
        if (!isObject(result)) throw new Error(`the server gave no result to ${method}`);
        return result;
    }

    async start(): Promise<string> {
        const clientInfo = { name: "mayfly", version: "0.1.0" };
        const result = await this.request("initialize", { protocolVersion: PROTOCOL_VERSION, capabilities: {}, clientInfo });
        await this.#exchange({ jsonrpc: "2.0", method: "notifications/initialized" });
        const capabilities = own(result, "capabilities");
        this.hasResources = isObject(own(capabilities, "resources"));
        this.#isWithoutTools = this.hasResources && own(capabilities, "tools") === undefined;
        const info = own(result, "serverInfo");
        return text(own(info, "title")) || text(own(info, "name"));
    }

    /** What a list has, page by page. */
    async #pages(method: string, key: string, most: number, signal?: AbortSignal): Promise<unknown[]> {
        const all: unknown[] = [];
        let cursor: unknown;
        for (let page = 0; page < PAGES_MAX && all.length < most; page++) {
            const result = await this.request(method, typeof cursor === "string" ? { cursor } : {}, signal);
            for (const one of list(own(result, key))) all.push(one);
            cursor = own(result, "nextCursor");
            if (typeof cursor !== "string" || cursor === "") break;
        }
        return all;
    }

    async tools(): Promise<Tool[]> {
        this.isChanged = false;
        if (this.#isWithoutTools) return [];
        const tools = await this.#pages("tools/list", "tools", TOOLS_MAX);
        return tools.filter((tool): tool is Tool => text(own(tool, "name")) !== "");
    }

    async resources(signal?: AbortSignal): Promise<Json> {
        const [resources, resourceTemplates] = await Promise.all([
            this.#pages("resources/list", "resources", RESOURCES_MAX, signal),
            this.#pages("resources/templates/list", "resourceTemplates", RESOURCES_MAX, signal).catch(() => []), // few servers have any
        ]);
        return { resources, resourceTemplates };
    }
}

/**
 * The value of a tool's result: what is structured, with the pictures beside it, or else its text; contents of other kinds as they are. A text is read
 * as JSON where that is an object or an array: what only looks like a number is a text, and would lose digits. An error is
 * thrown.
 */
export function toolValue(result: Json, label: string): unknown {
    if (Object.hasOwn(result, "toolResult")) return result.toolResult;
    const content = list(result.content);
    const texts = content.map((part) => (own(part, "type") === "text" ? text(own(part, "text")) : undefined));
    const words = texts.filter((part) => part !== undefined).join("\n");
    if (result.isError === true) throw new Error(`${label}: ${words || "the tool failed"}`);
    const { structuredContent } = result;
    if (isObject(structuredContent)) {
        const media = content.filter((part) => /^(?:image|audio|resource)$/.test(text(own(part, "type"))));
        return media.length > 0 && !Object.hasOwn(structuredContent, "content") ? { ...structuredContent, content: media } : structuredContent;
    }
    if (structuredContent !== undefined && structuredContent !== null) return structuredContent;
    if (content.length === 0 || texts.includes(undefined)) return result;
    if (!/^\s*[{[]/.test(words)) return words;
    try {
        return JSON.parse(words);
    } catch {
        return words;
    }
}

/** What a server says of itself, and the connection to it. */
export interface Server {
    connection: McpConnection;
    title: string;
    tools: Tool[];
}

export async function readServer(connect: (notified: Notified) => Exchange): Promise<Server> {
    const connection = new McpConnection(connect);
    const title = await connection.start();
    return { connection, title, tools: await connection.tools() };
}

/** The names of one source among those of all; read again, it has the same ones for the same types. */
class OwnNames extends Names {
    readonly #all: Names;
    readonly #claimed = new Map<string, string[]>();
    #used = new Map<string, number>();

    constructor(all: Names) {
        super();
        this.#all = all;
    }

    again(): this {
        this.#used = new Map();
        return this;
    }

    override claim(wanted: string): string {
        const claimed = this.#claimed.get(wanted) ?? [];
        const used = this.#used.get(wanted) ?? 0;
        if (used === claimed.length) this.#claimed.set(wanted, [...claimed, this.#all.claim(wanted)]);
        this.#used.set(wanted, used + 1);
        return this.#claimed.get(wanted)![used]!;
    }
}

export function mcpSource(namespace: string, server: Server, all: Names): Source {
    return sourceOf(namespace, server, new OwnNames(all));
}

function sourceOf(namespace: string, server: Server, types: OwnNames): Source {
    const { connection, title, tools: listed } = server;
    let renewing: Promise<Source> | undefined;
    const renew = async (): Promise<Source> => {
        try {
            const tools = await connection.tools();
            return sourceOf(namespace, { ...server, tools }, types.again());
        } catch (error) {
            connection.isChanged = true;
            throw error;
        } finally {
            renewing = undefined;
        }
    };
    const names = new Names();
    const offered = connection.hasResources ? [...listed, LIST_RESOURCES, READ_RESOURCE] : listed;
    const tools = new Map(offered.map((tool) => [names.claim(sanitizeToolName(tool.name)), tool]));
    const ask = async (tool: Tool, input: Json, label: string, signal?: AbortSignal): Promise<unknown> => {
        if (tool === LIST_RESOURCES) return connection.resources(signal);
        if (tool === READ_RESOURCE) return list((await connection.request("resources/read", { uri: input.uri }, signal)).contents);
        return toolValue(await connection.request("tools/call", { name: tool.name, arguments: input }, signal), label);
    };
    const entries = [...tools].map(([name, { description }]): Entry => {
        const said = typeof description === "string" ? description : "";
        return { name, summary: firstSentence(said, 120), words: said.slice(0, 500) };
    });
    const declarers = new Map([...tools].map(([name, tool]) => [name, new ToolDeclarer({ ...tool, name, description: text(tool.description) }, types)]));
    const declarations = (named: NamedType[]): Declaration[] => named.map(({ name, declaration }) => ({ name, text: declaration }));
    return {
        namespace,
        title: title || namespace,
        entries,
        unsaid: "unknown is the text that the tool gives, or the value of its JSON; { content } is around it only with images, files or links",
        declare(wanted) {
            const signatures = wanted.map((name) => declarers.get(name)!.declared);
            return { signatures, types: declarations(signatures.flatMap((tool) => tool.types)) };
        },
        type(name) {
            for (const declarer of declarers.values()) {
                const found = declarer.type(name);
                if (found.length > 0) return declarations(found);
            }
            return [];
        },
        renew: () => (connection.isChanged || renewing ? (renewing ??= renew()) : undefined),
        async call(name, args, signal) {
            const label = `${namespace}.${name}`;
            const input = args[0] ?? {};
            if (!isObject(input) || isObject(args[1])) throw new TypeError(`${label} takes one object with named properties.`);
            try {
                return await ask(tools.get(name)!, input, label, signal);
            } catch (error) {
                const { message } = error as Error;
                throw new Error(message.startsWith(label) ? message : `${label}: ${message}`);
            }
        },
    };
}

// --- HTTP ------------------------------------------------------------------------------------------------------------

/** The messages in a stream of server-sent events. */
async function* messagesIn(response: Response): AsyncGenerator<Json> {
    const decoder = new TextDecoder();
    const reader = response.body!.getReader();
    let waiting = "";
    try {
        for (let isDone = false; !isDone; ) {
            const { done, value } = await reader.read();
            isDone = done;
            waiting += decoder.decode(value, { stream: !done });
            if (waiting.length > EVENT_CHARACTERS_MAX) throw new Error("the server writes an event without end");
            const events = waiting.split(/\r\n\r\n|\n\n|\r\r/);
            waiting = done ? "" : events.pop()!;
            for (const event of events) {
                const data = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
                const message: unknown = data.length > 0 ? JSON.parse(data.map((line) => line.slice(5).replace(/^ /, "")).join("\n")) : undefined;
                if (isObject(message)) yield message;
            }
        }
    } finally {
        await reader.cancel();
    }
}

/** The answer with this id; what else comes before it is told. */
async function answerInEvents(response: Response, id: unknown, hear: (message: Json) => void): Promise<Json | undefined> {
    for await (const message of messagesIn(response)) {
        if (message.id === id && message.method === undefined) return message;
        hear(message);
    }
    return undefined;
}

const isEvents = (response: Response): boolean => (response.headers.get("content-type") ?? "").includes("text/event-stream");

/** Whether the server knows the session no more: 404 by the protocol, and 400 with words about it by many servers. */
const isSessionLost = (status: number, said: string): boolean => status === 404 || (status === 400 && /session/i.test(said));

/**
 * An exchange with a server that speaks streamable HTTP. When it has lost the session, a new one is begun, and the message
 * sent once more. What it says without being asked is listened to as long as it lets that be.
 */
export function httpExchange(url: string, send: (request: Request) => Promise<Response>, notified: Notified): Exchange {
    let session: string | undefined;
    let initialize: Json | undefined;
    let renewing: Promise<void> | undefined;
    let renewals = 0;
    let listening: AbortController | undefined;
    let questions = 0;
    let answers = 0;

    const headersFor = (more: Record<string, string>): Headers => {
        const headers = new Headers({ "mcp-protocol-version": PROTOCOL_VERSION, ...more });
        if (session !== undefined) headers.set("mcp-session-id", session);
        return headers;
    };
    /** What a server says unasked is told, and what it asks is answered: it would wait otherwise, and who called it with it. */
    const heard = (message: Json): void => {
        if (!isQuestion(message)) return notified(text(message.method));
        if (++questions > QUESTIONS_MAX || answers === ANSWERS_MAX) return;
        answers++;
        const isOver = (): void => void answers--;
        post(answerToQuestion(message)).then(({ response }) => response.body?.cancel()).then(isOver, isOver);
    };
    const listenTo = async (signal: AbortSignal): Promise<void> => {
        const response = await send(new Request(url, { headers: headersFor({ accept: "text/event-stream" }), signal }));
        if (!response.ok || !isEvents(response)) return void (await response.body?.cancel());
        const begun = Date.now();
        try {
            for await (const message of messagesIn(response)) heard(message);
        } finally {
            // Nobody knows what was said since; whoever ends it at once has nothing to say.
            if (Date.now() - begun > LISTENING_MS_MIN && !signal.aborted) notified(LIST_CHANGED);
            if (Date.now() - begun > LISTENING_MS_MIN && listening?.signal === signal) listening = undefined;
        }
    };
    /** In the present session; where it has ended, the next message begins it again. */
    const listen = (): void => {
        listening?.abort();
        listening = new AbortController();
        listenTo(listening.signal).catch(() => {});
    };
    const post = async (message: Json, signal?: AbortSignal): Promise<{ response: Response; said: string }> => {
        const headers = headersFor({ "content-type": "application/json", accept: "application/json, text/event-stream" });
        const response = await send(new Request(url, { method: "POST", headers, body: JSON.stringify(message), signal: signal ?? null }));
        session ??= response.headers.get("mcp-session-id") ?? undefined;
        return { response, said: response.ok ? "" : await response.text() };
    };
    const read = async (message: Json, { response, said }: { response: Response; said: string }): Promise<Json | undefined> => {
        if (!response.ok) throw new Error(`HTTP ${response.status} ${said.slice(0, 300)}`);
        if (message.id === undefined) return void (await response.body?.cancel());
        const answer = isEvents(response) ? await answerInEvents(response, message.id, heard) : await response.json();
        if (!isObject(answer)) throw new Error("the server's answer is no message");
        return answer;
    };
    const renew = async (): Promise<void> => {
        session = undefined;
        const again = { ...initialize!, id: `again-${++renewals}` };
        await read(again, await post(again));
        const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
        await read(initialized, await post(initialized));
        listen();
        notified(LIST_CHANGED); // it may have been started anew, and be another one
    };
    return async (message, signal) => {
        if (message.method === "initialize") initialize = message;
        questions = 0;
        await renewing?.catch(() => {});
        const used = session;
        let answer = await post(message, signal);
        if (initialize !== undefined && message !== initialize && isSessionLost(answer.response.status, answer.said)) {
            const isRenewed = session !== used && session !== undefined && renewing === undefined;
            if (!isRenewed) await (renewing ??= renew().finally(() => (renewing = undefined)));
            answer = await post(message, signal);
        }
        const got = await read(message, answer);
        if (message.method !== "initialize" && !listening) listen();
        return got;
    };
}
