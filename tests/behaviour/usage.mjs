// What --usage tells of workers that fold their memory while they wait (src/cell/fold.c), which is the system's work; the rest of
// it is in tests/abuse/orchestration.mjs.

import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, until } from "./server.mjs";

const USAGE = join(tmpdir(), `mayfly-rests-${process.pid}.jsonl`);
process.on("exit", () => rmSync(USAGE, { force: true }));

/** CPU time as the kernel counts it, to the nanosecond. */
const cpuUs = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ")[0]) / 1000;

const cases = {
    "the time of folding is not the worker's": async (server) => {
        const calls = Number(await ask(server, "/rest"));
        const uses = server.cells().map((pid) => ({ pid, us: cpuUs(pid) }));
        const line = await until("its line", () => readFileSync(USAGE, "utf8").trim(), 20_000);
        const told = JSON.parse(line);
        if (told.calls !== calls || told.end !== "exited with status 0") throw new Error(`expected ${calls} calls, got ${line}`);
        const cells = server.cells();
        const [{ us: used }, ...others] = uses.filter(({ pid }) => !cells.includes(pid));
        if (others.length > 0) throw new Error(`expected one cell to end, got ${others.length + 1}`);
        // After the last answer it was folded once more, woken, and ended: that all is in neither.
        if (told.cpuUs >= used) throw new Error(`expected less than ${used} us, which the process had used before it ended, got ${line}`);
        console.log(`# told ${told.cpuUs} us; the process had used ${used} before it ended`);
    },
};

export const suites = [{ name: "usage", target: "usage.js", options: ["--named-mb", "1", "--usage", USAGE], cases }];
