// The capnweb client that npm has, in a real browser: a page imports it and calls the entrypoint of `mayfly serve --rpc`
// by HTTP batches and over a WebSocket, from another origin. Prints `ok NAME` or `not ok NAME: ...`, and `skipped ...`
// where there is no browser; with MAYFLY_BROWSER=required that is a failure.
//
//     CHROMIUM=path node tests/browser/run.mjs      another one than Debian's chromium

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "../behaviour/server.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TIMEOUT_MS = 60_000;

/** No sandbox: it runs this page only, perhaps as root. And it is to speak to nobody but this machine. */
const FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const PAGE = '<!doctype html><meta charset="utf-8"><title>capnweb</title><script type="module" src="/page.js"></script>';
const files = {
    "/": ["text/html", () => PAGE],
    "/page.js": ["text/javascript", () => readFileSync(path("page.js"))],
    "/capnweb.js": ["text/javascript", () => readFileSync(path("../../node_modules/capnweb/dist/index.js"))],
};

if (!existsSync(CHROMIUM)) {
    const isRequired = process.env.MAYFLY_BROWSER === "required";
    const why = `there is no ${CHROMIUM}; apt-get install chromium, or name another one with CHROMIUM=`;
    console.log(isRequired ? `not ok browser: ${why}` : `skipped browser: ${why}`);
    process.exit(isRequired ? 1 : 0);
}

/** Serves the page; resolves with its address, and with what the page found out. */
async function servePage() {
    let found;
    const result = new Promise((resolve) => (found = resolve));
    const server = createServer(async (request, response) => {
        if (request.method === "POST") {
            let text = "";
            for await (const chunk of request) text += chunk;
            found(JSON.parse(text));
            return response.end();
        }
        const [type, read] = files[new URL(request.url, "http://any").pathname] ?? [];
        response.writeHead(type ? 200 : 404, { "content-type": type ?? "text/plain" }).end(type ? read() : "");
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, url: `http://127.0.0.1:${server.address().port}/`, result };
}

/** Shows a page until `done` settles. The browser is a process group of its own, and ends as one. */
async function browse(url, done) {
    const profile = mkdtempSync(join(tmpdir(), "mayfly-browser-"));
    const browser = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${profile}`, url], { detached: true, stdio: ["ignore", "ignore", "pipe"] });
    let words = "";
    browser.stderr.setEncoding("utf8").on("data", (text) => (words += text));
    const ended = new Promise((resolve) => browser.once("exit", resolve).once("error", resolve));
    const timer = new Promise((_, reject) => setTimeout(reject, TIMEOUT_MS, new Error(`no word of the page in ${TIMEOUT_MS} ms`)).unref());
    try {
        return await Promise.race([done, timer, ended.then((status) => Promise.reject(new Error(`it ended: ${status}`)))]);
    } catch (error) {
        throw new Error(`${error.message}; the browser said ${words.slice(-1000)}`);
    } finally {
        try {
            process.kill(-browser.pid, "SIGKILL");
        } catch {
            // it ended by itself
        }
        await ended;
        rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
    }
}

let failed = 0;
const mayfly = await startServer("outside.js", ["--rpc", "/rpc=Api"]);
const page = await servePage();
try {
    const outcomes = await browse(`${page.url}?rpc=${encodeURIComponent(`${mayfly.url}/rpc`)}`, page.result);
    if (outcomes.length === 0) throw new Error("the page had no cases");
    for (const { name, why } of outcomes) {
        if (why !== undefined) failed++;
        console.log(why === undefined ? `ok browser: ${name}` : `not ok browser: ${name}: ${why.replaceAll("\n", "\\n")}`);
    }
} catch (error) {
    failed++;
    console.log(`not ok browser: ${error.message.replaceAll("\n", "\\n")}`);
}
page.server.close();
page.server.closeAllConnections();
const { code, left } = await mayfly.stop();
if (code !== 0 || left !== 0) {
    failed++;
    console.log(`not ok browser: the server's end: status ${code}, ${left} processes left`);
}
process.exit(failed > 0 ? 1 : 0);
