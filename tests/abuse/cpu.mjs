// Case 1: workers that use the processor without end. Each is one line of a method run(), or of what is named; each ends by
// its CPU time limit, whatever it catches.

const LIMITS = { cpuMs: 60 };

const run = (lines) => ({ modules: { "main.js": `export default { async run() { ${lines} } };` }, method: "run" });
const sync = (lines) => ({ modules: { "main.js": `export default { run() { ${lines} } };` }, method: "run" });
const start = (lines) => ({ modules: { "main.js": `${lines}; export default { run() {} };` }, method: "run" });
const fetches = (lines) => ({ modules: { "main.js": `export default { async fetch(request, env, ctx) { ${lines} } };` } });

/** A module whose exported function "f", or whose start, is an endless loop. */
const WASM_LOOP = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11];
const WASM_START = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 8, 1, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11];

const wasm = (bytes, lines) => ({
    modules: { "main.js": `import m from "./m.wasm"; export default { run() { ${lines} } };`, "m.wasm": bytes },
    method: "run",
});

const SPIN = "for (;;);";

const cases = {
    "for (;;)": sync(SPIN),
    "a loop that catches": sync("for (;;) try { for (;;); } catch {}"),
    "a loop that continues in finally": sync("for (;;) { try { return 1; } finally { continue; } }"),
    "a generator that does not return": sync("const g = (function* () { try { yield 1; } finally { for (;;); } })(); g.next(); g.return();"),
    "recursion that catches its overflow": sync("const f = () => { try { f(); } catch {} try { f(); } catch {} }; f(); for (;;);"),
    "recursion in finally": sync("const f = () => { try { f(); } finally { f(); } }; for (;;) try { f(); } catch {}"),
    "microtasks": run("const f = () => Promise.resolve().then(f); await f();"),
    "queueMicrotask": run("const f = () => queueMicrotask(f); f(); await new Promise(() => {});"),
    "await without end": run("for (;;) await null;"),
    "await that catches": run("for (;;) try { await Promise.reject(1); } catch {}"),
    "an async generator": run("for await (const _ of (async function* () { for (;;) yield 1; })()) ;"),
    "a thenable that resolves with itself": run("return { then(resolve) { resolve(this); } };"),
    "a thenable that spins": sync("return { then() { for (;;); } };"),
    "timers at 0 ms": run("const f = () => setTimeout(f, 0); f(); await new Promise(() => {});"),
    "an interval at 0 ms": run("setInterval(() => { for (let i = 0; i < 1e5; i++); }, 0); await new Promise(() => {});"),
    "a timer that spins": run("await new Promise(() => setTimeout(() => { for (;;); }, 1));"),
    "a getter while its result is sent": sync("return { get a() { for (;;); } };"),
    "a getter deep within a result": sync("return [[{ a: new Map([[1, { get b() { for (;;); } }]]) }]];"),
    "a proxy as result": sync("return new Proxy({}, { ownKeys() { for (;;); } });"),
    "a proxy's prototype as result": sync("return new Proxy({}, { getPrototypeOf() { for (;;); } });"),
    "an iterator of a Map as result": sync("const m = new Map(); m[Symbol.iterator] = function* () { for (;;) yield [1, 1]; }; m.forEach = () => { for (;;); }; for (const x of m) ;"),
    "toJSON in a response": fetches("return Response.json({ toJSON() { for (;;); } });"),
    "a getter in a response's headers": fetches("return new Response('', { headers: { get a() { for (;;); } } });"),
    "a response's status that spins": fetches("return new Response('', { status: { valueOf() { for (;;); } } });"),
    "what is thrown spins when it is shown": sync("throw Object.create({}, { constructor: { get() { for (;;); } } });"),
    "an error whose message spins": sync("throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } });"),
    "an error whose name spins": sync("class E extends Error { get name() { for (;;); } } throw new E();"),
    "console.log of a getter": sync("console.log({ get [Symbol.toStringTag]() { for (;;); } }); for (;;);"),
    "console.log without end": sync("for (;;) console.log('x');"),
    "regular expression (a+)+$": sync("return /^(a+)+$/.test('a'.repeat(60) + 'b');"),
    "regular expression (.*a){20}": sync("return /^(.*a){20}$/.test('a'.repeat(60) + 'b');"),
    "regular expression with backreferences": sync("return /^(?:(\\w+)\\1?\\s?)+$/.test('ab'.repeat(60) + '!');"),
    "regular expression with look-behind": sync("return /(?<=(a+)+b)c/.test('a'.repeat(60) + 'c' + 'x') || /^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(60));"),
    "regular expression in replace": sync("return 'x'.repeat(60).replace(/(x+x+)+y/g, '');"),
    "regular expression in split": sync("return ('a'.repeat(60) + '!').split(/(a|aa)+$/);"),
    "a replacement that spins": sync("'a'.replace(/a/, () => { for (;;); });"),
    "Array(2 ** 32 - 2).join()": sync("for (;;) try { Array(2 ** 32 - 2).join(); } catch {}"),
    "indexOf in a length of 2 ** 53": sync("return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);"),
    "reverse of a length of 2 ** 53": sync("return Array.prototype.reverse.call({ length: 2 ** 53 - 1 });"),
    "every of a proxy without end": sync("return Array.prototype.every.call(new Proxy({ length: 2 ** 53 - 1 }, { get: (t, k) => (k === 'length' ? t.length : true), has: () => true }), Boolean);"),
    "a comparator that spins": sync("[3, 2, 1].sort(() => { for (;;); });"),
    "a typed array's comparator that spins": sync("new Uint8Array([3, 2, 1]).sort(() => { for (;;); });"),
    "sorting without end": sync("const a = Array.from({ length: 1e5 }, (_, i) => -i); for (;;) a.sort((x, y) => Math.random() - 0.5);"),
    "a Set that grows as it is walked": sync("const s = new Set([1, 2]); for (const x of s) { s.delete(x); s.add(x); }"),
    "a Map that grows as it is walked": sync("const m = new Map([[1, 1]]); m.forEach((v, k) => { m.delete(k); m.set(k, v); });"),
    "JSON.parse without end": sync("const text = '['.repeat(1000) + ']'.repeat(1000); for (;;) JSON.parse(text);"),
    "JSON.parse that fails deep down": sync("for (;;) try { JSON.parse('['.repeat(1e5)); } catch {}"),
    "a reviver that spins": sync("JSON.parse('[1]', () => { for (;;); });"),
    "a replacer that spins": sync("JSON.stringify([1], () => { for (;;); });"),
    "JSON.stringify of a graph that unfolds": sync("let a = [1]; for (let i = 0; i < 16; i++) a = [a, a]; for (;;) JSON.stringify(a);"),
    "BigInt powers": sync("for (let x = 3n; ; ) { x = (x * x) % (1n << 200000n); }"),
    "BigInt that is too large": sync("for (;;) try { 9n ** (9n ** 9n); } catch {}"),
    "BigInt to text": sync("const x = 7n ** 100000n; for (;;) x.toString();"),
    "normalize": sync("const s = 'e\\u0301'.repeat(1e5); for (;;) s.normalize('NFC').length;"),
    "localeCompare": sync("for (;;) 'a'.localeCompare('b', 'de');"),
    "Intl formats": sync("for (;;) new Intl.NumberFormat('de').format(1234.5);"),
    "Date texts": sync("for (;;) new Date(2026, 1, 1).toLocaleString('ja');"),
    "structuredClone": sync("const a = Array.from({ length: 1000 }, (_, i) => ({ i })); for (;;) structuredClone(a);"),
    "URL": sync("for (;;) new URL('http://example.com/' + Math.random());"),
    "TextEncoder": sync("const e = new TextEncoder(), s = 'x'.repeat(1e5); for (;;) e.encode(s);"),
    "getRandomValues": sync("const b = new Uint8Array(65536); for (;;) crypto.getRandomValues(b);"),
    "btoa and atob": sync("const s = 'x'.repeat(1e5); for (;;) atob(btoa(s));"),
    "stacks of errors": sync("const f = (n) => (n ? f(n - 1) : new Error().stack); for (;;) f(50);"),
    "events that dispatch themselves": sync("const t = new EventTarget(); t.addEventListener('a', () => { for (;;); }); t.dispatchEvent(new Event('a'));"),
    "an abort listener that spins": sync("const c = new AbortController(); c.signal.onabort = () => { for (;;); }; c.abort();"),
    "valueOf": sync("return 1 + { valueOf() { for (;;); } };"),
    "Symbol.toPrimitive": sync("return `${{ [Symbol.toPrimitive]() { for (;;); } }}`;"),
    "a setter": sync("const o = { set a(x) { for (;;); } }; o.a = 1;"),
    "Symbol.species": sync("class A extends Array { static get [Symbol.species]() { for (;;); } } new A(1, 2).map((x) => x);"),
    "Symbol.hasInstance": sync("return {} instanceof { [Symbol.hasInstance]() { for (;;); } };"),
    "destructuring an endless iterator": sync("const [a, ...b] = (function* () { for (;;) ; })();"),
    "a static block": start("class A { static { for (;;); } }"),
    "at the start": start(SPIN),
    "at the start, by await": start("for (;;) await null"),
    "at the start of an import": {
        modules: { "main.js": "import './b.js'; export default { run() {} };", "b.js": SPIN },
        method: "run",
    },
    "in CommonJS": { modules: { "main.js": "import c from './c.cjs'; export default { run() { return c; } };", "c.cjs": SPIN }, method: "run" },
    "in TypeScript": { modules: { "main.ts": "export default { run(n: number): void { for (;;); } };" }, method: "run" },
    "a default export that is a proxy": { modules: { "main.js": "export default new Proxy({}, { get() { for (;;); }, has() { for (;;); }, getOwnPropertyDescriptor() { for (;;); } });" }, method: "run" },
    "an entrypoint's constructor": {
        modules: { "main.js": "import { WorkerEntrypoint } from 'cloudflare:workers'; export default class extends WorkerEntrypoint { constructor(...a) { super(...a); for (;;); } run() {} }" },
        method: "run",
    },
    "an entrypoint's getter": {
        modules: { "main.js": "import { WorkerEntrypoint } from 'cloudflare:workers'; export default class extends WorkerEntrypoint { get run() { for (;;); } }" },
        method: "run",
    },
    "the fetch handler": fetches(SPIN),
    "a body's pull": fetches("return new Response(new ReadableStream({ pull() { for (;;); } }));"),
    "a body that is made too slowly": fetches("return new Response(new ReadableStream({ pull(c) { for (let i = 0; i < 1e6; i++); c.enqueue(new Uint8Array(1)); } }));"),
    "a body's transformer": fetches("return new Response(new Blob(['a']).stream().pipeThrough(new TransformStream({ transform() { for (;;); } })));"),
    "WebAssembly": wasm(WASM_LOOP, "new WebAssembly.Instance(m).exports.f();"),
    "WebAssembly's start": wasm(WASM_START, "new WebAssembly.Instance(m);"),
    "WebAssembly that is caught": wasm(WASM_LOOP, "for (;;) try { new WebAssembly.Instance(m).exports.f(); } catch {}"),
};

export const cpuCases = Object.fromEntries(
    Object.entries(cases).map(([name, test]) => [
        `CPU: ${name}`,
        { test: { limits: LIMITS, ...test }, exceeds: "cpuMs" },
    ]),
);
