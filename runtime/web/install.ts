// Puts the web platform on the global object. Run once, in the zygote: it defines names and does nothing else. What a
// request touches is built here and now, so that all cells share it; what is big or rare is built at first use.

import * as global from "./global";
import { Body } from "./body";
import { bindNative } from "./host";
import { Headers } from "./headers";
import { define, defineLazy, lazy } from "./lazy";
import type { Native } from "../native";
import { part } from "../parts";
import { subtle } from "./subtle";
import { websockets } from "./websockets";
import { Request } from "./request";
import { Response } from "./response";
import * as timers from "./timers";

declare const require: (path: string) => unknown;

/** Modules whose exports of these names become globals when one of them is first read. */
const lazyModules: readonly (readonly [load: () => unknown, names: readonly string[]])[] = [
    [lazy(() => require("./abort")), ["AbortController", "AbortSignal"]],
    [lazy(() => require("./base64")), ["atob", "btoa"]],
    [lazy(() => require("./blob")), ["Blob", "File"]],
    [lazy(() => require("./byte-streams")), ["FixedLengthStream", "IdentityTransformStream"]],
    [lazy(() => require("./clone")), ["structuredClone"]],
    [lazy(() => require("./console")), ["console"]],
    [lazy(() => require("./crypto")), ["Crypto", "crypto"]],
    [lazy(() => require("./domexception")), ["DOMException", "QuotaExceededError"]],
    [lazy(() => require("./encoding")), ["TextDecoder", "TextEncoder"]],
    [
        lazy(() => require("./events")),
        ["CloseEvent", "CustomEvent", "ErrorEvent", "Event", "EventTarget", "MessageEvent", "PromiseRejectionEvent"],
    ],
    [lazy(() => require("./formdata")), ["FormData"]],
    [lazy(() => require("./navigator")), ["Navigator", "navigator"]],
    [
        lazy(() => require("./performance")),
        ["Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure", "performance"],
    ],
    [
        lazy(() => require("./streams")),
        [
            "ByteLengthQueuingStrategy", "CountQueuingStrategy", "ReadableByteStreamController", "ReadableStream",
            "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
            "ReadableStreamDefaultReader", "TransformStream", "TransformStreamDefaultController", "WritableStream",
            "WritableStreamDefaultController", "WritableStreamDefaultWriter",
        ],
    ],
    [lazy(() => require("./text-streams")), ["TextDecoderStream", "TextEncoderStream"]],
    [lazy(() => require("./url")), ["URL"]],
    [lazy(() => require("./url-search-params")), ["URLSearchParams"]],
];

/** The same, of parts; see installParts. */
const lazyParts: typeof lazyModules = [
    [lazy(() => part("caches")), ["Cache", "CacheStorage", "caches"]],
    [lazy(() => part("compression")), ["CompressionStream", "DecompressionStream"]],
    [lazy(() => part("eventsource")), ["EventSource"]],
    [lazy(() => part("messages")), ["MessageChannel", "MessagePort"]],
    [lazy(() => part("rewriter")), ["HTMLRewriter"]],
    [
        lazy(() => part("scope")),
        [
            "Cloudflare", "ExtendableEvent", "FetchEvent", "PerformanceObserver", "PerformanceObserverEntryList",
            "PerformanceResourceTiming", "ScheduledEvent", "ServiceWorkerGlobalScope", "TailEvent", "TraceEvent",
            "WebSocketRequestResponsePair", "WorkerGlobalScope",
        ],
    ],
    [lazy(() => part("urlpattern")), ["URLPattern"]],
    [websockets, ["WebSocket", "WebSocketPair"]],
    [subtle, ["CryptoKey", "SubtleCrypto"]],
];

const functions: Readonly<Record<string, Function>> = {
    addEventListener: global.addEventListener,
    clearImmediate: timers.clearImmediate,
    clearInterval: timers.clearInterval,
    clearTimeout: timers.clearTimeout,
    dispatchEvent: global.dispatchEvent,
    queueMicrotask: timers.queueMicrotask,
    removeEventListener: global.removeEventListener,
    reportError: global.reportException,
    setImmediate: timers.setImmediate,
    setInterval: timers.setInterval,
    setTimeout: timers.setTimeout,
};

/** What the engine has and workers do not. */
const absent = ["SharedArrayBuffer"];

/**
 * Atomics.wait blocks a whole cell, and shared memory can still be had from WebAssembly. As in V8's Workers it is there
 * and always refuses.
 */
function forbidWaiting(): void {
    define(Atomics, "wait", function wait() {
        throw new TypeError("Atomics.wait cannot be called in this context");
    });
}

/** The value under its public name: a bundler may have renamed a function, while classes have named themselves. */
function named(name: string, value: unknown): unknown {
    if (typeof value === "function" && value.name !== name) {
        Object.defineProperty(value, "name", { value: name, configurable: true });
    }
    return value;
}

function installLazily(modules: typeof lazyModules): void {
    for (const [load, names] of modules) {
        for (const name of names) {
            defineLazy(globalThis, name, () => named(name, (load() as Record<string, unknown>)[name]));
        }
    }
}

/**
 * Installs the names of parts. Called when all else stands, so that what is hardly ever touched lies together, and not
 * between what every cell touches.
 */
export function installParts(): void {
    installLazily(lazyParts);
}

/** Installs everything else on the global object and binds the natives that it stands on. Call once. */
export function install(native: Native): void {
    bindNative(native);
    forbidWaiting();
    for (const name of absent) {
        delete (globalThis as Record<string, unknown>)[name];
    }
    installLazily(lazyModules);
    for (const [name, value] of Object.entries({ Body, Headers, Request, Response })) {
        define(globalThis, name, value);
    }
    for (const [name, value] of Object.entries(functions)) {
        define(globalThis, name, named(name, value));
    }
    define(globalThis, "scheduler", new timers.Scheduler());
    define(globalThis, "self", globalThis);
    define(globalThis, Symbol.toStringTag, "ServiceWorkerGlobalScope");
    define(globalThis, "origin", "null");
}
