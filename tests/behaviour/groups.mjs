// The control group of all cells: the second line behind each worker's own limits. Where none can be made, doctor says
// so and nothing else is different.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ask, BINARY, processTree, startServer, until } from "./server.mjs";

const HOST = fileURLToPath(new URL("../abuse/host.js", import.meta.url));

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const findings = JSON.parse(execFileSync(BINARY, ["doctor", "--json"], { encoding: "utf8" })).findings;
const isThere = (name) => findings.some((f) => f.section === "cgroups" && f.name === name && f.state === "yes");

const attempt = async (server, test) => JSON.parse(await ask(server, "/attempt", { method: "POST", body: JSON.stringify(test) }));
const run = (body, more) => ({ modules: { "main.js": `export default { async run() { ${body} } };` }, method: "run", ...more });

/** The directories of a process's groups. */
function groupsOf(pid) {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n").filter((line) => line.includes("mayfly-"))
        .map((line) => line.split(":")).map(([, controllers, path]) => `/sys/fs/cgroup/${controllers}${path}`);
}

async function started(options) {
    const server = await startServer(HOST, ["--health", "/health", "--pool", "2", "--grants", "2", ...options]);
    await ask(server, "/neighbour");
    return server;
}

async function ended(server, signal = "SIGINT") {
    const groups = groupsOf(server.zygote).filter(existsSync);
    const { left } = await server.stop(signal);
    expect("processes left", left, 0);
    await until("an end of the groups", () => !groups.some(existsSync));
}

const grouped = {
    "cells are in groups, and nobody else": async () => {
        const server = await started([]);
        const { confinement } = JSON.parse(await ask(server, "/health"));
        const spawner = processTree(server.pid).find(({ name }) => name === "mayfly-spawner").pid;
        const counts = [server.pid, spawner, server.zygote, ...server.cells()].map((pid) => groupsOf(pid).length > 0);
        expect("groups", [confinement.controlGroup, ...counts.slice(0, 3)], [true, false, false, true]);
        expect("groups of cells", counts.slice(3).every(Boolean), true);
        await ended(server);
    },
    "what others left is swept at the next start": async () => {
        const server = await started([]);
        const gone = spawnSync("true").pid;
        const left = groupsOf(server.zygote).filter(existsSync).map((path) => path.replace(/mayfly-\d+/, `mayfly-${gone}`));
        for (const path of left) mkdirSync(path);
        await ended(await started([]));
        expect("groups left", [left.length > 0, left.filter(existsSync)], [true, []]);
        await ended(server);
    },
    "a killed supervisor leaves no groups": async () => ended(await started([]), "SIGKILL"),
};

const pids = {
    "all cells together have so many processes": async () => {
        const server = await started(["--cells-max", "24"]);
        const { zygote } = server;
        const hanging = Array.from({ length: 40 }, () => attempt(server, run("return new Promise((resolve) => setTimeout(resolve, 1e6));", { limits: { wallMs: 3000 } })));
        const messages = (await Promise.all(hanging)).map(({ value, message }) => value?.[0].message ?? message);
        const refused = messages.filter((message) => message.includes("Resource temporarily unavailable")).length;
        if (refused === 0) throw new Error(`expected some loads to be refused, got ${messages}`);
        await until("a worker", async () => (await attempt(server, run("return 1;"))).value?.[0].value === 1);
        expect("zygote", server.zygote, zygote);
        await ended(server);
    },
};

const memory = {
    "all cells together have so much memory, and a worker's cell goes first": async () => {
        const server = await started(["--cells-mb", "600", "--limit", "memory_mb=1000"]);
        const { zygote } = server;
        const fill = "const kept = []; for (let i = 0; i < 150; i++) kept.push(new Uint8Array(1 << 20).fill(1)); await new Promise((r) => setTimeout(r, 2000)); return kept.length;";
        const outcomes = await Promise.all(Array.from({ length: 6 }, () => attempt(server, run(fill, { limits: { memoryMb: 500 } }))));
        const ends = outcomes.map(({ value, message }) => value?.[0].message ?? value?.[0].value ?? message);
        if (!ends.includes("The dynamic worker's cell was killed with signal 9 (Killed).")) throw new Error(`expected a killed cell, got ${ends}`);
        await until("a worker", async () => (await attempt(server, run("return 1;"))).value?.[0].value === 1);
        expect("zygote", server.zygote, zygote);
        expect("the neighbour's next call", JSON.parse(await ask(server, "/neighbour")) >= 1, true);
        expect("words", /host worker's cell/.test(server.errors), false);
        await ended(server);
    },
};

/** Whoever may make no groups does without. */
const ungrouped = {
    "doctor says that there are none": () => {
        for (const name of ["memory", "pids"]) if (!isThere(name)) expect(name, findings.some((f) => f.section === "cgroups" && f.name === name && f.hint), true);
        return Promise.resolve();
    },
    "dynamic workers' cells go before the rest when memory runs out": async () => {
        const server = await started([]);
        const score = (pid) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));
        const base = score(server.pid);
        await until("a zygote that forks nothing", () => score(server.zygote) === base); // while it forks, it has its cells' score
        const cells = server.cells().map(score).sort((a, b) => a - b);
        expect("scores", [cells[0], ...new Set(cells.slice(1))], [base, Math.min(base + 500, 1000)]);
        await ended(server);
    },
};

if (!isThere("pids")) console.log("# control groups: no pids controller to be had here");
if (!isThere("memory")) console.log("# control groups: no memory controller to be had here");

export const suites = [
    { name: "groups", cases: { ...ungrouped, ...(isThere("pids") || isThere("memory") ? grouped : {}), ...(isThere("pids") ? pids : {}), ...(isThere("memory") ? memory : {}) } },
];
