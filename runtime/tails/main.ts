// Tail workers: what happened in a worker's calls, told to others when a call has ended (dynamic-workers.md 1.9). A part of
// its own, in the cells of those whose workers have tails.
//
// Life of a trace: begun --> ended (answered, its body too) --> told (no work of waitUntil goes on)
// A log belongs to the call that began last among those under way: a cell does not know which of its calls wrote it.

import { ExecutionContext } from "../context";
import { makeTailCall, type TailCall } from "../rpc/stubs";
import { native } from "../web/host";
import { formatErrorStack, stackFrames } from "../web/inspect";
import { setTimeout } from "../web/timers";

/** Logs and exceptions of one trace; those that come after are left out. */
const ENTRIES_MAX = 1024;
/** Channels of which tails are told by the host alone: a worker that publishes there could make itself believed. */
const HOST_CHANNELS = /^mayfly:/;
/** Traces that ended and wait for work of waitUntil; beyond that the oldest is told as it is. */
const ENDED_MAX = 64;

/** What a worker said or threw, as it comes from its cell. */
export interface Said {
    level?: unknown;
    message?: unknown;
    /** The arguments of a console call, or nothing for what was not one. */
    args?: unknown;
    at?: unknown;
    exception?: unknown;
    /** The message was published on this diagnostics channel. */
    channel?: unknown;
    /** Something was left out, by the log limit or since it was too large. */
    truncated?: unknown;
    cpuMs?: unknown;
}

interface RequestInfo {
    method: string;
    url: string;
    headers: [string, string][];
}

/** Names of headers, and parts of them, whose values are kept from tails unless they ask. */
const SECRET_HEADER = /^(?:cookie|set-cookie)$|auth|key|secret|token|jwt/i;

/** Of long runs of hexadecimal digits or of letters and digits, as ids and tokens are, nothing is shown. */
function redactedUrl(url: string): string {
    return url.replace(/[0-9A-Za-z_+-]{32,}/g, (run) => (/\d/.test(run) ? "REDACTED" : run));
}

function headersOf(list: [string, string][], isRedacted: boolean): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const [name, value] of list) {
        const key = name.toLowerCase();
        const shown = isRedacted && SECRET_HEADER.test(key) ? "REDACTED" : value;
        headers[key] = headers[key] === undefined ? shown : `${headers[key]}, ${shown}`;
    }
    return headers;
}

/** The request of an event. `getUnredacted` is there for tails of the same cell; it does not travel. */
function requestInfo({ method, url, headers }: RequestInfo): object {
    const shown = { cf: {}, headers: headersOf(headers, true), method, url: redactedUrl(url) };
    const getUnredacted = (): object => ({ cf: {}, headers: headersOf(headers, false), method, url });
    return Object.defineProperty(shown, "getUnredacted", { value: getUnredacted, enumerable: false });
}

type Outcome = "ok" | "exception" | "exceededCpu" | "exceededMemory" | "exceededWallTime" | "canceled";

const OUTCOME_OF_LIMIT: Record<string, Outcome> = {
    cpuMs: "exceededCpu",
    memoryMb: "exceededMemory",
    wallMs: "exceededWallTime",
};

/** One call of a worker. */
export class Trace {
    readonly #tracer: Tracer;
    readonly #item: {
        event: Record<string, unknown> | null;
        eventTimestamp: number;
        logs: object[];
        exceptions: object[];
        diagnosticsChannelEvents: object[];
        scriptName: string | null;
        entrypoint: string;
        outcome: Outcome;
        executionModel: "stateless";
        truncated: boolean;
        cpuTime: number;
        wallTime: number;
    };
    readonly #begunMs = native.monotonicTime();
    #isEnded = false;

    constructor(tracer: Tracer, scriptName: string | null, entrypoint: string, event: Record<string, unknown>) {
        this.#tracer = tracer;
        this.#item = {
            event,
            eventTimestamp: Math.round(native.wallTime()),
            logs: [],
            exceptions: [],
            diagnosticsChannelEvents: [],
            scriptName,
            entrypoint,
            outcome: "ok",
            executionModel: "stateless",
            truncated: false,
            cpuTime: 0,
            wallTime: 0,
        };
    }

    get item(): object {
        return this.#item;
    }

    take({ level, message, args, at, exception, channel, truncated, cpuMs }: Said): void {
        const { logs, exceptions } = this.#item;
        const timestamp = typeof at === "number" ? Math.round(at) : Math.round(native.wallTime());
        if (truncated === true) this.#item.truncated = true;
        if (typeof cpuMs === "number") this.#item.cpuTime += cpuMs;
        else if (typeof channel === "string") {
            if (!HOST_CHANNELS.test(channel)) this.#published({ channel, timestamp, message });
        } else if (logs.length + exceptions.length >= ENTRIES_MAX) this.#item.truncated = true;
        else if (typeof exception === "object" && exception !== null) exceptions.push(exceptionOf(exception, timestamp));
        else if (typeof level === "string") logs.push({ timestamp, level, message: Array.isArray(args) ? args : [message] });
    }

    /** What the way out says of a request of the worker's, as a diagnostics channel would. */
    left(message: object): void {
        this.#published({ channel: "mayfly:outbound", timestamp: Math.round(native.wallTime()), message });
    }

    #published(event: object): void {
        const events = this.#item.diagnosticsChannelEvents;
        if (events.length >= ENTRIES_MAX) this.#item.truncated = true;
        else events.push(event);
    }

    /** A request was answered with this head. */
    responded(head: unknown): void {
        const { status } = (head ?? {}) as { status?: unknown };
        const event = this.#item.event;
        if (event !== null && typeof status === "number") event.response = { status };
    }

    /** The call failed, and the caller knows. */
    failed(error: unknown): void {
        const { name, message, limit } = (error ?? {}) as { name?: unknown; message?: unknown; limit?: { name: string } };
        this.#item.outcome = name === "AbortError" ? "canceled" : (OUTCOME_OF_LIMIT[limit?.name ?? ""] ?? "exception");
        if (this.#item.exceptions.length === 0 && this.#item.outcome !== "canceled") this.take({ exception: { name, message } });
    }

    /** Nobody waits for the call any more. */
    ended(): void {
        if (this.#isEnded) return;
        this.#isEnded = true;
        this.#item.wallTime = Math.round(native.monotonicTime() - this.#begunMs);
        this.#tracer.ended(this);
    }
}

function exceptionOf(exception: object, timestamp: number): object {
    const { name, message, stack } = exception as Record<string, unknown>;
    const shown: Record<string, unknown> = { timestamp, name: String(name ?? "Error"), message: String(message ?? "") };
    if (typeof stack === "string" && stack !== "") shown.stack = stack;
    return shown;
}

/** The traces of one worker, and who is told. */
export class Tracer {
    readonly #scriptName: string | null;
    readonly #tails: TailCall[];
    /** Those under way, the last begun at the end. */
    readonly #open: Trace[] = [];
    readonly #ended: Trace[] = [];
    #isBusy = false;

    constructor(scriptName: string | null, tails: readonly object[]) {
        this.#scriptName = scriptName;
        this.#tails = tails.map(makeTailCall);
    }

    #begin(entrypoint: string | undefined, event: Record<string, unknown>): Trace {
        const trace = new Trace(this, this.#scriptName, entrypoint ?? "default", event);
        this.#open.push(trace);
        return trace;
    }

    beginFetch(entrypoint: string | undefined, request: RequestInfo): Trace {
        return this.#begin(entrypoint, { request: requestInfo(request) });
    }

    beginCall(entrypoint: string | undefined, rpcMethod: string): Trace {
        return this.#begin(entrypoint, { rpcMethod });
    }

    beginScheduled(cron: string, scheduledTime: number): Trace {
        return this.#begin(undefined, { cron, scheduledTime });
    }

    /** What is to be told of a request that the worker makes now, once it has ended. */
    tellOfRequest(): (record: object) => void {
        const trace = this.#open.at(-1) ?? this.#ended.at(-1);
        return (record) => trace?.left(record);
    }

    take(said: Said): void {
        (this.#open.at(-1) ?? this.#ended.at(-1))?.take(said);
    }

    ended(trace: Trace): void {
        this.#open.splice(this.#open.indexOf(trace), 1);
        this.#ended.push(trace);
        if (!this.#isBusy) this.#tell(this.#ended.length);
        else if (this.#ended.length > ENDED_MAX) this.#tell(1);
    }

    /** Work of waitUntil goes on, or has ended. */
    background(isBusy: boolean): void {
        this.#isBusy = isBusy;
        if (!isBusy) this.#tell(this.#ended.length);
    }

    #tell(count: number): void {
        const traces = this.#ended.splice(0, count);
        if (traces.length === 0) return;
        const ctx = new ExecutionContext(undefined);
        for (const { item } of traces) {
            for (const tail of this.#tails) {
                // After everything that waits for the call itself.
                const others = new Promise((resolve) => setTimeout(resolve, 0));
                ctx.waitUntil(others.then(() => tail([item])));
            }
        }
    }
}

/** An argument of a console call as tails get it: what JSON has, and words for the rest. */
function plain(value: unknown): unknown {
    if (value === undefined) return "undefined";
    if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") return String(value);
    if (value instanceof Error) return formatErrorStack(value);
    return value;
}

const ARGUMENTS_CHARACTERS_MAX = 128 * 1024;

/** The arguments of a console call, as JSON; undefined where they are none or too many. */
export function encodeArguments(args: readonly unknown[]): string | undefined {
    try {
        const text = JSON.stringify(args.map(plain), (_, value: unknown) => (value === undefined ? undefined : plain(value)));
        return text.length <= ARGUMENTS_CHARACTERS_MAX ? text : undefined;
    } catch {
        return undefined;
    }
}

/** What was thrown, for a LOG frame. */
export function encodeException(thrown: unknown): { name: string; message: string; stack: string } {
    const text = (read: () => unknown, fallback: string): string => {
        try {
            return String(read() ?? fallback).slice(0, STACK_CHARACTERS_MAX);
        } catch {
            return fallback;
        }
    };
    const isError = thrown instanceof Error;
    return {
        name: text(() => (isError ? thrown.name : undefined), "Error"),
        message: text(() => (isError ? thrown.message : thrown), ""),
        stack: text(() => (isError ? stackFrames(String(thrown.stack ?? "")) : undefined), ""),
    };
}

const STACK_CHARACTERS_MAX = 16 * 1024;
