// Timers, microtasks, crypto, performance, navigator, console, DOMException, and the global scope itself.

import { equal, ok, suite, throws } from "./harness.js";

const { test, run } = suite("globals");
export { run };

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("setTimeout passes arguments", async () => equal(await new Promise((resolve) => setTimeout((...args) => resolve(args), 0, 1, 2)), [1, 2]));
test("setTimeout gives a number", () => { const id = setTimeout(() => {}, 0); equal(typeof id, "number"); clearTimeout(id); });
test("setTimeout of a string throws", () => throws("TypeError", () => setTimeout("1")));
test("timers run in order of time", async () => {
    const seen = [];
    setTimeout(() => seen.push(2), 20);
    setTimeout(() => seen.push(1), 5);
    await sleep(40);
    equal(seen, [1, 2]);
});
test("timers of one time run in order", async () => {
    const seen = [];
    for (let i = 0; i < 5; i++) setTimeout(() => seen.push(i), 1);
    await sleep(20);
    equal(seen, [0, 1, 2, 3, 4]);
});
test("microtasks run between timers", async () => {
    const seen = [];
    setTimeout(() => { seen.push("a"); queueMicrotask(() => seen.push("b")); }, 0);
    setTimeout(() => seen.push("c"), 0);
    await sleep(20);
    equal(seen, ["a", "b", "c"]);
});
test("clearTimeout", async () => {
    let ran = false;
    clearTimeout(setTimeout(() => (ran = true), 1));
    await sleep(10);
    equal(ran, false);
});
test("clearTimeout of many, in any order", async () => {
    const seen = [];
    const ids = Array.from({ length: 50 }, (_, i) => setTimeout(() => seen.push(i), (i * 7) % 11));
    ids.forEach((id, i) => { if (i % 5 !== 0) clearTimeout(id); });
    await sleep(40);
    equal(seen.sort((a, b) => a - b), [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
});
test("clearTimeout of nonsense", () => { clearTimeout(); clearTimeout("x"); clearTimeout(-1); clearTimeout({}); });
test("setInterval repeats until it is cleared", async () => {
    let count = 0;
    await new Promise((resolve) => {
        const id = setInterval(() => { if (++count === 3) { clearInterval(id); resolve(); } }, 1);
    });
    await sleep(10);
    equal(count, 3);
});
test("clearTimeout clears an interval", async () => {
    let count = 0;
    clearTimeout(setInterval(() => count++, 1));
    await sleep(10);
    equal(count, 0);
});
test("a negative delay is none", () => new Promise((resolve) => setTimeout(resolve, -5)));
test("a delay that is no number is none", () => new Promise((resolve) => setTimeout(resolve, "x")));
test("setImmediate", async () => equal(await new Promise((resolve) => setImmediate(resolve, 5)), 5));
test("clearImmediate", async () => { let ran = false; clearImmediate(setImmediate(() => (ran = true))); await sleep(5); equal(ran, false); });
test("a timer that throws is reported", async () => {
    let seen;
    const listener = (event) => { seen = event.error.message; event.preventDefault(); };
    addEventListener("error", listener);
    setTimeout(() => { throw new Error("from a timer"); }, 0);
    await sleep(10);
    removeEventListener("error", listener);
    equal(seen, "from a timer");
});
test("queueMicrotask runs after this and before timers", async () => {
    const seen = [];
    setTimeout(() => seen.push("t"), 0);
    queueMicrotask(() => seen.push("m"));
    seen.push("s");
    await sleep(10);
    equal(seen, ["s", "m", "t"]);
});
test("queueMicrotask of no function throws", () => throws("TypeError", () => queueMicrotask(1)));
test("scheduler.wait", async () => equal(await scheduler.wait(1), undefined));

test("getRandomValues fills and returns", () => {
    const array = new Uint8Array(64);
    ok(crypto.getRandomValues(array) === array && array.some((byte) => byte !== 0));
});
test("getRandomValues fills the view only", () => {
    const all = new Uint8Array(96);
    crypto.getRandomValues(all.subarray(32, 64));
    ok(all.subarray(0, 32).every((byte) => byte === 0) && all.subarray(64).every((byte) => byte === 0));
});
test("getRandomValues of BigInts", () => ok(crypto.getRandomValues(new BigUint64Array(4)).some((value) => value !== 0n)));
test("getRandomValues of floats throws", () => throws("TypeMismatchError", () => crypto.getRandomValues(new Float32Array(1))));
test("getRandomValues of a DataView throws", () => throws("TypeMismatchError", () => crypto.getRandomValues(new DataView(new ArrayBuffer(1)))));
test("getRandomValues of a plain array throws", () => throws("TypeError", () => crypto.getRandomValues([1])));
test("getRandomValues of 65536 bytes", () => equal(crypto.getRandomValues(new Uint8Array(65536)).length, 65536));
test("getRandomValues of more throws", () => throws("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)),
    "getRandomValues() only accepts buffers of size <= 64K but provided 65537 bytes."));
test("randomUUID", () => ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())));
test("randomUUID differs", () => ok(crypto.randomUUID() !== crypto.randomUUID()));
test("Crypto cannot be constructed", () => throws("TypeError", () => new Crypto(), "Illegal constructor"));

test("performance.now does not go back", () => { const a = performance.now(); ok(performance.now() >= a); });
test("performance starts at the epoch", () => { equal(performance.timeOrigin, 0); ok(Math.abs(performance.now() - Date.now()) < 60000); });
test("mark and measure", () => {
    performance.mark("a", { startTime: 5 });
    performance.mark("b", { startTime: 9 });
    const measure = performance.measure("m", "a", "b");
    equal([measure.startTime, measure.duration, performance.getEntriesByName("m").length], [5, 4, 1]);
    performance.clearMarks();
    performance.clearMeasures();
    equal(performance.getEntries(), []);
});
test("measure from no such mark throws", () => throws("SyntaxError", () => performance.measure("m", "nothing")));
test("navigator", () => equal([navigator.userAgent, navigator.hardwareConcurrency, navigator.language], ["Cloudflare-Workers", 1, "en"]));

test("a DOMException's fields", () => {
    const error = new DOMException("m", "NotFoundError");
    equal([error.name, error.message, error.code, error instanceof Error, String(error)], ["NotFoundError", "m", 8, true, "NotFoundError: m"]);
});
test("a DOMException without arguments", () => equal([new DOMException().name, new DOMException().message, new DOMException().code], ["Error", "", 0]));
test("a DOMException of a name of its own", () => equal([new DOMException("", "Mine").name, new DOMException("", "Mine").code], ["Mine", 0]));
test("a DOMException has a stack", () => equal(typeof new DOMException("m").stack, "string"));
test("DOMException's constants", () => equal([DOMException.DATA_CLONE_ERR, new DOMException().ABORT_ERR], [25, 20]));

test("self is the global object", () => ok(self === globalThis));
test("the symbols of disposal", () => equal([typeof Symbol.dispose, typeof Symbol.asyncDispose], ["symbol", "symbol"]));
test("there is no SharedArrayBuffer", () => equal(typeof SharedArrayBuffer, "undefined"));
test("globals are hidden from enumeration", () => equal(Object.keys(globalThis).filter((name) => ["URL", "Request", "fetch", "console"].includes(name)), []));
test("globals can be replaced", () => {
    const { Blob: original } = globalThis;
    globalThis.Blob = 5;
    equal(globalThis.Blob, 5);
    globalThis.Blob = original;
    ok(new Blob() instanceof original);
});
test("classes have their names", () => {
    const names = ["URL", "URLSearchParams", "Request", "Response", "Headers", "Blob", "File", "FormData", "Event", "EventTarget", "AbortSignal",
        "AbortController", "DOMException", "TextEncoder", "TextDecoder", "ReadableStream", "TransformStream", "CustomEvent", "FixedLengthStream"];
    equal(names.filter((name) => globalThis[name].name !== name), []);
});
test("classes have their constructors", () => ok(new Blob().constructor === Blob && new Headers().constructor === Headers));

test("the global scope has its name", () => equal(Object.prototype.toString.call(globalThis), "[object ServiceWorkerGlobalScope]"));
test("an error event says what was thrown", () => {
    const said = [];
    const listen = (event) => (event.preventDefault(), said.push(event.message));
    addEventListener("error", listen);
    for (const thrown of ["text", undefined, { a: 1 }, new TypeError("x")]) reportError(thrown);
    removeEventListener("error", listen);
    equal(said, ["Uncaught text", "Uncaught undefined", "Uncaught #<Object>", "Uncaught TypeError: x"]);
});

test("console has its methods", () => {
    const names = ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "group", "groupEnd", "count", "countReset", "time", "timeEnd", "timeLog", "assert"];
    equal(names.filter((name) => typeof console[name] !== "function"), []);
});
test("console's methods need no this", () => { const { debug } = console; debug("without this"); });
test("console shows what throws", () => {
    const hostile = { get [Symbol.toStringTag]() { throw new Error("x"); } };
    console.debug(hostile, new Proxy({}, { ownKeys() { throw new Error("x"); } }), Object.create(null), Symbol("s"), -0, 5n);
});
test("console shows what is deep and round", () => {
    let deep = {};
    for (let i = 0; i < 100000; i++) deep = { deep };
    const round = {};
    round.round = round;
    console.debug(deep, round, new Array(1e9), new Uint8Array(1e6), "x".repeat(1e5));
});
