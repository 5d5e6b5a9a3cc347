// Messages with a server that the command line has started (src/host/mcp_children.c): its output is the body of one
// answer, a message a line, and each message to it a request of its own. The server may do anything: hang, write what
// is no message, write without end, die; so every request has a time, and what nobody asked for has a measure.

import { isObject, type Json } from "../types/schema";
import { answerToQuestion, isQuestion, LIST_CHANGED, type Exchange, type Notified } from "./mcp-source";

export interface ChildLimits {
    /** How long one request may take. */
    requestMs: number;
    /** How long the first requests may take, while it starts. */
    startMs: number;
    lineCharactersMax: number;
    /** Messages, and their length in all, that it may send between two answers that somebody waits for. */
    unaskedMax: number;
    unaskedCharactersMax: number;
    /** The least time from one start to the next. */
    restartMs: number;
}

export const CHILD_LIMITS: ChildLimits = {
    requestMs: 60_000,
    startMs: 120_000,
    lineCharactersMax: 16 << 20,
    unaskedMax: 10_000,
    unaskedCharactersMax: 64 << 20,
    restartMs: 1000,
};

const NOTES_MAX = 3;

interface Waiting {
    resolve(answer: Json): void;
    reject(error: Error): void;
    timer: ReturnType<typeof setTimeout>;
}

type Send = (request: Request) => Promise<Response>;

/** One life of the server: from its start to the end of its output. */
class Life {
    readonly #url: string;
    readonly #send: Send;
    readonly #limits: ChildLimits;
    readonly #note: (text: string) => void;
    readonly #notified: Notified;
    readonly #waiting = new Map<unknown, Waiting>();
    #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    #unasked = 0;
    #unaskedCharacters = 0;
    #notes = 0;
    /** Why it is over. */
    ended: Error | undefined;

    constructor(url: string, send: Send, limits: ChildLimits, note: (text: string) => void, notified: Notified) {
        this.#url = url;
        this.#send = send;
        this.#limits = limits;
        this.#note = note;
        this.#notified = notified;
    }

    async start(): Promise<void> {
        const response = await this.#send(new Request(this.#url));
        if (!response.ok || !response.body) throw new Error(`the server cannot be started: ${(await response.text()).slice(0, 300)}`);
        this.#reader = response.body.getReader();
        void this.#read(this.#reader).then(
            () => this.end("the server has ended"),
            (error: Error) => this.end(error.message),
        );
    }

    /** Ends the server, if it still runs, and everybody's waiting. */
    end(why: string): void {
        if (this.ended) return;
        this.ended = new Error(why);
        this.#reader?.cancel().catch(() => {});
        for (const { reject, timer } of this.#waiting.values()) {
            clearTimeout(timer);
            reject(this.ended);
        }
        this.#waiting.clear();
    }

    async #post(message: Json): Promise<void> {
        const response = await this.#send(new Request(this.#url, { method: "POST", body: JSON.stringify(message) }));
        const words = await response.text();
        if (!response.ok) throw this.ended ?? new Error(`the server takes no message: ${words.trim().slice(0, 300)}`);
    }

    async exchange(message: Json, timeoutMs: number, signal?: AbortSignal): Promise<Json | undefined> {
        if (this.ended) throw this.ended;
        signal?.throwIfAborted(); // while the server started
        const { id } = message;
        if (id === undefined) {
            await this.#post(message);
            return undefined;
        }
        const { promise, resolve, reject } = Promise.withResolvers<Json>();
        const timer = setTimeout(() => {
            this.#waiting.delete(id);
            reject(new Error(`the server did not answer within ${timeoutMs} ms`));
            const params = { requestId: id, reason: "timeout" };
            if (!this.ended) this.#post({ jsonrpc: "2.0", method: "notifications/cancelled", params }).catch(() => {});
        }, timeoutMs);
        this.#waiting.set(id, { resolve, reject, timer });
        const giveUp = (error: Error): void => {
            clearTimeout(timer);
            this.#waiting.delete(id);
            reject(error);
        };
        const abort = (): void => giveUp(new Error("nobody waits for it any more"));
        signal?.addEventListener("abort", abort);
        try {
            await Promise.race([this.#post(message), promise]);
        } catch (error) {
            giveUp(error as Error);
        }
        return promise.finally(() => signal?.removeEventListener("abort", abort));
    }

    // --- What it says ------------------------------------------------------------------------------------------------

    async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
        const decoder = new TextDecoder();
        let begun = "";
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            const lines = decoder.decode(value, { stream: true }).split("\n");
            const last = lines.pop()!;
            if (lines.length > 0) {
                lines[0] = begun + lines[0];
                begun = "";
                for (const line of lines) this.#line(line.trim());
            }
            begun += last;
            if (begun.length > this.#limits.lineCharactersMax) throw new Error("the server was ended: it writes a message without end");
            if (this.ended) return;
        }
    }

    #line(line: string): void {
        if (line === "" || this.ended) return;
        this.#unasked++;
        this.#unaskedCharacters += line.length;
        const { unaskedMax, unaskedCharactersMax } = this.#limits;
        if (this.#unasked > unaskedMax || this.#unaskedCharacters > unaskedCharactersMax) {
            this.end("the server was ended: it sends without end what nobody asked for");
            return;
        }
        let message: unknown;
        try {
            message = JSON.parse(line);
        } catch {
            if (++this.#notes <= NOTES_MAX) this.#note(`this is no message: ${line.slice(0, 200)}`);
            return;
        }
        for (const one of Array.isArray(message) ? message : [message]) if (isObject(one)) this.#message(one);
    }

    #message(message: Json): void {
        const { id, method } = message;
        if (typeof method === "string") {
            if (isQuestion(message)) this.#post(answerToQuestion(message)).catch(() => {});
            else this.#notified(method);
            return;
        }
        const waiting = this.#waiting.get(id);
        if (!waiting) return;
        this.#unasked = this.#unaskedCharacters = 0;
        this.#waiting.delete(id);
        clearTimeout(waiting.timer);
        waiting.resolve(message);
    }
}

/** An exchange with a server that is started when it is first needed, and again when it has ended and is asked again. */
export function childExchange(url: string, send: Send, limits: ChildLimits, note: (text: string) => void, notified: Notified): Exchange {
    let life: Promise<Life> | undefined;
    let current: Life | undefined;
    let initialize: Json | undefined;
    let startedAt = -Infinity;
    let replays = 0;

    const start = async (isFirst: boolean): Promise<Life> => {
        const wait = startedAt + limits.restartMs - Date.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        startedAt = Date.now();
        const made = new Life(url, send, limits, note, notified);
        await made.start();
        current = made;
        if (!isFirst && initialize) {
            // The new one knows nothing of what the old one was told.
            await made.exchange({ ...initialize, id: `again-${++replays}` }, limits.startMs);
            await made.exchange({ jsonrpc: "2.0", method: "notifications/initialized" }, limits.startMs);
            notified(LIST_CHANGED);
        }
        return made;
    };

    return async (message, signal) => {
        const isFirst = message.method === "initialize";
        if (isFirst) initialize = message;
        if (current?.ended) life = current = undefined;
        life ??= start(isFirst).catch((error) => {
            life = undefined;
            current?.end("the server did not start");
            throw error;
        });
        const alive = await life;
        try {
            return await alive.exchange(message, message.method === "tools/call" ? limits.requestMs : limits.startMs, signal);
        } catch (error) {
            if (isFirst) alive.end("the server did not start");
            throw error;
        }
    };
}
