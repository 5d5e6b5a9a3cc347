// The abuse tests: workers that mean harm, one after the other, in the real server over real HTTP. Each case asserts that
// the host worker lives, that the error names the budget, that a neighbour answers while it happens, and that nothing is
// left behind. Prints `ok NAME` or `not ok NAME: ...`; exit status 1 when one failed.
//
//     node tests/abuse/run.mjs [TEXT]      only the cases whose names contain TEXT

import { fileURLToPath } from "node:url";
import { ask, startServer, until } from "../behaviour/server.mjs";
import { cpuCases } from "./cpu.mjs";
import { memoryCases } from "./memory.mjs";
import { isolationCases } from "./isolation.mjs";
import { realmCases } from "./realm.mjs";
import { limitSuites } from "./limits.mjs";
import { orchestrationCases } from "./orchestration.mjs";

const HOST = fileURLToPath(new URL("host.js", import.meta.url));

const filter = process.argv[2] ?? "";
let passed = 0;
let failed = 0;

/** Of each case of peers-and-sandboxing.md, part C, by the first word of a case's name. */
const counts = { CPU: 0, memory: 0, realm: 0, isolation: 0, orchestration: 0, limits: 0 };
const CASES_MIN = 150;

function count(name) {
    const word = name.slice(0, name.indexOf(":"));
    counts[word in counts ? word : "limits"]++;
}

async function run(name, body) {
    try {
        await body();
        passed++;
        console.log(`ok ${name}`);
    } catch (error) {
        failed++;
        console.log(`not ok ${name}: ${String(error.message || error).replaceAll("\n", "\\n")}`);
    }
}

const show = (value) => JSON.stringify(value);

/** Has the host worker load and call what a case sends; gives how each call ended. */
export async function attempt(server, test) {
    const { value, message } = JSON.parse(await ask(server, "/attempt", { method: "POST", body: show(test) }));
    if (value === undefined) throw new Error(`expected outcomes, got ${message}`);
    return value;
}

/** Calls of a neighbour that must be answered during each attack, at least. */
const NEIGHBOUR_CALLS = 5;

/** A neighbour's calls, from now until stop(): each must be answered, in order, by one and the same worker. */
async function watchNeighbour(server) {
    const count = async () => JSON.parse(await ask(server, "/neighbour"));
    let last = await count();
    let isOver = false;
    let answers = 0;
    const watching = (async () => {
        do {
            const next = await count();
            if (next !== last + 1) throw new Error(`expected the neighbour's call ${last + 1}, got ${next}`);
            last = next;
            answers++;
        } while (!isOver || answers < NEIGHBOUR_CALLS);
    })();
    watching.catch(() => {});
    return async () => {
        isOver = true;
        await watching;
    };
}

function checkLimit(outcome, name, limits) {
    const { limit, message } = outcome ?? {};
    if (limit?.name !== name) throw new Error(`expected ${name} to be exceeded, got ${show(outcome)}`);
    if (limit.value !== limits[name]) throw new Error(`expected a limit of ${limits[name]}, got ${show(limit)}`);
    if (!(limit.used >= limit.value)) throw new Error(`expected that more than the limit was used, got ${show(limit)}`);
    const expected = `(limits.${name} is ${limit.value}, used ${limit.used})`;
    if (!message.endsWith(expected)) throw new Error(`expected a message that ends with ${expected}, got ${message}`);
}

async function runCase(server, { test, exceeds, ends, check }) {
    const stop = await watchNeighbour(server);
    let outcomes;
    try {
        outcomes = await attempt(server, test);
    } finally {
        await stop();
    }
    if (exceeds) checkLimit(ends ? ends(outcomes) : outcomes[0], exceeds, test.limits);
    await check?.(outcomes, server);
    const paths = /(?:\/work|\/root|\/home|\/tmp|\/usr|\.c:\d)/.exec(show(outcomes));
    if (paths) throw new Error(`expected no paths of the machine in an error, got ${show(outcomes)}`);
}

/** Waits until there are as few processes as when the server was idle. */
async function settles(server, quiet) {
    let now;
    await until("an idle server", () => (now = server.tree().length) <= quiet, 15_000).catch(() => {
        throw new Error(`something is left behind: expected ${quiet} processes, got ${now}`);
    });
}

/** From the first such worker on the pool has cells for more. */
const COMPILED = { modules: { "main.js": "export default { run: () => typeof HTMLRewriter };" }, method: "run" };

async function runSuite({ name, options = [], cases, kept = 0 }) {
    const chosen = Object.entries(cases).filter(([caseName]) => caseName.includes(filter));
    if (chosen.length === 0) return;
    const server = await startServer(HOST, ["--pool", "2", "--grants", "4", ...options]);
    await ask(server, "/neighbour");
    await attempt(server, COMPILED);
    const quiet = 3 + 2 + 1 + 4 + 1; // supervisor, zygote, host; the pool, its cell for WebAssembly, the grants, the neighbour
    await until("a full pool", () => server.tree().length === quiet);
    const { pid } = server;
    for (const [caseName, body] of chosen) {
        count(caseName);
        await run(caseName, async () => {
            await (typeof body === "function" ? body(server, { attempt }) : runCase(server, body));
            await settles(server, quiet + kept);
        });
    }
    await run(`${name}: the server ends cleanly`, async () => {
        const { code, left } = await server.stop();
        if (server.pid !== pid || code !== 0 || left !== 0) throw new Error(`expected status 0, got ${code}, ${left} left`);
        const crash = /crashed|host worker's cell|CHECK/.exec(server.errors);
        if (crash) throw new Error(`expected no word of a crash, got ${server.errors.slice(0, 2000)}`);
    });
}

const startedAt = performance.now();
/** Two lanes for two cores. */
await Promise.all([
    (async () => {
        await runSuite({ name: "CPU", cases: cpuCases });
        for (const suite of limitSuites) await runSuite(suite);
    })(),
    (async () => {
        await runSuite({ name: "memory", cases: memoryCases });
        await runSuite({ name: "realm", cases: { ...realmCases, ...isolationCases }, kept: 2 }); // egress, and its keeper
        for (const [name, body] of Object.entries(orchestrationCases(HOST))) {
            if (!name.includes(filter)) continue;
            count(name);
            await run(name, body);
        }
    })(),
]);
const cases = counts.CPU + counts.memory + counts.realm + counts.isolation + counts.orchestration;
const each = Object.entries(counts).map(([name, n]) => `${n} ${name}`).join(", ");
console.log(`# ${cases} abuse cases of part C, 1, 2, 3, 7 and 8, and those of limits: ${each}`);
if (filter === "") await run(`at least ${CASES_MIN} abuse cases`, () => cases >= CASES_MIN || Promise.reject(new Error(`got ${cases}`)));
console.log(`${passed} passed, ${failed} failed`);
console.error(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
process.exit(failed > 0 ? 1 : 0); // whatever a failed case left running ends now
