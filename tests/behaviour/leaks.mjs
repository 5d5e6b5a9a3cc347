// Nothing is left behind: processes, descriptors and memory are counted from outside after many loads, good ones, failed
// ones, dropped ones and given-up ones.

import assert from "node:assert/strict";
import { anonymousBytes, ask, descriptorCount, residentBytes, until } from "./server.mjs";

const MEBIBYTE = 1 << 20;

/** What a server has that nobody uses: supervisor, zygote, the host worker's cell, its pool with two for WebAssembly, and its grants. */
/** See holders.c. */
const HOLDERS_WAITING_MAX = 16;
const IDLE_PROCESSES = 3 + 4 + 1 + 8;

/** Connections that a client keeps would count as descriptors. */
const once = { headers: { connection: "close" } };

const json = async (server, path, ms = 30_000) => JSON.parse(await ask(server, path, { ...once, signal: AbortSignal.timeout(ms) }));

/** The largest cell is the host worker's, whose heap has grown; idle ones are all alike. Only while no other works. */
function hostCell(server) {
    return server.cells().reduce((a, b) => (residentBytes(a) >= residentBytes(b) ? a : b));
}

/** What there is when nothing is under way. */
function inventory(server, host) {
    return {
        processes: server.tree().length,
        /** Beyond those that may wait, and those of cells that are there. */
        holders: Math.max(0, server.holders().length - HOLDERS_WAITING_MAX - server.cells().length),
        supervisorDescriptors: descriptorCount(server.pid),
        hostDescriptors: descriptorCount(host),
        supervisorBytes: residentBytes(server.pid),
        hostBytes: residentBytes(host),
    };
}

/** Waits until nothing is left of the work, compared with before; says what is if something is. */
async function settles(server, before, host) {
    let now;
    const isClean = () => {
        now = inventory(server, host);
        return (
            now.processes <= before.processes &&
            now.holders <= before.holders &&
            now.supervisorDescriptors <= before.supervisorDescriptors &&
            (now.hostDescriptors ?? 0) <= (before.hostDescriptors ?? 0)
        );
    };
    await until("as little as before", isClean, 8_000).catch(() => {
        throw new Error(`expected ${JSON.stringify(before)}, got ${JSON.stringify(now)}`);
    });
    return now;
}

/** A case: the work leaves no process and no descriptor behind, and memory within bounds. */
function clean(work) {
    return async (server) => {
        await json(server, "/loads?count=64&lanes=8"); // pool, grants and heaps have their size after that
        await json(server, "/compiled");
        let quiet = 0; // the pool fills up in steps
        await until("an idle server", () => (quiet = server.tree().length === IDLE_PROCESSES ? quiet + 1 : 0) > 20);
        const host = hostCell(server);
        const before = inventory(server, host);
        await work(server);
        const after = await settles(server, before, host);
        const supervisorGrowth = after.supervisorBytes - before.supervisorBytes;
        const hostGrowth = after.hostBytes - before.hostBytes;
        if (supervisorGrowth > 8 * MEBIBYTE || hostGrowth > 72 * MEBIBYTE) {
            throw new Error(`expected growth below 8 and 72 MiB, got ${supervisorGrowth} and ${hostGrowth} bytes`);
        }
        await until("the last zombie's burial", () => server.tree().every(({ state }) => state !== "Z"));
    };
}

const times = (n, body) => Promise.all(Array.from({ length: n }, body));

const cases = {
    "1,000 loads in a row": clean((server) => json(server, "/loads?count=1000&lanes=1", 60_000)),
    "1,000 loads, 16 at a time": clean((server) => json(server, "/loads?count=1000&lanes=16", 60_000)),
    "200 loads that nobody calls": clean((server) => json(server, "/uncalled?count=200")),
    "20 loads whose calls take a while": clean((server) => json(server, "/long?count=20")),
    "200 loads that are disposed of": clean((server) => json(server, "/disposed?count=200")),
    "200 starts that fail": clean((server) => json(server, "/failed?count=200")),
    "200 names that fail": clean((server) => json(server, "/failed-names?count=200")),
    "100 bodies that nobody reads": clean((server) => json(server, "/unread?count=100")),
    "100 uploads that nobody reads": clean((server) => json(server, "/unread-uploads?count=100")),
    "background work of a worker that nobody holds": clean(async (server) => {
        const known = server.cellsAbove(96 * MEBIBYTE);
        await ask(server, "/background", once);
        const seen = server.cellAbove(96 * MEBIBYTE, known).then(() => ask(server, "/seen", once));
        await Promise.all([seen, json(server, "/loads?count=140&lanes=4")]); // enough for dropped stubs to be found
    }),
    "10,000 calls of one worker, each by a stub of its own": clean((server) => json(server, "/calls?count=10000")),
    "60 clients that give up while their workers hang": clean(async (server) => {
        for (let round = 0; round < 3; round++) {
            await times(20, () => fetch(`${server.url}/hang`, { ...once, signal: AbortSignal.timeout(150) }).catch(() => {}));
        }
    }),
    "1,000 connections": clean(async (server) => {
        for (let i = 0; i < 40; i++) {
            await times(25, () => fetch(`${server.url}/nowhere`, once).then((r) => r.text()));
        }
    }),
    "garbage": clean(async (server) => {
        const name = (await json(server, "/"))[0];
        const { ok, message } = await json(server, `/case/${encodeURIComponent(name)}`, 120_000); // 200 workers, some of which use up a limit
        if (!ok) throw new Error(message);
    }),
    "60 WebSockets that nobody has, and one of them is listened to": async (server) => {
        assert.equal(await json(server, "/sockets?count=60"), 60);
        let open;
        await until("their end", async () => {
            await json(server, "/loads?count=64&lanes=8"); // collections
            return (open = await json(server, "/sockets?count=0")) <= 5; // the stack may seem to hold some
        });
        assert.ok(open >= 1, `${open} are open`);
        assert.deepEqual(await json(server, "/say"), ["still there"]);
    },
};

/** The two cells that have worked most: the host worker's and its dynamic worker's. */
function busiestCells(server) {
    const cells = server.cells();
    const worked = server.tree().filter(({ pid }) => cells.includes(pid));
    return worked.sort((a, b) => b.userTicks - a.userTicks).slice(0, 2).map(({ pid }) => pid);
}

const CALLS_FIRST = 20_000;
const CALLS_MORE = 80_000;

/**
 * A case: after 20,000 calls, 80,000 more cost neither cell 8 bytes each; an object that is kept of each costs much more. An
 * engine compiles, and lets its heap grow in a few large steps: then as many calls are made again, and what leaks grows again.
 */
function steady(kind) {
    return async (server) => {
        const call = (count) => json(server, `/warm?kind=${kind}&count=${count}`, 300_000);
        await call(CALLS_FIRST);
        const cells = busiestCells(server);
        const least = cells.map(() => Infinity);
        for (let round = 0; round < 8 && least.some((bytes) => bytes >= 8 * CALLS_MORE); round++) {
            const before = cells.map(anonymousBytes);
            await call(CALLS_MORE);
            cells.forEach((pid, i) => (least[i] = Math.min(least[i], anonymousBytes(pid) - before[i])));
        }
        if (least.some((bytes) => bytes >= 8 * CALLS_MORE)) {
            throw new Error(`expected growth below 8 bytes a call, got ${least.map((bytes) => (bytes / CALLS_MORE).toFixed(1)).join(" and ")}`);
        }
    };
}

const warm = {
    /** The engine's own timers find a clock that stands still: one that was set again for the moment it fired at hung the cell. */
    "100 times 1,000 calls of a dynamic worker, with pauses": async (server) => {
        for (let i = 0; i < 100; i++) await json(server, "/warm?kind=plain&count=1000", 10_000);
    },
    "100,000 calls with stubs as arguments and results": steady("stubs"),
    "100,000 calls of a dynamic worker": steady("plain"),
    "100,000 calls that a dynamic worker makes of its host": steady("back"),
};

export const suites = [
    { name: "leaks", target: "leaks.js", cases },
    { name: "leaks of calls", target: "leaks.js", options: ["--pool", "1", "--grants", "1"], cases: warm },
];
