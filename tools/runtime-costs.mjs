// What the runtime costs: the source of each area of the bundle that every zygote evaluates, and what a cell pays (page
// faults, private memory) when a worker first names something that is built at first use. Prints the tables of
// ARCHITECTURE.md. Needs a build; the memory columns need root.
//
//     node tools/runtime-costs.mjs [NAME...]      only these rows of the second table

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { processTree } from "../tests/behaviour/server.mjs";

const ALIASES = {
    tr46: "./runtime/web/idna.ts",
    "@exodus/bytes/whatwg.js": "./runtime/web/percent-encode.ts",
    "@exodus/bytes/encoding.js": "./runtime/web/percent-encode.ts",
};

/** Areas of the bundle: the first that fits a file's path takes it. */
const AREAS = [
    ["streams (web-streams-polyfill)", /web-streams-polyfill|web\/(streams|byte-streams|text-streams|transfer-streams)/],
    ["full URL parser (whatwg-url)", /whatwg-url|url-machine/],
    ["tables of domain names (tr46)", /tr46|punycode|idna/],
    ["parser of TypeScript (sucrase)", /sucrase|runtime\/typescript|@jridgewell/],
    ["modules", /runtime\/modules|link\.ts/],
    ["RPC", /runtime\/rpc/],
    ["Request, Response, Headers, bodies", /web\/(request|response|headers|body|body-source|bytes|pair-iterator|brand|kinds|lazy|host|arguments|install|global)\.ts/],
    ["the rest of the web platform", /runtime\/web\//],
    ["loader, channels, entrypoints", /runtime\//],
    ["other packages", /./],
];

/** Files that run when the bundle does: those reached by import statements alone. */
function eagerFiles(inputs) {
    const eager = new Set();
    const visit = (path) => {
        if (eager.has(path)) return;
        eager.add(path);
        for (const { path: next, kind } of inputs[path]?.imports ?? []) if (kind === "import-statement") visit(next);
    };
    visit("runtime/main.ts");
    return eager;
}

async function bundleTable() {
    const { metafile } = await build({
        entryPoints: ["runtime/main.ts"], bundle: true, write: false, metafile: true, platform: "neutral", target: "es2023", format: "iife",
        mainFields: ["module", "main"], minifySyntax: true, minifyWhitespace: true, alias: ALIASES, logLevel: "error", outfile: "runtime.js",
    });
    const eager = eagerFiles(metafile.inputs);
    const sums = new Map(AREAS.map(([name]) => [name, { now: 0, later: 0 }]));
    for (const [path, { bytesInOutput }] of Object.entries(Object.values(metafile.outputs)[0].inputs)) {
        const sum = sums.get(AREAS.find(([, pattern]) => pattern.test(path))[0]);
        if (eager.has(path)) sum.now += bytesInOutput;
        else sum.later += bytesInOutput;
    }
    console.log("| area of the bundle | KiB evaluated in the zygote | KiB evaluated at first use |\n|---|---|---|");
    for (const [name, { now, later }] of sums) if (now + later > 0) console.log(`| ${name} | ${(now / 1024).toFixed(1)} | ${(later / 1024).toFixed(1)} |`);
}

/** What a worker does first, by what it names. */
const TOUCHES = {
    "nothing": "0",
    "URL (plain)": "new URL('https://example.com/a?b=c').searchParams.get('b')",
    "URL (any)": "new URL('mailto:a@b.example').href",
    "URL (host beyond ASCII)": "new URL('https://é.example/').href",
    "console": "console.debug('x')",
    "structuredClone": "structuredClone({ a: [1] })",
    "Blob": "new Blob(['x'])",
    "FormData": "new FormData().append('a', 'b')",
    "AbortController": "new AbortController().abort()",
    "EventTarget": "new EventTarget().dispatchEvent(new Event('x'))",
    "TextDecoder": "new TextDecoder().decode(new Uint8Array(3))",
    "TextDecoder (others)": "new TextDecoder('shift_jis').decode(new Uint8Array(3))",
    "ReadableStream": "new ReadableStream()",
    "TransformStream": "await new Response(new Blob(['x']).stream().pipeThrough(new TransformStream())).text()",
    "crypto.randomUUID": "crypto.randomUUID()",
    "crypto.subtle": "await crypto.subtle.digest('SHA-256', new Uint8Array(3))",
    "CompressionStream": "await new Response(new Blob(['x']).stream().pipeThrough(new CompressionStream('gzip'))).bytes()",
    "caches": "await caches.default.match('http://a/')",
    "URLPattern": "new URLPattern({ pathname: '/:a' }).test({ pathname: '/b' })",
    "MessageChannel": "new MessageChannel().port1.close()",
    "WebSocketPair": "new WebSocketPair()[0].accept()",
    "EventSource": "EventSource",
    "performance.mark": "performance.mark('x')",
    "Cloudflare": "Cloudflare.compatibilityFlags",
};

function faultsOf(pid) {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[7]);
}

function privateKiB(pid) {
    try {
        const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
        return [...text.matchAll(/^Private_\w+: +(\d+) kB$/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0);
    } catch {
        return NaN;
    }
}

function sample(root) {
    const samples = new Map();
    for (const { pid, parent } of processTree(root)) {
        try {
            samples.set(pid, { parent, faults: faultsOf(pid), kib: privateKiB(pid) });
        } catch {
            // it has ended
        }
    }
    return samples;
}

/** Runs a snippet that touches something between two lines of its console; what its cell paid in between. */
function touch(code) {
    const wait = "await new Promise((resolve) => setTimeout(resolve, 400));";
    const source = `export default async () => { console.log('first'); ${wait} console.log('before'); ${wait}
        ${code}; console.log('after'); ${wait} return 0; };`;
    return new Promise((resolve, reject) => {
        const child = spawn("build/mayfly", ["run", "-"], { stdio: ["pipe", "ignore", "pipe"] });
        const samples = {};
        child.stderr.on("data", (data) => {
            for (const word of ["before", "after"]) if (String(data).includes(word)) samples[word] = sample(child.pid);
        });
        child.on("exit", (status) => {
            if (status !== 0 || !samples.after) return reject(new Error(`mayfly run ended with ${status}`));
            const paid = [...samples.after].filter(([pid]) => samples.before.has(pid)).map(([pid, { parent, faults, kib }]) => {
                const before = samples.before.get(pid);
                const zygoteKiB = samples.before.get(parent)?.kib;
                return { faults: faults - before.faults, kib: kib - before.kib, zygoteKiB };
            });
            resolve(paid.sort((a, b) => b.faults - a.faults)[0]);
        });
        child.stdin.end(source);
    });
}

const asked = process.argv.slice(2);
if (asked.length === 0) await bundleTable();
const nothing = await touch(TOUCHES.nothing);
console.log(`\nPrivate to the zygote: ${nothing.zygoteKiB} KiB.`);
console.log("\n| first use of | page faults | KiB private |\n|---|---|---|");
for (const [name, code] of Object.entries(TOUCHES)) {
    if (name === "nothing" || (asked.length > 0 && !asked.includes(name))) continue;
    const { faults, kib } = await touch(code);
    console.log(`| ${name} | ${Math.max(0, faults - nothing.faults)} | ${Math.max(0, kib - nothing.kib)} |`);
}
