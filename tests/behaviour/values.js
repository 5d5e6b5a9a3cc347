// Values over RPC: whatever can be cloned arrives as it was, in both directions; what cannot is refused by name; errors
// keep what they say and leave their stack at home. dynamic-workers.md 6.1, row K5.

import { cases, equal, fail, ok, rejects, same, worker } from "./check.js";

const CHILD = `
import { WorkerEntrypoint } from "cloudflare:workers";

class Custom extends Error { name = "Custom"; code = 17; detail = { list: [1, new Date(5)] }; }

export default class extends WorkerEntrypoint {
    echo(value) { return value; }
    echoAll(...values) { return values; }
    give(text) { return (0, make)(text); }
    raise(kind) { throw errors[kind](); }
    async raiseLater(kind) { await null; throw errors[kind](); }
    described(value) { return [Object.prototype.toString.call(value), Object.getPrototypeOf(value) === Object.prototype]; }
    size(value) { return value.length ?? value.byteLength; }
    large(n) { return new Uint8Array(n).fill(7); }
    check(a) { return a.x === a.y && a.self === a && a.list[0] === a.list; }
    async slow(ms, value) { await new Promise((resolve) => setTimeout(resolve, ms)); return value; }
}

const make = (what) => ({
    symbol: () => Symbol("s"),
    promise: () => ({ p: Promise.resolve(1) }),
    weak: () => new WeakMap(),
    instance: () => new Custom(),
    made: () => new (class Thing { a = 1; })(),
})[what]();

const errors = {
    error: () => new Error("plain words"),
    type: () => new TypeError("type words"),
    range: () => new RangeError("range words"),
    custom: () => new Custom("custom words"),
    caused: () => new Error("outer", { cause: new TypeError("inner", { cause: { deep: [1] } }) }),
    empty: () => new Error(),
    dom: () => new DOMException("dom words", "AbortError"),
    properties: () => Object.assign(new Error("with more"), { code: "E_MORE", nested: { n: 1n }, fn() {}, ok: true }),
    text: () => "just text",
    number: () => 42,
    undefined: () => undefined,
    null: () => null,
    object: () => ({ an: "object" }),
    list: () => [1],
    own: () => new (class Mine { toString() { return "forged"; } })(),
    denies: () => Object.assign(new Error("denies"), { remote: false }),
    aggregate: () => new AggregateError([new Error("one"), new TypeError("two")], "several"),
    unicode: () => new Error("\\u{1f41d} \\0 \\ud800 \\n"),
    long: () => new Error("x".repeat(100000)),
};
`;

const load = (env) => env.LOADER.load(worker(CHILD)).getEntrypoint();

/** Sends each value there and back. */
function roundTrip(make) {
    return async ({ env }) => {
        const child = load(env);
        for (const [name, value] of Object.entries(make())) equal(await child.echo(value), value, name);
        const values = Object.values(make());
        equal(await child.echoAll(...values), values);
        await child.echo(Object.fromEntries(Object.entries(make())));
    };
}

const kinds = {
    "primitives": roundTrip(() => ({
        undefined: undefined,
        null: null,
        true: true,
        false: false,
        zero: 0,
        minusZero: -0,
        nan: NaN,
        infinity: Infinity,
        minusInfinity: -Infinity,
        large: Number.MAX_VALUE,
        small: Number.MIN_VALUE,
        third: 1 / 3,
        integer: Number.MAX_SAFE_INTEGER,
        empty: "",
        text: 'quotes " and \\ and \n',
        unicode: "ü \u{1f41d} \0 \u2028",
        loneSurrogate: "a\ud800b\udc00",
        bigint: 2n ** 200n,
        negativeBigint: -(3n ** 100n),
        zeroBigint: 0n,
    })),
    "objects and arrays": roundTrip(() => ({
        empty: {},
        nested: { a: { b: { c: [1, [2, [3, {}]]] } } },
        undefinedInside: { a: undefined, b: null },
        numericKeys: { 1: "one", "-1": "minus", "1.5": "odd" },
        oddKeys: { "": 1, "__proto__x": 2, then: 3, toJSON: 4, constructor: 5, length: 6 },
        emptyArray: [],
        arrays: [[[]], [null, undefined]],
        tagLike: ["undefined", ["nan"], ["bytes", "Uint8Array", 0, 1], ["ref", 0], ["error", "Error", "x", {}]],
        many: Array.from({ length: 5000 }, (_, i) => ({ i })),
    })),
    "an own property of the name __proto__": async ({ env }) => {
        const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}');
        const back = await load(env).echo(value);
        equal([Object.keys(back), back.polluted, {}.polluted], [["__proto__", "a"], undefined, undefined]);
    },
    "holes in arrays": async ({ env }) => {
        // eslint-disable-next-line no-sparse-arrays
        const back = await load(env).echo([1, , 3]);
        equal([back.length, back[0], back[1], back[2]], [3, 1, undefined, 3]);
    },
    "arrays with holes and further properties": roundTrip(() => {
        const far = Object.assign([], { 4000000000: "far" });
        const long = Object.assign(new Array(5000), { 7: far });
        return {
            end: new Array(3),
            // eslint-disable-next-line no-sparse-arrays
            hole: [{}, , far, far],
            far,
            long,
            named: Object.assign([1, 2], { x: [far], __proto: 1 }),
            longNamed: Object.assign(Array.from({ length: 5000 }, (_, i) => i), { x: [far], y: 2 }),
            holeForName: Object.assign(Array.from({ length: 5000 }, (_, i) => i), { length: 5001, x: 1 }),
            match: /b(c)?/.exec("abc"),
            onlyNamed: Object.assign([], { "-1": 1, 1.5: 2, 4294967295: 3 }),
            longest: new Array(2 ** 32 - 1),
        };
    }),
    "many arrays that say they are long take no memory": async ({ env }) => {
        const back = await load(env).echo(Array.from({ length: 5000 }, () => Object.assign(new Array(99999), { 99998: 1 })));
        equal([back.length, back[4999].length, back[4999][99998], 5 in back[7]], [5000, 99999, 1, false]);
    },
    "maps and sets": roundTrip(() => ({
        emptyMap: new Map(),
        map: new Map([["a", 1], [2, "b"], [{ k: 1 }, [1]], [NaN, -0]]),
        nestedMap: new Map([["m", new Map([["s", new Set([1, "2"])]])]]),
        emptySet: new Set(),
        set: new Set([1, "1", null, undefined, { a: 1 }]),
    })),
    "dates and regular expressions": roundTrip(() => ({
        epoch: new Date(0),
        date: new Date(1234567890123),
        early: new Date(-62198755200000),
        invalid: new Date(NaN),
        regexp: /a(b)c/,
        flags: /\u{1f41d}\/\n"/gimsuy,
        emptyRegexp: new RegExp(""),
    })),
    "bytes": roundTrip(() => ({
        buffer: Uint8Array.from([1, 2, 255]).buffer,
        emptyBuffer: new ArrayBuffer(0),
        uint8: Uint8Array.from([0, 127, 255]),
        int8: Int8Array.from([-128, 127]),
        clamped: Uint8ClampedArray.from([0, 255]),
        int16: Int16Array.from([-32768, 32767]),
        uint16: Uint16Array.from([65535]),
        int32: Int32Array.from([-2147483648]),
        uint32: Uint32Array.from([4294967295, 1, 2]),
        ...(typeof Float16Array === "function" ? { float16: Float16Array.from([1.5, NaN, -0, 65504]) } : {}),
        float32: Float32Array.from([1.5, NaN, -0]),
        float64: Float64Array.from([Math.PI, -Infinity]),
        bigInt64: BigInt64Array.from([-(2n ** 63n)]),
        bigUint64: BigUint64Array.from([2n ** 64n - 1n]),
        dataView: new DataView(Uint8Array.from([9, 8, 7]).buffer),
        emptyView: new Uint8Array(0),
    })),
    "a view of a part of a buffer": async ({ env }) => {
        const view = new Uint8Array(Uint8Array.from([1, 2, 3, 4, 5]).buffer, 1, 3);
        equal([...(await load(env).echo(view))], [2, 3, 4]);
        equal([...(await load(env).echo(new Uint16Array(new Uint8Array([1, 0, 2, 0, 3, 0]).buffer, 2, 2)))], [2, 3]);
    },
    "large views of every length arrive byte for byte": async ({ env }) => {
        const child = load(env);
        for (let length = 65_530; length < 65_560; length++) {
            const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
            ok(same(await child.echo(bytes), bytes), `${length} bytes`);
        }
        const floats = Float64Array.from({ length: 200_000 }, (_, i) => i / 3);
        for (const name of ["a", "ab", "abc", "abcd", "abcde"]) {
            const back = (await child.echo({ [name]: floats }))[name];
            ok(back.length === floats.length && back.every((x, i) => x === i / 3), `floats behind ${name}`);
            equal(new Float64Array(back.buffer, 8, 1)[0], 1 / 3);
        }
    },
    "large views of one buffer are two afterwards, and the sender's stays its own": async ({ env }) => {
        const buffer = new ArrayBuffer(1 << 20);
        const [one, two] = await load(env).echo([new Uint8Array(buffer), new Uint8Array(buffer)]);
        one.fill(1);
        equal([one[0], two[0], new Uint8Array(buffer)[0], two.length], [1, 0, 0, 1 << 20]);
        const back = await load(env).echo(new Uint8Array(buffer));
        back.fill(2);
        equal([back[5], new Uint8Array(buffer)[5]], [2, 0]);
    },
    "boxed primitives": roundTrip(() => ({
        number: Object(-0),
        string: Object("text"),
        boolean: Object(false),
        bigint: Object(5n),
    })),
    "errors as values": roundTrip(() => ({
        error: new Error("words"),
        type: new TypeError("words", { cause: "why" }),
        caused: new RangeError("outer", { cause: new SyntaxError("inner", { cause: new Map([[1, 2]]) }) }),
        undefinedCause: new Error("words", { cause: undefined }),
        properties: Object.assign(new Error("words"), { code: 5, list: [1] }),
        every: [new EvalError("a"), new ReferenceError("b"), new URIError("c")],
        inside: { deep: [new Error("e")] },
    })),
};

const graphs = {
    "cycles": async ({ env }) => {
        const a = { list: [] };
        a.self = a;
        a.list.push(a.list, a);
        a.map = new Map([["a", a]]);
        a.map.set(a.map, new Set([a]));
        equal(await load(env).echo(a), a);
    },
    "what is shared stays shared": async ({ env }) => {
        const shared = { n: 1 };
        const bytes = Uint8Array.from([1, 2, 3]);
        const date = new Date(7);
        const back = await load(env).echo({ x: shared, y: shared, list: [shared], b: [bytes, bytes], d: [date, date] });
        ok(back.x === back.y && back.list[0] === back.x, "one object");
        ok(back.b[0] === back.b[1], "one view");
        ok(back.d[0] === back.d[1], "one date");
    },
    "the other side sees the same graph": async ({ env }) => {
        const a = { x: {}, list: [] };
        a.y = a.x;
        a.self = a;
        a.list.push(a.list);
        equal(await load(env).check(a), true);
    },
    "what is shared between arguments stays shared": async ({ env }) => {
        const shared = { n: 1 };
        const [one, two] = await load(env).echoAll(shared, [shared]);
        ok(one === two[0], "one object");
    },
    "an error that causes itself": async ({ env }) => {
        const error = new Error("self");
        error.cause = error;
        const back = await load(env).echo(error);
        ok(back.cause === back, "the cycle");
    },
    "instances arrive as they are worth or are refused": async ({ env }) => {
        const child = load(env);
        const instance = new (class Thing {
            a = 1;
        })();
        await rejects((async () => child.echo(instance))(), {
            name: "DataCloneError",
            message: 'Could not serialize object of type "Thing". This type does not support serialization.',
        });
        await rejects(child.give("made"), { name: "DataCloneError", message: /"Thing"/ });
    },
    "an object without prototype is a plain one": async ({ env }) => {
        const value = Object.assign(Object.create(null), { a: 1 });
        equal(await load(env).described(value), ["[object Object]", true]);
    },
    "getters are read, methods of prototypes are not sent": async ({ env }) => {
        const value = {
            get a() {
                return 5;
            },
        };
        equal(await load(env).echo(value), { a: 5 });
    },
    "200 levels": async ({ env }) => {
        let value = "bottom";
        for (let i = 0; i < 200; i++) value = i % 2 ? [value] : { value };
        ok(same(await load(env).echo(value), value), "the same value");
    },
    "a million levels are refused in words": async ({ env }) => {
        let value = [];
        for (let i = 0; i < 1_000_000; i++) value = [value];
        const child = load(env);
        await rejects((async () => child.echo(value))(), { name: "DataCloneError", message: /nested/ });
        equal(await child.echo(1), 1);
    },
};

const limits = {
    "8 MiB of bytes and of text": async ({ env }) => {
        const child = load(env);
        const bytes = new Uint8Array(8 << 20).map((_, i) => i * 31);
        const back = await child.echo(bytes);
        ok(back.length === bytes.length && back.every((byte, i) => byte === bytes[i]), "the same bytes");
        const text = "ü".repeat(4 << 20);
        ok((await child.echo({ text })).text === text, "the same text");
    },
    "32 MiB are the limit of arguments": async ({ env }) => {
        const child = load(env);
        equal(await child.size(new Uint8Array(31 << 20)), 31 << 20);
        await rejects((async () => child.size(new Uint8Array(34 << 20)))(), {
            message: /^Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: \d+ bytes\.$/,
        });
        equal(await child.size("still here"), 10);
    },
    "32 MiB are the limit of results": async ({ env }) => {
        const child = load(env);
        equal((await child.large(31 << 20)).length, 31 << 20);
        await rejects(child.large(34 << 20), {
            message: /^Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: \d+ bytes\.$/,
        });
        equal(await child.size("still here"), 10);
    },
    "what cannot be cloned is refused by the caller's side": async ({ env }) => {
        const child = load(env);
        for (const value of [Symbol("s"), { deep: [Symbol("s")] }, new WeakMap(), Promise.resolve(1), new WeakSet()]) {
            await rejects((async () => child.echo(value))(), { name: "DataCloneError" });
        }
        equal(await child.echo("still here"), "still here");
    },
    "what cannot be cloned is refused by the worker's side": async ({ env }) => {
        const child = load(env);
        for (const what of ["symbol", "promise", "weak"]) {
            await rejects(child.give(what), { name: "DataCloneError" });
        }
        equal(await child.echo("still here"), "still here");
    },
    "500 calls at once, answered in their own time": async ({ env }) => {
        const child = load(env);
        const calls = Array.from({ length: 500 }, (_, i) => child.slow((i * 7) % 40, i));
        equal(await Promise.all(calls), calls.map((_, i) => i));
    },
};

async function thrown(env, kind) {
    const child = load(env);
    const reasons = [];
    for (const call of [child.raise(kind), child.raiseLater(kind)]) {
        await call.then(
            () => fail("a rejection", "a value"),
            (reason) => reasons.push(reason),
        );
    }
    equal(reasons[0], reasons[1]);
    return reasons[0];
}

const exceptions = {
    "name and message": async ({ env }) => {
        const expected = {
            error: [Error, "Error", "plain words"],
            type: [TypeError, "TypeError", "type words"],
            range: [RangeError, "RangeError", "range words"],
            custom: [Error, "Custom", "custom words"],
            empty: [Error, "Error", ""],
            unicode: [Error, "Error", "\u{1f41d} \0 \ud800 \n"],
        };
        for (const [kind, [type, name, message]] of Object.entries(expected)) {
            const error = await thrown(env, kind);
            ok(error instanceof type, `an instance of ${type.name} for ${kind}`);
            equal([error.name, error.message], [name, message], kind);
        }
    },
    "own properties": async ({ env }) => {
        const error = await thrown(env, "properties");
        equal([error.code, error.nested, error.ok], ["E_MORE", { n: 1n }, true]);
        const custom = await thrown(env, "custom");
        equal([custom.code, custom.detail], [17, { list: [1, new Date(5)] }]);
    },
    "causes": async ({ env }) => {
        const error = await thrown(env, "caused");
        equal([error.message, error.cause.name, error.cause.message, error.cause.cause], [
            "outer", "TypeError", "inner", { deep: [1] },
        ]);
    },
    "a DOMException": async ({ env }) => {
        const error = await thrown(env, "dom");
        equal([error.name, error.message], ["AbortError", "dom words"]);
    },
    "an AggregateError": async ({ env }) => {
        const error = await thrown(env, "aggregate");
        equal([error.name, error.message], ["AggregateError", "several"]);
    },
    "what is no error": async ({ env }) => {
        const expected = { text: "just text", number: "42", undefined: "undefined", null: "null", object: "#<Object>", list: "[object Array]", own: "#<Mine>" };
        for (const [kind, message] of Object.entries(expected)) {
            const error = await thrown(env, kind);
            ok(error instanceof Error, `an error for ${kind}`);
            equal([error.name, error.message, error.remote], ["Error", message, true], kind);
        }
    },
    "what another worker threw says so": async ({ env }) => {
        equal(Object.keys(await thrown(env, "type")), ["remote"]);
        equal((await thrown(env, "denies")).remote, true);
        equal((await thrown(env, "dom")).remote, true);
        const child = `export default { fetch() { throw null; }, async call(f) { try { await f(); } catch (e) { return [e instanceof Error, e.remote, e.message]; } } };`;
        const stub = env.LOADER.load(worker(child)).getEntrypoint();
        equal((await rejects(stub.fetch("http://x/"), { name: "Error", message: "null" })).remote, true);
        equal(await stub.call(() => { throw undefined; }), [true, true, "undefined"]);
        const signal = AbortSignal.abort(new Error("mine"));
        equal("remote" in (await rejects(stub.fetch("http://x/", { signal }), { message: "mine" })), false);
    },
    "the worker's stack stays at home": async ({ env }) => {
        for (const kind of ["error", "custom", "caused", "properties"]) {
            const error = await thrown(env, kind);
            ok(!/main\.js|raise/.test(String(error.stack)), `no line of the worker in: ${error.stack}`);
            equal(error.stack, `${error.name}: ${error.message}`);
            for (const key of ["line", "column", "sourceURL"]) ok(!Object.hasOwn(error, key), `no own property ${key}`);
            equal(Object.keys(error).includes("stack"), false);
        }
    },
    "and the runtime's own": async ({ env }) => {
        const child = (source) => env.LOADER.load(worker(source)).getEntrypoint();
        const denied = "try { await fetch('http://any/'); } catch (e) { return [e.stack, e.name + ': ' + e.message, Object.getOwnPropertyNames(e)]; }";
        const calls = [
            child("export default { fetch() { throw new TypeError('my own words'); } }").fetch("http://w/"),
            child("export default { fetch() { return new Response(new ReadableStream({ pull() { throw new RangeError('amid'); } })); } }").fetch("http://w/").then((r) => r.text()),
            child("throw new Error('at the start')").fetch("http://w/"),
        ];
        for (const call of calls) {
            const error = await call.then(() => ok(false, "an error"), (thrown) => thrown);
            equal(error.stack, `${error.name}: ${error.message}`);
            equal(Object.getOwnPropertyNames(error).toSorted(), ["message", "remote", "stack"]);
        }
        const refusing = worker(`export default { async run(_) { ${denied} } }`, { globalOutbound: load(env) });
        const [stack, words, names] = await env.LOADER.load(refusing).getEntrypoint().run(0);
        equal([stack, names.toSorted().slice(-1)], [words, ["stack"]]);
    },
    "a long message": async ({ env }) => {
        equal((await thrown(env, "long")).message.length, 100000);
    },
};

export default cases({ ...kinds, ...graphs, ...limits, ...exceptions });
