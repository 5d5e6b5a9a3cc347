// make wpt: runs web-platform-tests inside dynamic workers of a real server and counts what passes, folder by folder.
//
//     WPT=path/to/web-platform-tests node tests/wpt/run.mjs [TEXT]      only the files whose paths contain TEXT
//     --list                 prints every failure, expected or not
//     --workerd=CHECKOUT     counts what workerd's own expectations say of the same tests, and names what it passes and we do not
//
// The tests are those that need neither a document nor web-platform-tests' own server: *.any.js. What fails and why that
// is so stands in expectations.mjs; a failure that is not there, or one there that no longer fails, fails the run.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { availableParallelism } from "node:os";
import { startServer } from "../behaviour/server.mjs";
import { bundle, metaOf } from "./bundle.mjs";
import { expectations, folders, left } from "./expectations.mjs";
import { workerdPasses } from "./workerd.mjs";

const root = process.env.WPT;
if (!root) {
    console.error("make wpt needs a checkout of web-platform-tests: WPT=path/to/it make wpt");
    process.exit(2);
}
const options = process.argv.slice(2).filter((word) => word.startsWith("--"));
const filter = process.argv.slice(2).find((word) => !word.startsWith("--")) ?? "";
const TIMEOUT_MS = 60_000;
const peer = options.find((word) => word.startsWith("--workerd="))?.slice("--workerd=".length);
const peerPasses = peer ? await workerdPasses(peer) : () => undefined;

function testsIn(folder) {
    return readdirSync(join(root, folder), { recursive: true })
        .filter((name) => name.endsWith(".any.js"))
        .map((name) => `${folder}/${name}`)
        .filter((path) => path.includes(filter))
        .sort();
}

/** Why a file is not run, or undefined. A file that names its globals and no worker among them is for documents. */
function reasonLeft(path) {
    const globals = metaOf(readFileSync(join(root, path), "utf8"), "global")[0];
    if (globals !== undefined && !/\bworker|dedicatedworker/.test(globals)) return "not for workers";
    return left.find(([pattern]) => pattern.test(path))?.[1];
}

const expected = (path, name) => expectations.find(([file, test]) => file.test(path) && test.test(name));

async function runVariant(server, path, variant) {
    const response = await fetch(server.url, {
        method: "POST",
        body: JSON.stringify({ modules: bundle(root, path, variant), timeoutMs: TIMEOUT_MS }),
    });
    const text = await response.text();
    const { harness, tests, needsNetwork } = response.ok ? JSON.parse(text) : { harness: text, tests: [] };
    const all = harness === null ? tests : [...tests, ["(harness)", 1, harness]];
    return all.map((result) => [...result, needsNetwork]);
}

async function runFile(server, path) {
    const variants = metaOf(readFileSync(join(root, path), "utf8"), "variant");
    const results = [];
    for (const variant of variants.length > 0 ? variants : [""]) results.push(...(await runVariant(server, path, variant)));
    return results;
}

const used = new Set();
let unexpected = 0;

function judge(path, results, sum) {
    for (const [name, status, message, needsNetwork] of results) {
        const passes = needsNetwork && status !== 0 ? undefined : peerPasses(path, name);
        if (passes === true) sum.peerPassed++;
        if (passes === false) sum.peerFailed++;
        if (passes && status !== 0) console.log(`workerd passes ${path}: ${name}: ${message}`);
        if (status === 0) {
            sum.passed++;
            continue;
        }
        // It asked the server of web-platform-tests for something: that says nothing of this platform.
        if (needsNetwork) {
            sum.network++;
            continue;
        }
        sum.failed++;
        const known = expected(path, name);
        if (known) used.add(known);
        else unexpected++;
        if (!known || options.includes("--list")) console.log(`${known ? "expected" : "FAILED"} ${path}: ${name}: ${message}`);
    }
}

const server = await startServer("../wpt/wrangler.jsonc");
const table = [];
try {
    for (const folder of folders) {
        const sum = { folder, files: 0, passed: 0, failed: 0, network: 0, left: 0, peerPassed: 0, peerFailed: 0 };
        const paths = testsIn(folder);
        const lane = async () => {
            for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
                if (reasonLeft(path)) {
                    sum.left++;
                    continue;
                }
                sum.files++;
                judge(path, await runFile(server, path), sum);
            }
        };
        await Promise.all(Array.from({ length: availableParallelism() }, lane));
        table.push(sum);
    }
} finally {
    await server.stop();
}
const shown = table.filter(({ files, left: out }) => files + out > 0);
console.log(`\n${"folder".padEnd(24)} files  left out   passed   failed  need a server${peer ? "            workerd, of those it knows" : ""}`);
const percent = (passed, failed) => (passed + failed > 0 ? `${((passed / (passed + failed)) * 100).toFixed(2)} %`.padStart(9) : "");
for (const { folder, files, passed, failed, network, left: out, peerPassed, peerFailed } of shown) {
    const share = `${percent(passed, failed)}  ${percent(peerPassed, peerFailed)}`.trimEnd();
    console.log(`${folder.padEnd(24)} ${String(files).padStart(5)} ${String(out).padStart(9)} ${String(passed).padStart(8)} ${String(failed).padStart(8)} ${String(network).padStart(14)}  ${share}`);
}
const stale = filter === "" ? expectations.filter((row) => !used.has(row)) : [];
for (const [file, test] of stale) console.log(`no longer fails: ${file} ${test}`);
const sum = (key) => table.reduce((total, row) => total + row[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed, ${unexpected} of them unexpected`);
process.exitCode = unexpected > 0 || stale.length > 0 ? 1 : 0;
