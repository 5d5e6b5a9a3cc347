// Puts servers under load by the client: turns that alternate, each ended by a server that is quiet again.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LOADS } from "./loads.mjs";
import { cpuSeconds } from "./process-tree.mjs";
import { quiet } from "./servers.mjs";
import { pool } from "./table.mjs";

const BENCH = fileURLToPath(new URL(".", import.meta.url));
const CLIENT = process.env.BENCH_CLIENT ?? join(BENCH, "../build/bench-client");
const TURNS = 5;
const REQUEST_TIMEOUT_MS = 10_000;
const CLIENT_TIMEOUT_MS = 120_000;

export const progress = (text) => process.stderr.write(`${text}\n`);

let nextNumber = 0;

/** The number of the next request. */
export const upcomingNumber = () => nextNumber;

/** What workers fetch; the same for both servers, in a process of its own. */
let originPort = 0;

export async function startOrigin() {
    const child = spawn(process.execPath, [join(BENCH, "origin.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
    process.on("exit", () => child.kill());
    const [line] = await once(child.stdout, "data");
    originPort = Number(line);
    return child;
}

export function requireClient() {
    if (!existsSync(CLIENT)) throw new Error(`${CLIENT} is not there: run \`make bench\`, or name it in BENCH_CLIENT`);
}

/** Runs the client once; resolves with what it measured. No number of a request comes twice unless `first` says so. */
function runClient(server, { path, expect, requests, connections, perSecond, timeoutMs = REQUEST_TIMEOUT_MS }, first = nextNumber) {
    nextNumber = Math.max(nextNumber, first + requests);
    const args = [server.port, path.replace("{origin}", originPort), expect, requests, connections, first, timeoutMs];
    if (perSecond) args.push(perSecond);
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

/** Sends a load once. Its failures are added to the round, and said at once. */
export async function send(server, load, round, first) {
    const result = await runClient(server, load, first);
    round.failures += result.failures;
    if (result.failures) progress(`    ${result.failures} of ${result.requests} failed, the first: ${result.firstFailure}`);
    return result;
}

/** One turn of a load on one server. CPU time counts until the server is quiet again. */
export async function takeTurn(server, load, round, isNeverQuiet = false) {
    const cpuBefore = cpuSeconds(server.child.pid);
    const result = await send(server, load, round);
    if (!isNeverQuiet) await quiet(server);
    return { ...result, cpuSeconds: cpuSeconds(server.child.pid) - cpuBefore };
}

/** One load on every server, in short turns that alternate, after an unmeasured tenth of it. */
export async function measureLoad(servers, key, share, round, load = LOADS[key]) {
    const { turns: count = TURNS, warmUp, perSecond, connections } = load;
    // each connection has a request at least, but where they only wait for what arrives
    const requests = Math.max(Math.ceil((load.requests * share) / count), perSecond ? 1 : connections);
    const turns = Object.fromEntries(servers.map(({ name }) => [name, []]));
    for (const server of servers) {
        await takeTurn(server, { ...load, requests: warmUp ?? Math.ceil((requests * count) / 10) }, round[server.name]);
    }
    for (let i = 0; i < count; i++) {
        for (const server of i % 2 ? [...servers].reverse() : servers) {
            turns[server.name].push(await takeTurn(server, { ...load, requests }, round[server.name]));
        }
    }
    for (const { name } of servers) {
        const { p50, p95, p99, perSecond: rate } = (round[name].loads[key] = pool(turns[name]));
        progress(`  ${name} ${key}: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, ${rate.toFixed(0)}/s`);
    }
}
