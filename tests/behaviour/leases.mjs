// A worker of load() lives as long as the request that loaded it, or what that left behind: seen over several requests, and
// by the cells that are there. dynamic-workers.md 1.6: a stub is bound to its request; workerd gives the same texts.

import assert from "node:assert/strict";
import { ask, sleep, until } from "./server.mjs";

const OTHER_REQUEST =
    "Error: Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and " +
    "others) created in the context of one request handler cannot be accessed from a different request's handler. This is " +
    "a limitation of Cloudflare Workers which allows us to improve overall performance. ";

const json = async (server, path) => JSON.parse(await ask(server, path));

/** The host worker's, and those that are idle: in the pool, and granted. */
const IDLE_CELLS = 1 + 4 + 8;

/** How many cells there are when so many are left of what was loaded without a name, and all are there that are to be idle. */
async function whenQuiet(server, left = 0) {
    return until("a quiet server", async () => {
        const { loaded, named } = (await json(server, "/health")).cells;
        const cells = server.cells().length;
        return loaded === named + left && cells === IDLE_CELLS + loaded && cells;
    });
}

/** Waits until the server computes nothing: the host worker's cell has practised enough (runtime/practice.ts). */
async function whenAtRest(server) {
    let last = "";
    await until("a server at rest", async () => {
        const now = server.tree().map(({ pid, userTicks, systemTicks }) => `${pid}: ${userTicks} ${systemTicks}`).join("\n");
        const isSame = now === last;
        last = now;
        await sleep(500);
        return isSame;
    }, 20_000);
}

/** Whether one of the cells that were there before `f` ends, and no other. */
async function oneEndsAfter(server, f, left = 0) {
    await whenQuiet(server, left);
    const before = server.cells();
    await f();
    const ended = () => before.filter((pid) => !server.cells().includes(pid)).length;
    await until("the end of a cell", () => ended() > 0);
    assert.equal(ended(), 1);
}

const cases = {
    "its stubs are worth nothing in another request": async (server) => {
        assert.deepEqual(await json(server, "/load"), ["child", "target", "child"]);
        const [call, fetch, entrypoint, target, named] = await json(server, "/use");
        assert.equal(call, `${OTHER_REQUEST}(I/O type: SubrequestChannel)`);
        assert.equal(fetch, `${OTHER_REQUEST}(I/O type: SubrequestChannel)`);
        assert.equal(entrypoint, `${OTHER_REQUEST}(I/O type: WorkerStubChannel)`);
        assert.equal(target, "Error: The dynamic worker has ended.");
        assert.equal(named, "child");
    },
    "its cell is gone at once, though its stub is kept": async (server) => {
        await oneEndsAfter(server, () => json(server, "/load")); // a collection would not find it
    },
    "work handed to waitUntil keeps it": async (server) => {
        assert.equal(await ask(server, "/background"), "answered");
        await until("the end of the work", async () => (await ask(server, "/background-result")) !== "");
        assert.equal(await ask(server, "/background-result"), "child");
    },
    "a response that comes from it keeps it": async (server) => {
        assert.equal(await ask(server, "/stream"), "tick tick tick tick ");
    },
    "a call that nobody waited for ends first": async (server) => {
        assert.equal(await ask(server, "/unawaited"), "answered");
        assert.equal(await ask(server, "/unawaited-result"), "later");
    },
    "a call that never ends is cut off when nobody waits for it any more": async (server) => {
        const quiet = await whenQuiet(server);
        const given = new AbortController();
        const calls = [1, 2, 3].map(() => fetch(`${server.url}/endless`, { signal: given.signal }).catch(() => {}));
        await until("the calls", async () => Number(await ask(server, "/endless-begun")) === 3);
        given.abort();
        await Promise.all(calls);
        assert.ok(server.cells().length >= quiet);
        const cutOff = async () => (await ask(server, "/endless-results")).split("Error: The destination execution context for this RPC was canceled").length === 4;
        await until("the end of the calls", cutOff, 25_000);
    },
    "an object that was given away keeps it": async (server) => {
        assert.equal(await ask(server, "/keeper?call=open"), "child");
        await sleep(100);
        assert.equal(await ask(server, "/keeper?call=run"), "child");
        await oneEndsAfter(server, async () => assert.equal(await ask(server, "/keeper?call=close"), "closed"), 1);
    },
    ...Object.fromEntries(["body", "socket", "hanging"].map((what) => [
        `what it asked for and left open does not keep it: ${what}`,
        async (server) => {
            await oneEndsAfter(server, () => ask(server, `/asker-leaves?what=${what}`));
            await until("the end of what it asked for", async () => (await json(server, "/outside")).open === 0);
        },
    ])),
    "what a named one left open ends with its last call": async (server) => {
        assert.equal(await ask(server, "/asker-leaves?named&what=leave"), "undefined");
        await until("the end of what it asked for", async () => (await json(server, "/outside")).open === 0);
        const words = await ask(server, "/asker-leaves?named&what=read");
        assert.equal(words, "Error: Requests and connections end with the call that made them.");
    },
    "what it hands on of it keeps it": async (server) => {
        for (const path of ["/asker", "/asker-stream"]) {
            const reader = (await fetch(server.url + path)).body.getReader();
            for (let i = 0; i < 10; i++) assert.equal((await reader.read()).done, false);
            await reader.cancel();
        }
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/asker`);
        await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
        for (let i = 0; i < 5; i++) {
            await sleep(50);
            socket.send(i);
            assert.equal(await new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data))), String(i));
        }
        socket.close();
        await until("the end of what it asked for", async () => (await json(server, "/outside")).open === 0);
    },
    "what stays open leaves the others to the collector": async (server) => {
        const quiet = await whenQuiet(server);
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/socket`);
        await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
        for (let i = 0; i < 100; i++) assert.equal(await ask(server, "/dropped"), "child");
        await until("as few cells as before", () => server.cells().length <= quiet);
        socket.close();
    },
    // Collections that find nothing come ever more seldom; the next would be some six seconds later.
    "one that is dropped after a while in which nothing ran is found soon": async (server) => {
        await whenAtRest(server);
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/socket`);
        await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
        assert.equal(await ask(server, "/hold"), "child");
        await sleep(7_000);
        const before = server.cells();
        assert.equal(await ask(server, "/let-go"), "let go");
        await until("its end", () => before.some((pid) => !server.cells().includes(pid)), 4_000);
        socket.close();
    },
};

const replacedCases = {
    "a host worker that replaces what is practised has its workers ended, too": async (server) => {
        await until("the end of practice", () => server.errors.includes("Practice came to nothing"));
        await oneEndsAfter(server, () => ask(server, "/"));
    },
};

export const suites = [
    { name: "leases", target: "leases.js", options: ["--health", "/health"], cases },
    { name: "leases replaced", target: "leases_replaced.js", options: ["--health", "/health"], cases: replacedCases },
];
