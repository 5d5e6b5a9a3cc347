// What a fresh load costs, in things that can be counted: functions that a cell compiles, page faults, memory. Seconds are
// for the benchmark; these are the same on every run, so that a change that makes loads dearer is seen at once. Where a
// number has a margin, the number that was measured stands beside it. Prints `ok NAME` or `not ok NAME: ...`.

import { fileURLToPath } from "node:url";
import { memory } from "../../bench/process-tree.mjs";
import { ask, processTree, sleep, startServer } from "../behaviour/server.mjs";

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
    for (let i = 0; i < times; i++) await ask(server, `${route}${route.includes("?") ? "&" : "?"}n=${number++}`);
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
    // The engine's function that resolves an awaited stub is among these: to rehearse that takes each cell 60 KiB.
    await check("a fresh load and a call with two callbacks: likewise", () => own("/calls", 6, 445));
    // Likewise; and the two of a namespace's call, which would have to be waited for.
    await check("a fresh load and an execution of mayfly mcp: likewise", () => own("/execution", 9, 620));
    await check("a fresh load and a call of a plain object: likewise", () => own("/plain", 3, 65));
    await server.stop();
}

// --- Page faults -------------------------------------------------------------------------------------------------------

/** Page faults so far of each of a server's processes; a holder's with those of the cells that it has seen end. */
function faults(server) {
    const count = ({ pid, name, faults, faultsOfEnded }) => [pid, faults + (name === "mayfly-holder" ? faultsOfEnded : 0)];
    return new Map(processTree(server.pid).map(count));
}

/** Page faults of one of `times` requests, in processes that were there before: how many holders there are is another matter. */
async function faultsOf(server, route, times, warmUp) {
    await load(server, route, warmUp);
    await sleep(500);
    const before = faults(server);
    await load(server, route, times);
    await sleep(500); // garbage is collected
    const after = faults(server);
    return [...before].reduce((sum, [pid, n]) => sum + (after.get(pid) ?? n) - n, 0) / times;
}

/** Page faults of the youngest holder, which has made no cell yet, or few. */
async function faultsOfHolder(server) {
    await sleep(500);
    return faults(server).get(Math.max(...server.holders()));
}

async function checkBelow(name, most, count) {
    await check(name, async () => {
        const n = await count();
        console.log(`# ${name}: ${n.toFixed(2)}`);
        if (n > most) throw new Error(`expected at most ${most}, got ${n.toFixed(2)}`);
    });
}

async function checkFaults() {
    const server = await startServer(HOST, ["--pool", "4", "--health", "/health"]);
    if (!JSON.parse(await ask(server, "/health")).zygotes.rewinds) {
        console.log("skipped page faults: this machine rewinds no cells (mayfly doctor)");
        await server.stop();
        return;
    }
    await sleep(4000); // the host worker's cell practises
    await checkBelow("page faults of a fresh load in a rewound address space", 1, () => faultsOf(server, "/fresh", 1000, 2500)); // 0.02 to 0.9, once the host worker's heap has its size
    // 0.04 to 0.4, once both heaps have their size and all code is compiled; 2 in the first thousand
    await checkBelow("page faults of a warm call", 0.5, () => faultsOf(server, "/named?id=warm", 2000, 5000));
    await check("those warm calls came to one and the same worker", async () => {
        const { calls } = JSON.parse(await ask(server, "/named?id=warm"));
        if (calls !== 7001) throw new Error(`expected its call 7001, got ${calls}`);
    });
    await checkBelow("page faults of an address space that is made for cells", 1450, () => faultsOfHolder(server)); // 1,140
    await server.stop();
}

// --- Practice ----------------------------------------------------------------------------------------------------------

/** What a host worker's cell compiles at its first load is its own handler, and what practice on no real channel cannot reach. */
async function checkPractice() {
    const server = await startServer(HOST, ["--pool", "2", "--no-jail", "--no-rewind"], { MAYFLY_CELL: COST_CELL });
    await check("a host worker's cell has practised loads before the first", async () => {
        await sleep(3000);
        if (/practice/i.test(server.errors)) throw new Error(server.errors);
        const from = server.errors.length;
        await load(server, "/fresh", 1);
        await sleep(500);
        const compiled = server.errors.slice(from).match(/^Compiled #/gm)?.length ?? 0;
        console.log(`# functions compiled at the first load, in both cells: ${compiled}`);
        if (compiled > 20) throw new Error(`expected at most 20 functions, got ${compiled}`); // 11; 146 without practice
    });
    await check("and calls with callbacks", async () => {
        const from = server.errors.length;
        await load(server, "/calls", 1);
        await sleep(500);
        const compiled = server.errors.slice(from).match(/^Compiled #/gm)?.length ?? 0;
        console.log(`# functions compiled at the first call, in both cells: ${compiled}`);
        if (compiled > 20) throw new Error(`expected at most 20 functions, got ${compiled}`);
    });
    await server.stop();
}

// --- Memory ------------------------------------------------------------------------------------------------------------

async function checkMemory() {
    const server = await startServer(HOST, ["--pool", "4"]);
    const name = "KiB of private memory of a live sandbox after one call";
    const live = async (from, to) => {
        for (let i = from; i < to; i++) await ask(server, `/named?id=${i}`);
        let kib = Infinity; // they rest, folded; the pool is full again
        for (let before = NaN, looks = 0; kib !== before && looks < 10; looks++, await sleep(1000)) [before, kib] = [kib, memory(server.pid).privateMiB * 1024];
        return kib;
    };
    const before = await live(0, 50);
    const kib = ((await live(50, 150)) - before) / 100;
    if (Number.isNaN(kib)) console.log(`skipped ${name}: the kernel tells only root`);
    else await checkBelow(name, 250, () => kib); // 165 to 210; workerd has 1,579
    await server.stop();
}

await checkCompilations();
await checkFaults();
await checkPractice();
await checkMemory();
process.exit(failed > 0 ? 1 : 0);
