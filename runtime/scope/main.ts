// Names of a Worker's global scope that hardly any code asks for, and that code which asks looks for to tell where it
// is. A part of its own.

import { brand } from "../web/brand";
import { compatibility, waitUntil } from "../context";
import { Event, EventTarget } from "../web/events";

export { PerformanceObserver, PerformanceObserverEntryList, PerformanceResourceTiming } from "./observer";

/** Only the global object is one, and it was there before. */
export class WorkerGlobalScope extends EventTarget {
    constructor() {
        throw new TypeError("Illegal constructor");
        super();
    }
    static override [Symbol.hasInstance](value: unknown): boolean {
        return value === globalThis;
    }
}
brand(WorkerGlobalScope, "WorkerGlobalScope");

export class ServiceWorkerGlobalScope extends WorkerGlobalScope {}
brand(ServiceWorkerGlobalScope, "ServiceWorkerGlobalScope");

/** Handlers of modules get no events, so that nobody makes these; they are there to be named. */
export class ExtendableEvent extends Event {
    constructor() {
        throw new TypeError("Illegal constructor");
        super("");
    }
    waitUntil(promise: unknown): void {
        waitUntil(promise);
    }
}
brand(ExtendableEvent, "ExtendableEvent");

export class FetchEvent extends ExtendableEvent {}
brand(FetchEvent, "FetchEvent");

export class ScheduledEvent extends ExtendableEvent {}
brand(ScheduledEvent, "ScheduledEvent");

export class TailEvent extends ExtendableEvent {}
brand(TailEvent, "TailEvent");

/** The name that tail events had before. */
export class TraceEvent extends TailEvent {}
brand(TraceEvent, "TraceEvent");

/** What a Durable Object would answer while it hibernates. */
export class WebSocketRequestResponsePair {
    readonly #request: string;
    readonly #response: string;

    constructor(request: unknown, response: unknown) {
        this.#request = String(request);
        this.#response = String(response);
    }
    get request(): string {
        return this.#request;
    }
    get response(): string {
        return this.#response;
    }
}
brand(WebSocketRequestResponsePair, "WebSocketRequestResponsePair", ["request", "response"]);

/** Which compatibility flags the worker asked for by name. */
export const Cloudflare = Object.freeze({
    compatibilityFlags: Object.freeze(
        Object.assign(Object.create(null), Object.fromEntries(compatibility.flags.map((flag) => [flag, true]))) as object,
    ),
});
