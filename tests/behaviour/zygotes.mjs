// Why a zygote is replaced by a fresh one: it has forked often enough, it is old enough, or the engine's library on disk
// is another one now. While that happens every request is answered, and workers that live go on.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, BINARY, Server, startServer, until } from "./server.mjs";

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const json = async (server, path) => JSON.parse(await ask(server, path));
const generation = async (server) => (await json(server, "/health")).zygotes.generation;

/** Asks for fresh workers, in three lanes, until there is another generation and its cells have answered too. */
async function replaced(server, cause) {
    const before = await generation(server);
    const counted = await json(server, "/count");
    const held = json(server, "/held");
    let answers = 0;
    let isOver = false;
    const lane = async (from) => {
        for (let n = from; !isOver; n += 3, answers++) expect("an answer", await json(server, `/fresh?n=${n}`), 2 * n);
    };
    const lanes = [0, 1, 2].map(lane);
    await cause?.();
    const next = until("another generation", async () => (await generation(server)) > before, 60_000);
    await Promise.race([next, ...lanes]);
    const seen = answers;
    await until("answers of its cells", () => answers > seen + 30, 30_000);
    isOver = true;
    await Promise.all(lanes);
    await ask(server, "/release");
    expect("the call that was under way all the time", await held, counted + 1);
    expect("the worker that has lived all the time", await json(server, "/count"), counted + 2);
}

/** A cell binary that takes the engine's library from a directory where it can be replaced. */
function copyEngine() {
    const cell = join(dirname(BINARY), "mayfly-cell");
    const library = /=> (\S+libjavascriptcoregtk\S+)/.exec(execFileSync("ldd", [cell], { encoding: "utf8" }))[1];
    const dir = mkdtempSync(join(tmpdir(), "mayfly-engine-"));
    const copy = join(dir, basename(library));
    copyFileSync(library, copy);
    const script = join(dir, "cell");
    writeFileSync(script, `#!/bin/sh\nLD_LIBRARY_PATH=${dir} exec ${cell} "$@"\n`, { mode: 0o755 });
    return { dir, copy, script, library };
}

/** Whether a process has this file mapped, which has not been replaced since. */
const maps = (pid, path) => readFileSync(`/proc/${pid}/maps`, "utf8").split("\n").some((line) => line.endsWith(path));

async function engineIsUpdated() {
    const { dir, copy, script, library } = copyEngine();
    const given = process.env.MAYFLY_CELL;
    process.env.MAYFLY_CELL = script;
    const server = await startServer("zygotes.js", ["--health", "/health"]).finally(() => {
        if (given === undefined) delete process.env.MAYFLY_CELL;
        else process.env.MAYFLY_CELL = given;
    });
    try {
        const [old] = server.zygotes();
        expect("the library in use", maps(old, copy), true);
        await replaced(server, () => {
            copyFileSync(library, `${copy}.new`);
            renameSync(`${copy}.new`, copy); // as a package manager does
        });
        const [fresh] = server.zygotes().filter((pid) => pid !== old);
        expect("the library in use, before and after", [maps(old, copy), maps(fresh, copy)], [false, true]);
        const { code, left } = await server.stop();
        expect("end", [code, left], [0, 0]);
    } finally {
        rmSync(dir, { recursive: true });
    }
}

async function endsWithout() {
    const target = fileURLToPath(new URL("zygotes.js", import.meta.url));
    const server = new Server([target, "--listen", "127.0.0.1:0"], { MAYFLY_CELL: "/bin/false" });
    await until("its end", () => server.hasEnded);
    const { code, left } = await server.stop();
    expect("end", [code, left, server.errors.includes("no zygote can be started: the zygote ended")], [1, 0, true]);
}

const options = ["--health", "/health"];

export const suites = [
    {
        name: "zygotes by forks",
        target: "zygotes.js",
        options: [...options, "--zygote-forks", "40"],
        cases: { "a zygote that has forked often is replaced": (server) => replaced(server) },
    },
    {
        name: "zygotes by age",
        target: "zygotes.js",
        options: [...options, "--zygote-seconds", "1"],
        cases: { "a zygote that is old is replaced": (server) => replaced(server) },
    },
    { name: "zygotes that cannot be", cases: { "a server without any ends, and says so": endsWithout } },
    { name: "zygotes by library", cases: { "zygotes move on to an engine that was updated": engineIsUpdated } },
];
