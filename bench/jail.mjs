// What only mayfly can be asked: what its jail costs, and what a neighbour notices of an attack.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LOADS } from "./loads.mjs";
import { startServer, stopServer } from "./servers.mjs";
import { PERCENTILES, pool } from "./table.mjs";
import { measureLoad, progress, takeTurn } from "./turns.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));
const UNJAILED = "mayfly --no-jail";
const TURNS = 5;

const ATTACKS = ["cpu", "memory", "log", "microtasks"];

/** Fresh loads that arrive apart from each other. One right after the other they wait for processors that still make and end cells,
 * and the difference of two waits says little of what the jail does to one load. */
const APART = { ...LOADS.staggered, requests: 300, turns: TURNS };

/** The same build with its jail and without, in turns: how much longer a fresh load takes. Resolves with milliseconds, of those
 * apart and of those one right after the other. */
async function measureCost(share) {
    const empty = () => ({ loads: {}, failures: 0 });
    const round = { mayfly: empty(), [UNJAILED]: empty() };
    const servers = [];
    for (const name of Object.keys(round)) servers.push(await startServer(name, join(OUT, `${name}.log`)));
    await measureLoad(servers, "staggered", share, round, APART);
    await measureLoad(servers, "fresh1", share, round);
    let leftBehind = 0;
    for (const server of servers) leftBehind += await stopServer(server);
    const added = (key) => round.mayfly.loads[key].p50 - round[UNJAILED].loads[key].p50;
    const [addedMs, addedBusyMs] = [added("staggered"), added("fresh1")];
    progress(`  the jail adds ${addedMs.toFixed(3)} ms to a fresh load, ${addedBusyMs.toFixed(3)} to one right after another`);
    return { addedMs, addedBusyMs, failures: round.mayfly.failures + round[UNJAILED].failures, leftBehind };
}

/** One attacker at a time, of each kind in turn, until stop(): each ends by its limit, and the next one begins. */
function attack(server) {
    let isOver = false;
    let attacks = 0;
    const running = (async () => {
        while (!isOver) {
            const response = await fetch(`http://127.0.0.1:${server.port}/attack?kind=${ATTACKS[attacks++ % ATTACKS.length]}`);
            const text = await response.text();
            if (!text.startsWith('{"exceeded":')) throw new Error(`expected an attack that ends by its limit, got ${text}`);
        }
    })();
    running.catch(() => {});
    return async () => {
        isOver = true;
        await running;
        return attacks;
    };
}

/** Warm calls of one worker, in turns with and without an attack by others. */
async function measureNeighbour(share) {
    const server = await startServer("mayfly", join(OUT, "neighbour.log"));
    const load = { ...LOADS.warm1, requests: Math.ceil((2000 * share) / TURNS) };
    const round = { failures: 0 };
    const quiet = [];
    const attacked = [];
    let attacks = 0;
    await takeTurn(server, load, round);
    for (let i = 0; i < TURNS; i++) {
        quiet.push(await takeTurn(server, load, round));
        const stop = attack(server);
        attacked.push(await takeTurn(server, load, round, true));
        attacks += await stop();
    }
    const leftBehind = await stopServer(server);
    const [before, during] = [pool(quiet), pool(attacked)];
    const figures = PERCENTILES.map((name) => `${name} ${during[name]} ms, quiet ${before[name]}`).join("; ");
    progress(`  a neighbour of ${attacks} attacks: ${figures}`);
    const ratios = Object.fromEntries(PERCENTILES.map((name) => [name, during[name] / before[name]]));
    return { ratios, failures: round.failures, leftBehind };
}

/** Adds both to mayfly's round. */
export async function measureJail(share, round) {
    const cost = await measureCost(share);
    const neighbour = await measureNeighbour(share);
    round.jail = { addedMs: cost.addedMs, addedBusyMs: cost.addedBusyMs, neighbour: neighbour.ratios };
    round.failures += cost.failures + neighbour.failures;
    round.leftBehind += cost.leftBehind + neighbour.leftBehind;
}
