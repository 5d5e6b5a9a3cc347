// What crosses by reference: functions, RpcTargets and stubs as arguments and results in both directions, pipelining,
// getters, and who disposes of what. dynamic-workers.md 6.1, rows K1 to K3, K5, K7, C12. Every text is workerd's.

import { RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, sleep, throws, until, worker } from "./check.js";

const CHILD = `
import { RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

let disposed = 0;
class Counter extends RpcTarget {
    #n;
    own = "hidden";
    constructor(n = 0) { super(); this.#n = n; }
    add(k = 1) { return (this.#n += k); }
    get value() { return this.#n; }
    get doubled() { return Promise.resolve(this.#n * 2); }
    next() { return new Counter(this.#n + 1); }
    self() { return this; }
    later() { return new Promise((resolve) => setTimeout(() => resolve(new Counter(this.#n)), 5)); }
    fail() { throw new RangeError("counted too far"); }
    bag() { return { list: [new Counter(7)], add: (a, b) => a + b, deep: { counter: new Counter(8) }, n: 5 }; }
    [Symbol.dispose]() { disposed++; }
}

let kept;
export default class extends WorkerEntrypoint {
    counter(n) { return new Counter(n); }
    bag() { return new Counter().bag(); }
    echo(value) { return value; }
    number() { return 5; }
    nothing() { return null; }
    call(f, ...args) { return f(...args); }
    async callTwice(f) { return [await f(1), await f(2)]; }
    async read(target) { return [await target.value, await target.add(1), await target.next().add(10)]; }
    keep(stub) { kept = stub; return typeof stub; }
    keepCopy(stub) { kept = stub.dup(); }
    useKept() { return kept.add(1); }
    dropKept() { kept[Symbol.dispose](); }
    giveKept() { return kept; }
    adder(n) { return (k) => n + k; }
    disposals() { return disposed; }
    describe(value) { return [typeof value, Object.prototype.toString.call(value), value instanceof RpcStub]; }
    async many(f, n) { let sum = 0; for (let i = 0; i < n; i++) sum += await f(i); return sum; }
    async together(f, n) { return (await Promise.all(Array.from({ length: n }, (_, i) => f(i)))).length; }
    async calls(stub, name) { try { return await stub[name](); } catch (e) { return e.name + ": " + e.message; } }
    get answer() { return 42; }
    get maker() { return new Counter(3); }
    async back(f) { return f(f); }
    twice(target) { return [target, target]; }
    async spin(target, n) { for (let p = target; ; p = p.next()) if (n-- === 0) return await p.value; }
}
`;

class Counter extends RpcTarget {
    #n;
    own = "hidden";
    disposals = 0;
    constructor(n = 0) {
        super();
        this.#n = n;
    }
    add(k) {
        return (this.#n += k);
    }
    get value() {
        return this.#n;
    }
    next() {
        return new Counter(this.#n + 1);
    }
    then_() {}
    [Symbol.dispose]() {
        this.disposals++;
    }
}

const load = (env) => env.LOADER.load(worker(CHILD)).getEntrypoint();
const USED = { name: "Error", message: "RPC stub used after being disposed." };

/** Disposals travel behind the calls that cause them. */
async function eventually(read, expected) {
    await until(String(expected), async () => (await read()) === expected);
}

const references = {
    "a function as an argument": async ({ env }) => {
        const child = load(env);
        const calls = [];
        equal(await child.call((...args) => calls.push(args) && args.length, 1, { a: new Date(3) }, "x"), 3);
        equal(calls, [[1, { a: new Date(3) }, "x"]]);
        equal(await child.callTwice(async (n) => n * 10), [10, 20]);
    },
    "a function as a result": async ({ env }) => {
        const add = await load(env).adder(40);
        equal([typeof add, await add(2), await add(3)], ["function", 42, 43]);
    },
    "an RpcTarget as an argument": async ({ env }) => {
        equal(await load(env).read(new Counter(5)), [5, 6, 17]);
    },
    "an RpcTarget as a result": async ({ env }) => {
        const counter = await load(env).counter(5);
        equal([await counter.add(2), await counter.add(3), await counter.value], [7, 10, 10]);
        equal(await counter.doubled, 20);
    },
    "stubs within values": async ({ env }) => {
        const bag = await load(env).bag();
        equal([Object.keys(bag), await bag.list[0].value, await bag.add(1, 2), await bag.deep.counter.add(1), bag.n], [
            ["list", "add", "deep", "n"], 7, 3, 9, 5,
        ]);
        const child = load(env);
        const maps = await child.echo(new Map([["f", () => 1], ["set", new Set([new Counter(4)])]]));
        equal([await maps.get("f")(), await [...maps.get("set")][0].value], [1, 4]);
    },
    "a stub that comes home is a stub of the same object": async ({ env }) => {
        const counter = new Counter(1);
        const back = await load(env).echo(counter);
        ok(back instanceof RpcStub && back !== counter, "a stub");
        equal([await back.add(4), counter.value], [5, 5]);
    },
    "a stub that goes back is called where it lives": async ({ env }) => {
        const child = load(env);
        const counter = await child.counter(1);
        equal(await child.read(counter), [1, 2, 13]);
        equal(await (await child.echo(counter)).add(5), 7);
    },
    "a stub of one worker in the hands of another": async ({ env }) => {
        const [one, two] = [load(env), load(env)];
        const counter = await one.counter(10);
        equal(await two.read(counter), [10, 11, 22]);
        equal(await two.call(await one.adder(1), 2), 3);
        const passed = await two.echo(counter);
        equal(await passed.add(1), 12);
    },
    "the same target twice in one value is one stub": async ({ env }) => {
        const [a, b] = await load(env).twice(new Counter(1));
        ok(a === b, "one stub");
        const counter = new Counter(2);
        const { x, y } = await load(env).echo({ x: counter, y: counter });
        ok(x === y, "one stub");
    },
    "what a stub looks like": async ({ env }) => {
        const child = load(env);
        equal(await child.describe(() => {}), ["function", "[object JsRpcStub]", true]);
        equal(await child.describe(new Counter()), ["function", "[object JsRpcStub]", true]);
        const promise = child.number();
        equal([typeof promise, Object.prototype.toString.call(promise)], ["function", "[object JsRpcPromise]"]);
        equal([promise instanceof Promise, await promise, await promise.then((n) => n + 1)], [false, 5, 6]);
        equal(Object.prototype.toString.call(child.anything), "[object JsRpcProperty]");
        const stub = await child.counter(1);
        equal([stub.then, Object.keys(stub), stub.name === undefined], [undefined, [], false]);
        throws(() => (stub.x = 1), { name: "TypeError" });
        throws(() => Object.defineProperty(stub, "x", { value: 1 }), { name: "TypeError" });
        throws(() => Object.preventExtensions(stub), { name: "TypeError" });
    },
    "new RpcStub": async () => {
        const counter = new Counter(5);
        const stub = new RpcStub(counter);
        equal([await stub.add(1), await stub.value, await new RpcStub((x) => x + 1)(1)], [6, 6, 2]);
        throws(() => new RpcStub(5), { name: "TypeError" });
        stub[Symbol.dispose]();
        await rejects(stub.value, USED);
        await eventually(() => counter.disposals, 1);
    },
    "calls come back while the first one waits": async ({ env }) => {
        const child = load(env);
        const add = (n) => (n === 0 ? 0 : child.call(add, n - 1).then((rest) => rest + n));
        equal(await child.call(add, 10), 55);
    },
    "1,000 callbacks within one call": async ({ env }) => {
        const child = load(env);
        equal(await child.many((i) => i, 1000), 499500);
        equal(await child.together((i) => i, 1000), 1000);
    },
    "a function that gets itself": async ({ env }) => {
        equal(await load(env).back(async (self) => typeof self), "function");
    },
};

const pipelining = {
    "calls and members of what has not come yet": async ({ env }) => {
        const child = load(env);
        equal(await child.counter(1).add(2), 3);
        equal(await child.counter(1).next().next().value, 3);
        equal(await child.counter(4).later().later().add(1), 5);
        equal(await child.bag().list[0].value, 7);
        equal(await child.bag().add(3, 4), 7);
        equal(await child.bag().deep.counter.next().value, 9);
        equal(await child.adder(1)(2), 3);
        equal(await child.bag().n, 5);
    },
    "getters of entrypoints": async ({ env }) => {
        const child = load(env);
        equal([await child.answer, await child.maker.value, await child.maker.add(2)], [42, 3, 5]);
    },
    "a method is read as a function": async ({ env }) => {
        const add = await load(env).counter(5).add;
        equal(await add(1), 6);
    },
    "a chain of 64 calls, and of more": async ({ env }) => {
        const child = load(env);
        for (const n of [64, 200]) {
            let promise = child.counter(0);
            for (let i = 0; i < n; i++) promise = promise.next();
            equal(await promise.value, n);
        }
        equal(await child.spin(new Counter(0), 64), 64);
    },
    "a path of 64 names, and of 65": async ({ env }) => {
        const child = load(env);
        let value = "end";
        for (let i = 0; i < 63; i++) value = { a: value };
        let path = child.echo(value);
        for (let i = 0; i < 63; i++) path = path.a;
        equal(await path, "end");
        path = path.a;
        throws(() => path.a, { name: "TypeError", message: "RPC pipelined property path is too deep (max 64)." });
    },
    "order is kept": async ({ env }) => {
        const counter = load(env).counter(0);
        const sums = [counter.add(1), counter.add(2), counter.add(3)];
        await counter;
        equal(await Promise.all([...sums, counter.add(4)]), [1, 3, 6, 10]);
    },
    "what is not there": async ({ env }) => {
        const child = load(env);
        const missing = (name) => ({ name: "TypeError", message: `The RPC receiver does not implement the method "${name}".` });
        await rejects(child.number().foo, missing("foo"));
        await rejects(child.number().foo(), missing("foo"));
        await rejects(child.nothing().foo.bar(), missing("foo"));
        await rejects(child.bag().zz.b, missing("zz"));
        await rejects(child.counter().own, missing("own"));
        await rejects(child.counter().toString_, missing("toString_"));
        await rejects(child.counter().hasOwnProperty("own"), missing("hasOwnProperty"));
        await rejects(child.adder(1).name, missing("name"));
        await rejects(child.nobody, missing("nobody"));
        await rejects(child.bag().n(), { name: "TypeError", message: '"n" is not a function.' });
        await rejects(child.number()(), { name: "TypeError", message: '"(this)" is not a function.' });
        await rejects(child.counter().value(), { name: "TypeError", message: '"value" is not a function.' });
        const promise = child.number();
        await promise;
        await rejects(promise.foo(), {
            name: "TypeError",
            message: "Can't pipeline on RPC that did not return an object.",
        });
    },
    "a failure fails what hangs on it": async ({ env }) => {
        const failed = load(env).counter().fail();
        const expected = { name: "RangeError", message: "counted too far" };
        await rejects(failed.next().value, expected);
        await rejects(failed, expected);
        await rejects(failed.next(), expected);
    },
    "reserved names of targets": async ({ env }) => {
        const counter = await load(env).counter();
        const reserved = await load(env).calls(counter, "fetch");
        equal(reserved, 'TypeError: The RPC receiver does not implement the method "fetch".');
    },
    "promises and properties are no values": async ({ env }) => {
        const child = load(env);
        const refused = (type) => ({
            name: "DataCloneError",
            message: `Could not serialize object of type "${type}". This type does not support serialization.`,
        });
        await rejects(child.echo(child.number()), refused("RpcPromise"));
        await rejects(child.echo(child.number), refused("RpcProperty"));
        await rejects(child.echo(Promise.resolve(1)), { name: "DataCloneError", message: "#<Promise> could not be cloned." });
        await rejects(child.echo(env.LOADER), refused("WorkerLoader"));
        await rejects(child.echo(env.LOADER.load(worker(CHILD))), refused("WorkerStub"));
    },
};

const ownership = {
    "a disposed stub": async ({ env }) => {
        const counter = await load(env).counter(1);
        counter[Symbol.dispose]();
        counter[Symbol.dispose]();
        await rejects(counter.add(1), USED);
        await rejects(counter.value, USED);
        throws(() => counter.dup(), USED);
        await rejects(load(env).echo(counter), USED);
    },
    "a copy outlives its original": async ({ env }) => {
        const child = load(env);
        const counter = await child.counter(1);
        const copy = counter.dup();
        counter[Symbol.dispose]();
        equal([await copy.add(1), await child.disposals()], [2, 0]);
        copy[Symbol.dispose]();
        await eventually(() => child.disposals(), 1);
    },
    "using": async ({ env }) => {
        const child = load(env);
        const results = await child.bag();
        results[Symbol.dispose]();
        await eventually(() => child.disposals(), 2);
        await rejects(results.deep.counter.value, USED);
        equal(typeof (await child.echo({ a: 1 }))[Symbol.dispose], "function");
        equal(Object.keys(await child.echo({ a: 1 })), ["a"]);
        {
            using counter = await child.counter(5);
            using bag = await child.bag();
            equal([await counter.value, typeof bag.deep], [5, "object"]);
        }
        await eventually(() => child.disposals(), 5);
    },
    "a promise that is disposed takes its result along": async ({ env }) => {
        const child = load(env);
        child.counter(1)[Symbol.dispose]();
        await eventually(() => child.disposals(), 1);
        const promise = child.counter(2);
        equal(await promise.value, 2);
        promise[Symbol.dispose]();
        await eventually(() => child.disposals(), 2);
        await rejects(promise.value, USED);
    },
    "a stub in the arguments ends with the call": async ({ env }) => {
        const child = load(env);
        const counter = new Counter(1);
        equal(await child.keep(counter), "function");
        await rejects(child.useKept(), USED);
        await eventually(() => counter.disposals, 1);
    },
    "unless it is copied": async ({ env }) => {
        const child = load(env);
        const counter = new Counter(1);
        await child.keepCopy(counter);
        equal([await child.useKept(), await child.useKept(), counter.disposals], [2, 3, 0]);
        await child.dropKept();
        await eventually(() => counter.disposals, 1);
    },
    "the caller's own stub stays the caller's": async ({ env }) => {
        const child = load(env);
        const counter = new Counter(1);
        const stub = new RpcStub(counter);
        equal(await child.read(stub), [1, 2, 13]);
        equal([await stub.add(1), counter.disposals], [3, 0]);
    },
    "a stub that is returned changes hands": async ({ env }) => {
        const child = load(env);
        await child.keepCopy(new Counter(1));
        const given = await child.giveKept();
        equal(await given.add(1), 2);
        await rejects(child.useKept(), USED);
    },
    "each passing of a target has a disposal of its own": async ({ env }) => {
        const child = load(env);
        const counter = new Counter(1);
        await child.read(counter);
        await child.read(counter);
        await eventually(() => counter.disposals, 2);
    },
    "a worker that goes gives back what it held": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const counter = new Counter(1);
        await stub.getEntrypoint().keepCopy(counter);
        equal(counter.disposals, 0);
        stub[Symbol.dispose]();
        await eventually(() => counter.disposals, 1);
    },
    "stubs of a worker that is gone": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const counter = await stub.getEntrypoint().counter(1);
        stub[Symbol.dispose]();
        await rejects(counter.add(1), { name: "Error", message: /disposed|ended/ });
        counter[Symbol.dispose]();
    },
    "a stub keeps its worker": async ({ env }) => {
        const counter = await (() => load(env).counter(1))();
        for (let i = 0; i < 200; i++) env.LOADER.load(worker(CHILD)); // has the loader look for stubs that were dropped
        await sleep(300);
        equal(await counter.add(1), 2);
    },
};

export class Api extends WorkerEntrypoint {
    who() {
        return this.ctx.props.who ?? "nobody";
    }
    echo(value) {
        return value;
    }
    counter(n) {
        return new Counter(n);
    }
    fail() {
        throw Object.assign(new RangeError("own words", { cause: new TypeError("inner") }), { code: 7 });
    }
}

const loopback = {
    "within one worker RPC means the same": async ({ ctx }) => {
        const api = ctx.exports.Api({});
        const value = { list: [1, new Map([[1, 2n]])], f: (a) => a + 1, counter: new Counter(3) };
        const back = await api.echo(value);
        ok(back !== value && back.list !== value.list, "a copy");
        equal([back.list, await back.f(1), await back.counter.value], [[1, new Map([[1, 2n]])], 2, 3]);
        equal([await api.counter(1).add(2), await api.counter(5).next().value], [3, 6]);
        await rejects(api.dup(), { message: "'dup' is a reserved method and cannot be called over RPC." });
        await rejects(api.echo(new Uint8Array(34 << 20)), { message: /limited to 32MiB/ });
    },
    "errors too": async ({ ctx }) => {
        const error = await rejects(ctx.exports.Api.fail(), { name: "RangeError", message: "own words" });
        equal([error.code, error.cause.name, error.cause.message], [7, "TypeError", "inner"]);
        ok(!String(error.stack).includes("stubs.js"), "no line of the callee in the stack");
    },
    "disposal too": async ({ ctx }) => {
        const counter = new Counter(1);
        const back = await ctx.exports.Api.echo(counter);
        equal(counter.disposals, 0);
        back[Symbol.dispose]();
        await eventually(() => counter.disposals, 1);
        await rejects(back.value, USED);
    },
};

export default cases({ ...references, ...pipelining, ...ownership, ...loopback });
