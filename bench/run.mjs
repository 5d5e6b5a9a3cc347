// make bench: the same host worker on mayfly and on workerd, in turn, in one run on one machine.
// Measures in rounds (README.md tells how each row is taken), prints the table on stdout and progress on stderr,
// writes everything measured and a chart of it to bench/out. Exit code: 0 all marks reached, 1 one missed, 2 no result.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drawChart } from "./chart.mjs";
import { buildHost, measureExecutes } from "./codemode.mjs";
import { formatGrowth, growthMarks, measureGrowth } from "./growth.mjs";
import { measureJail } from "./jail.mjs";
import { wanted } from "./loads.mjs";
import { formatPeers, measurePeers } from "./peers.mjs";
import { findBinary, startServer, stopServer } from "./servers.mjs";
import { measureStaircase } from "./staircase.mjs";
import { formatTable, measured, summarize } from "./table.mjs";
import { measureLoad, progress, requireClient, startOrigin } from "./turns.mjs";

const USAGE = `usage: node bench/run.mjs [--only mayfly|workerd] [--rows NAMES] [--quick]
  --only NAME   measure one server: no ratios, no marks that need the other
  --rows NAMES  these loads only, by their keys in loads.mjs and with commas between; "kernels" is all that compute;
                also memory, execute, jail; peers and growth, which only this measures
  --quick       one round with a fifth of the requests: to try the benchmark, not to quote it`;

const OUT = fileURLToPath(new URL("out", import.meta.url));
const NAMES = ["mayfly", "workerd"];
const ROUNDS = 3;

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

/** One round: the staircase of each server, then both alive and every load on both in turns. */
async function measureRound(names, share, rounds, { keys, others }) {
    const round = Object.fromEntries(
        names.map((name) => [name, { startMs: 0, loads: {}, staircase: [], failures: 0, leftBehind: 0 }]));
    for (const name of others.includes("memory") ? names : []) await measureStaircase(name, round[name]);

    const servers = [];
    for (const name of keys.length > 0 ? names : []) servers.push(await startServer(name, join(OUT, `${name}.log`)));
    for (const key of keys) await measureLoad(servers, key, share, round);
    for (const server of servers) round[server.name].leftBehind += await stopServer(server);
    if (others.includes("execute")) await measureExecutes(names, share, round);
    if (round.mayfly && others.includes("jail")) await measureJail(share, round.mayfly);
    for (const name of names) (rounds[name] ??= []).push(round[name]);
}

async function main() {
    const values = parseCommandLine();
    if (values.help) return console.log(USAGE);
    requireClient();
    const names = values.only ? [values.only] : NAMES;
    const binaries = Object.fromEntries(names.map((name) => [name, findBinary(name)]));
    mkdirSync(OUT, { recursive: true });

    const { keys, others, apart } = wanted(values.rows);
    if (others.includes("execute")) await buildHost();
    const origin = await startOrigin();
    const startedAt = new Date();
    const rounds = {};
    const peers = [];
    const share = values.quick ? 0.2 : 1;
    const count = values.quick ? 1 : ROUNDS;
    const hasRows = keys.length + others.length > 0;
    const hasPeers = apart.includes("peers");
    for (let i = 0; i < count && (hasRows || hasPeers); i++) {
        progress(`round ${i + 1} of ${count}`);
        if (hasRows) await measureRound(i % 2 ? [...names].reverse() : names, share, rounds, { keys, others });
        if (hasPeers) peers.push(await measurePeers(share));
    }
    const growth = apart.includes("growth") ? await measureGrowth(names, Boolean(values.quick)) : null;

    origin.kill();
    const summary = values.rows ? measured(summarize(rounds)) : summarize(rounds);
    const seconds = (Date.now() - startedAt) / 1000;
    const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, kernel: release(), node: process.version };
    const about = { startedAt, seconds, quick: Boolean(values.quick), machine, binaries };
    const keep = (name, results) => writeFileSync(join(OUT, name), `${JSON.stringify({ ...about, ...results }, null, 2)}\n`);
    if (hasRows) {
        keep("results.json", { summary, rounds });
        console.log(`${formatTable(summary)}\n`);
    }
    if (hasPeers) {
        keep("peers.json", { peers });
        console.log(`${formatPeers(peers)}\n`);
    }
    if (growth) {
        keep("growth.json", { growth });
        console.log(`${formatGrowth(growth)}\n`);
    }
    if (hasRows || hasPeers) console.log(`Medians of ${count} round(s). A ratio is the median of the rounds' ratios; above 1 mayfly is better.`);
    console.log(`${seconds.toFixed(0)} s on ${machine.cpus} CPUs; ${drawChart()}`);
    const hasFailed =
        summary.some((row) => row.passed === false) ||
        peers.some(({ mayfly }) => mayfly.failures + mayfly.leftBehind > 0) ||
        (growth && growthMarks(growth).some(([, holds]) => holds === false));
    process.exitCode = hasFailed ? 1 : 0;
}

// Leaving through exit() runs the handlers that kill the servers and the client.
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
    process.on(signal, () => process.exit(code));
}
main().catch((error) => {
    progress(`bench: ${error.message}`);
    process.exit(2);
});
