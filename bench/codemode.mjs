// One execution of what a model wrote: `mayfly mcp` beside the published executor on workerd, and on mayfly. The same
// code, the same tools and the same number of calls; each request is an HTTP request on a connection that is kept, and
// brings code that never existed before.

import { Agent, request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleHost } from "../tests/codemode/bundle.mjs";
import { cpuSeconds } from "./process-tree.mjs";
import { quiet, startServer, stopServer } from "./servers.mjs";
import { pool } from "./table.mjs";
import { progress } from "./turns.mjs";

const BENCH = fileURLToPath(new URL(".", import.meta.url));
const OUT = join(BENCH, "out");
const REQUESTS = 300;
const TURNS = 5;
const TIMEOUT_MS = 10_000;

/** Three calls, each of which needs what the one before gave. */
const code = (number) => `async () => {
    let total = ${number};
    for (let i = 1; i <= 3; i++) {
        const { sum } = await shop.add({ a: total, b: i });
        total = sum;
    }
    return { total };
}`;

/** What is asked of each server, and where its answer has the value. */
const WAYS = {
    executor: (number) => ({ body: code(number), expect: `{"total":${number + 6}}`, answer: (text) => text }),
    mcp: (number) => ({
        body: JSON.stringify({ jsonrpc: "2.0", id: number, method: "tools/call", params: { name: "execute", arguments: { code: code(number) } } }),
        expect: `{"total":${number + 6}}`,
        answer: (text) => JSON.stringify(JSON.parse(JSON.parse(text).result.content[0].text)),
    }),
};

/** Rows of results: whose round it is, under which name, and the server that is measured for it. */
const MEASURED = [
    { owner: "mayfly", key: "execute", server: "mayfly mcp", way: WAYS.mcp },
    { owner: "mayfly", key: "executor", server: "executor on mayfly", way: WAYS.executor },
    { owner: "workerd", key: "executor", server: "executor on workerd", way: WAYS.executor },
];

/** The host worker with the published executor, for both servers. */
export const buildHost = () => bundleHost(join(BENCH, "codemode-host.js"), join(OUT, "codemode"));

/** Posts a body and gives the answer's text. */
function post(agent, port, body) {
    return new Promise((resolve, reject) => {
        const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", "content-length": Buffer.byteLength(body) };
        const sent = request({ host: "127.0.0.1", port, path: "/", method: "POST", agent, headers, timeout: TIMEOUT_MS }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (part) => (text += part));
            response.on("end", () => resolve(text)).on("error", reject);
        });
        sent.on("error", reject).on("timeout", () => sent.destroy(new Error("no answer in time")));
        sent.end(body);
    });
}

let nextNumber = 1000;

/** Some executions, one after the other. */
async function takeTurn(server, way, requests) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const cpuBefore = cpuSeconds(server.child.pid);
    const turn = { requests, failures: 0, seconds: 0, cpuSeconds: 0, latencies: [] };
    for (let i = 0; i < requests; i++) {
        const { body, expect, answer } = way(nextNumber++);
        const begun = performance.now();
        let got;
        try {
            const text = await post(agent, server.port, body);
            turn.latencies.push(performance.now() - begun);
            got = answer(text);
        } catch (error) {
            got = String(error.message);
        }
        if (got === expect) continue;
        turn.failures++;
        turn.firstFailure ??= got;
    }
    turn.seconds = turn.latencies.reduce((sum, ms) => sum + ms, 0) / 1000;
    agent.destroy();
    await quiet(server);
    turn.cpuSeconds = cpuSeconds(server.child.pid) - cpuBefore;
    return turn;
}

/** Measures all servers of `names` in turns that alternate, and puts the loads `execute` and `executor` into the round. */
export async function measureExecutes(names, share, round) {
    const measured = MEASURED.filter(({ owner }) => names.includes(owner));
    const requests = Math.ceil((REQUESTS * share) / TURNS);
    const servers = [];
    for (const { server } of measured) servers.push(await startServer(server, join(OUT, `${server.replaceAll(" ", "-")}.log`)));
    const turns = measured.map(() => []);
    for (let i = -1; i < TURNS; i++) {
        const order = [...measured.keys()];
        for (const index of i % 2 ? order.reverse() : order) {
            const turn = await takeTurn(servers[index], measured[index].way, requests);
            round[measured[index].owner].failures += turn.failures;
            if (turn.failures) progress(`    ${turn.failures} of ${requests} failed, the first: ${turn.firstFailure}`);
            if (i >= 0) turns[index].push(turn); // the first is not measured
        }
    }
    for (const [index, { owner, key, server }] of measured.entries()) {
        const { p50, p99, requests: all, cpuSeconds: cpu } = (round[owner].loads[key] = pool(turns[index]));
        progress(`  ${server}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, CPU ${((cpu / all) * 1000).toFixed(2)} ms an execution`);
    }
    if (round.workerd) round.workerd.loads.execute = round.workerd.loads.executor;
    for (const [index, server] of servers.entries()) round[measured[index].owner].leftBehind += await stopServer(server);
}
