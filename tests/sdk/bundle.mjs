// The sdk as a module of node: bundled by esbuild, as it is for a worker, and imported.

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** What the engine says of a text, which is not to be had here: without it, all texts are parsed. */
const withoutEngine = {
    name: "without-engine",
    setup(build) {
        build.onResolve({ filter: /^mayfly:execution$/ }, ({ path }) => ({ path, namespace: "without-engine" }));
        build.onLoad({ filter: /.*/, namespace: "without-engine" }, () => ({ contents: "export const isExpression = () => false;" }));
    },
};

/** Imports sdk modules together: `{ "types/renderer": ["Renderer"] }` gives an object with these names. */
export async function importSdk(label, wanted) {
    const lines = Object.entries(wanted).map(([path, names]) => `export { ${names.join(", ")} } from "./sdk/${path}";`);
    const outfile = join(ROOT, "build/sdk-test", `${label}.mjs`);
    mkdirSync(dirname(outfile), { recursive: true });
    await build({
        stdin: { contents: lines.join("\n"), resolveDir: ROOT },
        bundle: true,
        format: "esm",
        outfile,
        logLevel: "error",
        platform: "neutral",
        mainFields: ["module", "main"],
        plugins: [withoutEngine],
    });
    return import(`${pathToFileURL(outfile)}?${Date.now()}`);
}

let failed = 0;

export function ok(name) {
    console.log(`ok sdk/${name}`);
}

export function notOk(name, why) {
    failed++;
    process.exitCode = 1;
    console.log(`not ok sdk/${name}: ${String(why).replaceAll("\n", "\\n")}`);
}

/** Prints the outcome of a comparison. */
export function equal(name, actual, expected) {
    if (actual === expected) ok(name);
    else notOk(name, `expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

/** Runs one test; what it throws is its failure. */
export async function test(name, run) {
    try {
        await run();
        ok(name);
    } catch (error) {
        notOk(name, error?.stack ?? error);
    }
}
