// Cloudflare's published Code Mode package under `mayfly serve`: the cases of cases.js in a host worker, the example as it
// stands, and 1,000 executions in a row, after which nothing may be left.
//
//     node tests/codemode/run.mjs [TEXT]       only the cases whose names contain TEXT

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, descriptorCount, residentBytes, startServer, until } from "../behaviour/server.mjs";
import { bundleHost } from "./bundle.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const OUT = join(ROOT, "build/codemode");
const MEBIBYTE = 1 << 20;

const filter = process.argv[2] ?? "";

async function test(name, body) {
    if (!name.includes(filter)) return;
    try {
        await body();
        console.log(`ok codemode: ${name}`);
    } catch (error) {
        process.exitCode = 1;
        console.log(`not ok codemode: ${name}: ${String(error.message ?? error).replaceAll("\n", "\\n")}`);
    }
}

const bundle = (entry, name) => bundleHost(join(ROOT, entry), join(OUT, name), { name, limits: { cpu_ms: 600 } });

async function withServer(config, body) {
    const server = await startServer(config);
    try {
        await body(server);
    } finally {
        const { code, left } = await server.stop();
        await test(`${config.split("/").at(-2)}: ends and leaves nobody behind`, () => {
            if (code !== 0 || left !== 0) throw new Error(`status ${code}, ${left} left: ${server.errors}`);
        });
    }
}

async function runCases(server) {
    const names = JSON.parse(await ask(server, "/"));
    for (const name of names) {
        await test(name, async () => {
            const answer = JSON.parse(await ask(server, `/case/${encodeURIComponent(name)}`));
            if (!answer.ok) throw new Error(answer.message);
        });
    }
}

/** The largest cell is the host worker's, with its bundle. */
function hostCell(server) {
    return server.cells().reduce((a, b) => (residentBytes(a) >= residentBytes(b) ? a : b));
}

/** Executions in turn, in requests short enough for a busy machine. */
async function runs(server, count) {
    for (let done = 0; done < count; done += 20) await ask(server, "/runs?count=20");
}

async function thousandRuns(server) {
    await runs(server, 200); // heaps and pools have their size after that
    const host = hostCell(server);
    const idle = async () => {
        let counts = [];
        await until("an idle server", () => {
            counts = [server.tree().length, ...counts].slice(0, 20);
            return counts.length === 20 && counts.every((count) => count === counts[0]);
        });
        return { processes: counts[0], descriptors: descriptorCount(server.pid) + descriptorCount(host), bytes: residentBytes(host) };
    };
    const before = await idle();
    // Of the processor, which others do not take from it; in ticks of 10 ms.
    const spent = () => server.tree().filter(({ pid }) => [server.pid, server.zygote, host].includes(pid)).reduce((sum, { userTicks, systemTicks }) => sum + Number(userTicks) + Number(systemTicks), 0);
    const laps = [];
    for (let lap = 0; lap < 10; lap++) {
        const start = spent();
        await runs(server, 100);
        laps.push(spent() - start);
    }
    const after = await idle();
    if (after.processes > before.processes) throw new Error(`${before.processes} processes became ${after.processes}`);
    if (after.descriptors > before.descriptors + 4) throw new Error(`${before.descriptors} descriptors became ${after.descriptors}`);
    const growth = (after.bytes - before.bytes) / MEBIBYTE;
    if (growth > 32) throw new Error(`the host worker's cell grew by ${growth.toFixed(1)} MiB`);
    console.log(`# 1,000 runs: laps of ${laps} ticks, growth ${growth.toFixed(1)} MiB`);
    // No time is asserted; but each lap does the same work, so the last may not cost many times the first.
    if (Math.min(...laps.slice(-3)) > 5 * Math.min(...laps.slice(0, 3))) throw new Error(`laps of ${laps} ticks: it slows down`);
}

await withServer(await bundle("tests/codemode/cases.js", "cases"), async (server) => {
    await runCases(server);
    await test("1,000 runs in a row leave nothing and do not slow down", () => thousandRuns(server));
});
await withServer(await bundle("examples/codemode/host.ts", "example"), async (server) => {
    await test("the example answers", async () => {
        const code = 'async () => codemode.sendEmail({ to: "a@b", subject: "s", body: "" })';
        const { text, results } = JSON.parse(await ask(server, "/", { method: "POST", body: code }));
        const got = JSON.stringify([text, results[0].output.result]);
        if (got !== '["Done.","Sent \\"s\\" to a@b"]') throw new Error(got);
    });
});
