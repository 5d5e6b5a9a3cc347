// Secrets in the props of a host worker's entrypoint stay there: all memory of the dynamic worker that was given the
// entrypoint, and every byte that ever crossed its socket, is searched for them. The cells keep these bytes themselves
// (tests/tap/tap.c). That the search finds what is there is proved by the host worker's own cell, by what the worker
// was given, and by a worker that is given the secret.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ask, residentBytes } from "./server.mjs";

const run = promisify(execFile);
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A leak may be of a part only. */
const PIECE_CHARACTERS = 16;
const pieces = (secret) => secret.match(new RegExp(`.{${PIECE_CHARACTERS}}`, "g"));

/** What of `texts` is in the memory of each of these processes. */
async function search(processes, texts) {
    const command = [process.execPath, path("memory.mjs"), JSON.stringify(texts), ...processes.map(String)];
    if (process.getuid() !== 0) command.unshift("sudo", "-n");
    const { stdout } = await run(command[0], command.slice(1), { maxBuffer: 1 << 26 });
    return JSON.parse(stdout);
}

/** The largest cell while no other works; that it holds the secret is asserted. */
const hostCell = (server) => server.cells().reduce((a, b) => (residentBytes(a) >= residentBytes(b) ? a : b));

/** Has a dynamic worker use the entrypoint, and searches all other cells; its own is the one that knows its mark. */
async function look(server, route) {
    const secret = pieces(await ask(server, "/secret"));
    const host = hostCell(server);
    const { mark, there, back, used, expected } = JSON.parse(await ask(server, route));
    const processes = [server.zygote, ...server.cells().filter((pid) => pid !== host)];
    const found = await search(processes, [...secret, mark, there, back]);
    const [child, ...others] = found.filter((one) => mark in one.found);
    assert.deepEqual(others, []);
    return { secret, said: [mark, there, back], used, expected, found, child, host };
}

const secretsIn = ({ found }, secret) => secret.filter((piece) => piece in found);

const cases = {
    "a secret in props is not in the worker's memory, nor on its socket": async (server) => {
        const { secret, said, used, expected, found, child, host } = await look(server, "/use");
        assert.deepEqual(used.signed, Array(6).fill(expected));
        assert.deepEqual(used.failed, ["RangeError", ...Array(5).fill("TypeError")]);
        assert.deepEqual([used.length, used.again], [64, 64]);
        // What was really said is found, so the tap and the search work.
        assert.equal(child.tap.isWhole, true);
        assert.deepEqual(child.tap.found, said);
        for (const one of await search([host], secret)) assert.deepEqual(secretsIn(one, secret), secret);
        for (const one of found) assert.deepEqual(secretsIn(one, secret), [], `in process ${one.process}`);
    },
    "a secret that a worker was given is found there": async (server) => {
        const { secret, child } = await look(server, "/leak");
        assert.deepEqual(secretsIn(child, secret), secret);
        assert.deepEqual(child.tap.found.filter((text) => secret.includes(text)), secret);
    },
};

const environment = { MAYFLY_CELL: path("../../build/tests/tap-cell") };

export const suites = [{ name: "secrets", target: "secrets.js", options: ["--pool", "1", "--grants", "2"], environment, cases }];
