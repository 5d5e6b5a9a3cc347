// AsyncLocalStorage in workers: the same module runs in node and in a cell, and gives the same. In each body, `als` is a
// storage, `get()` its store, `see(label)` notes it, `wait()` takes a while; what was noted is compared.

import { ask, fails } from "./nodejs.mjs";

const HEAD = `import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
const als = new AsyncLocalStorage(), seen = [], get = () => als.getStore() ?? "none", see = (label) => { seen.push(label + ":" + get()); };
const wait = (ms = 1) => new Promise((done) => setTimeout(done, ms)), fail = () => Promise.reject(new Error("no"));
export default async () => {`;

const cases = {
    "run, nested, and after it": `als.run(1, () => { see("a"); als.run(2, () => see("b")); see("c"); }); see("d");`,
    "run gives and throws": `seen.push(als.run(1, (a, b) => a + b + get(), 2, 3)); try { als.run(1, () => { throw 4; }); } catch (e) { seen.push(e); } see("a");`,
    "await a value, a promise, a timer": `await als.run(1, async () => { see("a"); await 0; see("b"); await Promise.resolve(); see("c"); await wait(); see("d"); }); see("e");`,
    "await in expressions": `await als.run(1, async () => {
            const f = async (x) => (await wait(), see("f" + x), x); const { a = await f(1), [await f(2)]: b } = {}; see("a");
            seen.push(\`\${await f(3)} \${await f(4)}\`, (await f(5)) + (await f(6)) * (await (await f(7))), [...(await f([8]))].length, -(await f(9)), await f(10) ? await f(11) : 0);
            const o = { m: async () => get(), async [await f("k")]() {} }; seen.push(await o.m(), await (0, await f(12)), typeof await f(13), (await f({ x: { y: 1 } }))?.x.y);
            for (let i = await f(14); i < await f(15); i++) see("l"); if (await f(0)) ; else see("m"); switch (await f(1)) { case await f(1): see("s"); }
        });`,
    "two at once do not mix": `await Promise.all([1, 2, 3].map((n) => als.run(n, async () => { for (let i = 0; i < 3; i++) { await wait(n); seen.push(get() === n); } }))); see("z");`,
    "a rejection is caught in its context": `await als.run(1, async () => { try { await fail(); } catch { see("a"); } try { await (await wait(), fail()); } catch ({ message }) { see(message); } finally { see("b"); } });`,
    "others run meanwhile": `const other = als.run(2, async () => { for (let i = 0; i < 9; i++) await null; });
        await als.run(1, async () => { try { await fail(); } catch { see("a"); } try { await null; throw 1; } catch { see("b"); } finally { see("c"); } try { try { await fail(); } finally { see("d"); } } catch { see("e"); } }); await other;`,
    "a catch that awaits, and its finally": `await als.run(1, async () => { try { try { throw 1; } catch { await fail(); } finally { see("a"); await null; see("b"); } } catch { see("c"); } });`,
    "a synchronous throw after enterWith": `await als.run(1, async () => { try { await null; als.enterWith(2); throw 1; } catch { see("a"); } await null; see("b"); });`,
    "enterWith follows": `await als.run(1, async () => { als.enterWith(2); see("a"); await null; see("b"); setTimeout(() => see("t")); als.enterWith(3); await wait(5); see("c"); }); see("d");`,
    "enterWith within what is awaited": `await als.run(1, async () => { await (als.enterWith(2), null); see("a"); await als.enterWith(3); see("b"); });`,
    "exit": `await als.run(1, async () => { await als.exit(async () => { see("a"); await null; see("b"); }); see("c"); });`,
    "disable": `als.run(1, () => { als.disable(); see("a"); als.run(2, () => see("b")); });`,
    "then, catch, finally": `await als.run(1, () => wait().then(() => see("a")).then(() => { see("b"); throw 1; }).catch(() => see("c")).finally(() => see("d"))); see("e");`,
    "a reaction keeps where it was added": `const p = als.run(1, () => wait()); await als.run(2, () => p.then(() => see("a"))); const q = p.then(() => see("b")); await q;`,
    "a promise settled elsewhere": `let settle; const p = new Promise((r) => (settle = r)); const q = als.run(1, async () => { await p; see("a"); }); als.run(2, () => setTimeout(settle, 1)); await q;`,
    "Promise's statics": `await als.run(1, async () => { await Promise.all([wait(), 1]); see("a"); await Promise.race([wait(), wait(9)]); see("b"); await Promise.any([fail(), wait()]); see("c"); seen.push((await Promise.allSettled([fail(), 2])).length); see("d"); });`,
    "thenables": `class Query { constructor(n) { this.n = n; } then(yes, no) { see("then" + this.n); return wait().then(() => { see("in" + this.n); return this.n; }).then(yes, no); } }
        await als.run(1, async () => { await als.run(2, async () => { seen.push(await new Query(1)); see("a"); }); see("b"); seen.push(await (async () => new Query(2))()); see("c"); });`,
    "thenables that fail": `await als.run(1, async () => { try { await { then(_, no) { see("t"); no(1); } }; } catch { see("a"); } try { await { then() { see("u"); throw 1; } }; } catch { see("b"); } try { await { get then() { see("g"); throw 2; } }; } catch { see("c"); } });`,
    "a class of promises with its own then": `class P extends Promise { then(...a) { see("then"); return super.then(...a); } } await als.run(1, async () => { await new P((r) => r(1)); see("a"); });`,
    "timers": `await als.run(1, () => new Promise((done) => { setTimeout(() => see("t")); const i = setInterval(() => { see("i"); clearInterval(i); }, 1); setTimeout(done, 20); })); see("z");`,
    "setImmediate, nextTick, queueMicrotask": `await als.run(1, () => new Promise((done) => { setImmediate(() => { see("i"); done(); }); process.nextTick(() => see("n")); queueMicrotask(() => see("m")); })); seen.sort(); see("z");`,
    "what one job leaves the next does not see": `als.run(1, () => { wait().then(() => als.enterWith(9)); }); wait().then(() => see("a")); setTimeout(() => see("b"), 3); await wait(9); see("c");`,
    "node:timers and timers/promises": `const { setTimeout: later } = await import("node:timers"), { setTimeout: wait2 } = await import("node:timers/promises"); await als.run(1, () => new Promise((done) => later(() => { see("a"); done(); }, 1))); await als.run(2, async () => { await wait2(1); see("b"); });`,
    "events are heard where they are emitted": `const { EventEmitter, once } = await import("node:events"); const e = new EventEmitter(); als.run(1, () => e.on("x", () => see("a"))); als.run(2, () => e.emit("x")); const p = als.run(3, () => once(e, "y").then(() => see("b"))); als.run(4, () => e.emit("y")); await p;
        const t = new EventTarget(); als.run(5, () => t.addEventListener("z", () => see("c"))); als.run(6, () => t.dispatchEvent(new Event("z"))); const c = new AbortController(); als.run(7, () => c.signal.addEventListener("abort", () => see("d"))); als.run(8, () => c.abort());`,
    "EventEmitterAsyncResource": `const { EventEmitterAsyncResource } = await import("node:events"); const e = als.run(1, () => new EventEmitterAsyncResource({ name: "x" })); e.on("x", () => see("a")); als.run(2, () => e.emit("x"));`,
    "async generators": `async function* g() { see("g1"); yield 1; see("g2"); await wait(); see("g3"); yield wait(); see("g4"); try { yield fail(); } catch { see("g5"); } }
        await als.run(1, async () => { for await (const x of g()) see("l" + x); see("z"); });`,
    "an async generator whose caller changes": `async function* g() { see("a"); yield 1; see("b"); await null; see("c"); yield 2; see("d"); } const it = g(); await als.run(1, () => it.next()); await als.run(2, () => it.next()); await als.run(3, () => it.next()); see("z");`,
    "for await over promises, with labels": `await als.run(1, async () => { out: for (const a of [1, 2]) { lab: for await (const x of [wait(), 2, Promise.resolve(3)]) { see("l" + x); if (x === 2) continue lab; if (x === 3) continue out; await wait(); see("m"); } } see("z"); });`,
    "for await that is left": `const seq = (n) => ({ [Symbol.asyncIterator]: () => ({ i: 0, async next() { await wait(); see("n"); return { value: this.i++, done: this.i > n }; }, async return() { see("r"); await wait(); return {}; } }) });
        const f = async () => { for await (const x of seq(5)) { if (x === 1) return get(); } }; await als.run(1, async () => { for await (const x of seq(3)) if (x === 1) break; see("a"); seen.push(await f()); try { for await (const x of seq(3)) throw 1; } catch { see("b"); } for await (const x of seq(2)); see("c"); });`,
    "for await that fails": `const it = { [Symbol.asyncIterator]: () => ({ async next() { await wait(); throw 1; } }) }; await als.run(1, async () => { try { for await (const x of it) ; } catch { see("a"); } try { for await (const x of null) ; } catch (e) { seen.push(e instanceof TypeError); } try { for await (const { y = get() } of [{}]) seen.push(y); } finally { see("f"); } });`,
    "yield* in async generators": `async function* inner() { yield 1; await wait(); see("i"); return 7; } async function* g() { const r = yield* inner(); see("g" + r); yield* [2, wait()]; see("h"); try { yield* (async function* () { throw 1; })(); } catch { see("c"); } } await als.run(1, async () => { for await (const x of g()) see("l" + x); });`,
    "generators that return and throw": `async function* g() { try { await wait(); yield 1; } finally { see("f"); await wait(); see("f2"); } } await als.run(1, async () => { const a = g(); await a.next(); seen.push((await a.return(5)).value); see("a"); const b = g(); await b.next(); await b.throw(new Error("x")).catch((e) => see(e.message)); async function* h() { try { return wait(); } finally { see("h"); } } await h().next(); });`,
    "arrow functions, methods, classes": `class A { #p = get(); static async s() { await wait(); return get(); } async m() { await null; return [this.#p, get()]; } get g() { return (async () => { await null; return get(); })(); } static { als.run(9, () => see("static")); } }
        await als.run(1, async () => { const a = new A(); seen.push(await A.s(), await a.m(), await a.g, await (async (x = get()) => (await wait(), [x, get()]))(), await (async () => ({ s: get() }))()); });`,
    "this, arguments and new.target stay": `async function f() { await null; return [this?.x, arguments.length, get()]; } await als.run(1, async () => { seen.push(await f.call({ x: 1 }, 1, 2)); }); function G() { this.p = (async () => { await null; return new.target === G; })(); } seen.push(await new G().p, f.length, f.name, Object.getPrototypeOf(f) === Object.getPrototypeOf(async () => {}));`,
    "bind and snapshot": `const bound = als.run(1, () => AsyncLocalStorage.bind((a) => a + get())), snap = als.run(2, () => AsyncLocalStorage.snapshot()); als.run(3, () => { seen.push(bound("x"), snap((a, b) => a + b + get(), "y", "z")); see("a"); }); seen.push(bound.length);`,
    "AsyncResource": `class R extends AsyncResource { constructor() { super("R"); } f(...a) { return this.runInAsyncScope(function (...b) { return [this?.q, ...b, get()]; }, { q: 1 }, ...a); } } const r = als.run(1, () => new R()); als.run(2, () => { seen.push(r.f(5, 6), r.bind(() => get())(), AsyncResource.bind(() => get())()); see("a"); }); const later = als.run(3, () => AsyncResource.bind(async () => { await wait(); see("b"); })); await later();`,
    "wrong arguments": `for (const f of [() => new AsyncResource(), () => AsyncResource.bind(1), () => AsyncLocalStorage.bind(1), () => new AsyncResource("x").runInAsyncScope(1)]) { try { f(); seen.push("fine"); } catch (e) { seen.push(e.name); } }`,
    "two storages": `const other = new AsyncLocalStorage(); await als.run(1, async () => { await other.run("o", async () => { await null; seen.push(get(), other.getStore()); other.enterWith("p"); als.enterWith(2); await null; seen.push(get(), other.getStore()); }); seen.push(get(), other.getStore() ?? "none"); });`,
    "streams": `await als.run(1, async () => { const s = new ReadableStream({ start() { see("s"); }, async pull(c) { await wait(); see("p"); c.enqueue("x"); c.close(); } }, { highWaterMark: 0 }); for await (const x of s.pipeThrough(new TransformStream({ transform(x, c) { see("t"); c.enqueue(x); } }))) see(x); });
        seen.push(new ReadableStream() instanceof ReadableStream, new Response("x").body instanceof ReadableStream, new (class extends ReadableStream {})() instanceof ReadableStream, new ReadableStream().constructor === ReadableStream);`,
    "a limit on what runs at once": `const queue = []; let busy = 0; const next = () => { busy--; queue.shift()?.(); }; const limit = (f) => new Promise((done) => { const go = async () => { busy++; const result = (async () => f())(); done(result); try { await result; } catch {} next(); }; const bound = AsyncResource.bind(go); busy < 1 ? bound() : queue.push(bound); });
        await Promise.all([1, 2, 3].map((n) => als.run(n, () => limit(async () => { see("in" + n); await wait(); see("out" + n); }))));`,
    "promises look as before": `const d = Object.getOwnPropertyDescriptor(Promise.prototype, "then"); seen.push(d.enumerable, d.writable, Promise.prototype.then.name, Promise.prototype.then.length, Promise.resolve.name, Promise.resolve.length, Promise.resolve(Promise.resolve()) instanceof Promise, (async () => {})().constructor === Promise); const p = Promise.resolve(1); seen.push(Promise.resolve(p) === p, await Promise.reject(1).then(null, (x) => x), await p.then(5));`,
    "the order of jobs": `const o = []; const a = async (n) => { for (let i = 0; i < 3; i++) { o.push(n + i); await null; } }; await Promise.all([a("a"), a("b"), Promise.resolve().then(() => o.push("t1")).then(() => o.push("t2"))]); seen.push(o.join(" "));`,
};

const sameAsNode = Object.entries(cases).map(([name, body]) => [
    name,
    async (server) => {
        const source = `${HEAD} ${body} return seen; };`;
        const module = await import(`data:text/javascript,${encodeURIComponent(source)}`);
        const expected = JSON.stringify(await module.default());
        const actual = JSON.stringify(await ask(server, { modules: { "snippet.js": source } }));
        if (actual !== expected) throw new Error(`node gives ${expected}, the cell ${actual}`);
    },
]);

const equal = (actual, expected) => {
    if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
};

const BOTH = `import { AsyncLocalStorage } from "node:async_hooks"; export const als = new AsyncLocalStorage();`;

const rules = {
    "modules that do not name it keep contexts too": async (server) => {
        const modules = {
            "store.js": BOTH,
            "lib.js": "export let calls = 0; export const slow = async (f) => { calls++; try { await new Promise((r) => setTimeout(r, 2)); throw 1; } catch { return f(); } };",
            "snippet.js": 'import { als } from "./store.js"; import { slow, calls } from "./lib.js"; export default async () => als.run(1, async () => [await slow(() => als.getStore()), als.getStore(), calls]);',
        };
        equal(await ask(server, { modules }), [1, 1, 1]);
    },
    "in CommonJS, cycles and TypeScript": async (server) => {
        const modules = {
            "store.cjs": { cjs: 'const { AsyncLocalStorage } = require("async_hooks"); const als = new AsyncLocalStorage(); exports.als = als; exports.f = async () => { await null; return als.getStore(); };' },
            "a.ts": 'import { b } from "./b.ts"; import s from "./store.cjs"; export async function a(n: number): Promise<unknown[]> { await null; return [s.als.getStore(), await s.f(), ...(n ? await b(n - 1) : [])]; }',
            "b.ts": 'import { a } from "./a.ts"; export const top: number = await new Promise<number>((r) => setTimeout(r, 1, 7)); export async function b(n: number) { await null; return [top, ...(await a(n))]; }',
            "snippet.js": 'import s from "./store.cjs"; import { a } from "./a.ts"; export default () => s.als.run(3, () => a(1));',
        };
        equal(await ask(server, { modules }), [3, 3, 7, 3, 3]);
    },
    "what the bundler wraps, and getBuiltinModule": async (server) => {
        const source = 'const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks"); const als = new AsyncLocalStorage(); export default () => als.run(1, async () => { await null; return als.getStore(); });';
        equal(await ask(server, { modules: { "snippet.js": source } }), 1);
    },
    "nodejs_als is enough": async (server) => {
        const source = `${BOTH} export default () => als.run(1, async () => { await null; return [als.getStore(), typeof Buffer]; });`;
        equal(await ask(server, { flags: ["nodejs_als"], modules: { "snippet.js": source } }), [1, "undefined"]);
        await fails(server, { flags: ["nodejs_als"], modules: { "snippet.js": 'import "node:buffer"; export default () => 1;' } }, /No such module "node:buffer"/);
        await fails(server, { flags: [], modules: { "snippet.js": source } }, /No such module "node:async_hooks"/);
    },
    "errors stay where they are in the source": async (server) => {
        const source = `import "node:async_hooks";\nexport default () => 1;\ntry { await 1; await 2; null.x; } finally {}`;
        await fails(server, { modules: { "snippet.js": source } }, /at snippet\.js:3:29/);
        const long = `import "node:async_hooks";\nexport default () => 1;\nfor await (const x of [await 1, 2]) { try { await (await x); } catch {} undefined.y; }`;
        await fails(server, { modules: { "snippet.js": long } }, /at snippet\.js:3:82/);
        await fails(server, { modules: { "snippet.js": 'import "node:async_hooks";\nexport default async () => { await 1; let 2; };' } }, /at snippet\.js:2:43/);
        const typed = 'import "async_hooks";\nexport const f = async (x: number): Promise<void> => { await x; };\nconst y: number = (await 1) as number; (null as any).z;\nexport default 1;';
        await fails(server, { modules: { "snippet.js": 'export { default } from "./t.ts";', "t.ts": typed } }, /at t\.ts:3:5\d/);
    },
};

export const suites = [{ name: "contexts", target: "nodejs.js", cases: { ...Object.fromEntries(sameAsNode), ...rules } }];
