// Case 2: workers that take memory of every kind without end. Each ends by its memory limit (or, where making so much takes
// long, its CPU time limit), whatever it catches.

const LIMITS = { memoryMb: 16, cpuMs: 20_000 };

const run = (lines) => ({ modules: { "main.js": `export default { async run() { const l = []; ${lines} } };` }, method: "run" });
const start = (lines) => ({ modules: { "main.js": `${lines}; export default { run() {} };` }, method: "run" });

/** A module that exports a memory of one page, which may have 65,536. */
const WASM_MEMORY = [0, 97, 115, 109, 1, 0, 0, 0, 5, 6, 1, 1, 1, 128, 128, 4, 7, 7, 1, 3, 109, 101, 109, 2, 0];

const cases = {
    "typed arrays": run("for (;;) l.push(new Uint8Array(1 << 20).fill(1));"),
    "small buffers": run("for (;;) l.push(new ArrayBuffer(100));"),
    "floats": run("for (;;) l.push(new Float64Array(1000).fill(Math.PI));"),
    "one large buffer": run("l.push(new Uint8Array(1 << 29).fill(1));"),
    "buffers that are caught": run("for (;;) try { l.push(new Uint8Array(1 << 24).fill(1)); } catch {}"),
    "resizable buffers": run("for (;;) { const b = new ArrayBuffer(8, { maxByteLength: 1 << 20 }); b.resize(1 << 20); new Uint8Array(b).fill(1); l.push(b); }"),
    "strings": run("for (let i = 0; ; i++) l.push((i + 'abcdefgh').repeat(1000).split('a').join('b'));"),
    "a string that doubles": run("for (let s = 'ab'; ; s += s) l.push(s.charCodeAt(s.length - 1), s.replace('a', 'c').toUpperCase());"),
    "repeat": run("for (let i = 0; ; i++) l.push('xy'.repeat(1 << 22).replace('x', i + ''));"),
    "padStart": run("for (let i = 0; ; i++) l.push(''.padStart(1 << 22, i + 'é').split(''));"),
    "objects": run("for (;;) l.push({ a: l.length });"),
    "objects of many shapes": run("for (let i = 0; ; i++) l.push({ ['k' + i]: i });"),
    "one object of many properties": run("const o = {}; for (let i = 0; ; i++) o['k' + i] = i;"),
    "numbers": run("for (;;) l.push(Math.random());"),
    "a filled array": run("l.push(new Array(1e8).fill(0));"),
    "Array.from": run("l.push(Array.from({ length: 1e8 }, (_, i) => i));"),
    "sparse arrays": run("for (let i = 0; ; i += 1e6) { const a = []; for (let k = 0; k < 1e4; k++) a[(k * 1e5) % 4e9] = k; l.push(a); }"),
    "spread": run("let a = [1, 2, 3]; for (;;) a = [...a, ...a];"),
    "concat": run("let a = [1, 2, 3]; for (;;) a = a.concat(a);"),
    "a Map": run("const m = new Map(); for (let i = 0; ; i++) m.set(i, i);"),
    "a Set": run("const s = new Set(); for (let i = 0; ; i++) s.add('s' + i);"),
    "a WeakMap": run("const m = new WeakMap(); for (;;) { const k = {}; l.push(k); m.set(k, [1, 2]); }"),
    "weak references": run("for (;;) l.push(new WeakRef({}));"),
    "finalizers": run("const r = new FinalizationRegistry(() => {}); for (;;) { const o = {}; l.push(o); r.register(o, 1); }"),
    "closures": run("for (;;) { const a = l.length; l.push(() => a); }"),
    "classes": run("for (;;) l.push(class { #a = 1; get a() { return this.#a; } });"),
    "symbols": run("for (let i = 0; ; i++) l.push(Symbol('s' + i));"),
    "BigInts": run("for (let i = 0n; ; i++) l.push((1n << 1000n) + i);"),
    "regular expressions": run("for (let i = 0; ; i++) { const r = new RegExp('a' + i + '[b-z]+'); r.test('x'); l.push(r); }"),
    "matches": run("const s = 'ab'.repeat(1000); for (;;) l.push([...s.matchAll(/(a)(b)/g)]);"),
    "dates": run("for (;;) l.push(new Date());"),
    "errors": run("for (;;) l.push(new Error('e', { cause: l.at(-1) }));"),
    "a list": run("let a; for (;;) a = { a };"),
    "generators": run("function* g() { yield 1; } for (;;) { const x = g(); x.next(); l.push(x); }"),
    "promises that wait": run("for (;;) l.push(new Promise(() => {}));"),
    "async functions that wait": run("const never = new Promise(() => {}); for (;;) l.push((async () => { await never; })());"),
    "microtasks": run("for (;;) queueMicrotask(() => {});"),
    "timers": run("for (;;) setTimeout(() => {}, 1e6);"),
    "listeners": run("const t = new EventTarget(); for (;;) t.addEventListener('a', () => {});"),
    "signals": run("for (;;) l.push(new AbortController());"),
    "bound functions": run("let f = () => 1; for (;;) { f = f.bind(); l.push(f); }"),
    "proxies": run("for (;;) l.push(new Proxy({}, {}));"),
    "a stream that is filled": run("new ReadableStream({ start(c) { for (;;) c.enqueue(new Uint8Array(1 << 16).fill(1)); } });"),
    "a stream that nobody reads": run("const w = new TransformStream({}, { highWaterMark: Infinity }, { highWaterMark: Infinity }).writable.getWriter(); for (;;) w.write(new Uint8Array(1 << 16).fill(1)).catch(() => {});"),
    "a tee of which one half is read": run("const [a] = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16).fill(1)); } }).tee(); const r = a.getReader(); for (;;) await r.read();"),
    "a body that is buffered": run("return (await new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16).fill(1)); } })).arrayBuffer()).byteLength;"),
    "blobs": run("for (let i = 0; ; i++) l.push(new Blob([new Uint8Array(1 << 16).fill(i)]));"),
    "a form": run("const f = new FormData(); for (let i = 0; ; i++) f.append('a', 'value' + i);"),
    "headers": run("const h = new Headers(); for (let i = 0; ; i++) h.append('a' + i, 'value' + i);"),
    "search parameters": run("const p = new URLSearchParams(); for (let i = 0; ; i++) p.append('a', 'value' + i);"),
    "URLs": run("for (let i = 0; ; i++) l.push(new URL('http://example.com/' + i));"),
    "requests": run("for (let i = 0; ; i++) l.push(new Request('http://example.com/' + i));"),
    "encoded text": run("const e = new TextEncoder(); for (;;) l.push(e.encode('x'.repeat(1e5)));"),
    "decoded text": run("const d = new TextDecoder(), b = new Uint8Array(1e5).fill(233); for (;;) l.push(d.decode(b).slice(1) + l.length);"),
    "structuredClone": run("const a = Array.from({ length: 1000 }, (_, i) => ({ i })); for (;;) l.push(structuredClone(a));"),
    "JSON.parse": run("const t = JSON.stringify(Array.from({ length: 1e5 }, (_, i) => ({ i }))); for (;;) l.push(JSON.parse(t));"),
    "JSON.stringify": run("const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) l.push(JSON.stringify(a).replace('1', '2'));"),
    "JSON.stringify of a graph that unfolds": run("let a = ['x'.repeat(100)]; for (let i = 0; i < 22; i++) a = [a, a]; for (;;) l.push(JSON.stringify(a));"),
    "a base64 text": run("for (;;) l.push(btoa('x'.repeat(1e6)));"),
    "a result that grows as it is sent": run("return { get a() { for (;;) l.push({}); } };"),
    "at the start": start("const l = []; for (;;) l.push({ a: 1 })"),
    "over the calls of one worker": {
        modules: { "main.js": "const l = []; export default { run() { l.push(new Uint8Array(4 << 20).fill(1)); return l.length; } };" },
        method: "run",
        then: Array.from({ length: 8 }, () => ({ method: "run" })),
        ends: (outcomes) => outcomes.find((outcome) => outcome.limit),
    },
    "WebAssembly memory": {
        modules: {
            "main.js": "import m from './m.wasm'; export default { run() { const { mem } = new WebAssembly.Instance(m).exports; for (;;) { mem.grow(16); new Uint8Array(mem.buffer).fill(1); } } };",
            "m.wasm": WASM_MEMORY,
        },
        method: "run",
    },
};

export const memoryCases = Object.fromEntries(
    Object.entries(cases).map(([name, { ends, ...test }]) => [
        `memory: ${name}`,
        { test: { limits: LIMITS, ...test }, exceeds: "memoryMb", ends },
    ]),
);
