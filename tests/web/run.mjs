// Runs the web platform's suites in real cells: each file is bundled with its harness and given to `mayfly run`.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const MAYFLY = process.env.MAYFLY ?? join(HERE, "../../build/mayfly");
const run = promisify(execFile);

/** Runs one suite; resolves with what its run() returned. */
async function runSuite(file, directory) {
    const outfile = join(directory, file);
    const contents = `import { run } from "./${file}"; export default () => run();`;
    await build({
        stdin: { contents, resolveDir: HERE },
        bundle: true,
        format: "esm",
        outfile,
        logLevel: "error",
        platform: "neutral",
        mainFields: ["module", "main"],
        external: ["cloudflare:*"],
    });
    const { stdout } = await run(MAYFLY, ["run", outfile], { maxBuffer: 1 << 26 });
    return JSON.parse(stdout);
}

const directory = mkdtempSync(join(tmpdir(), "mayfly-web-"));
let failed = 0;
try {
    for (const file of readdirSync(HERE).filter((name) => name.endsWith(".js") && name !== "harness.js")) {
        try {
            const { passed, failures } = await runSuite(file, directory);
            for (let i = 1; i <= passed; i++) console.log(`ok web/${file} ${i}`);
            for (const failure of failures) console.log(`not ok web/${file}: ${String(failure).replaceAll("\n", "\\n")}`);
            failed += failures.length;
        } catch (error) {
            console.log(`not ok web/${file}: ${String(error.stderr || error.message).replaceAll("\n", "\\n")}`);
            failed++;
        }
    }
} finally {
    rmSync(directory, { recursive: true });
}
process.exitCode = failed > 0 ? 1 : 0;
