// Workers that are compiled beside workers that are not: each profile has a zygote, and what happens to one is nothing to
// the other.

import { arch, release } from "node:os";
import { readFileSync } from "node:fs";
import { ask, startServer, until } from "./server.mjs";

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

/** As cell/rewind.c: Linux 6.10. */
const [major, minor] = release().split(".").map(Number);
const CAN_REWIND = arch() === "x64" && (major > 6 || (major === 6 && minor >= 10));

const json = async (server, path) => JSON.parse(await ask(server, path));

/** Whether some memory of a process can be both written and run; undefined where its maps are for root alone. */
function hasWritableCode(pid) {
    try {
        return /^\S+ .wx/m.test(readFileSync(`/proc/${pid}/maps`, "utf8"));
    } catch {
        return undefined;
    }
}

/** The zygotes of a server, as {jit, noJit}: the host worker's cell is the JIT's. */
function zygotes(server) {
    const [first, second] = server.zygotes();
    if (hasWritableCode(first) === undefined) return undefined;
    return hasWritableCode(first) ? { jit: first, noJit: second } : { jit: second, noJit: first };
}

const cellsOf = (server, zygote) => server.cells(zygote);

/** Of a process that may have ended: "". */
function statusOf(pid) {
    try {
        return readFileSync(`/proc/${pid}/status`, "utf8");
    } catch {
        return "";
    }
}

/** Cases that look into processes need root. */
const asRoot = (body) => async (server) => {
    const found = zygotes(server);
    if (found === undefined) return console.log("# not tried: to look into cells takes root");
    await body(server, found);
};

const cases = {
    "there are two zygotes, and health tells of both": async (server) => {
        expect("zygotes", server.zygotes().length, 2);
        const { zygotes, zygotesWithoutJit } = await json(server, "/health");
        expect("generations", [zygotes.generation, zygotesWithoutJit.generation], [1, 1]);
    },
    "the same code does the same": async (server) => {
        const expected = [2584, 299995, "ab24", 7, "<p>x</p>"];
        expect("with JIT", await json(server, "/mixed"), expected);
        expect("without", await json(server, "/mixed?safe"), expected);
    },
    "workers with WebAssembly and without, many at once, in cells of two roles": async (server) => {
        const expected = Array.from({ length: 24 }, (_, i) => (i % 2 ? 1 : 7));
        expect("with JIT", await json(server, "/many"), expected);
        expect("without", await json(server, "/many?safe"), expected);
    },
    "a cell is sealed before it is given to anybody": async (server) => {
        const filters = (pid) => Number(/^Seccomp_filters:\s*(\d+)/m.exec(statusOf(pid))?.[1]);
        const own = filters(process.pid);
        expect("filters of zygotes", [...new Set(server.zygotes().map(filters))], [own + 1]);
        await until("two filters around every cell", () => server.cells().every((pid) => filters(pid) === own + 2)); // forks may be under way
    },
    "loaders of one id share no worker across profiles": async (server) => {
        expect("counts", [await json(server, "/count"), await json(server, "/count"), await json(server, "/count?safe")], [1, 2, 1]);
    },
    "no memory of a cell without JIT can be both written and run": asRoot(async (server, { jit, noJit }) => {
        await until("idle cells of both", () => cellsOf(server, jit).length > 1 && cellsOf(server, noJit).length > 1);
        await json(server, "/count?safe");
        const found = (zygote) => [...new Set([zygote, ...cellsOf(server, zygote)].map(hasWritableCode))].filter((x) => x !== undefined);
        expect("cells with it", found(jit), [true]);
        expect("cells without", found(noJit), [false]);
    }),
    "one zygote is killed: its workers' callers are told, and others notice nothing": asRoot(async (server, { noJit }) => {
        const before = await json(server, "/count");
        const [fast, safe] = [json(server, "/hang"), json(server, "/hang?safe")];
        fast.catch(() => {}); // the server ends before it does
        await until("both calls", async () => (await json(server, "/under")) === 2);
        process.kill(noJit, "SIGKILL");
        expect("the call", await safe, "The dynamic worker's cell was killed with signal 9 (Killed).");
        expect("the other one's count", await json(server, "/count"), before + 1);
        expect("a fresh one", await json(server, "/count?safe"), 1);
        expect("and the same code", (await json(server, "/mixed?safe")).length, 5);
        const { zygotes, zygotesWithoutJit } = await json(server, "/health");
        expect("generations", [zygotes.generation, zygotesWithoutJit.generation], [1, 2]);
    }),
};

/** Without a configuration that asks for it there is no second zygote; with --no-jit all is of that profile. */
async function withOptions(options, isSafe) {
    const server = await startServer("zygotes.js", options);
    try {
        expect("zygotes", server.zygotes().length, 1);
        const [zygote] = server.zygotes();
        const found = hasWritableCode(zygote);
        if (found === undefined) console.log("# not looked into: that takes root");
        else expect("writable code", found, !isSafe);
        expect("an answer", await json(server, "/fresh?n=4"), 8);
    } finally {
        await server.stop();
    }
}

/** A process's nice value; none if it has ended. */
function niceOf(pid) {
    try {
        return Number(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, "").split(" ")[16]);
    } catch {
        return undefined;
    }
}

/** Waits until the cells of a server at rest are the host worker's and four that are idle, and so many of them made by holders. */
async function madeByHolders(expected, options) {
    const server = await startServer("zygotes.js", ["--pool", "2", "--grants", "2", ...options]);
    try {
        for (let n = 0; n < 40; n++) expect("a fresh one", await json(server, "/fresh?n=4"), 8);
        expect("zygotes for dynamic workers", server.zygotes().length, 1);
        await until(`${expected} of five cells made by holders, the others by the zygote`, () => {
            const cells = new Set(server.cells());
            const [zygotes, holders] = [server.zygotes(), server.holders()];
            const parents = server.tree().filter(({ pid }) => cells.has(pid)).map(({ parent }) => parent);
            const madeBy = (makers) => parents.filter((pid) => makers.includes(pid)).length;
            return madeBy(holders) === expected && madeBy(zygotes) === 5 - expected;
        });
        return server.holders().length;
    } finally {
        await server.stop();
    }
}

export const suites = [
    { name: "profiles", target: "profiles.jsonc", options: ["--health", "/health", "--pool", "2", "--grants", "2"], cases },
    {
        name: "profiles by option",
        cases: {
            "a server without such loaders has one zygote": () => withOptions([], false),
            "--no-jit": () => withOptions(["--no-jit"], true),
            "--no-rewind: each cell has memory of its own": async () => {
                expect("holders", await madeByHolders(0, ["--no-rewind"]), 0);
            },
            // The memory they follow each other in: SECURITY.md.
            "without it holders make the cells, but the host worker's": async () => {
                if (!CAN_REWIND) return console.log("# not tried: this kernel has no mseal, or the processor is no x86-64");
                await madeByHolders(4, []);
            },
            "a worker that spins gives way to others, and its holder makes the next cell": async () => {
                const server = await startServer("zygotes.js", ["--pool", "1", "--grants", "1"]);
                try {
                    const spin = async () => (await json(server, "/spin")).replace(/used \d+/, "used 40");
                    const ended = "Worker exceeded CPU time limit. (limits.cpuMs is 40, used 40)";
                    await until("holders", async () => (await spin(), server.holders().length > 2 || !CAN_REWIND));
                    const before = server.holders();
                    let isSeen = false;
                    const lane = async (ends) => {
                        do ends.push(await spin());
                        while (!isSeen);
                        return ends;
                    };
                    const spinning = Promise.all(Array.from({ length: 10 }, () => lane([])));
                    spinning.catch(() => {}); // the server ends before it does
                    await until("a cell of low priority", () => server.cells().some((pid) => niceOf(pid) === 10));
                    isSeen = true;
                    expect("their ends", [...new Set((await spinning).flat())], [ended]);
                    const after = server.holders();
                    expect("holders that are gone", before.filter((pid) => !after.includes(pid)), []);
                } finally {
                    await server.stop();
                }
            },
            "one that has answered many calls does not so soon: its engine compiles": async () => {
                const server = await startServer("zygotes.js", ["--pool", "1", "--grants", "1"]);
                const low = new Set(); // whose address spaces had to be made at their first call
                const lowOnes = () => server.cells().filter((pid) => niceOf(pid) === 10 && !low.has(pid));
                try {
                    for (let tried = 0, id = 0; tried < 3; id++) {
                        if (id === 30) throw new Error("expected calls of less than a tick, got none");
                        await json(server, `/prompt?id=${id}`);
                        const made = lowOnes();
                        made.forEach((pid) => low.add(pid));
                        if (made.length > 0) continue;
                        tried++;
                        let niced = 0;
                        const look = setInterval(() => (niced += lowOnes().length), 2);
                        const end = await json(server, `/prompt/spin?id=${id}`).finally(() => clearInterval(look));
                        expect("its end", end.replace(/used \d+/, "used 24"), "Worker exceeded CPU time limit. (limits.cpuMs is 24, used 24)");
                        expect("times that it was seen at low priority", niced, 0);
                    }
                } finally {
                    await server.stop();
                }
            },
        },
    },
];
