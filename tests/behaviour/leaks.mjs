// Nothing is left behind: processes, descriptors and memory are counted from outside after many loads, good ones, failed
// ones, dropped ones and given-up ones.

import { ask, descriptorCount, residentBytes, until } from "./server.mjs";

const MEBIBYTE = 1 << 20;

const json = async (server, path) => JSON.parse(await ask(server, path));

/** The largest cell is the host worker's, whose heap has grown; idle ones are all alike. */
function hostCell(server) {
    return server.cells().reduce((a, b) => (residentBytes(a) >= residentBytes(b) ? a : b));
}

/** What there is when nothing is under way. */
function inventory(server) {
    const host = hostCell(server);
    return {
        processes: server.tree().length,
        supervisorDescriptors: descriptorCount(server.pid),
        hostDescriptors: descriptorCount(host),
        supervisorBytes: residentBytes(server.pid),
        hostBytes: residentBytes(host),
    };
}

/** Waits until nothing is left of the work, compared with before; says what is if something is. */
async function settles(server, before) {
    let now;
    const isClean = () => {
        now = inventory(server);
        return (
            now.processes <= before.processes &&
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
        await until("a full pool", () => server.tree().length >= 3 + 8 + 16);
        const before = await settles(server, inventory(server));
        await work(server);
        const after = await settles(server, before);
        const supervisorGrowth = after.supervisorBytes - before.supervisorBytes;
        const hostGrowth = after.hostBytes - before.hostBytes;
        if (supervisorGrowth > 8 * MEBIBYTE || hostGrowth > 48 * MEBIBYTE) {
            throw new Error(`expected growth below 8 and 48 MiB, got ${supervisorGrowth} and ${hostGrowth} bytes`);
        }
        if (server.tree().some(({ state }) => state === "Z")) throw new Error("expected no zombie, got one");
    };
}

const times = (n, body) => Promise.all(Array.from({ length: n }, body));

const cases = {
    "1,000 loads in a row": clean((server) => json(server, "/loads?count=1000&lanes=1")),
    "1,000 loads, 16 at a time": clean((server) => json(server, "/loads?count=1000&lanes=16")),
    "200 loads that nobody calls": clean((server) => json(server, "/uncalled?count=200")),
    "200 loads that are disposed of": clean((server) => json(server, "/disposed?count=200")),
    "200 starts that fail": clean((server) => json(server, "/failed?count=200")),
    "200 names that fail": clean((server) => json(server, "/failed-names?count=200")),
    "100 bodies that nobody reads": clean((server) => json(server, "/unread?count=100")),
    "10,000 calls of one worker": clean((server) => json(server, "/calls?count=10000")),
    "60 clients that give up while their workers hang": clean(async (server) => {
        for (let round = 0; round < 3; round++) {
            await times(20, () => fetch(`${server.url}/hang`, { signal: AbortSignal.timeout(150) }).catch(() => {}));
        }
    }),
    "1,000 connections": clean(async (server) => {
        for (let i = 0; i < 40; i++) {
            await times(25, () => fetch(`${server.url}/nowhere`, { headers: { connection: "close" } }).then((r) => r.text()));
        }
    }),
    "garbage": clean(async (server) => {
        const name = JSON.parse(await ask(server, "/"))[0];
        const { ok, message } = await json(server, `/case/${encodeURIComponent(name)}`);
        if (!ok) throw new Error(message);
    }),
};

export const suites = [{ name: "leaks", target: "leaks.js", cases }];
