// Several host workers under one `mayfly serve`, as `wrangler dev -c a -c b` has it: what the configuration must say, and
// what becomes of calls when one of the cells ends. What calls give is checked by services.js itself.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, BINARY, startServer, until } from "./server.mjs";

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
/** The two that services.jsonc binds. */
export const others = [file("services-back.jsonc"), file("services-third.js")];

/** Where back's cell is; it may be a new one that is not up yet. */
async function backPid(server) {
    const known = server.cellsAbove(80 << 20);
    assert.equal(await until("the service", () => ask(server, "/hold").catch(() => undefined)), "held");
    return server.cellAbove(80 << 20, known);
}

const endings = {
    "calls under way are told that the service ended": async (server) => {
        const pid = await backPid(server);
        const told = ask(server, "/never");
        told.catch(() => {});
        await until("the calls", async () => (await ask(server, "/under-way")) === "true");
        process.kill(pid, "SIGKILL");
        const text = 'The service "back" ended while the call was under way.';
        assert.deepEqual(JSON.parse(await told), [text, text, text]);
    },
    "the next call finds the service anew": async (server) => {
        const pid = await backPid(server);
        process.kill(pid, "SIGKILL");
        await until("the end in the log", () => server.errors.includes("was killed with signal 9"));
        await until("an answer", () => ask(server, "/count").catch(() => undefined));
    },
    "the front's end leaves the service as it was": async (server) => {
        const before = Number(await ask(server, "/count"));
        const back = await backPid(server);
        const seen = server.errors.length;
        await fetch(`${server.url}/die`).catch(() => {});
        await until("the front's end in the log", () => server.errors.slice(seen).includes("front: the host worker's cell"));
        const after = await until("an answer", () => ask(server, "/count").catch(() => undefined));
        assert.equal(Number(after), before + 1);
        assert.ok(server.cells().includes(back));
    },
};

/** Runs `mayfly serve` on configurations that it must refuse. */
function refused(configs, wanted) {
    return () => {
        const dir = mkdtempSync(join(tmpdir(), "mayfly-services-"));
        try {
            writeFileSync(join(dir, "main.js"), "export default {};\n");
            configs.forEach((config, i) => writeFileSync(join(dir, `${i}.jsonc`), config));
            const args = ["serve", ...configs.map((_, i) => join(dir, `${i}.jsonc`)), "--listen", "127.0.0.1:0"];
            const { status, stderr } = spawnSync(BINARY, args, { encoding: "utf8", timeout: 60_000 });
            assert.deepEqual([status, stderr.replaceAll(`${dir}/`, "")], [1, wanted]);
        } finally {
            rmSync(dir, { recursive: true });
        }
    };
}

const refusals = {
    "unknown services name file, place and key": refused(
        ['{ "name": "a", "main": "main.js",\n  "services": [{ "binding": "B", "service": "b" }, { "binding": "C", "service": "c" }] }', '{ "name": "b", "main": "main.js", "services": [{ "binding": "X", "service": "x" }] }'],
        'mayfly: 0.jsonc:2:81: services[1].service: no worker is called "c"; name its configuration as well\n' +
            'mayfly: 1.jsonc:1:77: services[0].service: no worker is called "x"; name its configuration as well\n',
    ),
    "two workers of one name": refused(
        ['{ "name": "a", "main": "main.js" }', '{ "name": "a", "main": "main.js" }'],
        'mayfly: 1.jsonc: another of the workers is called "a" already\n',
    ),
    "props that are no object": refused(
        ['{ "name": "a", "main": "main.js", "services": [{ "binding": "A", "service": "a", "props": "x" }] }'],
        "mayfly: 0.jsonc:1:91: services[0].props: expected an object, not a string\n",
    ),
    "the second worker's start fails": async () => {
        const dir = mkdtempSync(join(tmpdir(), "mayfly-services-"));
        try {
            writeFileSync(join(dir, "a.js"), "export default {};\n");
            writeFileSync(join(dir, "b.js"), "throw new Error('not today');\n");
            const args = ["serve", join(dir, "a.js"), join(dir, "b.js"), "--listen", "127.0.0.1:0"];
            const { status, stdout, stderr } = spawnSync(BINARY, args, { encoding: "utf8", timeout: 60_000 });
            assert.deepEqual([status, stdout], [1, ""]);
            assert.match(stderr, /b\.js: Failed to start Worker:\nError: not today/);
        } finally {
            rmSync(dir, { recursive: true });
        }
    },
};

/** Runs `body` with a directory of its own. */
async function withDirectory(files, body) {
    const dir = mkdtempSync(join(tmpdir(), "mayfly-services-"));
    try {
        for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
        await body(dir);
    } finally {
        rmSync(dir, { recursive: true });
    }
}

const FRONT = `import { WorkerEntrypoint } from "cloudflare:workers";
export default {
    async fetch(request, env) {
        const { pathname } = new URL(request.url);
        if (pathname === "/heard") return Response.json([await env.WATCH.fetch(request).then((r) => r.json()), heard]);
        if (pathname === "/throw") throw new RangeError("for the watcher");
        console.log("said", { at: pathname });
        return new Response("front");
    },
    tail(events) { heard.push(...events.map(({ event }) => new URL(event.request.url).pathname)); },
};
let heard = [];`;

const WATCH = `let heard = [];
export default {
    fetch: () => Response.json(heard),
    tail(events) { console.log("of the watcher's own"); heard.push(...events); },
};`;

const tails = {
    "another worker's tail handler hears of each request, and nobody of that": () =>
        withDirectory({
            "front.js": FRONT,
            "watch.js": WATCH,
            "front.jsonc": '{ "name": "front", "main": "front.js", "tail_consumers": [{ "service": "watch" }, { "service": "front" }], "services": [{ "binding": "WATCH", "service": "watch" }] }',
            "watch.jsonc": '{ "name": "watch", "main": "watch.js", "tail_consumers": [{ "service": "front" }] }',
        }, async (dir) => {
            const server = await startServer(join(dir, "front.jsonc"), [join(dir, "watch.jsonc")]);
            try {
                await ask(server, "/log");
                await fetch(`${server.url}/throw`);
                let events, own;
                await until("two events", async () => {
                    [events, own] = JSON.parse(await ask(server, "/heard"));
                    events = events.filter(({ event }) => !event.request.url.endsWith("/heard"));
                    return events.length >= 2 && own.length >= 2;
                });
                const shown = events.map(({ scriptName, outcome, logs, exceptions }) => [scriptName, outcome, logs.map(({ message }) => message), exceptions.map(({ message }) => message)]);
                assert.deepEqual(shown, [["front", "ok", [["said", { at: "/log" }]], []], ["front", "exception", [], ["for the watcher"]]]);
                assert.deepEqual(own.filter((path) => path !== "/heard"), ["/log", "/throw"]);
            } finally {
                assert.equal((await server.stop()).code, 0);
            }
        }),
    "a tail consumer that is not there": refused(
        ['{ "name": "a", "main": "main.js",\n  "tail_consumers": [{ "service": "b" }] }'],
        'mayfly: 0.jsonc:2:35: tail_consumers[0].service: no worker is called "b"; name its configuration as well\n',
    ),
};

export const suites = [
    { name: "services, ended", target: "services.jsonc", options: others, cases: endings },
    { name: "services, refused", cases: refusals },
    { name: "services, tails", cases: tails },
];
