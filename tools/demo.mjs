// make demo: the main job on a real example. Starts `mayfly serve` with examples/hello, hands it code that it has never
// seen (a small worker, a published package from npm, broken code), and shows what came back and how long it took.

import { spawn, execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { performance } from "node:perf_hooks";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Starts the server on a free port; resolves with its address. */
function startServer() {
    const server = spawn(join(ROOT, "build/mayfly"), ["serve", "examples/hello/wrangler.jsonc", "--listen", "127.0.0.1:0"], {
        cwd: ROOT,
        stdio: ["ignore", "pipe", "inherit"],
    });
    return new Promise((resolve, reject) => {
        let text = "";
        server.on("exit", (code) => reject(new Error(`the server ended with exit code ${code}`)));
        server.stdout.on("data", (chunk) => {
            text += chunk;
            const url = /http:\/\/\S+/.exec(text)?.[0];
            if (url) resolve({ server, url });
        });
    });
}

/** The processes below one, by /proc. */
function descendants(pid) {
    const parents = new Map();
    for (const name of readdirSync("/proc")) {
        if (!/^\d+$/.test(name)) continue;
        try {
            const stat = readFileSync(`/proc/${name}/stat`, "utf8");
            parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
        } catch {
            // It ended meanwhile.
        }
    }
    const below = (of) => [...parents].filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
    return below(pid);
}

async function post(url, worker, query = "") {
    const start = performance.now();
    const response = await fetch(url + query, { method: "POST", body: JSON.stringify(worker) });
    const text = await response.text();
    return { status: response.status, text, ms: performance.now() - start };
}

function show(title, { status, text, ms }) {
    const first = text.trim().split("\n").slice(0, 3).join("\n    ");
    console.log(`\n${title}\n    ${first.length > 300 ? `${first.slice(0, 300)}...` : first}\n    HTTP ${status}, ${ms.toFixed(2)} ms`);
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

async function times(n, f) {
    const all = [];
    for (let i = 0; i < n; i++) all.push((await f(i)).ms);
    return median(all);
}

const hello = (i) => ({
    mainModule: "main.js",
    modules: { "main.js": `export default { fetch(r, env) { return new Response("${i}: hello, " + env.NAME); } };` },
    env: { NAME: "stranger" },
});

const typed = {
    mainModule: "main.ts",
    modules: {
        "main.ts": `import { plural } from "./words";
interface Bird { name: string; count: number }
const birds: Bird[] = [{ name: "wren", count: 3 }, { name: "heron", count: 1 }];
export default { fetch: (): Response => Response.json(birds.map((b) => plural(b.name, b.count))) };`,
        words: { js: "export const plural = (word, n) => `${n} ${word}${n === 1 ? '' : 's'}`;" },
    },
};

const marked = {
    mainModule: "main.js",
    modules: {
        "main.js": `import { marked } from "./marked.esm.js"; import text from "./README.md";
export default { fetch: () => new Response(marked.parse(text), { headers: { "content-type": "text/html" } }) };`,
        "marked.esm.js": readFileSync(join(ROOT, "node_modules/marked/lib/marked.esm.js"), "utf8"),
        "README.md": { text: readFileSync(join(ROOT, "README.md"), "utf8") },
    },
};

const broken = {
    mainModule: "main.js",
    modules: { "main.js": "const answer = 42;\nexport default { fetch() { return new Respons(answer } };" },
};

const curious = {
    mainModule: "main.js",
    modules: { "main.js": `export default { async fetch() { return await fetch("https://example.com/"); } };` },
};

const { server, url } = await startServer();
try {
    console.log(`mayfly serves examples/hello on ${url}; what follows did not exist when it started.`);
    await times(20, (i) => post(url, hello(i)));
    show("A worker, loaded, run and thrown away:", await post(url, hello(1)));
    show("TypeScript, and a module beside it:", await post(url, typed));
    show("A published npm package (marked) on this README:", await post(url, marked));
    show("Broken code tells where:", await post(url, broken));
    show("A worker that was given no way out:", await post(url, curious));

    console.log("\nHow long, as this client sees it (medians, HTTP included)");
    console.log(`    fresh sandbox for each request   ${(await times(200, (i) => post(url, hello(i + 100)))).toFixed(2)} ms`);
    console.log(`    warm sandbox by id               ${(await times(200, () => post(url, hello(7), "?id=seven"))).toFixed(2)} ms`);

    await new Promise((resolve) => setTimeout(resolve, 700));
    const names = descendants(server.pid).length;
    console.log(`\nAfter some 430 sandboxes: ${names} processes (zygote, host worker, its warm cell, and the idle pool).`);
} finally {
    server.removeAllListeners("exit");
    const ended = new Promise((resolve) => server.on("exit", resolve));
    const pids = descendants(server.pid);
    server.kill("SIGINT");
    await ended;
    const left = pids.filter((pid) => {
        try {
            process.kill(pid, 0);
            return true;
        } catch {
            return false;
        }
    });
    console.log(`Interrupted: ${left.length} processes left.`);
    if (left.length > 0) execFileSync("kill", ["-9", ...left.map(String)]);
}
