// Cells whose own limits were taken away by machine code (tests/escape/beyond_limits.c): the supervisor ends them
// (src/host/police.h), whoever called is told the limit, and nobody else notices.

import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, until } from "./server.mjs";

const USAGE = join(tmpdir(), `mayfly-police-${process.pid}.jsonl`);
process.on("exit", () => rmSync(USAGE, { force: true }));

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const json = async (server, path, body) => JSON.parse(await ask(server, path, body && { method: "POST", body: JSON.stringify(body) }));
const usage = () => readFileSync(USAGE, "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));

/** Has workers go beyond a limit, all at once, and looks who ended them, what their callers were told, and who is still there. */
async function beyond(server, words, probes) {
    const before = await json(server, "/neighbour");
    const known = usage().length;
    const calls = Promise.all(probes.map((probe) => json(server, "/beyond", probe)));
    calls.catch(() => {});
    expect("the neighbour's count meanwhile", await json(server, "/neighbour"), before + 1);
    for (const { message, limit, value } of await calls) {
        if (value !== undefined) throw new Error(`expected a rejection, got ${value}`);
        expect("the limit", [limit?.name, limit?.value, limit?.used > limit?.value], [words.name, words.value, true]);
        expect("the words", message, `${words.text} (limits.${words.name} is ${words.value}, used ${limit.used})`);
    }
    await until("their lines", () => usage().length >= known + probes.length);
    // Its own weighing would have ended it otherwise.
    const ends = usage().slice(known).map(({ end }) => end);
    expect("the ends", ends, probes.map(() => "was killed with signal 9 (Killed)"));
    expect("the neighbour's count", await json(server, "/neighbour"), before + 2);
}

const CPU = { name: "cpuMs", value: 50, text: "Worker exceeded CPU time limit." };
const MEMORY = { name: "memoryMb", value: 32, text: "Worker exceeded memory limit." };
const spin = { probe: "spin", limits: { cpuMs: 50 } };
const grow = { probe: "grow", limits: { memoryMb: 32 } };

const cases = {
    "who computes on without its own limit is ended": (server) => beyond(server, CPU, [spin]),
    "one with a name likewise, and the name begins anew": async (server) => {
        await beyond(server, CPU, [{ ...spin, name: "spins" }]);
        const again = await json(server, "/beyond", { name: "spins" });
        expect("its count", again, { value: 1 });
    },
    "who grows without its own limit is ended": (server) => beyond(server, MEMORY, [grow]),
    "one with a name that grows likewise": async (server) => {
        await beyond(server, MEMORY, [{ ...grow, name: "grows" }]);
        expect("its count", await json(server, "/beyond", { name: "grows" }), { value: 1 });
    },
    "what a cell tells of its rests costs nobody its calls, nor the CPU time of one that has no name and never rests": async (server) => {
        for (const told of ["1e400", "-1", "x", "20000"]) {
            const known = usage().length;
            expect("its count", await json(server, "/rested", { told }), 3);
            await until("its line", () => usage().length > known);
            const [{ calls, cpuUs, end }] = usage().slice(known);
            expect(`what was used of one that tells ${told}`, [calls, cpuUs > 0, end], [3, true, "exited with status 0"]);
        }
    },
    "several at once": (server) => beyond(server, CPU, [spin, spin, spin]),
};

const environment = { MAYFLY_CELL: fileURLToPath(new URL("../../build/tests/escape-cell", import.meta.url)) };

export const suites = [{ name: "police", target: "police.js", options: ["--usage", USAGE], environment, cases }];
