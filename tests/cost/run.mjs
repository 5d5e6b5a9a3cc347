// What a fresh load costs, in things that can be counted: functions that a cell compiles, page faults, memory. Seconds are
// for the benchmark; these are the same on every run, so that a change that makes loads dearer is seen at once. Where a
// number has a margin, the number that was measured stands beside it. Prints `ok NAME` or `not ok NAME: ...`.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ask, processTree, sleep, startServer, until } from "../behaviour/server.mjs";

const HOST = fileURLToPath(new URL("wrangler.jsonc", import.meta.url));
const COST_CELL = process.env.COST_CELL ?? fileURLToPath(new URL("../../build/tests/cost-cell", import.meta.url));

let failed = 0;
async function check(name, body) {
    try {
        await body();
        console.log(`ok ${name}`);
    } catch (error) {
        failed++;
        console.log(`not ok ${name}: ${String(error.message ?? error).replaceAll("\n", "\\n")}`);
    }
}

let number = 0;
async function load(server, route, times) {
    for (let i = 0; i < times; i++) await ask(server, `${route}?n=${number++}`);
}

// --- Functions that are compiled ---------------------------------------------------------------------------------------

/** The bytecode of each function that was compiled in `times` loads, and must be the same in each; see report.c. */
async function compiledBy(server, route, times) {
    await load(server, route, 60); // the host worker has all of its own
    await sleep(300);
    const from = server.errors.length;
    await load(server, route, times);
    const read = () => [...server.errors.slice(from).matchAll(/^Compiled #\w+ into bytecode (\d+) instructions/gm)].map(([, n]) => Number(n));
    for (let known = -1; known !== read().length; await sleep(300)) known = read().length;
    const all = read();
    const each = all.slice(0, all.length / times);
    const expected = JSON.stringify(Array.from({ length: times }, () => each).flat());
    if (JSON.stringify(all) !== expected) throw new Error(`expected ${times} times the same functions, got ${JSON.stringify(all)}`);
    return each;
}

/** A cell forked from the zygote compiles what one in a rewound address space does, and can be heard. */
async function checkCompilations() {
    const server = await startServer(HOST, ["--pool", "2", "--no-jail", "--no-rewind"], { MAYFLY_CELL: COST_CELL });
    const own = async (route, functions, instructions) => {
        const each = await compiledBy(server, route, 20);
        const sum = each.reduce((a, b) => a + b, 0);
        if (each.length > functions || sum > instructions) {
            throw new Error(`expected at most ${functions} functions of ${instructions} instructions in all, got ${JSON.stringify(each)}: ` +
                "something that each load runs is no longer rehearsed (runtime/rehearsal.ts)");
        }
    };
    await check("a fresh load and a fetch: nothing is compiled but the worker's own code", () => own("/fresh", 3, 165));
    await check("a fresh load and a call with two callbacks: likewise", () => own("/calls", 5, 330));
    await server.stop();
}

// --- Page faults -------------------------------------------------------------------------------------------------------

/** Page faults so far of a server's processes, with those of their dead that were waited for. */
function faults(server) {
    let sum = 0;
    for (const { pid } of processTree(server.pid)) {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // proc(5): minflt, cminflt, majflt, cmajflt
        for (let i = 7; i <= 10; i++) sum += Number(fields[i]);
    }
    return sum;
}

/** Page faults of one of `times` requests, when the server has what it needs. */
async function faultsOf(server, route, times) {
    await load(server, route, 300);
    await sleep(500);
    const before = faults(server);
    await load(server, route, times);
    await sleep(500); // a holder is made anew, garbage is collected
    return (faults(server) - before) / times;
}

async function checkFaults(options, bounds) {
    const server = await startServer(HOST, ["--pool", "4", ...options]);
    for (const [name, route, times, most] of bounds) {
        await check(name, async () => {
            const each = await faultsOf(server, route, times);
            console.log(`# ${name}: ${each.toFixed(2)}`);
            if (each > most) throw new Error(`expected at most ${most} page faults, got ${each.toFixed(2)}`);
        });
    }
    await server.stop();
}

// --- Memory ------------------------------------------------------------------------------------------------------------

/** What no other process shares, of these; undefined where only root is told and there is no way to be root. */
function privateKib(pids) {
    const paths = pids.map((pid) => `/proc/${pid}/smaps_rollup`);
    let text = "";
    try {
        text = paths.map((path) => readFileSync(path, "utf8")).join("");
    } catch {
        text = spawnSync("sudo", ["-n", "cat", ...paths], { encoding: "utf8" }).stdout ?? "";
    }
    const values = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].map(([, kib]) => Number(kib));
    return values.length === 2 * pids.length ? values.reduce((a, b) => a + b, 0) : undefined;
}

async function checkMemory() {
    const server = await startServer(HOST, ["--pool", "4"]);
    const name = "a live sandbox after one call: private memory";
    await load(server, "/named", 10); // all of them the worker "null"
    const before = server.cells();
    for (let i = 0; i < 40; i++) await ask(server, `/named?id=${i}`);
    await sleep(500); // they rest, and give back what they can
    const all = privateKib(server.cells().filter((pid) => !before.includes(pid)));
    if (all === undefined) console.log(`skipped ${name}: the kernel tells only root`);
    else {
        await check(name, () => {
            const each = all / 40;
            console.log(`# ${name}: ${each.toFixed(0)} KiB`);
            if (each > 2000) throw new Error(`expected at most 2000 KiB, got ${each.toFixed(0)}`);
        });
    }
    await server.stop();
}

await checkCompilations();
await checkFaults([], [
    ["page faults of a fresh load in a rewound address space", "/fresh", 1000, 8],
    ["page faults of a warm call", "/named", 1000, 0.5],
]);
await checkFaults(["--no-rewind"], [["page faults of a fresh load in a forked cell", "/fresh", 100, 800]]);
await checkMemory();
process.exit(failed > 0 ? 1 : 0);
