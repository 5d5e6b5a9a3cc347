// Dynamic workers that mean harm, with nothing but JavaScript: what they give and do when they are called, and what it
// costs their owner. tests/rpc has what a cell could say that breaks the protocol.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, sleep, until, worker } from "./check.js";

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
    async pass(f, kind) { const g = args[kind](f, this.env); try { return [await f(...g)]; } catch (e) { return e.name + ": " + e.message; } }
    keys(name) { return [Object.keys(this.env), Object.hasOwn(this.env, name) && this.env[name], Object.getPrototypeOf(this.env) === Object.prototype, {}.x]; }
    props() { return [Object.keys(this.ctx.props), {}.x]; }
    async numbers(n) { const all = []; for (let i = 0; i < n; i++) all.push(await this.env["E" + i].number()); return all; }
    async callBack(f, n, ms) { for (let i = 0; i < n; i++) { await new Promise((r) => setTimeout(r, ms)); await f(i); } return "all"; }
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
// What a worker passes to its owner.
const args = {
    throws: () => [{ get a() { throw new RangeError("a getter that throws"); } }],
    proxy: () => [new Proxy([1], { get(t, k) { if (k === "length") return 3; return Reflect.get(t, k); } })],
    proxyArray: () => [new Proxy([], { get() { throw new RangeError("a proxy that throws"); } })],
    // The getters of an argument that is being written use what it is written for.
    reenters: (f) => [{ get a() { f("from a getter"); return 1; } }, "outer"],
    disposes: (f) => [f.dup(), { get a() { f[Symbol.dispose](); return 1; } }],
    changes: () => { const o = { get a() { delete o.b; o.c = 3; return 1; }, b: 2 }; return [o]; },
    map: () => { const m = new Map([[{ get k() { m.clear(); return 1; } }, 1], [2, 2]]); return [m]; },
    cycles: () => { const m = new Map(), s = new Set([m]); m.set(m, s); m.set("s", s); const e = new Error("e"); e.cause = { e, m }; return [[m, s, e]]; },
    numbers: () => [[NaN, -0, Infinity, -Infinity, 2 ** 53 + 2, 5e-324, new Date(NaN), new Date(8.64e15), new Float64Array([NaN, -0])]],
    resizable: () => { const b = new ArrayBuffer(4, { maxByteLength: 1 << 20 }); const v = new Uint8Array(b); return [v, { get a() { b.resize(0); return v; } }]; },
    sparse: () => [new Array(2 ** 32 - 1)],
    lengthLies: () => [{ length: 2 ** 53, 0: "x" }, Object.assign([1, 2], { length: 2 })],
    detached: () => { const b = new ArrayBuffer(8), v = new Uint8Array(b); structuredClone(b, { transfer: [b] }); return [v]; },
    tag: () => [{ [Symbol.toStringTag]: "Request", get url() { throw new RangeError("no url"); } }],
    thenable: () => [{ then: (resolve) => resolve("taken over") }],
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

const names = {
    "entrypoints with names of Object.prototype": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        for (const name of ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", ""]) {
            await rejects(stub.getEntrypoint(name).echo(1), { name: "TypeError", message: `Worker has no such entrypoint: ${name}` });
        }
        equal(await stub.getEntrypoint().echo(1), 1);
    },
    "workers with names of Object.prototype": async ({ env }) => {
        for (const id of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
            const code = () => worker(`export default { me() { return ${JSON.stringify(id)}; } };`);
            for (let i = 0; i < 2; i++) equal(await env.LOADER.get(id, code).getEntrypoint().me(0), id);
        }
        equal({}.x, undefined);
    },
    "env and props with such keys": async ({ env }) => {
        const text = '{"__proto__":{"x":1},"constructor":{"prototype":{"x":2}},"toString":3}';
        const stub = env.LOADER.load(worker(CHILD, { env: JSON.parse(text) }));
        const [keys, value, isPlain, x] = await stub.getEntrypoint().keys("__proto__");
        equal([keys, value, isPlain, x], [["__proto__", "constructor", "toString"], { x: 1 }, true, undefined]);
        equal(await stub.getEntrypoint(undefined, { props: JSON.parse(text) }).props(), [["__proto__", "constructor", "toString"], undefined]);
    },
    "modules with such names": async ({ env }) => {
        const modules = JSON.parse('{"main.js":"import a from \'./__proto__\'; import b from \'./constructor\'; export default { sum() { return a + b; } };"}');
        Object.defineProperty(modules, "__proto__", { value: { js: "export default 1" }, enumerable: true });
        modules.constructor = { js: "export default 2" };
        equal(await env.LOADER.load(worker(modules)).getEntrypoint().sum(0), 3);
    },
};

/** What a worker passes reaches its owner like this; or it is told, and its owner never called. */
const passed = [
    ["throws", "RangeError: a getter that throws", 0],
    ["proxy", [[Object.assign(new Array(3), [1])]]],
    ["proxyArray", "RangeError: a proxy that throws", 0],
    ["reenters", [[{ a: 1 }, "outer"]], 2],
    ["changes", [[{ a: 1, b: undefined }]]],
    ["map", [[new Map([[{ k: 1 }, 1], [2, 2]])]]],
    ["lengthLies", [[{ 0: "x", length: 2 ** 53 }, [1, 2]]]],
    ["numbers", [[[NaN, -0, Infinity, -Infinity, 2 ** 53 + 2, 5e-324, new Date(NaN), new Date(8.64e15), new Float64Array([NaN, -0])]]]],
    ["detached", undefined],
    ["tag", undefined],
];

const argumentCases = Object.fromEntries(passed.map(([kind, expected, calls = 1]) => [
    `an argument of a worker: ${kind}`,
    async ({ env }) => {
        const child = load(env);
        let called = 0;
        const got = await child.pass((...all) => (called++, all), kind);
        if (expected !== undefined) equal([got, called], [expected, calls]);
        equal(await child.echo("still here"), "still here");
        await unharmed(env);
    },
]));

const others = {
    "an argument whose getter disposes of what is called": async ({ env }) => {
        const child = load(env);
        const got = await child.pass((f, value) => [typeof f, value], "disposes");
        ok(Array.isArray(got) || /disposed/.test(got), "an answer or an error of disposal");
        equal(await child.echo("still here"), "still here");
    },
    "an argument whose bytes shrink while it is written": async ({ env }) => {
        const child = load(env);
        const words = "DataCloneError: The bytes of a value changed while it was written.";
        equal(await child.pass((...all) => all.length, "resizable"), words);
        equal(await child.echo("still here"), "still here");
    },
    "an array of 2^32 - 1 holes costs nobody anything": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD, { limits: { cpuMs: 300 } }));
        equal(await stub.getEntrypoint().pass((value) => value.length, "sparse"), [2 ** 32 - 1]);
        await unharmed(env);
    },
    "cycles through keys, sets and causes, handed on to another worker": async ({ env }) => {
        const [one, two] = [load(env), load(env)];
        const [[m, s, e]] = await one.pass((value) => two.echo(value), "cycles");
        ok(m.get(m) === s && s.has(m) && m.get("s") === s && e.message === "e", "the same graph");
    },
    "a graph of 2^200 paths, handed on to another worker": async ({ env }) => {
        let value = await load(env).echo(await load(env).dag(200));
        for (let i = 0; i < 200; i++) {
            ok(value.a === value.b, "one object");
            value = value.a;
        }
    },
    "a thenable among arguments is awaited by whoever awaits it": async ({ env }) => {
        equal(await load(env).pass((value) => value, "thenable"), ["taken over"]);
        equal(await load(env).pass((value) => typeof value.then, "thenable"), ["function"]);
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

const reentrance = {
    "a callback that disposes of its own worker": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        let called = 0;
        const call = stub.getEntrypoint().callBack(() => {
            called++;
            stub[Symbol.dispose]();
        }, 3, 0);
        await rejects(call, { name: "Error" });
        equal(called, 1);
        await unharmed(env);
    },
    "a callback that loads a worker and hands itself on": async ({ env }) => {
        const down = async (n) => (n === 0 ? 0 : 1 + (await load(env).recurse(down, n - 1)) + 1);
        equal(await load(env).recurse(down, 4), 6);
    },
    "a disposer that calls the worker that dropped it": async ({ env }) => {
        const child = load(env);
        let heard;
        class Dying extends RpcTarget {
            [Symbol.dispose]() {
                heard = child.echo("last call");
            }
        }
        equal(await child.disposeAll(new Dying()), "disposed");
        await until("the disposer", () => heard);
        equal(await heard, "last call");
    },
    "a failure's handler that calls what has just ended": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const child = stub.getEntrypoint();
        const held = await child.give("loop");
        const later = child.callBack(() => 1, 100, 10).catch(() => held.next().then(() => "answered", (error) => error.name));
        await sleep(20);
        stub[Symbol.dispose]();
        equal(await later, "Error");
    },
};

const deadlines = {
    "an answer after the deadline reaches nobody": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const hurried = stub.getEntrypoint(undefined, { limits: { wallMs: 60 } });
        let called = 0;
        const error = await hurried.late(() => ++called, 600).then(() => undefined, (reason) => reason);
        equal(error?.limit?.name, "wallMs");
        await sleep(700);
        equal(called, 0);
        await unharmed(env);
    },
    "a callback that is answered after its worker's deadline": async ({ env }) => {
        for (const settle of ["resolve", "reject"]) {
            const stub = env.LOADER.load(worker(CHILD));
            await stub.getEntrypoint().echo("started");
            const hurried = stub.getEntrypoint(undefined, { limits: { wallMs: 100 } });
            const answer = Promise.withResolvers();
            let asked = 0;
            await rejects(hurried.callBack(() => (asked++, answer.promise), 2, 0), { name: "Error", message: /wallMs/ });
            answer[settle](new Error("too late"));
            await sleep(20);
            ok(asked <= 1, "one call at most");
        }
        await unharmed(env);
    },
    "what was held of a worker that missed its deadline is gone, and its name begins anew": async ({ env }) => {
        const get = () => env.LOADER.get(`deadline ${Math.random()}`, () => worker(CHILD));
        const stub = get();
        const held = await stub.getEntrypoint().give("loop");
        await rejects(stub.getEntrypoint(undefined, { limits: { wallMs: 60 } }).late(() => 1, 5000), { message: /wallMs/ });
        await rejects(held.next(), { message: /wallMs/ });
        equal(await stub.getEntrypoint().echo("again"), "again");
    },
};

export class Numbered extends WorkerEntrypoint {
    number() {
        return this.ctx.props.n;
    }
}

const confusion = {
    "forty entrypoints in one env are each their own": async ({ env, ctx }) => {
        const given = {};
        for (let i = 0; i < 40; i++) given[`E${i}`] = ctx.exports.Numbered({ props: { n: i } });
        equal(await load(env, { env: given }).numbers(40), Array.from({ length: 40 }, (_, i) => i));
    },
    "twenty workers at once hear of their own entrypoints and callbacks only": async ({ env, ctx }) => {
        await Promise.all(Array.from({ length: 20 }, async (_, w) => {
            const given = {};
            for (let i = 0; i < 5; i++) given[`E${i}`] = ctx.exports.Numbered({ props: { n: w * 10 + i } });
            const child = load(env, { env: given });
            const called = [];
            const [numbers] = await Promise.all([child.numbers(5), child.callBack((i) => void called.push(w * 10 + i), 5, 1)]);
            const expected = Array.from({ length: 5 }, (_, i) => w * 10 + i);
            equal([numbers, called], [expected, expected]);
        }));
    },
    "a WebSocket that is open is under no wall limit": async ({ env }) => {
        const source = `export default { fetch() {
            const [client, server] = Object.values(new WebSocketPair());
            server.accept();
            server.addEventListener("message", ({ data }) => server.send(data));
            return new Response(null, { status: 101, webSocket: client });
        } };`;
        const child = env.LOADER.load(worker(source, { limits: { wallMs: 2000 } })).getEntrypoint(); // enough for its start on a busy machine
        const { webSocket } = await child.fetch("http://w/", { headers: { upgrade: "websocket" } });
        webSocket.accept();
        await new Promise((resolve) => setTimeout(resolve, 2200));
        const answer = new Promise((resolve, reject) => {
            webSocket.addEventListener("message", ({ data }) => resolve(data));
            webSocket.addEventListener("close", reject);
        });
        webSocket.send("still there");
        equal(await answer, "still there");
        webSocket.close();
    },
    "a name that is loaded anew gets what it is given now": async ({ env, ctx }) => {
        let round = 0;
        const stub = env.LOADER.get(`anew ${Math.random()}`, () => {
            round++;
            const given = Object.fromEntries([2, 1, 0].map((i) => [`E${i}`, ctx.exports.Numbered({ props: { n: round * 100 + i } })]));
            return worker(CHILD, { env: given });
        });
        equal(await stub.getEntrypoint().numbers(3), [100, 101, 102]);
        await stub.getEntrypoint(undefined, { limits: { wallMs: 50 } }).late(() => 1, 5000).catch(() => {});
        equal(await stub.getEntrypoint().numbers(3), [200, 201, 202]);
    },
    "what one worker gave is nothing to another once it has ended": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const [one, two] = [stub.getEntrypoint(), load(env)];
        await two.hold(await one.give("loop").then((loop) => (n) => loop.next().then(() => n)));
        equal(await two.useHeld(), [1]);
        stub[Symbol.dispose]();
        const [outcome] = await two.useHeld();
        ok(outcome !== 1, "an error");
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

export default cases({
    ...values, ...names, ...argumentCases, ...others, ...calls, ...reentrance, ...deadlines, ...confusion, ...authority,
});
