// Starts and stops the real `mayfly serve` for the behaviour tests, and looks at its processes from outside. Processes
// are found by their parents, and only those of a server that was started here are ever signalled.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleepFor } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

export const BINARY = process.env.MAYFLY ?? fileURLToPath(new URL("../../build/mayfly", import.meta.url));

export const sleep = (ms) => sleepFor(ms);

/** Asks again and again until `probe` gives something; throws with `what` when the time is up. */
export async function until(what, probe, timeoutMs = 10_000) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
        const found = await probe();
        if (found) return found;
        if (Date.now() > deadline) throw new Error(`expected ${what}, got nothing in ${timeoutMs} ms`);
        await sleep(10);
    }
}

// --- Processes -------------------------------------------------------------------------------------------------------

function readOrGone(path) {
    try {
        return readFileSync(path, "utf8");
    } catch {
        return undefined;
    }
}

/** State, parent, start time, processor time and page faults of a process; undefined when it is gone. */
function readStat(pid) {
    const text = readOrGone(`/proc/${pid}/stat`);
    if (text === undefined) return undefined;
    const end = text.lastIndexOf(")");
    const rest = text.slice(end + 2).split(" ");
    const [faults, faultsOfEnded] = [Number(rest[7]) + Number(rest[9]), Number(rest[8]) + Number(rest[10])]; // proc(5), as all here
    return { pid, name: text.slice(text.indexOf("(") + 1, end), state: rest[0], parent: Number(rest[1]), startTime: rest[19], userTicks: rest[11], systemTicks: rest[12], faults, faultsOfEnded };
}

/** What the processes of a server are at, for whoever asks why a case took too long. */
export function describe(server) {
    const row = ({ pid, parent, state, userTicks, systemTicks }) =>
        [pid, parent, state, userTicks, systemTicks, residentBytes(pid) >> 10, readOrGone(`/proc/${pid}/wchan`)].join("\t");
    return ["pid\tparent\tstate\tuser\tsystem\tKiB\twaits in", ...server.tree().map(row)].join("\n");
}

/** All processes below `root` and itself, parents first. A process that ended and was not waited for is in it too. */
export function processTree(root) {
    const byParent = new Map();
    for (const name of readdirSync("/proc")) {
        const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
        if (stat) byParent.set(stat.parent, [...(byParent.get(stat.parent) ?? []), stat]);
    }
    const first = readStat(root);
    const tree = first ? [first] : [];
    for (const process of tree) tree.push(...(byParent.get(process.pid) ?? []));
    return tree;
}

/** Those of `tree` that are still there: the same process, not another one with its number, and no zombie. */
export function stillThere(tree) {
    return tree.filter(({ pid, startTime }) => {
        const stat = readStat(pid);
        return stat !== undefined && stat.startTime === startTime && stat.state !== "Z";
    });
}

/** Memory of one process that is in RAM and no file's. */
export function residentBytes(pid) {
    const match = /^RssAnon:\s+(\d+) kB/m.exec(readOrGone(`/proc/${pid}/status`) ?? "");
    return match ? Number(match[1]) * 1024 : 0;
}

/** Memory of one process that no file backs, in RAM or not; pages that it shares with what it was forked from are in it. */
export function anonymousBytes(pid) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = (key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)[1]);
    return (kilobytes("RssAnon") + kilobytes("VmSwap")) * 1024;
}

/** Open descriptors; undefined where the kernel does not tell (cells hide from everyone but root). */
export function descriptorCount(pid) {
    try {
        return readdirSync(`/proc/${pid}/fd`).length;
    } catch {
        return undefined;
    }
}

// --- Servers ---------------------------------------------------------------------------------------------------------

const running = new Set();

process.on("exit", () => {
    for (const server of running) server.killAll();
});

/** A running server. `output` and `errors` are what it has printed so far. */
export class Server {
    output = "";
    errors = "";
    port = 0;
    #child;
    #exit;

    constructor(args, environment = {}) {
        const env = { ...process.env, ...environment };
        this.#child = spawn(BINARY, ["serve", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
        this.#child.stdout.setEncoding("utf8").on("data", (text) => (this.output += text));
        this.#child.stderr.setEncoding("utf8").on("data", (text) => (this.errors += text));
        this.#exit = once(this.#child, "exit").then(([code, signal]) => ({ code, signal }));
        running.add(this);
    }

    get pid() {
        return this.#child.pid;
    }

    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    get hasEnded() {
        return this.#child.exitCode !== null || this.#child.signalCode !== null;
    }

    /** Zygote and cells: [supervisor, zygote, ...cells]. The spawner, which starts zygotes, and holders, which keep memory
     * for cells, are in the way of counting. */
    tree() {
        return processTree(this.pid).filter(({ name }) => name !== "mayfly-spawner" && name !== "mayfly-holder");
    }

    /** Those that make cells: one for each cell without a name, and some that wait. */
    holders() {
        return processTree(this.pid).filter(({ name, state }) => name === "mayfly-holder" && state !== "Z").map(({ pid }) => pid);
    }

    get zygote() {
        return this.tree().find(({ parent }) => parent === this.pid)?.pid;
    }

    /** All zygotes: a replaced one stays as long as it has cells. */
    zygotes() {
        return this.tree().filter(({ parent }) => parent === this.pid).map(({ pid }) => pid);
    }

    /** A zygote's cells, or all: its children, or those of its holders. */
    cells(zygote) {
        const zygotes = zygote === undefined ? this.zygotes() : [zygote];
        const tree = processTree(this.pid);
        const makers = [...zygotes, ...tree.filter(({ name, parent }) => name === "mayfly-holder" && zygotes.includes(parent)).map(({ pid }) => pid)];
        return tree
            .filter(({ name, parent, state }) => name !== "mayfly-holder" && makers.includes(parent) && state !== "Z")
            .map(({ pid }) => pid);
    }

    /** The cells that hold so much memory: how a test knows whom it looks at. */
    cellsAbove(bytes) {
        return this.cells().filter((pid) => residentBytes(pid) > bytes);
    }

    /** Waits for a cell that holds so much memory, other than those in `known`. */
    async cellAbove(bytes, known = []) {
        return until(`a cell above ${bytes} bytes`, () => this.cellsAbove(bytes).find((pid) => !known.includes(pid)));
    }

    async ready() {
        await until("the server's line", () => this.hasEnded || /listens on/.test(this.output), START_TIMEOUT_MS);
        const line = /^mayfly: (\S+) listens on http:\/\/127\.0\.0\.1:(\d+)$/m.exec(this.output);
        if (!line) throw new Error(`expected a line that tells the port, got ${this.output}${this.errors}`);
        this.port = Number(line[2]);
        return this;
    }

    /** Sends a signal and waits for the end; resolves with {code, signal, left: processes that outlived it}. */
    async stop(signal = "SIGINT") {
        const tree = processTree(this.pid);
        this.#child.kill(signal);
        const tooLate = sleepFor(STOP_TIMEOUT_MS, { code: null, signal: "none in time" }, { ref: false });
        const end = await Promise.race([this.#exit, tooLate]);
        await until("the cells to end", () => stillThere(tree).length === 0, 2_000).catch(() => {});
        const left = stillThere(tree).length;
        this.killAll();
        running.delete(this);
        return { ...end, left };
    }

    killAll() {
        for (const { pid } of stillThere(processTree(this.pid))) {
            try {
                process.kill(pid, "SIGKILL");
            } catch {
                // it ended in between
            }
        }
    }
}

/** Starts `mayfly serve TARGET`, an absolute path or a file beside this one, on a free port. */
export function startServer(target, options = [], environment = {}) {
    const path = target.startsWith("/") ? target : fileURLToPath(new URL(target, import.meta.url));
    return new Server([path, "--listen", "127.0.0.1:0", ...options], environment).ready();
}

/** Asks a route of the host worker; answers the body's text. */
export async function ask(server, path, init) {
    const response = await fetch(server.url + path, { signal: AbortSignal.timeout(30_000), ...init });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`expected status 200 for ${path}, got ${response.status}: ${text}`);
    return text;
}
