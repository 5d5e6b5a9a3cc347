// Runs the suites of this directory in real cells: each file is bundled with the runtime's own sessions and given to
// `mayfly run`.
//
//     node tests/rpc/run.mjs [SECONDS]     how long the fuzzer goes on; 5 by default
//     SEED=N                               its seed; a new one by default

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const MAYFLY = process.env.MAYFLY ?? join(ROOT, "build/mayfly");
const run = promisify(execFile);
const alias = {
    tr46: join(ROOT, "runtime/web/idna.ts"),
    "@exodus/bytes/whatwg.js": join(ROOT, "runtime/web/percent-encode.ts"),
    "@exodus/bytes/encoding.js": join(ROOT, "runtime/web/percent-encode.ts"),
};

/** Runs one suite; resolves with what its run() returned. */
async function runSuite(file, directory, input) {
    const outfile = join(directory, file);
    const contents = `import "../../runtime/symbols.ts"; import { run } from "./${file}"; export default (input) => run(input);`;
    const stdin = { contents, resolveDir: HERE };
    await build({ stdin, bundle: true, format: "esm", outfile, alias, logLevel: "error", platform: "neutral", mainFields: ["module", "main"], target: "es2023" });
    // Sessions that were not let go of would fill this memory within seconds.
    const options = ["--memory", "256", "--cpu", "0", "--timeout", String(input.seconds * 1000 + 120_000)];
    const { stdout } = await run(MAYFLY, ["run", outfile, ...options, "--json", JSON.stringify(input)], { maxBuffer: 1 << 26 });
    return JSON.parse(stdout);
}

const directory = mkdtempSync(join(tmpdir(), "mayfly-rpc-"));
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
let failed = 0;
try {
    for (const file of ["abuse.js", "fuzz.js"]) {
        try {
            const { passed, failures, words } = await runSuite(file, directory, { seconds: Number(process.argv[2] ?? 5), seed });
            for (const name of passed) console.log(`ok rpc/${file}: ${name}`);
            for (const failure of failures) console.log(`not ok rpc/${file}: ${String(failure).replaceAll("\n", "\\n")}`);
            if (words) console.log(`# ${words}`);
            failed += failures.length;
        } catch (error) {
            console.log(`not ok rpc/${file} (seed ${seed}): ${String(error.stderr || error.message).replaceAll("\n", "\\n")}`);
            failed++;
        }
    }
} finally {
    rmSync(directory, { recursive: true });
}
process.exitCode = failed > 0 ? 1 : 0;
