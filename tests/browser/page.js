// What the page of run.mjs does: each case calls the entrypoint at ?rpc=URL (tests/behaviour/outside.js) as a program in a
// browser would. Sends the outcomes to where it came from.

import { newHttpBatchRpcSession, newWebSocketRpcSession, RpcTarget } from "/capnweb.js";

const url = new URLSearchParams(location.search).get("rpc");
const batch = () => newHttpBatchRpcSession(url);

/** With bigints and bytes, which JSON does not have. */
const show = (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : ArrayBuffer.isView(v) ? [...v] : v));

function equal(got, expected) {
    if (show(got) !== show(expected)) throw new Error(`expected ${show(expected)}, got ${show(got)}`);
}

async function rejects(promise, name, message) {
    const error = await promise.then(() => undefined, (reason) => reason);
    equal([error?.name, error?.message], [name, message]);
    if (String(error.stack).includes("outside.js")) throw new Error(`expected no line of the server in the stack, got ${error.stack}`);
}

class Local extends RpcTarget {
    hi(to) {
        return `hi ${to}`;
    }
    child() {
        return new Local();
    }
}

/** Runs `body` with a session over a WebSocket. */
const overSocket = (body) => async () => {
    const api = newWebSocketRpcSession(url.replace(/^http/, "ws"));
    try {
        await body(api);
    } finally {
        api[Symbol.dispose]();
    }
};

const cases = {
    "batch: a call from another origin": async () => {
        if (new URL(url).origin === location.origin) throw new Error("expected another origin");
        equal(await batch().hello("browser"), "hello browser");
    },
    "batch: several calls, one of them with another's result": async () => {
        const api = batch();
        const calls = [api.hello("a"), api.echo({ b: [1, null] }), api.greet(api.echo({ name: "bob" }))];
        equal(await Promise.all(calls), ["hello a", { b: [1, null] }, "dear bob"]);
    },
    "batch: pipelining, and map()": async () => {
        const api = batch();
        const user = api.authenticate("right");
        const greetings = user.friends().map((friend) => api.greet(friend));
        equal(await Promise.all([user.whoAmI(), user.upper, greetings]), ["user", "USER", ["dear ann", "dear bob"]]);
    },
    "batch: values of every kind that it has": async () => {
        const value = { date: new Date(5), big: 2n ** 70n, bytes: Uint8Array.from([1, 2, 255]), list: [[[]]], text: "\u{1F600}ü" };
        const back = await batch().echo(value);
        equal([back.date instanceof Date, back.date.getTime(), back.big, [...back.bytes], back.list, back.text], [true, 5, value.big, [1, 2, 255], [[[]]], value.text]);
    },
    "batch: into a dynamic worker": async () => {
        const api = batch();
        const counter = api.child();
        equal(await Promise.all([api.sum(20, 22), counter.add(1), counter.add(1), counter.value]), [42, 6, 7, 7]);
    },
    "batch: errors": async () => {
        await rejects(batch().authenticate("wrong"), "RangeError", "wrong token");
        await rejects(batch().nobody(), "TypeError", 'The RPC receiver does not implement the method "nobody".');
    },
    "WebSocket: calls, values and errors": overSocket(async (api) => {
        equal(await api.hello("socket"), "hello socket");
        equal(await api.echo({ list: [1, [2]], big: 5n }), { list: [1, [2]], big: 5n });
        await rejects(api.authenticate("wrong"), "RangeError", "wrong token");
        equal(await Promise.all(Array.from({ length: 100 }, (_, i) => api.sum_(i, 1))), Array.from({ length: 100 }, (_, i) => i + 1));
    }),
    "WebSocket: stubs that live on": overSocket(async (api) => {
        const user = await api.authenticate("right");
        equal(await user.whoAmI(), "user");
        const counter = await api.child();
        equal([await counter.add(1), await counter.add(1)], [6, 7]);
    }),
    "WebSocket: the page is called back": overSocket(async (api) => {
        equal(await api.callback((a, b) => a * b, 6, 7), [42]);
        equal(await api.target(new Local()), ["hi x", "hi y"]);
        await rejects(api.callback(() => { throw new TypeError("the page's"); }), "TypeError", "the page's");
    }),
    "WebSocket: a dynamic worker calls the page": overSocket(async (api) => {
        equal(await api.each([1, 2, 3], (n) => n * 10), [10, 20, 30]);
    }),
    "WebSocket: two at once, and one that goes": overSocket(async (api) => {
        const other = newWebSocketRpcSession(url.replace(/^http/, "ws"));
        const never = other.callback(() => new Promise(() => {})).catch((error) => error);
        equal(await api.hello("one"), "hello one");
        other[Symbol.dispose]();
        if (!((await never) instanceof Error)) throw new Error("expected an error for the call that was under way");
        equal(await api.hello("still"), "hello still");
    }),
};

const outcomes = [];
for (const [name, run] of Object.entries(cases)) {
    const why = await run().then(() => undefined, (error) => String(error?.stack ?? error));
    outcomes.push({ name, why });
}
await fetch("/", { method: "POST", body: JSON.stringify(outcomes) });
