// Clients of other languages and browsers: `mayfly serve --rpc`, called by the capnweb client that npm has, over HTTP
// batches and WebSocket. dynamic-workers.md 6.2, rows K8 to K10.

import assert from "node:assert/strict";
import { request } from "node:http";
import { Readable } from "node:stream";
import { newHttpBatchRpcSession, newWebSocketRpcSession, RpcTarget } from "capnweb";
import WebSocket from "ws";

// Node 20 has no WebSocket of its own, whose constants the client asks for.
globalThis.WebSocket ??= WebSocket;

const session = (server) => newHttpBatchRpcSession(`${server.url}/rpc`);

class Local extends RpcTarget {
    hi(to) {
        return `hi ${to}`;
    }
    child() {
        return new Local();
    }
}

const batches = {
    "a call": async (server) => assert.equal(await session(server).hello("world"), "hello world"),
    "several calls in one batch": async (server) => {
        const api = session(server);
        assert.deepEqual(await Promise.all([api.hello("a"), api.echo({ b: [1, null] }), api.sum(1, 2, 3)]), ["hello a", { b: [1, null] }, 6]);
    },
    "values of every kind that it has": async (server) => {
        const value = { date: new Date(5), big: 2n ** 70n, bytes: Uint8Array.from([1, 2, 255]), nan: NaN, inf: -Infinity, list: [[[]]], missing: undefined };
        const back = await session(server).echo(value);
        assert.deepEqual({ ...back, bytes: Uint8Array.from(back.bytes) }, value);
    },
    "pipelining into what a call gives": async (server) => {
        const api = session(server);
        const user = api.authenticate("right");
        assert.deepEqual(await Promise.all([user.whoAmI(), user.upper]), ["user", "USER"]);
    },
    "a promise as an argument": async (server) => {
        const api = session(server);
        assert.equal(await api.greet(api.echo({ name: "bob" })), "dear bob");
    },
    "map() runs at the server": async (server) => {
        const api = session(server);
        const greetings = await api.authenticate("right").friends().map((friend) => ({ friend, greeting: api.greet(friend) }));
        assert.deepEqual(greetings, [
            { friend: { name: "ann" }, greeting: "dear ann" },
            { friend: { name: "bob" }, greeting: "dear bob" },
        ]);
    },
    "into a dynamic worker": async (server) => {
        const api = session(server);
        const counter = api.child();
        assert.deepEqual(await Promise.all([api.sum(20, 22), counter.add(1), counter.add(1), counter.value]), [42, 6, 7, 7]);
    },
    "functions and targets of the client arrive as stubs": async (server) => {
        assert.deepEqual(await session(server).describe(() => 1, new Local()), ["function", true, "function", true]);
    },
    "errors": async (server) => {
        await assert.rejects(async () => session(server).authenticate("wrong"), (error) => {
            assert.deepEqual([error.name, error.message], ["RangeError", "wrong token"]);
            assert.ok(!String(error.stack).includes("outside.js"), "no line of the server in the stack");
            return true;
        });
        await assert.rejects(async () => session(server).nobody(), /nobody/);
        await assert.rejects(async () => session(server).constructor("x"), Error);
        await assert.rejects(async () => session(server).unsupported(), Error);
    },
    "entrypoints keep their secrets": async (server) => {
        for (const name of ["env", "ctx", "fetch", "nobody"]) {
            await assert.rejects(async () => session(server)[name]("x"), Error);
        }
        await assert.rejects(async () => session(server).env.LOADER, Error);
    },
};

/** Runs `body` with a session over a WebSocket, which is closed at the end. */
function overSocket(body) {
    return async (server) => {
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/rpc`);
        const api = newWebSocketRpcSession(socket);
        try {
            await body(api, server);
        } finally {
            api[Symbol.dispose]();
            socket.terminate();
        }
    };
}

const sockets = {
    "WebSocket: calls, values and errors": overSocket(async (api) => {
        assert.equal(await api.hello("socket"), "hello socket");
        assert.deepEqual(await api.echo({ list: [1, [2]], date: new Date(7) }), { list: [1, [2]], date: new Date(7) });
        await assert.rejects(async () => api.authenticate("wrong"), { name: "RangeError", message: "wrong token" });
        assert.deepEqual(await Promise.all(Array.from({ length: 100 }, (_, i) => api.sum_(i, 1))), Array.from({ length: 100 }, (_, i) => i + 1));
    }),
    "WebSocket: stubs that live on": overSocket(async (api) => {
        const user = await api.authenticate("right");
        assert.equal(await user.whoAmI(), "user");
        const counter = await api.child();
        assert.deepEqual([await counter.add(1), await counter.add(1)], [6, 7]);
        assert.equal(await api.authenticate("right").upper, "USER");
    }),
    "WebSocket: the client is called back": overSocket(async (api) => {
        assert.deepEqual(await api.callback((a, b) => a * b, 6, 7), [42]);
        assert.deepEqual(await api.target(new Local()), ["hi x", "hi y"]);
        await assert.rejects(async () => api.callback(() => { throw new TypeError("the client's"); }), { name: "TypeError", message: "the client's" });
    }),
    "WebSocket: a dynamic worker calls the client": overSocket(async (api) => {
        assert.deepEqual(await api.each([1, 2, 3], (n) => n * 10), [10, 20, 30]);
    }),
    "WebSocket: a client's function that is kept": overSocket(async (api) => {
        assert.equal(await api.keep((n) => n + 1), "kept");
        assert.equal(await api.useKept(4), 5);
    }),
    "WebSocket: what is no message ends that socket only": overSocket(async (api, server) => {
        for (const text of ["nonsense", "[]", '["push"]', '["pull",99]']) {
            const socket = new WebSocket(`${server.url.replace("http", "ws")}/rpc`);
            await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
            const told = new Promise((resolve) => socket.once("close", () => resolve('["abort"]')).once("message", resolve));
            socket.send(text);
            assert.match(String(await told), /^\["abort"/);
            socket.terminate();
        }
        assert.equal(await api.hello("still"), "hello still");
    }),
};

const requests = {
    "other paths are the worker's": async (server) => {
        assert.equal(await (await fetch(`${server.url}/rpc/more`)).text(), "fetched /rpc/more");
        assert.equal(await (await fetch(`${server.url}/?rpc`)).text(), "fetched /");
    },
    "a batch that is too large": async (server) => {
        // The refusal may come while the client still sends, as a status or as a connection that closes; on a connection
        // of its own, so that no later call is sent on one that closes.
        const sent = request(`${server.url}/rpc`, { method: "POST", agent: false });
        const status = new Promise((resolve) => {
            sent.on("response", (response) => resolve(response.statusCode));
            sent.on("error", () => resolve(413));
        });
        Readable.from(Array.from({ length: 33 * 16 }, () => Buffer.alloc(65536))).pipe(sent);
        assert.equal(await status, 413);
        sent.destroy();
        assert.equal(await session(server).hello("still"), "hello still");
    },
    "only POST is taken": async (server) => {
        assert.equal((await fetch(`${server.url}/rpc?query`)).status, 400);
        const preflight = await fetch(`${server.url}/rpc`, { method: "OPTIONS" });
        assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, "*"]);
    },
    "what is no batch costs nobody else anything": async (server) => {
        for (const body of ["", "nonsense", "[]", "{}", '["push"]', '["push",["import",7]]', '["pull",99]', '["resolve",1,2]', "[".repeat(100000), "\0", '["push",["pipeline",0,["__proto__"],[]]]\n["pull",1]', '["release",0,1]']) {
            const response = await fetch(`${server.url}/rpc`, { method: "POST", body });
            await response.text();
            assert.equal(await session(server).hello("still"), "hello still");
        }
    },
};

export const suites = [
    {
        name: "outside",
        target: "outside.js",
        options: ["--rpc", "/rpc=Api"],
        cases: { ...batches, ...sockets, ...requests },
    },
];
