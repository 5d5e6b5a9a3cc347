// The same snippet in a sandbox of mayfly and of others, over the same HTTP: peers/ways.mjs has what each does for it.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FRESH } from "./loads.mjs";
import { memory } from "./process-tree.mjs";
import { PEERS, findBinary, quiet, startServer, stopServer } from "./servers.mjs";
import { align, formatNumber, median } from "./table.mjs";
import { measureLoad, progress, send } from "./turns.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));
const LOADS = {
    fresh: { ...FRESH, requests: 200, connections: 1, timeoutMs: 60_000 },
    burst: { ...FRESH, requests: 300, connections: 100, turns: 3, timeoutMs: 60_000 },
};
const LIVE = { path: "/live?id={i}", expect: '{"id":"{i}","calls":1,', connections: 1 };
const STAY = 50;

/** Starts a server, or says why there is none of a peer. */
async function tryToStart(name) {
    try {
        return await startServer(name, join(OUT, `${name}.log`));
    } catch (error) {
        if (name === "mayfly") throw error;
        progress(`  ${name} is not here: ${error.message.match(/\w*Error: .*/)?.[0] ?? error.message}`);
        return null;
    }
}

async function versionOf({ name, port }) {
    if (name === "mayfly") return findBinary(name).version.replace(/^mayfly /, "");
    return (await (await fetch(`http://127.0.0.1:${port}/hello`)).json()).version;
}

/** Memory for each of some sandboxes that stay, on a server of its own. */
async function measureLive(name, peer) {
    const server = await startServer(name, join(OUT, `${name}.log`));
    await send(server, { ...LIVE, requests: 5 }, peer);
    await quiet(server);
    const before = memory(server.child.pid);
    await send(server, { ...LIVE, requests: STAY }, peer);
    await quiet(server);
    const after = memory(server.child.pid);
    peer.liveMiB = (after.privateMiB - before.privateMiB) / STAY;
    progress(`  ${name}: ${peer.liveMiB.toFixed(2)} MiB for a live sandbox`);
    peer.leftBehind += await stopServer(server);
}

/** One round: an object for each of the peers that are here. */
export async function measurePeers(share) {
    const servers = [];
    const round = {};
    for (const name of ["mayfly", ...PEERS]) {
        const server = await tryToStart(name);
        if (!server) continue;
        servers.push(server);
        round[name] = { version: await versionOf(server), loads: {}, failures: 0, leftBehind: 0 };
    }
    for (const [key, load] of Object.entries(LOADS)) await measureLoad(servers, key, share, round, load);
    for (const server of servers) round[server.name].leftBehind += await stopServer(server);
    for (const { name } of servers) await measureLive(name, round[name]);
    return round;
}

/** A line for each: the times are the medians of the rounds, and how many times mayfly's they are, the median of the rounds' ratios. */
export function formatPeers(rounds) {
    const lines = [["one snippet in a sandbox of", "", "p50 ms", "p95", "p99", "of mayfly's p50", "100 at once: p50", "p95", "p99", "a second", "MiB live", "failed"]];
    for (const name of ["mayfly", ...PEERS]) {
        const taken = rounds.map((round) => round[name]).filter(Boolean);
        if (taken.length < rounds.length) {
            lines.push([name, "not here", ...lines[0].slice(2).map(() => "-")]);
            continue;
        }
        const middle = (of) => formatNumber(median(taken.map(of)));
        const ratio = median(rounds.map((round) => round[name].loads.fresh.p50 / round.mayfly.loads.fresh.p50));
        const times = (key) => ["p50", "p95", "p99"].map((field) => middle(({ loads }) => loads[key][field]));
        const failed = taken.reduce((sum, { failures, leftBehind }) => sum + failures + leftBehind, 0);
        lines.push([name, taken[0].version, ...times("fresh"), ratio === null ? "-" : `${ratio.toFixed(2)}x`,
            ...times("burst"), middle(({ loads }) => loads.burst.perSecond), middle(({ liveMiB }) => liveMiB), String(failed)]);
    }
    return align(lines, 2);
}
