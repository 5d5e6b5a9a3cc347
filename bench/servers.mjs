// Starts and stops the two servers of the benchmark. A server is a child of this process, on a free port of the
// loopback; whatever ends the benchmark ends it too, by pid, with everything below it.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cpuSeconds, readTree, stillRunning } from "./process-tree.mjs";

const BENCH = fileURLToPath(new URL(".", import.meta.url));
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 3_000;
const QUIET_MS = 200;
const QUIET_TIMEOUT_MS = 2_000;

/** What a server answers that is up, unless its kind says otherwise. */
const HELLO = { path: "/hello", status: 200, has: '"hello"' };

/** How each server is started on a port. Both get the same host.js through a configuration of their own. */
const KINDS = {
    mayfly: {
        binary: () => process.env.MAYFLY ?? join(BENCH, "../build/mayfly"),
        missing: "run `make` first, or name it in MAYFLY",
        args: (port) => ["serve", join(BENCH, "wrangler.jsonc"), "--listen", `127.0.0.1:${port}`],
    },
    workerd: {
        binary: () => process.env.WORKERD ?? installedWorkerd(),
        missing: "run `npm ci` first, or name it in WORKERD",
        args: (port) => [
            "serve", "--experimental", join(BENCH, "workerd.capnp"), `--socket-addr=http=127.0.0.1:${port}`,
        ],
    },
    // See growth.mjs.
    "mayfly, many cells": {
        binary: () => KINDS.mayfly.binary(),
        args: (port) => [...KINDS.mayfly.args(port), "--named-mb", String(1 << 20)],
    },
    // See jail.mjs.
    "mayfly --no-jail": {
        binary: () => KINDS.mayfly.binary(),
        args: (port) => [...KINDS.mayfly.args(port), "--no-jail"],
    },
    // See codemode.mjs.
    "mayfly mcp": {
        binary: () => KINDS.mayfly.binary(),
        args: (port) => ["mcp", "--tools", `shop=${join(BENCH, "codemode-tools.ts")}`, "--listen", `127.0.0.1:${port}`],
        ready: { path: "/", status: 405, has: "POST" },
    },
    "executor on mayfly": {
        binary: () => KINDS.mayfly.binary(),
        args: (port) => ["serve", join(BENCH, "out/codemode/wrangler.json"), "--listen", `127.0.0.1:${port}`],
        ready: { path: "/", status: 200, has: "ready" },
    },
    "executor on workerd": {
        binary: () => KINDS.workerd.binary(),
        args: (port) => ["serve", "--experimental", join(BENCH, "codemode.capnp"), `--socket-addr=http=127.0.0.1:${port}`],
        ready: { path: "/", status: 200, has: "ready" },
    },
};

/** Other sandboxes: see peers/ways.mjs. */
export const PEERS = ["isolated-vm", "quickjs-emscripten", "node", "deno", "bun", "bubblewrap"];
for (const name of PEERS) {
    KINDS[name] = {
        binary: () => process.execPath,
        args: (port) => ["--no-node-snapshot", join(BENCH, "peers/server.mjs"), name, port], // isolated-vm wants that of Node
    };
}

/** The native binary of the npm package, not its script, which would be a process more. */
function installedWorkerd() {
    try {
        return createRequire(import.meta.url)("workerd").default;
    } catch {
        return "node_modules/workerd";
    }
}

/** Path and version of a server's binary; throws when it is not there. */
export function findBinary(name) {
    const path = KINDS[name].binary();
    if (!existsSync(path)) throw new Error(`${path} is not there: ${KINDS[name].missing}`);
    const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    return { path, version: stdout?.trim().split("\n")[0] ?? "" };
}

const running = new Set();
process.on("exit", () => {
    for (const { child } of running) killAll(readTree(child.pid));
});

function killAll(processes) {
    for (const { pid } of stillRunning(processes)) {
        try {
            process.kill(pid, "SIGKILL");
        } catch {
            // it ended by itself in between
        }
    }
}

async function freePort() {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address();
    probe.close();
    await once(probe, "close");
    return port;
}

/** Asks once; true when the host worker itself has answered. */
function answers(port, { path, status, has }) {
    return new Promise((resolve) => {
        const where = { host: "127.0.0.1", port, path, agent: false, timeout: 1_000 };
        const request = get(where, async (response) => {
            let body = "";
            response.setEncoding("utf8").on("data", (text) => (body += text));
            await once(response, "close");
            resolve(response.statusCode === status && body.includes(has));
        });
        request.on("timeout", () => request.destroy());
        request.on("error", () => resolve(false));
    });
}

function lastWords({ name, logPath }, what) {
    return new Error(`${name} ${what}; its last words:\n${readFileSync(logPath, "utf8").slice(-2_000)}`);
}

function failIfEnded(server) {
    const { exitCode, signalCode } = server.child;
    const how = signalCode ?? exitCode;
    if (how !== null) throw lastWords(server, `ended by itself (${how})`);
}

/** Starts a server; resolves at its first right answer. startMs counts from the spawn to that answer. */
export async function startServer(name, logPath) {
    const port = await freePort();
    const log = openSync(logPath, "w");
    const startedAt = performance.now();
    const child = spawn(KINDS[name].binary(), KINDS[name].args(port), { stdio: ["ignore", log, log] });
    closeSync(log);
    const server = { name, child, port, logPath, exit: once(child, "exit"), startMs: 0 };
    await once(child, "spawn");
    running.add(server);
    while (!(await answers(port, KINDS[name].ready ?? HELLO))) {
        failIfEnded(server);
        if (performance.now() - startedAt > START_TIMEOUT_MS) throw lastWords(server, "gave no right answer in time");
        await sleep(1);
    }
    server.startMs = performance.now() - startedAt;
    return server;
}

/** Interrupts a server, as an operator would. Resolves with the number of processes that it left behind. */
export async function stopServer(server, timeoutMs = STOP_TIMEOUT_MS) {
    const tree = readTree(server.child.pid);
    server.child.kill("SIGINT");
    await Promise.race([server.exit, sleep(timeoutMs, null, { ref: false })]);
    await sleep(100); // its children may end a moment after it
    const left = stillRunning(tree);
    killAll(left);
    running.delete(server);
    return left.length;
}

/** Waits until the server has been idle for a while: pool full again, garbage collected. Throws if it has ended. */
export async function quiet(server) {
    const deadline = performance.now() + QUIET_TIMEOUT_MS;
    let last = cpuSeconds(server.child.pid);
    let since = performance.now();
    while (performance.now() - since < QUIET_MS && performance.now() < deadline) {
        await sleep(40);
        failIfEnded(server);
        const now = cpuSeconds(server.child.pid);
        if (now !== last) since = performance.now();
        last = now;
    }
}
