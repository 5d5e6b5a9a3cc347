// The behaviour tests: starts the real server with each host worker of this directory, asks it over real HTTP, and
// prints `ok NAME` or `not ok NAME: expected ..., got ...` for each case. Exit status 1 when one failed.
//
//     node tests/behaviour/run.mjs [TEXT]      only the cases whose names contain TEXT
//     MAYFLY=path/to/mayfly                    another binary than build/mayfly
//
// A host worker's cases run inside it, one after the other. What only an outsider can see stands in the .mjs files, each
// of which exports suites: [{ name, target, options, cases: { name: async (server) => ... } }].

import { suites as clientSuites } from "./clients.mjs";
import { suites as contextSuites } from "./contexts.mjs";
import { suites as deathSuites } from "./deaths.mjs";
import { suites as eventSuites } from "./events.mjs";
import { suites as gatherSuites } from "./gather.mjs";
import { suites as groupSuites } from "./groups.mjs";
import { suites as growthSuites } from "./growth.mjs";
import { suites as healthSuites } from "./health.mjs";
import { suites as leakSuites } from "./leaks.mjs";
import { suites as leaseSuites } from "./leases.mjs";
import { suites as nodeSuites } from "./nodejs.mjs";
import { suites as outboundSuites } from "./outbound.mjs";
import { suites as outsideSuites } from "./outside.mjs";
import { suites as policeSuites } from "./police.mjs";
import { suites as profileSuites } from "./profiles.mjs";
import { suites as projectSuites } from "./projects.mjs";
import { others as services, suites as serviceSuites } from "./services.mjs";
import { suites as secretSuites } from "./secrets.mjs";
import { suites as socketSuites } from "./sockets.mjs";
import { suites as supervisorSuites } from "./supervisor.mjs";
import { suites as usageSuites } from "./usage.mjs";
import { suites as zygoteSuites } from "./zygotes.mjs";
import { ask, describe, startServer, until } from "./server.mjs";

const CASE_TIMEOUT_MS = 30_000;

/** What of a server's standard error is shown when one of its cases failed. */
const WORDS_MAX = 4000;

/** Host workers that check themselves. */
const workers = [
    { name: "code", target: "code.js" },
    { name: "loader", target: "loader.js" },
    { name: "namespaces", target: "namespaces.jsonc" },
    { name: "eviction", target: "eviction.js", options: ["--named-mb", "16"] },
    { name: "rests", target: "rests.js" },
    { name: "modules", target: "modules.js" },
    { name: "starts", target: "starts.js" },
    { name: "stuck", target: "stuck.js" },
    { name: "entrypoints", target: "entrypoints.js" },
    { name: "values", target: "values.js" },
    { name: "stubs", target: "stubs.js" },
    { name: "capabilities", target: "capabilities.jsonc" },
    { name: "services", target: "services.jsonc", options: services },
    { name: "rpc_streams", target: "rpc_streams.js" },
    { name: "abuse", target: "abuse.js" },
    { name: "bodies", target: "bodies.js" },
    { name: "platform", target: "platform.js" },
    { name: "tails", target: "tails.js" },
];

const filter = process.argv[2] ?? "";
let passed = 0;
let failed = 0;

function report(name, message) {
    if (message === undefined) passed++;
    else failed++;
    console.log(message === undefined ? `ok ${name}` : `not ok ${name}: ${message.replaceAll("\n", "\\n")}`);
}

async function run(name, body, server) {
    try {
        await body();
        report(name);
    } catch (error) {
        if (server) console.log(describe(server).replaceAll(/^/gm, "# "));
        const cause = error.cause ? ` (${error.cause.message ?? error.cause})` : "";
        report(name, (error.message || String(error)) + cause);
    }
}

/** After a case that cost the host worker its cell, the next one waits for the new cell. */
async function serves(server) {
    await until("a host worker that serves", async () => (await fetch(server.url)).status !== 503);
}

/** Every server ends the same way: by an interrupt, with status 0, and with nobody left. */
async function endServer(name, server) {
    await run(`${name}: ends at an interrupt and leaves nobody behind`, async () => {
        if (server.hasEnded) throw new Error(`expected a living server, got one that had ended: ${server.errors}`);
        const { code, signal, left } = await server.stop();
        if (code !== 0 || left !== 0) {
            throw new Error(`expected status 0 and 0 processes left, got ${code ?? signal} and ${left}: ${server.errors}`);
        }
    });
}

/** Runs `body` with a server of its own; a suite without a target starts what it needs itself. */
async function withServer({ name, target, options, environment }, body) {
    if (target === undefined) return body(undefined);
    let server;
    try {
        server = await startServer(target, options, environment);
    } catch (error) {
        report(`${name}: starts`, error.message);
        return;
    }
    const failedBefore = failed;
    await body(server);
    await endServer(name, server);
    if (failed > failedBefore) console.log(server.errors.slice(-WORDS_MAX).replaceAll(/^(?=.)/gm, "# "));
}

async function runWorker(suite) {
    await withServer(suite, async (server) => {
        let names = [];
        await run(`${suite.name}: lists its cases`, async () => (names = JSON.parse(await ask(server, "/"))));
        for (const name of names.filter((n) => `${suite.name}: ${n}`.includes(filter))) {
            await run(`${suite.name}: ${name}`, async () => {
                await serves(server);
                const signal = AbortSignal.timeout(CASE_TIMEOUT_MS);
                const answer = JSON.parse(await ask(server, `/case/${encodeURIComponent(name)}`, { signal }));
                if (!answer.ok) throw new Error(answer.message);
            }, server);
        }
    });
}

/** Two lanes for two cores: what workers check themselves and what clients see, beside what ends and what is left. */
async function inLanes(lanes) {
    const lane = async (suites) => {
        for (const suite of suites.filter(isChosen)) await (suite.cases ? runSuite(suite) : runWorker(suite));
    };
    await Promise.all(lanes.map(lane));
}

async function runSuite(suite) {
    const chosen = Object.entries(suite.cases).filter(([name]) => `${suite.name}: ${name}`.includes(filter));
    if (chosen.length === 0) return;
    await withServer(suite, async (server) => {
        for (const [name, body] of chosen) await run(`${suite.name}: ${name}`, () => body(server), server);
    });
}

/** A filter that is a suite's name, with or without the rest of a case's name, needs that suite's server only. */
function isChosen({ name }) {
    const suite = filter.includes(": ") ? filter.slice(0, filter.indexOf(": ")) : filter;
    return suite === "" || name === suite || ![...workers, ...outside].some((other) => other.name === suite);
}

const outside = [
    ...clientSuites, ...contextSuites, ...outsideSuites, ...eventSuites, ...deathSuites, ...leakSuites, ...leaseSuites, ...nodeSuites, ...socketSuites, ...serviceSuites, ...supervisorSuites, ...healthSuites, ...gatherSuites, ...groupSuites, ...growthSuites, ...usageSuites, ...zygoteSuites, ...policeSuites, ...profileSuites, ...projectSuites, ...outboundSuites, ...secretSuites,
];
const startedAt = performance.now();
await inLanes([
    [...workers, ...clientSuites, ...contextSuites, ...outsideSuites, ...eventSuites],
    [...outboundSuites, ...secretSuites, ...supervisorSuites, ...healthSuites, ...gatherSuites, ...groupSuites, ...growthSuites, ...usageSuites, ...zygoteSuites, ...policeSuites, ...profileSuites, ...projectSuites, ...deathSuites, ...leakSuites, ...leaseSuites, ...nodeSuites, ...socketSuites, ...serviceSuites],
]);
console.log(`${passed} passed, ${failed} failed`);
console.error(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
process.exit(failed > 0 ? 1 : 0);
