// EventSource over the worker's own fetch(), with eventsource-parser. A part of its own, evaluated when a worker first
// names it. As in Workers, EventSource.from(stream) reads the events of any stream.

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { brand } from "../web/brand";
import { DOMException } from "../web/domexception";
import { defineHandler, dispatchTrusted, ErrorEvent, Event, EventTarget, MessageEvent } from "../web/events";
import { clearTimeout, setTimeout } from "../web/timers";

interface Fetched {
    status: number;
    headers: { get(name: string): string | null };
    body: AsyncIterable<Uint8Array> | null;
}

const globals = globalThis as unknown as {
    fetch(url: string, init: object): Promise<Fetched>;
    AbortController: new () => { signal: unknown; abort(): void };
    TextDecoder: new () => { decode(bytes?: Uint8Array, options?: object): string };
    URL: { parse(url: string): { href: string; origin: string } | null };
};

const RETRY_MS = 3000;
const fromStream = Symbol("from");

export class EventSource extends EventTarget {
    #url = "";
    #state = 0;
    #retryMs = RETRY_MS;
    #lastId = "";
    #abort: { signal: unknown; abort(): void } | undefined;
    #timer: number | undefined;
    readonly #withCredentials: boolean;

    constructor(url: unknown, options: unknown = {}) {
        super();
        this.#withCredentials = !!(options as { withCredentials?: unknown } | null)?.withCredentials;
        if (url === fromStream) return;
        const parsed = globals.URL.parse(String(url));
        if (parsed === null) throw new DOMException("Cannot open an EventSource to an invalid URL.", "SyntaxError");
        this.#url = parsed.href;
        void this.#connect();
    }

    static from(stream: AsyncIterable<Uint8Array>): EventSource {
        const source = new EventSource(fromStream);
        void source.#read(stream, "").then(
            () => source.close(),
            (error: unknown) => source.#fail(error, true),
        );
        return source;
    }

    get url(): string {
        return this.#url;
    }
    get withCredentials(): boolean {
        return this.#withCredentials;
    }
    get readyState(): number {
        return this.#state;
    }

    close(): void {
        this.#state = 2;
        clearTimeout(this.#timer);
        this.#abort?.abort();
    }

    [Symbol.dispose](): void {
        this.close();
    }

    async #connect(): Promise<void> {
        this.#abort = new globals.AbortController();
        const headers: Record<string, string> = { accept: "text/event-stream", "cache-control": "no-cache" };
        if (this.#lastId !== "") headers["last-event-id"] = this.#lastId;
        try {
            const response = await globals.fetch(this.#url, { headers, signal: this.#abort.signal });
            const type = response.headers.get("content-type") ?? "";
            if (response.status !== 200 || !/^text\/event-stream\s*(;|$)/i.test(type)) {
                return this.#fail(new TypeError(`The server answered ${response.status} with the type "${type}".`), true);
            }
            if (response.body !== null) await this.#read(response.body, globals.URL.parse(this.#url)!.origin);
            this.#fail(undefined, false);
        } catch (error) {
            this.#fail(error, false);
        }
    }

    async #read(stream: AsyncIterable<Uint8Array>, origin: string): Promise<void> {
        if (this.#state === 2) return;
        this.#state = 1;
        dispatchTrusted(this, new Event("open"));
        const decoder = new globals.TextDecoder();
        const parser = createParser({
            onEvent: (event) => this.#deliver(event, origin),
            onRetry: (ms) => {
                this.#retryMs = ms;
            },
        });
        for await (const chunk of stream) {
            if (this.#state === 2) return;
            parser.feed(decoder.decode(chunk, { stream: true }));
        }
    }

    #deliver({ data, event, id }: EventSourceMessage, origin: string): void {
        if (this.#state === 2) return;
        if (id !== undefined) this.#lastId = id;
        dispatchTrusted(this, new MessageEvent(event ?? "message", { data, origin, lastEventId: this.#lastId }));
    }

    /** Tells of a connection's end; unless that is final, another follows. */
    #fail(error: unknown, isFinal: boolean): void {
        if (this.#state === 2) return;
        this.#state = isFinal ? 2 : 0;
        dispatchTrusted(this, error === undefined ? new Event("error") : new ErrorEvent("error", { error }));
        if (!isFinal) this.#timer = setTimeout(() => void this.#connect(), this.#retryMs) as unknown as number;
    }
}
for (const [value, name] of ["CONNECTING", "OPEN", "CLOSED"].entries()) {
    Object.defineProperty(EventSource, name, { value, enumerable: true });
    Object.defineProperty(EventSource.prototype, name, { value, enumerable: true });
}
for (const type of ["open", "message", "error"]) defineHandler(EventSource, type);
brand(EventSource, "EventSource", ["url", "withCredentials", "readyState"]);
