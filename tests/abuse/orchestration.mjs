// Cases 7 and 8: what is left of a worker in others, and what happens when the machine runs out of something.

import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, Server, sleep, startServer, stillThere, until } from "../behaviour/server.mjs";

const PAGE = 4096;

const attempt = async (server, test) =>
    JSON.parse(await ask(server, "/attempt", { method: "POST", body: JSON.stringify(test) })).value;

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

/** Whether a text stands anywhere in a process's memory, in Latin-1 or UTF-16. One that has ended has none. Needs root. */
function remembers(pid, text) {
    const needles = [Buffer.from(text, "latin1"), Buffer.from(text, "utf16le")];
    if (!existsSync(`/proc/${pid}/mem`)) return false;
    const memory = openSync(`/proc/${pid}/mem`, "r");
    const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
    try {
        for (const line of readFileSync(`/proc/${pid}/maps`, "latin1").split("\n")) {
            const match = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line);
            if (!match || line.includes("[v")) continue;
            const [start, end] = [parseInt(match[1], 16), parseInt(match[2], 16)];
            if (end - start > 2 ** 34) continue; // set aside, with hardly a page in it
            if (hasText(memory, pagemap, start, end, needles)) return true;
        }
        return false;
    } finally {
        closeSync(memory);
        closeSync(pagemap);
    }
}

function hasText(memory, pagemap, start, end, needles) {
    const entries = Buffer.alloc(8 * 4096);
    const page = Buffer.alloc(PAGE);
    for (let at = start; at < end; at += 4096 * PAGE) {
        const pages = Math.min(4096, (end - at) / PAGE);
        const got = readSync(pagemap, entries, 0, pages * 8, (at / PAGE) * 8);
        for (let i = 0; i < got / 8; i++) {
            if (!(entries[i * 8 + 7] & 0x80)) continue; // not present
            try {
                readSync(memory, page, 0, PAGE, at + i * PAGE);
            } catch {
                continue; // a guard page
            }
            if (needles.some((needle) => page.includes(needle))) return true;
        }
    }
    return false;
}

const SECRET_WORKER = {
    "main.js": `globalThis.kept = []; export default { run(part) {
        for (let i = 0; i < 100; i++) kept.push(new TextEncoder().encode(part + "-" + "s3cr3t" + "-" + i));
        return kept.length; } };`,
};

async function residue(host) {
    const server = await startServer(host, ["--pool", "2", "--grants", "4"]);
    // Made of two parts within the worker, so that nobody who carried the call ever saw it whole.
    const part = `p${Math.random().toString(36).slice(2)}`;
    const keeper = attempt(server, {
        modules: { "main.js": SECRET_WORKER["main.js"].replace("return kept.length;", "return new Promise((resolve) => setTimeout(resolve, 1e6));") },
        method: "run", args: [part], limits: { wallMs: 20_000 },
    });
    keeper.catch(() => {});
    const holder = await until("a cell that holds the secret", () => server.cells().find((pid) => remembers(pid, `${part}-s3cr3t`)));
    process.kill(holder, "SIGKILL");
    await keeper;
    expect("the call", (await attempt(server, { modules: SECRET_WORKER, method: "run", args: [part] }))[0].value, 100);
    const next = { modules: { "main.js": "export default { run() { return 1; } };" }, method: "run" };
    for (let i = 0; i < 8; i++) await attempt(server, next);
    await until("new cells", () => server.cells().length >= 7);
    const found = server.tree().filter(({ pid }) => pid !== holder && remembers(pid, `${part}-s3cr3t`));
    await server.stop();
    expect("processes that remember the secret", found.map(({ pid }) => pid), []);
}

/** Workers that hang, more than there are cells, while no cell can be forked: those that get none are told why. Then
 * cells can be forked again. */
async function exhausted(host, { take, giveBack, reason }) {
    const server = await startServer(host, ["--pool", "2", "--grants", "4"]);
    await ask(server, "/neighbour");
    await until("a full pool", () => server.tree().length === 3 + 2 + 4 + 1);
    const hang = { modules: { "main.js": "export default { run() { return new Promise((resolve) => setTimeout(resolve, 1e6)); } };" }, method: "run" };
    const attempts = () => Array.from({ length: 12 }, () => attempt(server, { ...hang, limits: { wallMs: 1000 } }));
    const undo = take(server);
    const ends = (await Promise.all(attempts())).map(([{ limit, message }]) => limit?.name ?? message);
    expect("the neighbour", await ask(server, "/neighbour"), "2");
    giveBack(server, undo);
    const others = [...new Set(ends.filter((end) => end !== "wallMs"))];
    expect("what those were told that got no cell", others, [`No dynamic worker can be started now: ${reason}.`]);
    const good = { modules: { "main.js": "export default { run() { return 1; } };" }, method: "run" };
    await until("recovery", async () => (await attempt(server, good))[0].value === 1);
    await until("a full pool", () => server.tree().length === 3 + 2 + 4 + 1);
    expect("the neighbour", await ask(server, "/neighbour"), "3");
    const { code, left } = await server.stop();
    expect("the end", [code, left], [0, 0]);
}

/** Sets how many descriptors a process may have, as far as it could raise that itself. */
function setDescriptors(pid, count) {
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${count}:`]);
}

const DESCRIPTORS = {
    take: (server) => {
        const before = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${server.zygote}/limits`, "utf8"))[1];
        setDescriptors(server.zygote, 3);
        return before;
    },
    giveBack: (server, before) => setDescriptors(server.zygote, before),
    reason: "Too many open files",
};

/** A cgroup of the pids controller, version 1 or 2; undefined where there is none to be had. */
function pidsGroup() {
    for (const parent of ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]) {
        const group = `${parent}/mayfly-abuse-${process.pid}`;
        try {
            mkdirSync(group);
            if (existsSync(`${group}/pids.max`)) return group;
            rmdirSync(group);
        } catch {
            // not ours to make
        }
    }
    return undefined;
}

/** New cells count where their zygote is; those that are there count where they were born. */
function processes(group) {
    return {
        take: (server) => {
            writeFileSync(`${group}/cgroup.procs`, String(server.zygote));
            writeFileSync(`${group}/pids.max`, "1");
        },
        giveBack: () => writeFileSync(`${group}/pids.max`, "max"),
        reason: "Resource temporarily unavailable",
    };
}

async function withoutProcesses(host) {
    const group = pidsGroup();
    if (group === undefined) return console.log("# out of processes: there is no pids controller to try it with here");
    try {
        await exhausted(host, processes(group));
    } finally {
        await until("an empty cgroup", () => readFileSync(`${group}/cgroup.procs`, "utf8") === "").catch(() => {});
        rmdirSync(group);
    }
}

/** Usage that is written to a disk which is full for a while. */
async function outOfDisk(host) {
    const dir = mkdtempSync(join(tmpdir(), "mayfly-disk-"));
    const run = { modules: { "main.js": "export default { run() { return 1; } };" }, method: "run" };
    let isMounted = false;
    try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=8k", "none", dir], { stdio: "ignore" });
        isMounted = true;
    } catch {
        console.log("# out of disk: recovery is not tried, since nothing can be mounted here");
    }
    const usage = isMounted ? join(dir, "usage.jsonl") : "/dev/full";
    if (isMounted) writeFileSync(join(dir, "other"), Buffer.alloc(8192));
    const server = await startServer(host, ["--usage", usage]);
    try {
        for (let i = 0; i < 20; i++) expect("a result", (await attempt(server, run))[0].value, 1);
        await until("words about the loss", () => server.errors.includes("mayfly: usage: lines are lost: No space left on device"));
        expect("how often it is said", server.errors.split("lines are lost").length, 2);
        if (!isMounted) return;
        rmSync(join(dir, "other"));
        await until("lines", async () => {
            expect("a result", (await attempt(server, run))[0].value, 1);
            return readFileSync(usage, "utf8").endsWith("}\n");
        });
        await until("words about the end", () => /usage: lines are written again; \d+ were lost/.test(server.errors));
    } finally {
        await server.stop();
        if (isMounted) execFileSync("umount", [dir]);
        rmSync(dir, { recursive: true });
    }
}

export function orchestrationCases(host) {
    return {
        "isolation: a secret is in no other process's memory": () => residue(host),
        "orchestration: burst: 60 workers that spin at once": async () => {
            const server = await startServer(host, ["--pool", "4", "--grants", "8"]);
            const test = { modules: { "main.js": "export default { run() { for (;;); } };" }, method: "run", limits: { cpuMs: 20 } };
            const ends = await Promise.all(Array.from({ length: 60 }, () => attempt(server, test)));
            expect("ends", ends.map(([{ limit }]) => limit?.name), Array(60).fill("cpuMs"));
            expect("the neighbour", await ask(server, "/neighbour"), "1");
            await until("as few processes as before", () => server.tree().length <= 3 + 12 + 1, 20_000);
            expect("the end", (await server.stop()).code, 0);
        },
        "orchestration: the supervisor is killed while workers spin": async () => {
            const server = await startServer(host, ["--pool", "2", "--grants", "4"]);
            const test = { modules: { "main.js": "export default { run() { for (;;); } };" }, method: "run", limits: { cpuMs: 60_000 } };
            const before = server.tree().length;
            for (let i = 0; i < 4; i++) attempt(server, test).catch(() => {});
            await until("workers that spin", () => server.tree().length >= before + 4);
            const tree = server.tree();
            process.kill(server.pid, "SIGKILL");
            await until("the end of all", () => stillThere(tree).length === 0, 5_000);
            await server.stop();
        },
        "orchestration: out of descriptors: loads fail with the reason, and work again": () => exhausted(host, DESCRIPTORS),
        "orchestration: out of processes: loads fail with the reason, and work again": () => withoutProcesses(host),
        "orchestration: out of disk: workers go on, what is lost is said once, and lines come again": async () => outOfDisk(host),
        "orchestration: usage: each worker that ended has its line": async () => {
            const file = join(tmpdir(), `mayfly-usage-${process.pid}.jsonl`);
            const server = await startServer(host, ["--usage", file]);
            const run = (lines, more) => ({ modules: { "main.js": `export default { run() { ${lines} } };` }, method: "run", ...more });
            await attempt(server, run("return 1;", { id: "billed", then: [{ method: "run" }, { method: "run" }] }));
            await attempt(server, run("for (;;);", { limits: { cpuMs: 50 } }));
            await attempt(server, run("const l = []; for (;;) l.push(new Uint8Array(1 << 20).fill(1));", { limits: { memoryMb: 20 } }));
            await attempt(server, run("return 1;", { then: [{ method: "run" }] }));
            const lines = () => readFileSync(file, "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
            await until("three lines", () => lines().length === 3);
            const ended = (how) => lines().find(({ end }) => end === how);
            const spun = ended("exceeded its CPU time limit");
            const grown = ended("exceeded its memory limit");
            const good = ended("exited with status 0");
            await server.stop();
            rmSync(file);
            expect("what they used", [spun?.cpuUs >= 50_000, grown?.peakBytes >= 20 << 20, good?.calls, good?.name], [true, true, 2, null]);
        },
        "orchestration: usage: also one whose end the supervisor hears of before its begin": async () => {
            const file = join(tmpdir(), `mayfly-usage-${process.pid}.jsonl`);
            const server = await startServer(host, ["--usage", file]);
            for (let i = 1; i <= 5; i++) {
                const test = { modules: { "main.js": "export default { run() { for (;;); } };" }, method: "run", limits: { cpuMs: 20 } };
                await ask(server, "/later", { method: "POST", body: JSON.stringify(test) });
                process.kill(server.pid, "SIGSTOP");
                await sleep(800);
                process.kill(server.pid, "SIGCONT");
                await until("its line", () => readFileSync(file, "utf8").split("\n").length === i + 1);
            }
            await server.stop();
            const ends = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line).end);
            rmSync(file);
            expect("the ends", ends, Array(5).fill("exceeded its CPU time limit"));
        },
        "orchestration: options: a limit that is none is refused": async () => {
            for (const option of ["cpu_ms", "cpu_ms=x", "nothing=5", "cpu_ms=-1", "cpu_ms=99999999999"]) {
                const server = new Server([host, "--listen", "127.0.0.1:0", "--limit", option]);
                await until("its end", () => server.hasEnded);
                if (!server.errors.includes("--limit")) throw new Error(`expected words about --limit ${option}, got ${server.errors}`);
                await server.stop();
            }
        },
    };
}
