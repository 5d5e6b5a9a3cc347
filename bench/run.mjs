// make bench: the same host worker on mayfly and on workerd, in turn, in one run on one machine.
// Measures in rounds (README.md tells how each row is taken), prints the table on stdout and progress on stderr,
// writes everything measured to bench/out/results.json. Exit code: 0 all marks reached, 1 one missed, 2 no result.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildHost, measureExecutes } from "./codemode.mjs";
import { measureJail } from "./jail.mjs";
import { expected } from "./kernels.js";
import { memory, cpuSeconds } from "./process-tree.mjs";
import { findBinary, quiet, startServer, stopServer } from "./servers.mjs";
import { formatTable, measured, pool, summarize } from "./table.mjs";

const USAGE = `usage: node bench/run.mjs [--only mayfly|workerd] [--rows NAMES] [--quick]
  --only NAME   measure one server: no ratios, no marks that need the other
  --rows NAMES  these loads only, by their keys in this file and with commas between; "kernels" is all that compute;
                also memory, execute, jail
  --quick       one round with a fifth of the requests: to try the benchmark, not to quote it`;

const BENCH = fileURLToPath(new URL(".", import.meta.url));
const OUT = join(BENCH, "out");
const CLIENT = process.env.BENCH_CLIENT ?? join(BENCH, "../build/bench-client");
const NAMES = ["mayfly", "workerd"];
const ROUNDS = 3;
const TURNS = 5;
const REQUEST_TIMEOUT_MS = 10_000;
const CLIENT_TIMEOUT_MS = 60_000;
const STAIRCASE = { step: 50, steps: 4 };

const FRESH = { path: "/fresh?n={i}", expect: '{"fresh":{i},"calls":1,"greeting":"hello"}' };
const WARM = { path: "/warm?id=x", expect: '{"id":"x","calls":' };
const HELLO = { path: "/hello", expect: '{"hello":"world"}' };
const FETCH = { path: "/fetch?origin={origin}", expect: '{"got":"origin"}' };
const GATE = { ...FETCH, path: "/gate?origin={origin}" };
const LOADS = {
    fresh1: { ...FRESH, requests: 500, connections: 1 },
    fresh16: { ...FRESH, requests: 2000, connections: 16 },
    warm1: { ...WARM, requests: 5000, connections: 1 },
    warm64: { ...WARM, requests: 5000, connections: 64 },
    fetch1: { ...FETCH, requests: 2000, connections: 1 },
    fetch64: { ...FETCH, requests: 4000, connections: 64 },
    gate1: { ...GATE, requests: 2000, connections: 1 },
    gate64: { ...GATE, requests: 4000, connections: 64 },
    hello1: { ...HELLO, requests: 5000, connections: 1 },
    rpcOut: { path: "/rpc-out?n=200", expect: '{"sum":200}', requests: 100, connections: 1 },
    rpcIn: { path: "/rpc-in?n=1000", expect: '{"calls":1000}', requests: 30, connections: 1 },
    rpcBytes: { path: "/rpc-bytes", expect: '{"size":1048576}', requests: 200, connections: 1 },
    rpcStream: { path: "/rpc-stream?n=64", expect: '{"size":67108864}', requests: 15, connections: 1 },
    hello64: { ...HELLO, requests: 5000, connections: 64 },
};

/** Kernels run for tens of milliseconds each, and are as fast as they get after some seconds of it. */
const KERNELS = Object.keys(expected);
for (const name of KERNELS) {
    const expect = JSON.stringify({ kernel: name, result: expected[name] });
    LOADS[name] = { path: `/kernel?name=${name}`, expect, requests: 12, connections: 1, turns: 3, warmUp: 12 };
}

/** What is measured otherwise than by loads: the staircase of sandboxes, executions of Code Mode, the jail's price. */
const OTHERS = ["memory", "execute", "jail"];

/** What was asked for by name: keys of LOADS and some of OTHERS. */
function wanted(rows) {
    const names = rows?.split(",").flatMap((name) => (name === "kernels" ? KERNELS : [name])) ?? [...Object.keys(LOADS), ...OTHERS];
    const unknown = names.find((name) => !OTHERS.includes(name) && !LOADS[name]);
    if (unknown !== undefined) throw new Error(`no such row: ${unknown}. There are ${OTHERS.join(", ")}, kernels, ${Object.keys(LOADS).join(", ")}`);
    return { keys: names.filter((name) => LOADS[name]), others: names.filter((name) => OTHERS.includes(name)) };
}

const progress = (text) => process.stderr.write(`${text}\n`);

function parseCommandLine() {
    const options = { only: { type: "string" }, rows: { type: "string" }, quick: { type: "boolean" }, help: { type: "boolean" } };
    try {
        const { values } = parseArgs({ options });
        wanted(values.rows);
        if (values.only && !NAMES.includes(values.only)) throw new Error(`no such server: ${values.only}`);
        return values;
    } catch (error) {
        progress(`${error.message}\n${USAGE}`);
        process.exit(2);
    }
}

let nextNumber = 0;

/** What workers fetch; the same for both servers, in a process of its own. */
let originPort = 0;

async function startOrigin() {
    const child = spawn(process.execPath, [join(BENCH, "origin.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
    process.on("exit", () => child.kill());
    const [line] = await once(child.stdout, "data");
    originPort = Number(line);
    return child;
}

/** Runs the client once; resolves with what it measured. No number of a request comes twice in one run. */
function runClient(server, { path, expect, requests, connections }, first = nextNumber) {
    nextNumber = Math.max(nextNumber, first + requests);
    const args = [server.port, path.replace("{origin}", originPort), expect, requests, connections, first, REQUEST_TIMEOUT_MS];
    return new Promise((resolve, reject) => {
        const client = execFile(CLIENT, args.map(String), { timeout: CLIENT_TIMEOUT_MS }, (error, stdout, stderr) => {
            process.off("exit", kill);
            if (!stdout) return reject(new Error(`the client on ${server.name}${path}: ${stderr || error.message}`));
            const [summary, latencies] = stdout.split("\n");
            resolve({ ...JSON.parse(summary), latencies: JSON.parse(latencies) });
        });
        const kill = () => client.kill("SIGKILL");
        process.on("exit", kill);
    });
}

/** Adds the failures of a client's run to the round, and says so at once. */
function countFailures(round, result) {
    round.failures += result.failures;
    const { requests, failures, firstFailure } = result;
    if (failures) progress(`    ${failures} of ${requests} failed, the first: ${firstFailure}`);
    return result;
}

/** One turn of a load on one server. CPU time counts until the server is quiet again. */
async function takeTurn(server, load, round, isNeverQuiet = false) {
    const cpuBefore = cpuSeconds(server.child.pid);
    const result = countFailures(round, await runClient(server, load));
    if (!isNeverQuiet) await quiet(server);
    return { ...result, cpuSeconds: cpuSeconds(server.child.pid) - cpuBefore };
}

/** One load on every server, in short turns that alternate, after an unmeasured tenth of it. */
async function measureLoad(servers, key, share, round) {
    const { turns: count = TURNS, warmUp } = LOADS[key];
    const requests = Math.ceil((LOADS[key].requests * share) / count);
    const turns = Object.fromEntries(servers.map(({ name }) => [name, []]));
    for (const server of servers) {
        await takeTurn(server, { ...LOADS[key], requests: warmUp ?? Math.ceil((requests * count) / 10) }, round[server.name]);
    }
    for (let i = 0; i < count; i++) {
        for (const server of i % 2 ? [...servers].reverse() : servers) {
            turns[server.name].push(await takeTurn(server, { ...LOADS[key], requests }, round[server.name]));
        }
    }
    for (const { name } of servers) {
        const { p50, p99, perSecond } = (round[name].loads[key] = pool(turns[name]));
        progress(`  ${name} ${key}: p50 ${p50} ms, p99 ${p99} ms, ${perSecond.toFixed(0)}/s`);
    }
}

/** A server of its own for the memory: named sandboxes in steps, each called once, all still there at the end. */
async function measureStaircase(name, round) {
    const server = await startServer(name, join(OUT, `${name}.log`));
    round.startMs = server.startMs;
    const live = (calls) => ({ path: "/live?id={i}", expect: `{"id":"{i}","calls":${calls},`, connections: 1 });
    countFailures(round, await runClient(server, { ...FRESH, requests: 10, connections: 1 }));
    countFailures(round, await runClient(server, { ...live(1), requests: 5 }));
    await quiet(server);

    const first = nextNumber;
    round.staircase.push({ sandboxes: 0, ...memory(server.child.pid) });
    for (let i = 1; i <= STAIRCASE.steps; i++) {
        countFailures(round, await runClient(server, { ...live(1), requests: STAIRCASE.step }));
        await quiet(server);
        round.staircase.push({ sandboxes: i * STAIRCASE.step, ...memory(server.child.pid) });
    }
    const { sandboxes, processes, privateMiB } = round.staircase.at(-1);
    if (Number.isNaN(privateMiB)) progress("    no memory rows: they need root, or sudo without a password");
    countFailures(round, await runClient(server, { ...live(2), requests: sandboxes }, first));
    progress(`  ${name} start: ${round.startMs.toFixed(0)} ms; ${sandboxes} live sandboxes: ` +
        `${privateMiB.toFixed(0)} MiB private in ${processes} processes`);
    round.leftBehind += await stopServer(server);
}

/** One round: the staircase of each server, then both alive and every load on both in turns. */
async function measureRound(names, share, rounds, { keys, others }) {
    const round = Object.fromEntries(
        names.map((name) => [name, { startMs: 0, loads: {}, staircase: [], failures: 0, leftBehind: 0 }]));
    for (const name of others.includes("memory") ? names : []) await measureStaircase(name, round[name]);

    const servers = [];
    for (const name of names) servers.push(await startServer(name, join(OUT, `${name}.log`)));
    for (const key of keys) await measureLoad(servers, key, share, round);
    for (const server of servers) round[server.name].leftBehind += await stopServer(server);
    if (others.includes("execute")) await measureExecutes(names, share, round, progress);
    if (round.mayfly && others.includes("jail")) await measureJail(share, round.mayfly, { measureLoad, takeTurn, loads: LOADS, progress });
    for (const name of names) (rounds[name] ??= []).push(round[name]);
}

async function main() {
    const values = parseCommandLine();
    if (values.help) return console.log(USAGE);
    if (!existsSync(CLIENT)) throw new Error(`${CLIENT} is not there: run \`make bench\`, or name it in BENCH_CLIENT`);
    const names = values.only ? [values.only] : NAMES;
    const binaries = Object.fromEntries(names.map((name) => [name, findBinary(name)]));
    mkdirSync(OUT, { recursive: true });

    if (wanted(values.rows).others.includes("execute")) await buildHost();
    const origin = await startOrigin();
    const startedAt = new Date();
    const rounds = {};
    for (let i = 0, count = values.quick ? 1 : ROUNDS; i < count; i++) {
        progress(`round ${i + 1} of ${count}`);
        await measureRound(i % 2 ? [...names].reverse() : names, values.quick ? 0.2 : 1, rounds, wanted(values.rows));
    }

    origin.kill();
    const summary = values.rows ? measured(summarize(rounds)) : summarize(rounds);
    const seconds = (Date.now() - startedAt) / 1000;
    const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, kernel: release(), node: process.version };
    const results = { startedAt, seconds, quick: Boolean(values.quick), machine, binaries, summary, rounds };
    writeFileSync(join(OUT, "results.json"), `${JSON.stringify(results, null, 2)}\n`);
    console.log(formatTable(summary));
    console.log(`\nMedians of ${rounds[names[0]].length} round(s). A ratio is the median of the rounds' ratios; ` +
        `above 1 mayfly is better. ${seconds.toFixed(0)} s on ${machine.cpus} CPUs.`);
    process.exitCode = summary.some((row) => row.passed === false) ? 1 : 0;
}

// Leaving through exit() runs the handlers that kill the servers and the client.
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
    process.on(signal, () => process.exit(code));
}
main().catch((error) => {
    progress(`bench: ${error.message}`);
    process.exit(2);
});
