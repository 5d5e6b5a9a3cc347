// What happens as there is more: live cells from ten to ten thousand on one server, and code from 1 KB to 10 MB on both.

import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FRESH } from "./loads.mjs";
import { memory, readTree } from "./process-tree.mjs";
import { quiet, startServer, stopServer } from "./servers.mjs";
import { align, formatNumber } from "./table.mjs";
import { measureLoad, progress, send, upcomingNumber } from "./turns.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));
const STEPS = [10, 100, 1_000, 5_000, 10_000];
const QUICK_STEPS = [10, 100];
const BATCH = 200; // cells between two looks at what memory is left
const FREE_MIB = 2_048; // what the machine keeps
const CELL_MIB = 4; // more than a cell ever took here
const CALLS = 200;
const STOP_TIMEOUT_MS = 120_000;
const SIZES = [1, 10, 100, 1_000, 10_000]; // KB
const FIT_MIB = 16 * 1_024;

const live = (calls) => ({ path: "/live?id={i}", expect: `{"id":"{i}","calls":${calls},`, connections: 1, timeoutMs: 60_000 });
const size = (kilobytes) => ({
    path: `/size?n={i}&bytes=${kilobytes * 1_000}`,
    expect: '{"fresh":{i},"calls":1,"greeting":"hello"}',
    requests: 20,
    connections: 1,
    turns: 4,
    timeoutMs: 60_000,
});

const numberIn = (path, pattern = /(\d+)/) => Number(readFileSync(path, "utf8").match(pattern)[1]);
const availableMiB = () => numberIn("/proc/meminfo", /MemAvailable:\s+(\d+)/) / 1_024;

/** Adds named cells until there are `wanted`; resolves with why it stopped, or null. */
async function addCells(server, had, wanted, round) {
    for (let cells = had; cells < wanted; cells += BATCH) {
        const requests = Math.min(wanted - cells, BATCH);
        const available = availableMiB();
        if (available < FREE_MIB + requests * CELL_MIB) return `at ${cells} cells: ${available.toFixed(0)} MiB of the machine's memory are left`;
        const { failures, firstFailure } = await send(server, { ...live(1), requests, connections: 4 }, round);
        if (failures) return `after ${cells} cells: ${failures} of ${requests} more failed: ${firstFailure}`;
    }
    return null;
}

/** Of what a server takes, how much of how much there is; descriptors are those of the process that has most of its own. */
function resources(server) {
    const tree = readTree(server.child.pid);
    const descriptors = tree.map(({ pid }) => {
        try {
            const limit = numberIn(`/proc/${pid}/limits`, /Max open files\s+(\d+)/);
            return { what: `descriptors of ${readlinkSync(`/proc/${pid}/exe`).split("/").at(-1)}`, used: readdirSync(`/proc/${pid}/fd`).length, limit };
        } catch {
            return { used: 0, limit: 1 }; // it has ended
        }
    });
    const [most] = descriptors.sort((a, b) => b.used - a.used);
    return [
        most,
        { what: "process ids", used: tree.length, limit: numberIn("/proc/sys/kernel/pid_max") },
        { what: "threads of the system", used: tree.length, limit: numberIn("/proc/sys/kernel/threads-max") },
    ];
}

/** Live cells in steps: at each what a fresh load and warm calls take, and what all of it weighs. */
async function measureCells(isQuick, round) {
    const server = await startServer("mayfly, many cells", join(OUT, "growth.log"));
    const warm = { path: "/warm?id=x", expect: '{"id":"x","calls":', requests: CALLS, connections: 1, timeoutMs: 60_000 };
    await send(server, { ...FRESH, requests: 20, connections: 1 }, round);
    await send(server, { ...warm, requests: 20 }, round);
    await quiet(server);
    const before = { availableMiB: availableMiB(), memory: memory(server.child.pid), resources: resources(server) };
    const steps = [];
    let stopped = null;
    for (const cells of isQuick ? QUICK_STEPS : STEPS) {
        const had = steps.at(-1)?.cells ?? 0;
        const first = upcomingNumber();
        stopped = await addCells(server, had, cells, round);
        if (stopped) break;
        await quiet(server);
        const { processes, privateMiB, pssMiB, pageTablesMiB } = memory(server.child.pid);
        const machineMiB = before.availableMiB - availableMiB();
        if (processes < cells) stopped = `at ${cells} cells: only ${processes} processes are there`;
        const fresh = await send(server, { ...FRESH, requests: CALLS, connections: 1, timeoutMs: 60_000 }, round);
        await quiet(server);
        const hot = await send(server, warm, round);
        const each = await send(server, { ...live(2), requests: Math.min(CALLS, cells - had) }, round, first);
        const step = { cells, fresh: fresh.p50, freshP99: fresh.p99, warm: hot.p50, each: each.p50, processes, privateMiB, pssMiB, pageTablesMiB, machineMiB };
        steps.push({ ...step, resources: resources(server) });
        progress(`  ${cells} live cells: fresh p50 ${fresh.p50} ms, warm ${hot.p50} ms, of each in turn ${each.p50} ms, ${pssMiB.toFixed(0)} MiB`);
        if (stopped) break;
    }
    if (stopped) progress(`  stopped ${stopped}`);
    round.leftBehind += await stopServer(server, STOP_TIMEOUT_MS);
    return { before, steps, stopped };
}

/** Fresh loads of code of each size, on all servers of `names`. */
async function measureSizes(names, share, round) {
    const servers = [];
    for (const name of names) servers.push(await startServer(name, join(OUT, `${name}.log`)));
    for (const kilobytes of SIZES) await measureLoad(servers, `${kilobytes} KB`, share, round, size(kilobytes));
    for (const server of servers) round[server.name].leftBehind += await stopServer(server);
}

/** All of it, once. */
export async function measureGrowth(names, isQuick) {
    const round = Object.fromEntries(names.map((name) => [name, { loads: {}, failures: 0, leftBehind: 0 }]));
    await measureSizes(names, isQuick ? 0.2 : 1, round);
    const cells = round.mayfly ? await measureCells(isQuick, round.mayfly) : { steps: [] };
    return { ...cells, sizes: round };
}

const verdict = (passed) => (passed ? "pass" : "FAIL");

/** What is shared by sharers once, and what the kernel has for it. */
const weight = ({ pssMiB, pageTablesMiB }) => pssMiB + pageTablesMiB;

function formatCells({ before, steps, stopped }) {
    const lines = [["live cells", "fresh p50 ms", "p99", "warm p50 ms", "each in turn", "GiB PSS", "page tables", "of the machine", "MiB a cell"]];
    for (const { cells, fresh, freshP99, warm, each, pssMiB, pageTablesMiB, machineMiB } of steps) {
        const gib = [pssMiB, pageTablesMiB, machineMiB].map((mib) => (mib / 1_024).toFixed(2));
        const mibOfCell = (pssMiB + pageTablesMiB - weight(before.memory)) / cells;
        lines.push([cells.toLocaleString("en-US"), ...[fresh, freshP99, warm, each].map(formatNumber), ...gib, formatNumber(mibOfCell)]);
    }
    const last = steps.at(-1);
    const withMemory = (all, of) => [...all, { what: "memory, MiB", used: weight(of), limit: numberIn("/proc/meminfo") / 1_024 }];
    const had = withMemory(before.resources, before.memory);
    const runsOut = withMemory(last.resources, last)
        .map(({ what, used, limit }, i) => ({ what, used, limit, cells: Math.floor((limit - had[i].used) / ((used - had[i].used) / last.cells)) }))
        .sort((a, b) => a.cells - b.cells)
        .map(({ what, used, limit, cells }) => [`  ${what}`, used.toFixed(0), "of", limit.toFixed(0), "enough for", cells.toLocaleString("en-US"), "cells"]);
    const notes = [stopped ? `Stopped ${stopped}.` : "Nothing ran out.", `What runs out first, by what ${last.cells.toLocaleString("en-US")} cells took:`];
    return [align(lines, 0), "", ...notes, align(runsOut, 1, 6)].join("\n");
}

function formatSizes(sizes) {
    const names = Object.keys(sizes);
    const lines = [["code", ...names.flatMap((name) => [`${name} p50 ms`, "us/KB"]), "ratio"]];
    for (const kilobytes of SIZES) {
        const times = names.map((name) => sizes[name].loads[`${kilobytes} KB`].p50);
        const ratio = times.length === 2 ? `${(times[names.indexOf("workerd")] / times[names.indexOf("mayfly")]).toFixed(2)}x` : "-";
        lines.push([`${kilobytes.toLocaleString("en-US")} KB`, ...times.flatMap((ms) => [formatNumber(ms), formatNumber((ms * 1_000) / kilobytes)]), ratio]);
    }
    return align(lines, 0);
}

/** What must hold: what it is, and whether it does; null where it was not tried. */
export function growthMarks({ steps, stopped, sizes }) {
    const [first, last] = [steps[0], steps.at(-1)];
    const isWhole = last?.cells === STEPS.at(-1);
    const missed = stopped ? false : null; // it was tried, or it was not
    const perKilobyte = SIZES.map((kilobytes) => sizes.mayfly?.loads[`${kilobytes} KB`].p50 / kilobytes);
    return [
        ["10,000 live cells fit in 16 GiB", isWhole ? weight(last) <= FIT_MIB : missed],
        ["a fresh load at 10,000 takes at most twice what it takes at 10", isWhole ? last.fresh <= 2 * first.fresh : missed],
        ["time for each KB of code falls or stays flat (within a tenth)", perKilobyte.every((time, i) => i === 0 || time <= perKilobyte[i - 1] * 1.1)],
        ["no request failed, no process was left behind", Object.values(sizes).every(({ failures, leftBehind }) => failures + leftBehind === 0)],
    ];
}

export function formatGrowth(growth) {
    const marks = growthMarks(growth).map(([what, holds]) => [what, holds === null ? "not tried" : verdict(holds)]);
    return [formatSizes(growth.sizes), ...(growth.steps.length > 0 ? [formatCells(growth)] : []), align(marks, 1)].join("\n\n");
}
