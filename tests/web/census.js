// Every name that workerd's global scope has beside the language (dynamic-workers.md 7, K11), with the members of its
// classes: each must be here, but for what `absent` names with a reason.

import { equal, ok, suite } from "./harness.js";
import * as workers from "cloudflare:workers";
import * as sockets from "cloudflare:sockets";

const { test, run } = suite("census");
export { run };

/** Members of instances, and behind the bar those of the class. */
const classes = {
    AbortController: "signal abort",
    AbortSignal: "aborted reason onabort throwIfAborted | abort timeout any",
    Blob: "size type slice arrayBuffer bytes text stream",
    Body: "body bodyUsed arrayBuffer bytes text json formData blob",
    ByteLengthQueuingStrategy: "highWaterMark size",
    Cache: "delete keys match put",
    CacheStorage: "open delete match has keys",
    CloseEvent: "",
    CompressionStream: "",
    CountQueuingStrategy: "highWaterMark size",
    Crypto: "subtle getRandomValues randomUUID DigestStream",
    CryptoKey: "",
    CustomEvent: "detail",
    DOMException: "",
    DecompressionStream: "",
    ErrorEvent: "filename message lineno colno error",
    Event: "type eventPhase composed bubbles cancelable defaultPrevented returnValue currentTarget target srcElement timeStamp isTrusted cancelBubble stopImmediatePropagation preventDefault stopPropagation composedPath",
    EventSource: "close url withCredentials readyState onopen onmessage onerror @@dispose | from",
    EventTarget: "addEventListener removeEventListener dispatchEvent",
    ExtendableEvent: "waitUntil",
    FetchEvent: "waitUntil",
    File: "lastModified",
    FixedLengthStream: "",
    FormData: "append delete get getAll has set entries keys values forEach @@iterator",
    HTMLRewriter: "on onDocument transform",
    Headers: "get getAll getSetCookie has set append delete forEach entries keys values @@iterator",
    IdentityTransformStream: "",
    MessageChannel: "",
    MessageEvent: "",
    MessagePort: "postMessage close start onmessage",
    Navigator: "sendBeacon",
    PerformanceEntry: "entryType startTime duration toJSON",
    PerformanceMark: "detail toJSON",
    PerformanceMeasure: "detail toJSON",
    PerformanceObserver: "disconnect observe takeRecords | supportedEntryTypes",
    PerformanceObserverEntryList: "getEntries getEntriesByType getEntriesByName",
    PromiseRejectionEvent: "",
    ReadableByteStreamController: "byobRequest desiredSize close enqueue error",
    ReadableStream: "locked cancel getReader pipeThrough pipeTo tee values @@asyncIterator | from",
    ReadableStreamBYOBReader: "closed cancel read releaseLock readAtLeast",
    ReadableStreamBYOBRequest: "view respond respondWithNewView",
    ReadableStreamDefaultController: "desiredSize close enqueue error",
    ReadableStreamDefaultReader: "closed cancel read releaseLock",
    Request: "clone method url headers redirect signal cf integrity keepalive cache",
    Response: "clone status statusText headers ok redirected url webSocket cf type | error redirect json",
    ScheduledEvent: "waitUntil",
    SubtleCrypto: "encrypt decrypt sign verify digest generateKey deriveKey deriveBits importKey exportKey wrapKey unwrapKey timingSafeEqual",
    TailEvent: "",
    TextDecoder: "decode encoding fatal ignoreBOM",
    TextDecoderStream: "encoding fatal ignoreBOM",
    TextEncoder: "encode encodeInto encoding",
    TextEncoderStream: "encoding",
    TraceEvent: "",
    TransformStream: "readable writable",
    TransformStreamDefaultController: "desiredSize enqueue error terminate",
    URL: "origin href protocol username password host hostname port pathname search hash searchParams toJSON toString | canParse parse",
    URLPattern: "protocol username password hostname port pathname search hash hasRegExpGroups test exec",
    URLSearchParams: "size append delete get getAll has set sort entries keys values forEach toString @@iterator",
    WebSocket: "accept send close serializeAttachment deserializeAttachment readyState bufferedAmount url protocol extensions binaryType",
    WebSocketPair: "@@iterator",
    WebSocketRequestResponsePair: "request response",
    WritableStream: "locked abort close getWriter",
    WritableStreamDefaultController: "signal error",
    WritableStreamDefaultWriter: "closed ready desiredSize abort close write releaseLock",
    Performance: "timeOrigin now clearMarks clearMeasures clearResourceTimings getEntries getEntriesByName getEntriesByType mark measure setResourceTimingBufferSize toJSON",
    PerformanceResourceTiming: "",
    ServiceWorkerGlobalScope: "addEventListener",
    WorkerGlobalScope: "addEventListener",
};

const functions =
    "setTimeout setInterval clearTimeout clearInterval btoa atob queueMicrotask structuredClone reportError fetch setImmediate " +
    "clearImmediate addEventListener removeEventListener dispatchEvent";

const objects = {
    Cloudflare: "compatibilityFlags",
    navigator: "userAgent language languages platform hardwareConcurrency sendBeacon",
    scheduler: "wait",
    caches: "default",
    console: "debug error info log warn dir dirxml table trace group groupCollapsed groupEnd clear count countReset assert time timeLog timeEnd timeStamp",
    WebAssembly: "Module Instance Memory Table Global compile instantiate validate",
};

const modules = {
    workers: [workers, "DurableObject RpcPromise RpcProperty RpcStub RpcTarget ServiceStub WorkerEntrypoint WorkflowEntrypoint abortIsolate cache env exports tracing waitUntil withEnv withEnvAndExports withExports"],
    sockets: [sockets, "connect"],
};

/** What workerd has and mayfly has not, and why. */
const absent = {
    SharedArrayBuffer: "with a thread, it would be a clock",
    DisposableStack: "not in this engine, as `using` is not",
    AsyncDisposableStack: "likewise",
    SuppressedError: "likewise",
};

const missing = (target, names) =>
    names.split(" ").filter(Boolean).map((name) => (name.startsWith("@@") ? Symbol[name.slice(2)] : name)).filter((name) => !(name in target)).map(String);

for (const [name, members] of Object.entries(classes)) {
    test(`${name} and its members`, () => {
        const [own, ofClass = ""] = members.split(" | ");
        equal([typeof globalThis[name], globalThis[name].name], ["function", name]);
        equal([missing(globalThis[name].prototype, own), missing(globalThis[name], ofClass)], [[], []]);
    });
}
for (const [name, members] of Object.entries(objects)) {
    test(`${name} and its members`, () => equal(missing(globalThis[name], members), []));
}
test("functions", () => equal(functions.split(" ").filter((name) => typeof globalThis[name] !== "function"), []));
for (const [name, [module, members]] of Object.entries(modules)) {
    test(`cloudflare:${name}`, () => equal(missing(module, members), []));
}
test("crypto.DigestStream", () => equal(missing(crypto.DigestStream.prototype, "digest bytesWritten @@dispose"), []));
for (const [name, why] of Object.entries(absent)) test(`${name} is absent: ${why}`, () => ok(!(name in globalThis)));

test("the global object is a service worker's scope", () => {
    equal([self instanceof ServiceWorkerGlobalScope, self instanceof WorkerGlobalScope, {} instanceof WorkerGlobalScope], [true, true, false]);
    equal([origin, typeof Cloudflare.compatibilityFlags], ["null", "object"]);
});
test("a PerformanceObserver sees marks", async () => {
    const seen = new Promise((resolve) => {
        const observer = new PerformanceObserver((list) => {
            observer.disconnect();
            resolve(list.getEntries().map((entry) => entry.name));
        });
        observer.observe({ entryTypes: ["mark"] });
    });
    performance.mark("two", { startTime: 2 });
    performance.mark("one", { startTime: 1 });
    performance.measure("not asked for", { start: 1, end: 2 });
    equal(await seen, ["one", "two"]);
});
test("a BYOB reader's readAtLeast", async () => {
    const stream = new ReadableStream({ type: "bytes", pull(c) { c.enqueue(new Uint8Array(3)); } });
    const { value } = await stream.getReader({ mode: "byob" }).readAtLeast(7, new Uint8Array(8));
    equal(value.length, 8);
});
test("a WebSocketPair unpacks, and its sockets give Blobs when asked", async () => {
    const [client, server] = new WebSocketPair();
    const message = new Promise((resolve) => client.addEventListener("message", ({ data }) => resolve(data)));
    client.binaryType = "blob";
    client.binaryType = "nonsense";
    client.accept();
    server.accept();
    server.send(new Blob(["from a blob"]));
    equal([await (await message).text(), client.binaryType, client.bufferedAmount], ["from a blob", "blob", 0]);
    client.serializeAttachment({ a: [1] });
    equal(client.deserializeAttachment(), { a: [1] });
});
test("caches by name", async () => {
    const cache = await caches.open("census");
    await cache.put("http://a/", new Response("kept"));
    equal([await caches.has("census"), await (await caches.match("http://a/")).text()], [true, "kept"]);
    equal([await caches.delete("census"), await caches.keys(), await cache.match("http://a/")], [true, [], undefined]);
});
test("spans call back", () => equal(workers.tracing.enterSpan("name", (span, a) => [span.isTraced, a], 5), [false, 5]));
