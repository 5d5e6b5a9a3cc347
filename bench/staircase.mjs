// What live sandboxes weigh: a server of its own, to which named ones are added in steps.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FRESH } from "./loads.mjs";
import { memory } from "./process-tree.mjs";
import { quiet, startServer, stopServer } from "./servers.mjs";
import { progress, send, upcomingNumber } from "./turns.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));
const STEP = 50;
const STEPS = 4;
const CALLS = 100;

/** The call of one named sandbox after the other; the answer tells how often each was called, so none was made anew. */
const live = (calls) => ({ path: "/live?id={i}", expect: `{"id":"{i}","calls":${calls},`, connections: 1 });

/** Named sandboxes in steps, each called once; then each of them until it was called a hundred times. */
export async function measureStaircase(name, round) {
    const server = await startServer(name, join(OUT, `${name}.log`));
    round.startMs = server.startMs;
    await send(server, { ...FRESH, requests: 10, connections: 1 }, round);
    await send(server, { ...live(1), requests: 5 }, round);
    await quiet(server);

    const first = upcomingNumber();
    const weigh = (sandboxes) => ({ sandboxes, ...memory(server.child.pid) });
    round.staircase.push(weigh(0));
    for (let i = 1; i <= STEPS; i++) {
        await send(server, { ...live(1), requests: STEP }, round);
        await quiet(server);
        round.staircase.push(weigh(i * STEP));
    }
    for (let calls = 2; calls <= CALLS; calls++) await send(server, { ...live(calls), requests: STEP * STEPS }, round, first);
    await quiet(server);
    round.used = weigh(STEP * STEPS);

    const { sandboxes, processes, privateMiB } = round.staircase.at(-1);
    if (Number.isNaN(privateMiB)) progress("    no memory rows: they need root, or sudo without a password");
    progress(`  ${name} start: ${round.startMs.toFixed(0)} ms; ${sandboxes} live sandboxes: ${privateMiB.toFixed(0)} MiB private ` +
        `in ${processes} processes, after ${CALLS} calls each ${round.used.privateMiB.toFixed(0)} MiB`);
    round.leftBehind += await stopServer(server);
}
