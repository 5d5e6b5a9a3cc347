// Dynamic workers that mean harm, with nothing but JavaScript: what they give and do when they are called, and what it
// costs their owner. tests/rpc has what a cell could say that breaks the protocol.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, sleep, worker } from "./check.js";

const CHILD = `
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
class Then extends RpcTarget { then(resolve) { resolve("taken over"); } hi() { return "hi"; } }
class Never extends RpcTarget { then() {} }
class Odd extends RpcTarget { ["__proto__"]() { return 1; } toJSON() { return 2; } valueOf() { return 3; } [Symbol.iterator]() {} }
class Loop extends RpcTarget { get self() { return this; } next() { return new Loop(); } }
let kept = [];
export default class extends WorkerEntrypoint {
    echo(v) { return v; }
    give(what) { return make[what](); }
    proto() { return JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":1,"hasOwnProperty":2,"toString":3}'); }
    pollute() {
        Object.prototype.polluted = 1; Array.prototype[Symbol.iterator] = function* () { yield 666; };
        Map.prototype.set = Map.prototype.get = () => 666; Promise.prototype.then = undefined; JSON.stringify = () => "[]"; JSON.parse = () => [];
        return [1, 2, new Map([[1, 2]])];
    }
    async flood(f, n) { const calls = []; for (let i = 0; i < n; i++) calls.push(f(i)); return (await Promise.allSettled(calls)).filter((r) => r.status === "fulfilled").length; }
    stubs(n) { return Array.from({ length: n }, () => () => 1); }
    die(f) { setTimeout(() => { for (;;) f(); }, 0); return "dying"; }
    async late(f, ms) { await new Promise((r) => setTimeout(r, ms)); return f("late"); }
    hold(f) { kept.push(f.dup()); return kept.length; }
    useHeld() { return Promise.allSettled(kept.map((f) => f(1))).then((r) => r.map((x) => x.reason?.message ?? x.value)); }
    deep(n) { let v = 1; for (let i = 0; i < n; i++) v = [v]; return v; }
    dag(n) { let v = {}; for (let i = 0; i < n; i++) v = { a: v, b: v }; return v; }
    throwing(kind) { throw thrown[kind](); }
    async recurse(f, n) { return n === 0 ? 0 : 1 + await f(n - 1); }
    disposeAll(f) { f[Symbol.dispose](); f[Symbol.dispose](); return "disposed"; }
    async readProps() { return [this.ctx.props, Object.keys(this.ctx)]; }
    async useEnv(name, method) { try { return await this.env[name][method]("x"); } catch (e) { return e.message; } }
}
const make = {
    then: () => ({ inner: new Then() }), odd: () => new Odd(), loop: () => new Loop(), thenData: () => ({ a: { then: 5, catch: 6 } }),
    getter: () => ({ get a() { throw new RangeError("a getter that throws"); } }),
    proxy: () => new Proxy({}, { ownKeys() { throw new RangeError("a proxy that throws"); } }),
    proxyLies: () => new Proxy({ a: 1 }, { ownKeys: () => ["a", "b"], getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }), get: () => 7 }),
    prototypeProxy: () => new Proxy({}, { getPrototypeOf() { throw new RangeError("no prototype"); } }),
    iterator: () => { const m = new Map([[1, 2]]); m[Symbol.iterator] = () => { throw new RangeError("no iterating"); }; return m; },
    toString: () => { const e = new Error("x"); Object.defineProperty(e, "message", { get() { throw new RangeError("no message"); } }); return { e }; },
    typed: () => { const a = new Uint8Array(4); Object.defineProperty(a, "byteLength", { value: 1 << 30 }); return a; },
    array: () => { const a = []; a.length = 1e6; return a.length; },
    date: () => { const d = new Date(5); d.getTime = () => { throw new RangeError("no time"); }; return d; },
};
const thrown = {
    proxy: () => new Proxy(new Error("x"), { get() { throw new RangeError("nothing to see"); } }),
    message: () => { const e = new Error("x"); Object.defineProperty(e, "message", { get() { throw e; } }); return e; },
    cyclic: () => { const e = new Error("cyclic"); e.cause = e; e.self = { e }; return e; },
    huge: () => new Error("x".repeat(1 << 20)),
    function: () => () => 1, symbol: () => Symbol("thrown"), promise: () => Promise.resolve(1), target: () => new Then(),
    deep: () => { let e = new Error("bottom"); for (let i = 0; i < 1000; i++) e = new Error("e" + i, { cause: e }); return e; },
    name: () => Object.assign(new Error("m"), { name: "__proto__", constructor: 1, toString: 5, stack: "at /etc/passwd" }),
};
`;

const load = (env, more) => env.LOADER.load(worker(CHILD, more)).getEntrypoint();

/** After whatever was done, this cell is as it was. */
async function unharmed(env) {
    equal([{}.polluted, [..."ab"], JSON.stringify([1]), await Promise.resolve(1)], [undefined, ["a", "b"], "[1]", 1]);
    equal(await load(env).echo([1, new Map([[1, 2]])]), [1, new Map([[1, 2]])]);
}

const values = {
    "a method named then is no promise": async ({ env }) => {
        const { inner } = await load(env).give("then");
        ok((await inner) === inner, "the stub itself");
        equal(await inner.hi(), "hi");
        equal(inner.then, undefined);
    },
    "then and catch as data": async ({ env }) => {
        equal(await load(env).give("thenData"), { a: { then: 5, catch: 6 } });
    },
    "methods with the names of Object.prototype": async ({ env }) => {
        const odd = await load(env).give("odd");
        equal([typeof odd.toString, JSON.stringify({ odd }), String(Object.prototype.toString.call(odd))], ["function", "{}", "[object JsRpcStub]"]);
        equal([...Object.keys(odd), ...Object.getOwnPropertySymbols(odd)], []);
        await unharmed(env);
    },
    "keys that are names of Object.prototype": async ({ env }) => {
        const value = await load(env).proto();
        equal(Object.keys(value), ["__proto__", "constructor", "prototype", "hasOwnProperty", "toString"]);
        equal([Object.getPrototypeOf(value) === Object.prototype, value.polluted, {}.polluted], [true, undefined, undefined]);
        await unharmed(env);
    },
    "a worker that changes its own intrinsics harms itself": async ({ env }) => {
        await Promise.race([load(env).pollute().catch(() => {}), sleep(300)]);
        await unharmed(env);
    },
    "values whose reading throws": async ({ env }) => {
        const child = load(env);
        for (const [what, message] of [["getter", "a getter that throws"], ["proxy", "a proxy that throws"], ["prototypeProxy", "no prototype"], ["iterator", "no iterating"], ["date", "no time"]]) {
            await rejects(child.give(what), { name: "RangeError", message });
        }
        equal(await child.echo("still here"), "still here");
    },
    "values that lie about themselves": async ({ env }) => {
        const child = load(env);
        equal(await child.give("proxyLies"), { a: 7, b: 7 });
        await rejects(child.give("typed"), { name: "RangeError" });
        await child.give("toString").catch(() => {});
        equal(await child.echo("still here"), "still here");
    },
    "a million levels": async ({ env }) => {
        await rejects(load(env).deep(1_000_000), { name: "DataCloneError", message: /nested/ });
    },
    "a graph of 2^200 paths": async ({ env }) => {
        let value = await load(env).dag(200);
        for (let i = 0; i < 200; i++) {
            ok(value.a === value.b, "one object");
            value = value.a;
        }
        equal(value, {});
    },
    "everything that can be thrown": async ({ env }) => {
        const child = load(env);
        for (const kind of ["proxy", "message", "cyclic", "huge", "function", "symbol", "promise", "target", "deep", "name"]) {
            const reason = await child.throwing(kind).then(() => "a value", (error) => error);
            ok(reason !== "a value", `a rejection for ${kind}`);
            ok(!String(reason?.stack).includes("passwd"), "no stack of the worker");
        }
        equal(await child.echo("still here"), "still here");
        await unharmed(env);
    },
};

class Loud extends RpcTarget {
    then(resolve) {
        resolve("host's own");
    }
    hi() {
        return "hi";
    }
}

const calls = {
    "a pipeline of 2,000 calls": async ({ env }) => {
        let loop = load(env).give("loop");
        for (let i = 0; i < 2000; i++) loop = loop.next();
        equal(typeof (await loop.self), "function");
    },
    "more calls than the table holds are refused in the worker": async ({ env }) => {
        let served = 0;
        const fulfilled = await load(env).flood(() => ++served, 40_000);
        equal([fulfilled, served], [32768, 32768]);
        await unharmed(env);
    },
    "10,000 stubs in one result": async ({ env }) => {
        const stubs = await load(env).stubs(10_000);
        equal([stubs.length, await stubs[9999]()], [10_000, 1]);
        stubs[Symbol.dispose]();
        await rejects(stubs[0](), { message: "RPC stub used after being disposed." });
    },
    "more stubs than the table holds are an error": async ({ env }) => {
        await rejects(load(env).stubs(70_000), { name: "Error" });
        await unharmed(env);
    },
    "100 levels of calls to and fro": async ({ env }) => {
        const child = load(env);
        const down = (n) => child.recurse(down, n);
        equal(await down(100), 100);
    },
    "a worker that calls without end and reads nothing": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        equal(await stub.getEntrypoint().die(() => 1), "dying");
        await sleep(100);
        await unharmed(env);
        stub[Symbol.dispose]();
    },
    "a callback after its caller has gone": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        let called = 0;
        const late = stub.getEntrypoint().late(() => ++called, 30);
        stub[Symbol.dispose]();
        await rejects(late, { name: "Error" });
        await sleep(50);
        equal(called, 0);
    },
    "a callback that was disposed of by the worker": async ({ env }) => {
        equal(await load(env).disposeAll(() => 1), "disposed");
    },
    "what is held is called as often as its owner allows": async ({ env }) => {
        const child = load(env);
        let count = 0;
        await child.hold(() => ++count);
        await child.hold(() => {
            throw new RangeError("not you");
        });
        equal(await child.useHeld(), [1, "not you"]);
    },
    "a host's own then": async ({ env }) => {
        equal(await load(env).echo({ loud: new Loud() }).loud.hi(), "hi");
    },
};

export class Guarded extends WorkerEntrypoint {
    #private = "private";
    secret = "own property";
    open() {
        return "open";
    }
    get props() {
        return "a getter";
    }
    _internal() {
        return this.#private;
    }
}

const authority = {
    "an entrypoint gives its methods and nothing else": async ({ env, ctx }) => {
        const child = load(env, { env: { G: ctx.exports.Guarded({ props: { key: "hidden" } }) } });
        equal(await child.useEnv("G", "open"), "open");
        for (const name of ["secret", "ctx", "env", "#private", "__proto__", "hasOwnProperty", "nobody", "toLocaleString"]) {
            equal(await child.useEnv("G", name), `The RPC receiver does not implement the method "${name}".`);
        }
        equal(await child.useEnv("G", "alarm"), "'alarm' is a reserved method and cannot be called over RPC.");
        equal(await child.useEnv("G", "connect"), "Specified address could not be parsed."); // the stub's own
        equal(await child.useEnv("G", "props"), '"props" is not a function.');
    },
    "props are not in the worker's context": async ({ env, ctx }) => {
        const child = load(env, { env: { G: ctx.exports.Guarded({ props: { key: "hidden" } }) } });
        equal((await child.readProps())[0], {});
    },
    "a worker without capabilities calls nothing": async ({ env }) => {
        equal(await load(env).useEnv("G", "open"), "undefined is not an object (evaluating 'this.env[name][method]')");
    },
};

export default cases({ ...values, ...calls, ...authority });
