// Processes that die: dynamic cells in the middle of calls, idle ones, the host worker's own, the zygote, the supervisor.
// Whoever waited is told why, everyone else goes on, and nobody is left behind.

import { get, Raw } from "./raw.mjs";
import { ask, sleep, startServer, stillThere, until } from "./server.mjs";

const HEAVY = 96 << 20;

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const json = async (server, path) => JSON.parse(await ask(server, path));

async function freshWorkersAnswer(server) {
    const { ok, message } = await json(server, "/case/fresh workers answer");
    if (!ok) throw new Error(`fresh workers: ${message}`);
}

/** Kills a process that may be ending by itself. */
function killIfThere(pid) {
    try {
        process.kill(pid, "SIGKILL");
    } catch (error) {
        if (error.code !== "ESRCH") throw error;
    }
}

/** Has a worker weigh something and begins calls of it; gives its cell, and the promise of how the calls end. */
async function begin(server, calls, more = "") {
    const query = calls.map((name) => `&call=${name}`).join("");
    const known = server.cellsAbove(HEAVY);
    const { begun } = await json(server, "/begun");
    const answer = json(server, `/call?bytes=${HEAVY}${query}${more}`);
    answer.catch(() => {});
    await until("the calls to be under way", async () => (await json(server, "/begun")).begun === begun + 1);
    return { pid: await server.cellAbove(HEAVY, known), answer };
}

/** Kills the cell that runs these calls, and checks that each is rejected with the reason. */
async function killDuring(server, calls, signal, reason, isToldLate = false) {
    const { pid, answer } = await begin(server, calls);
    const killedAt = Date.now();
    const late = isToldLate ? server.zygotes() : [];
    for (const zygote of late) process.kill(zygote, "SIGSTOP");
    process.kill(pid, signal);
    if (isToldLate) await sleep(700);
    for (const zygote of late) process.kill(zygote, "SIGCONT");
    const ends = await answer;
    for (const [i, { how, name, message, at }] of ends.entries()) {
        expect(calls[i], [how, name, message], ["rejected", "Error", `The dynamic worker's cell ${reason}.`]);
        console.log(`# ${calls[i]}: told ${at - killedAt} ms after ${signal}`);
    }
    return pid;
}

/** Kills every cell but the host worker's. */
async function killIdle(server) {
    await json(server, "/weigh");
    const host = await server.cellAbove(160 << 20);
    const cells = server.cells();
    const others = server.tree().filter(({ pid }) => pid !== host && cells.includes(pid));
    for (const { pid } of others) killIfThere(pid);
    await until("their end", () => stillThere(others).length === 0);
}

const dynamic = {
    "SIGKILL rejects every call under way with the reason": (server) =>
        killDuring(server, ["rpc", "fetch", "body", "upload"], "SIGKILL", "was killed with signal 9 (Killed)"),
    "SIGSEGV rejects every call under way with the reason": (server) =>
        killDuring(server, ["rpc", "fetch", "body", "upload"], "SIGSEGV", "crashed with signal 11 (Segmentation fault)"),
    "SIGABRT rejects every call under way with the reason": (server) =>
        killDuring(server, ["rpc"], "SIGABRT", "crashed with signal 6 (Aborted)"),
    "a zygote that is late to tell of SIGKILL": (server) =>
        killDuring(server, ["rpc", "fetch"], "SIGKILL", "was killed with signal 9 (Killed)", true),
    "a worker that spins can be killed too": (server) =>
        killDuring(server, ["spin"], "SIGKILL", "was killed with signal 9 (Killed)"),
    "a stub whose cell died begins anew at its next call": async (server) => {
        await killDuring(server, ["rpc"], "SIGKILL", "was killed with signal 9 (Killed)");
        expect("counts of the stub", [await json(server, "/again"), await json(server, "/again")], [1, 2]);
    },
    "a name whose cell died is asked for again": async (server) => {
        const before = await json(server, "/count?id=mortal");
        const { pid, answer } = await begin(server, ["rpc"], "&id=mortal");
        process.kill(pid, "SIGKILL");
        await answer;
        const after = await json(server, "/count?id=mortal");
        expect("count and callbacks", [before.count, after.count, after.asked - before.asked], [1, 1, 1]);
    },
    "a cell that dies while nobody calls": async (server) => {
        const { pid } = await begin(server, [], "&id=quiet");
        const before = await json(server, "/count?id=quiet");
        process.kill(pid, "SIGKILL");
        await until("its end", () => !server.cells().includes(pid));
        // Its death is known in a moment; a call before that is rejected with it, which is no lie either.
        const after = await until("a new worker", () => json(server, "/count?id=quiet").catch(() => undefined));
        expect("count and callbacks", [before.count, after.count, after.asked - before.asked], [1, 1, 1]);
    },
    "a worker that grows and grows ends, and hurts nobody": async (server) => {
        const answer = json(server, "/call?call=grow");
        answer.catch(() => {});
        await freshWorkersAnswer(server);
        const [{ how, message }] = await answer;
        const text = "Worker exceeded memory limit. (limits.memoryMb is 128, used ";
        expect("the call", [how, message.slice(0, text.length)], ["rejected", text]);
        await until("its end", () => server.cellsAbove(160 << 20).length === 0); // others know large cells as other ones
    },
    "all idle cells at once": async (server) => {
        await killIdle(server);
        await freshWorkersAnswer(server);
        await until("a full pool and all grants", () => server.cells().length === 1 + 4 + 8);
    },
    "all idle cells at once, whose ends nobody can tell yet": async (server) => {
        const holders = server.holders();
        for (const pid of holders) process.kill(pid, "SIGSTOP");
        await killIdle(server);
        const answers = freshWorkersAnswer(server);
        answers.catch(() => {});
        await sleep(100); // for loads to go to cells that are dead, if they did
        for (const pid of holders) process.kill(pid, "SIGCONT");
        await answers;
        await until("a full pool and all grants", () => server.cells().length === 1 + 4 + 8);
    },
    "a worker that spins is gone when it is disposed of": async (server) => {
        const { pid, answer } = await begin(server, ["spin"]);
        await json(server, "/dispose");
        expect("the call", (await answer)[0].how, "rejected");
        await until("its end", () => !server.cells().includes(pid));
    },
    "a worker that spins is gone when its last call is given up": async (server) => {
        const { pid, answer } = await begin(server, ["spinFetch"]);
        await json(server, "/abort");
        await json(server, "/drop");
        expect("the call", (await answer)[0].how, "rejected");
        await until("its end", () => !server.cells().includes(pid));
    },
};

/** Kills a process of the server while requests are under way, and waits until it serves again. */
async function restarts(server, pid, reason) {
    await serves(server);
    const waiting = new Raw(server).write(get("/hang"));
    const streaming = new Raw(server).write(get("/stream"));
    await streaming.untilHas("some of the body", ({ text }) => text.includes("\r\n\r\n"));
    process.kill(pid, "SIGKILL");
    await waiting.untilHas("an answer", ({ text }) => /^HTTP\/1\.1 502 .*\r\n\r\n.+/s.test(text));
    if (!waiting.text.includes(reason)) throw new Error(`expected ${reason}, got ${waiting.text}`);
    await streaming.untilEnded();
    if (streaming.text.endsWith("0\r\n\r\n")) throw new Error("expected a body that is cut off, got a whole one");
    waiting.vanish();
    await serves(server);
    await freshWorkersAnswer(server);
}

async function serves(server) {
    await until("an answer", async () => (await fetch(`${server.url}/sleep`)).status === 200, 20_000);
}

async function zygoteOf(server, cell) {
    return server.tree().find(({ pid }) => pid === cell).parent;
}

async function hostPid(server) {
    await serves(server);
    await json(server, "/weigh");
    return server.cellAbove(160 << 20);
}

const own = {
    "cells that were stopped for a while go on": async (server) => {
        await serves(server);
        const { pid, answer } = await begin(server, ["rpc"]);
        const cells = server.cells();
        for (const signal of ["SIGSTOP", "SIGCONT"]) for (const cell of cells) process.kill(cell, signal);
        await sleep(100); // longer than a cell waits before it gives back memory
        expect("cells that are gone", cells.filter((cell) => !server.cells().includes(cell)), []);
        process.kill(pid, "SIGKILL");
        await answer;
        await freshWorkersAnswer(server);
    },
    "the host worker's cell is killed": async (server) => {
        await restarts(server, await hostPid(server), "was killed with signal 9 (Killed)");
    },
    "the host worker's cell crashes, with workers alive": async (server) => {
        const pid = await hostPid(server);
        const before = await json(server, "/count?id=alive");
        const [tree, zygotes] = [server.tree(), server.zygotes()];
        process.kill(pid, "SIGSEGV");
        await serves(server);
        const after = await json(server, "/count?id=alive");
        expect("counts", [before.count, after.count], [1, 1]);
        await until("the end of the old cells", () => {
            const old = stillThere(tree).map((process) => process.pid);
            return old.length <= 2 + 8 && !old.includes(pid); // supervisor, zygote, and what was idle in the pool
        });
        // The crash has the zygote replaced, later if another was a while ago: who comes next should not find both.
        await until("another zygote", () => server.zygotes().some((zygote) => !zygotes.includes(zygote)), 30_000);
    },
    "the host worker's cell is killed five times": async (server) => {
        for (let i = 0; i < 5; i++) {
            process.kill(await hostPid(server), "SIGKILL");
        }
        await serves(server);
        await freshWorkersAnswer(server);
    },
    "a cell that crashes has the zygote replaced, and nobody notices": async (server) => {
        await serves(server);
        const before = server.zygotes();
        const alive = await json(server, "/count?id=survivor");
        const { pid, answer } = await begin(server, ["rpc"]);
        process.kill(pid, "SIGSEGV");
        await answer;
        const fresh = await until("another zygote", () => server.zygotes().find((zygote) => !before.includes(zygote)), 30_000);
        const isFull = () => server.cells(fresh).length >= 4;
        await until("a pool of its cells", isFull, 30_000);
        await freshWorkersAnswer(server);
        expect("the count of an old worker", (await json(server, "/count?id=survivor")).count, alive.count + 1);
        expect("zygotes", server.zygotes().length, 2); // the host worker's cell goes on in the old one
    },
    "a zygote that is killed ends no cell of another": async (server) => {
        await serves(server);
        const hosts = await zygoteOf(server, await hostPid(server));
        const [other] = server.zygotes().filter((zygote) => zygote !== hosts);
        const before = await json(server, "/count?id=survivor");
        const streaming = new Raw(server).write(get("/stream"));
        await streaming.untilHas("some of the body", ({ text }) => text.includes("\r\n\r\n"));
        process.kill(other, "SIGKILL");
        await until("its end", () => !server.zygotes().includes(other));
        await freshWorkersAnswer(server);
        expect("the count of a worker that lives", (await json(server, "/count?id=survivor")).count, before.count + 1);
        expect("whether a body that was under way has ended", streaming.ended, false);
        streaming.vanish();
        expect("zygotes", server.zygotes().length, 2);
    },
    "the zygote of the host worker's cell is killed": async (server) => {
        const zygote = await zygoteOf(server, await hostPid(server));
        const tree = server.tree();
        const its = tree.filter(({ pid, parent }) => pid === zygote || parent === zygote);
        await restarts(server, zygote, "was killed with signal 9 (Killed)");
        await until("the end of its cells", () => stillThere(its).length === 0);
        expect("the other zygote", stillThere(tree).filter(({ parent }) => parent === server.pid).length, 1);
    },
};

/** Starts a server, brings it into some state, ends it by a signal, and checks how. */
function ends(signal, expected, prepare) {
    return async () => {
        const server = await startServer("deaths.js");
        const waiting = (await prepare?.(server)) ?? [];
        for (const promise of waiting) promise.catch(() => {});
        const { code, signal: by, left } = await server.stop(signal);
        await Promise.allSettled(waiting);
        expect("status and processes left", [code ?? by, left], [expected, 0]);
    };
}

const endings = {
    "SIGTERM": ends("SIGTERM", 0),
    "SIGINT with live workers": ends("SIGINT", 0, async (server) => {
        for (let i = 0; i < 10; i++) await json(server, `/count?id=live${i}`);
        await begin(server, ["rpc"]);
    }),
    "SIGINT with requests under way": ends("SIGINT", 0, async (server) => {
        const slept = fetch(`${server.url}/sleep`).then((response) => response.text());
        await sleep(10);
        return [slept];
    }),
    "SIGKILL": ends("SIGKILL", "SIGKILL", async (server) => {
        for (let i = 0; i < 3; i++) await json(server, `/count?id=live${i}`);
    }),
    "SIGKILL with a worker that spins": ends("SIGKILL", "SIGKILL", async (server) => {
        const { answer } = await begin(server, ["spin"]);
        return [answer];
    }),
    "SIGINT with a worker that spins": ends("SIGINT", 0, async (server) => {
        const { answer } = await begin(server, ["spinFetch"]);
        await json(server, "/abort");
        return [answer];
    }),
};

export const suites = [
    { name: "deaths", target: "deaths.js", cases: dynamic },
    { name: "restarts", target: "deaths.js", cases: own },
    { name: "ends", cases: endings },
];
