// What JavaScript tries from inside a real cell, one act a file: each file's default export returns, or resolves with,
// what it got; undefined is nothing, and what has to be. Prints `ok NAME` or `not ok NAME: why`.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const HERE = dirname(fileURLToPath(import.meta.url));
const MAYFLY = process.env.MAYFLY ?? join(HERE, "../../build/mayfly");
const run = promisify(execFile);

const files = readdirSync(HERE).filter((name) => name.endsWith(".js"));
// Whether garbage alone reaches the memory limit (it does in one of twenty runs of this one, which makes a gigabyte of it in
// one turn) is not what is asked here.
const MEMORY = { "engine_lives.js": ["--memory", "512"] };
const runs = files.flatMap((file) => [{ file, options: [] }, { file, options: ["--no-jit"] }]);

for (const { file, options } of runs) {
    const name = ["escape/" + file, ...options].join(" ");
    try {
        const { stdout } = await run(MAYFLY, ["run", ...(MEMORY[file] ?? []), ...options, join(HERE, file)]);
        const got = JSON.parse(stdout);
        if (got !== null) throw new Error(`it got ${JSON.stringify(got)}`);
        console.log(`ok ${name}`);
    } catch (error) {
        process.exitCode = 1;
        console.log(`not ok ${name}: ${String(error.stderr || error.message).replaceAll("\n", "\\n")}`);
    }
}
