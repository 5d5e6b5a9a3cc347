// What /proc says of a server's process and all its descendants: who they are, their memory, their CPU time.
// Part of the benchmark's driver. A number that cannot be had is never a zero.

import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** The text of a file under /proc, or null when its process is gone. */
function readOrGone(path) {
    try {
        return readFileSync(path, "utf8");
    } catch (error) {
        if (error.code === "ENOENT" || error.code === "ESRCH") return null;
        throw error;
    }
}

/** One process as /proc/PID/stat tells it. Its start time makes it distinct from a later one with the same pid. */
function readProcess(pid) {
    const stat = readOrGone(`/proc/${pid}/stat`);
    if (stat === null) return null;
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name before it may hold anything
    const [state, parent] = fields;
    // utime, stime, and those of the children it has waited for
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { pid, parent: Number(parent), state, ticks, startedAt: fields[19] };
}

/** The process `root` and everything below it, or [] when root is gone. */
export function readTree(root) {
    const children = new Map();
    let tree = [];
    for (const name of readdirSync("/proc")) {
        const process = /^\d+$/.test(name) ? readProcess(Number(name)) : null;
        if (!process) continue;
        if (process.pid === root) tree = [process];
        children.set(process.parent, [...(children.get(process.parent) ?? []), process]);
    }
    for (const process of tree) tree.push(...(children.get(process.pid) ?? [])); // grows while it is walked
    return tree;
}

/** Those of `processes` that still run: same pid, same start, not a zombie. */
export function stillRunning(processes) {
    return processes.filter(({ pid, startedAt }) => {
        const now = readProcess(pid);
        return now !== null && now.startedAt === startedAt && now.state !== "Z";
    });
}

/** CPU seconds used so far by the tree, those included of its dead that were waited for. */
export function cpuSeconds(root) {
    return readTree(root).reduce((sum, process) => sum + process.ticks, 0) / TICKS_PER_SECOND;
}

/** The smaps_rollup texts of these processes, one after the other, without those that are gone; null if refused. */
function readSmaps(pids) {
    const texts = [];
    const refused = []; // undumpable processes, and other users', show their memory to root alone
    for (const path of pids.map((pid) => `/proc/${pid}/smaps_rollup`)) {
        try {
            texts.push(readOrGone(path) ?? "");
        } catch (error) {
            if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
            refused.push(path);
        }
    }
    if (refused.length === 0) return texts.join("");
    const { stdout } = spawnSync("sudo", ["-n", "cat", ...refused], { encoding: "utf8" });
    return stdout ? texts.join("") + stdout : null;
}

/** The sum of every line `NAME: N kB` of a text, in MiB; NaN without a text. */
function sumMiB(text, ...names) {
    if (text === null) return NaN;
    const lines = text.matchAll(new RegExp(`^(?:${names.join("|")}):\\s+(\\d+) kB$`, "gm"));
    return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) / 1024;
}

/**
 * Memory of the tree in MiB, NaN where it may not be read. privateMiB is what would be free if each process left
 * alone, pssMiB divides what is shared by its sharers, rssMiB counts it once a sharer; pageTablesMiB is the kernel's
 * and in none of the others.
 */
export function memory(root) {
    const pids = readTree(root).filter(({ state }) => state !== "Z").map(({ pid }) => pid);
    const smaps = readSmaps(pids);
    const status = pids.map((pid) => readOrGone(`/proc/${pid}/status`) ?? "").join("");
    return {
        processes: pids.length,
        privateMiB: sumMiB(smaps, "Private_Clean", "Private_Dirty"),
        pssMiB: sumMiB(smaps, "Pss"),
        rssMiB: sumMiB(smaps, "Rss"),
        pageTablesMiB: sumMiB(status, "VmPTE"),
    };
}
