// Case 3: workers that look for a way out of their realm into the runtime beside it: its natives, its channel, its source.
// Each gives what it found; `undefined` is nothing, and what has to be.

/** What of the runtime no worker may hold. The natives' class is called Native; their object has names of its own. */
const PRELUDE = `
const found = [];
const toStringOf = Object.prototype.toString, has = Object.prototype.hasOwnProperty, apply = Reflect.apply, ownKeys = Reflect.ownKeys;
const push = Array.prototype.push, get = Map.prototype.get, desc = Object.getOwnPropertyDescriptor, isArray = Array.isArray;
const look = (x, where) => {
    if ((typeof x !== "object" && typeof x !== "function") || x === null) return;
    let tag = "";
    try { tag = apply(toStringOf, x, []); } catch { return; }
    const isNatives = apply(has, x, ["monotonicTime"]) && apply(has, x, ["send"]);
    if (tag === "[object Native]" || isNatives) found[found.length] = where + ": " + tag;
};
const lookAll = (list, where) => { for (let i = 0; i < list.length; i++) look(list[i], where); };
/** Uses as much of the runtime as a worker can in a moment. */
const stir = async () => {
    try { console.log({ a: [1, new Map([[1, 2]])] }, new Error("e")); } catch {}
    try { structuredClone({ a: [1], m: new Map([[1, new Date(0)]]) }); } catch {}
    try { new Headers([["a", "b"]]).append("c", "d"); new URL("http://a/?b=c").searchParams.get("b"); } catch {}
    try { await new Response(new Blob(["x"]).stream()).text(); } catch {}
    try { await new Promise((f) => { setTimeout(f, 0); }); } catch {}
    try { await fetch("http://nowhere/"); } catch (e) { look(e, "fetch"); }
    try { crypto.getRandomValues(new Uint8Array(4)); btoa("a"); new TextEncoder().encode("a"); performance.now(); Date.now(); } catch {}
    try { new EventTarget().dispatchEvent(new Event("a")); queueMicrotask(() => {}); } catch {}
    try { await crypto.subtle.digest("SHA-256", new Uint8Array(1)); } catch {}
};
const report = () => (found.length ? found[0] : undefined);
`;

/** `lines` are the body of an async function; what they return is looked at as well. */
const search = (lines) => ({
    modules: { "main.js": `${PRELUDE} export default { async run() { const got = await (async () => { ${lines} })(); look(got, "result"); return report() ?? got; } };` },
    method: "run",
});

/** Replaces a function by one that looks at all that passes through it. */
const tapped = (owner, name) =>
    search(`const owner = ${owner}, key = ${name}, d = desc(owner, key), own = d.value;
        Object.defineProperty(owner, key, { ...d, value: function (...args) { look(this, key); lookAll(args, key); const r = new.target ? Reflect.construct(own, args, new.target) : apply(own, this, args); look(r, key); return r; } });
        await stir();`);

/** Defines a setter or getter where plain objects and arrays would find it. */
const inherited = (key) =>
    search(`Object.defineProperty(Object.prototype, ${key}, { configurable: true, get() { look(this, ${key}); return undefined; }, set(v) { look(this, ${key}); look(v, ${key}); Object.defineProperty(this, ${key}, { value: v, writable: true, configurable: true, enumerable: true }); } });
        await stir(); delete Object.prototype[${key}];`);

const taps = [
    ["Function.prototype", "'call'"], ["Function.prototype", "'apply'"], ["Function.prototype", "'bind'"], 
    ["Reflect", "'apply'"], ["Reflect", "'construct'"], ["Reflect", "'ownKeys'"], ["Object", "'assign'"], ["Object", "'keys'"], ["Object", "'entries'"],
    ["Object", "'defineProperty'"], ["Object", "'freeze'"], ["Object.prototype", "'toString'"], ["Object.prototype", "'hasOwnProperty'"], ["Array.prototype", "'push'"],
    ["Array.prototype", "'map'"], ["Array.prototype", "'forEach'"], ["Array.prototype", "Symbol.iterator"], ["Map.prototype", "'get'"], ["Map.prototype", "'set'"], ["WeakMap.prototype", "'get'"],
    ["WeakMap.prototype", "'set'"], ["Set.prototype", "'add'"], ["Promise.prototype", "'then'"], ["Promise", "'resolve'"], ["JSON", "'stringify'"], ["JSON", "'parse'"],
    ["String.prototype", "'replace'"], ["RegExp.prototype", "'exec'"], ["Uint8Array.prototype.__proto__", "'set'"], ["Uint8Array.prototype.__proto__", "'subarray'"],
];

const isRefused = ([outcome]) => {
    if (outcome.message === undefined) throw new Error(`expected an error, got ${JSON.stringify(outcome)}`);
};
const isNothing = ([outcome]) => {
    if (outcome.message !== undefined || (outcome.value !== undefined && outcome.value !== null)) {
        throw new Error(`expected nothing, got ${JSON.stringify(outcome)}`);
    }
};

/** A module that imports, as its first line, what it must not get. */
const imports = (specifier) => ({ test: { modules: { "main.js": `import * as m from ${JSON.stringify(specifier)}; export default { run() { return Object.keys(m); } };` }, method: "run" }, check: isRefused });
const importsLater = (specifier) => ({ test: search(`try { return Object.keys(await import(${JSON.stringify(specifier)})).join(); } catch { return undefined; }`), check: isNothing });

const paths = ["/etc/passwd", "file:///etc/passwd", "../../etc/passwd", "data:text/javascript,export default 1", "https://example.com/a.js", "node:fs", "fs", "node:child_process", "mayfly:runtime", "blob:null/1"];

const searches = {
    "constructor of constructors": "try { return (function () {}).constructor.constructor('return this')(); } catch (e) { look(e.constructor.constructor, 'e'); return undefined; }",
    "constructor of async functions": "for (const f of [async () => {}, function* () {}, async function* () {}]) try { return f.constructor('return this')(); } catch {}",
    "the constructor of each global's function": "for (const k of ownKeys(globalThis)) { try { const f = globalThis[k]; look(f, k); look(f?.constructor, k); look(f?.prototype, k); look(f?.prototype?.constructor?.constructor, k); } catch {} }",
    "own properties of all that is reachable": `const seen = new Set(), todo = [globalThis]; while (todo.length && seen.size < 20000) { const x = todo.pop(); if (seen.has(x)) continue; seen.add(x); look(x, "walk");
        for (let p = x; p; p = Object.getPrototypeOf(p)) for (const k of ownKeys(p)) { let d; try { d = desc(p, k); } catch { continue; } for (const v of [d?.value, d?.get, d?.set]) if (v && (typeof v === "object" || typeof v === "function")) todo.push(v); } }`,
    "callers of a function": "function f() { try { return f.caller; } catch { return undefined; } } look(f(), 'caller'); [2, 1].sort(f); return undefined;",
    "sloppy code": "try { const f = new Function('return arguments.callee.caller'); return f(); } catch { return undefined; }",
    "a string as a timer": "let ran; globalThis.run = () => (ran = 1); try { setTimeout('run()', 0); } catch {} await new Promise((f) => setTimeout(f, 5)); return ran;",
    "Error.prepareStackTrace": "Error.prepareStackTrace = (e, frames) => { lookAll(frames ?? [], 'frames'); for (const f of frames ?? []) { look(f?.getThis?.(), 'this'); look(f?.getFunction?.(), 'function'); } return frames; }; look(new Error('a').stack, 'stack'); await stir();",
    "Error.captureStackTrace": "const o = {}; Error.captureStackTrace?.(o); look(o.stack, 'stack'); return undefined;",
    "Error.stackTraceLimit": "Object.defineProperty(Error, 'stackTraceLimit', { get() { look(this, 'limit'); return 100; } }); await stir();",
    "Error.cause": "try { throw new Error('a', { cause: { get stack() { look(this, 'cause'); return 1; } } }); } catch (e) { console.log(e); }",
    "a stack that overflows within the runtime": "const f = (n) => { try { f(n + 1); } catch { try { new Headers([['a', 'b']]); structuredClone({ a: 1 }); } catch (e) { look(e, 'overflow'); look(e.constructor.constructor('return this')(), 'overflow'); } } }; f(0); return undefined;",
    "SuppressedError": "if (typeof SuppressedError === 'undefined') return undefined; const s = new SuppressedError(1, 2); look(s.constructor.constructor('return this')(), 's'); return undefined;",
    "DisposableStack": "if (typeof DisposableStack === 'undefined') return undefined; const s = new DisposableStack(); s.defer(function () { look(this, 'dispose'); lookAll(arguments, 'dispose'); }); s.dispose(); return undefined;",
    "Symbol.asyncDispose": "const o = { [Symbol.asyncDispose ?? 'x']() { look(this, 'dispose'); } }; await o[Symbol.asyncDispose ?? 'x'](); return undefined;",
    "AggregateError": "try { await Promise.any([fetch('http://a/'), fetch('http://b/')]); } catch (e) { look(e, 'e'); lookAll(e.errors ?? [], 'errors'); } return undefined;",
    "Symbol.species of promises": "class P extends Promise { static get [Symbol.species]() { return function (executor) { look(executor, 'species'); return new Promise((a, b) => executor(a, b)); }; } } await P.resolve(1).then(() => {}); Object.defineProperty(Promise, Symbol.species, { get() { look(this, 'species'); return P; } }); await stir();",
    "Symbol.species of arrays": "Object.defineProperty(Array, Symbol.species, { get() { look(this, 'species'); return class extends Array { constructor(...a) { super(...a); look(this, 'species'); } }; } }); await stir();",
    "Symbol.toPrimitive of what is handed over": "const o = { [Symbol.toPrimitive](hint) { lookAll(arguments, 'hint'); return 'x'; } }; new Headers([[o, o]]); setTimeout(() => {}, o); new URL('http://' + o); await stir();",
    "a proxy's traps": "const p = new Proxy(function () {}, new Proxy({}, { get: (t, k) => function (...a) { lookAll(a, String(k)); return Reflect[k]?.(...a); } })); try { structuredClone(p); } catch {} try { new Headers(p); } catch {} try { console.log(p); } catch {} try { new Response(p); } catch {}",
    "getters of what is handed over": "const o = { get method() { look(this, 'm'); return 'GET'; }, get headers() { look(this, 'h'); return []; }, get signal() { return undefined; } }; new Request('http://a/', o); new Response('', o);",
    "a thenable's arguments": "await { then(a, b) { look(a, 'then'); look(b, 'then'); look(a.constructor, 'then'); a(); } };",
    "a stream's controller": "await new Response(new ReadableStream({ pull(c) { look(c, 'pull'); look(this, 'pull'); look(Object.getPrototypeOf(c), 'pull'); c.close(); } })).text();",
    "a transformer's this": "await new Response(new Blob(['a']).stream().pipeThrough(new TransformStream({ transform() { look(this, 't'); lookAll(arguments, 't'); } }))).text();",
    "an event handler's this": "const t = new EventTarget(); t.addEventListener('a', function (e) { look(this, 'e'); look(e, 'e'); lookAll(ownKeys(e).map((k) => e[k]), 'e'); }); t.dispatchEvent(new Event('a'));",
    "a timer's this": "await new Promise((f) => setTimeout(function () { look(this, 'timer'); lookAll(arguments, 'timer'); f(); }, 0, 1));",
    "a finalizer's argument": "new FinalizationRegistry(function (x) { look(this, 'f'); look(x, 'f'); }).register({}, 1); await stir();",
    "private fields by a returned object": "class A { constructor(o) { return o; } } class B extends A { #x = 1; static has(o) { return #x in o; } } const h = new Headers(); new B(h); look(h, 'h'); await stir(); return undefined;",
    "new.target of the runtime's classes": "for (const C of [Headers, Request, Response, URL, Blob, EventTarget]) { try { look(Reflect.construct(C, [], function () {}), C.name); } catch (e) { look(e, C.name); } }",
    "methods on a foreign this": "for (const C of [Headers, Request, Response, URL, Blob, ReadableStream, TextDecoder]) for (const k of ownKeys(C.prototype)) { const d = desc(C.prototype, k); for (const f of [d.value, d.get]) try { if (typeof f === 'function') look(f.call({}), String(k)); } catch (e) { look(e, String(k)); } }",
    "eval's scope": "try { return typeof (0, eval)('typeof __native === \"undefined\" ? undefined : __native'); } catch { return undefined; } ",
    "names of the runtime's own scope": "for (const name of ['native', '__native', 'hooks', 'supervisor', 'channel', 'require', 'module', 'exports', 'process', 'Deno', '$vm', '$m']) { look(globalThis[name], name); if (globalThis[name] !== undefined) return name; }",
    "source text of the runtime's functions": "for (const f of [fetch, setTimeout, structuredClone, Headers, console.log]) { const m = /__native|native\\.send/.exec(Function.prototype.toString.call(f)); if (m) return m[0]; }",
    "import.meta": "const m = import.meta; look(m, 'meta'); return ownKeys(m).map((k) => String(m[k])).find((v) => /\\/(work|root|home|tmp|usr)\\//.test(v));",
    "this of a function": "return (function () { return this; })();",
    "a getter on globalThis for names that the runtime reads": "for (const k of ['fetch', 'Promise', 'Response', 'Error', 'Map', 'JSON', 'Array', 'Object', 'Symbol', 'Reflect']) { const own = globalThis[k]; Object.defineProperty(globalThis, k, { configurable: true, get() { look(this, k); return own; } }); } await stir();",
    "WebAssembly imports": "if (typeof WebAssembly === 'undefined') return undefined; look(WebAssembly.JSTag, 'tag'); for (const k of ownKeys(WebAssembly)) look(WebAssembly[k], String(k)); return undefined;",
};

const named = (prefix, entries) => Object.fromEntries(entries.map(([name, body]) => [`realm: ${prefix}${name}`, body]));

export const realmCases = {
    ...named("", Object.entries(searches).map(([name, lines]) => [name, { test: search(lines), check: isNothing }])),
    ...named("what passes through ", taps.map(([owner, name]) => [`${owner}[${name}]`, { test: tapped(owner, name), check: isNothing }])),
    ...named("what inherits ", ["'then'", "'get'", "'value'", "'0'", "'length'", "'toJSON'", "'constructor'", "Symbol.iterator"].map((key) => [key, { test: inherited(key), check: isNothing }])),
    ...named("import of ", paths.map((path) => [path, imports(path)])),
    ...named("import() of ", paths.map((path) => [path, importsLater(path)])),
};
