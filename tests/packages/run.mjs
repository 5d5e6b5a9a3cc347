// The npm packages that agents' code uses most, each bundled by esbuild as its users do and put to real work inside a
// dynamic worker. A case is a file of cases/: what its run() gives must equal what it exports as `expected`.
//
//     node tests/packages/run.mjs [TEXT]      only the cases whose names contain TEXT

import assert from "node:assert";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { startServer } from "../behaviour/server.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);

/** ajv's validators as its users make them where code from strings is refused: at build time. */
const standaloneValidators = {
    name: "ajv-standalone",
    setup(build) {
        build.onResolve({ filter: /^ajv-standalone:/ }, ({ path }) => ({ path, namespace: "ajv", pluginData: path }));
        build.onLoad({ filter: /./, namespace: "ajv" }, () => {
            const Ajv = require("ajv").default;
            const standalone = require("ajv/dist/standalone").default;
            const ajv = new Ajv({ code: { source: true, esm: true } });
            const properties = { id: { type: "integer" }, name: { type: "string", minLength: 1 } };
            const validate = ajv.compile({ type: "object", properties, required: ["id", "name"] });
            return { contents: standalone(ajv, validate), resolveDir: here };
        });
    },
};

/** require() of Node's modules, as wrangler has it: an import. */
const requiredBuiltins = {
    name: "required-builtins",
    setup(build) {
        build.onResolve({ filter: /^(?:node:)?(?:async_hooks|buffer|crypto|events|stream|util|zlib)$/ }, ({ path, kind }) => {
            const name = `node:${path.replace(/^node:/, "")}`;
            return kind === "require-call" ? { path: name, namespace: "required" } : { path: name, external: true };
        });
        build.onLoad({ filter: /./, namespace: "required" }, ({ path }) => {
            return { contents: `import all from ${JSON.stringify(path)}; module.exports = all;` };
        });
    },
};

async function bundle(name) {
    const { outputFiles } = await build({
        entryPoints: [`${here}cases/${name}.js`],
        bundle: true,
        write: false,
        format: "esm",
        platform: "browser",
        conditions: ["workerd", "worker"],
        logLevel: "error",
        plugins: [standaloneValidators, requiredBuiltins],
    });
    return outputFiles[0].text;
}

const filter = process.argv[2] ?? "";
const server = await startServer("../packages/wrangler.jsonc");
let failed = 0;
try {
    for (const file of readdirSync(`${here}cases`).filter((name) => name.includes(filter))) {
        const name = file.slice(0, -3);
        try {
            const code = await bundle(name);
            const response = await fetch(server.url, { method: "POST", body: code, signal: AbortSignal.timeout(60_000) });
            const text = await response.text();
            if (!response.ok) throw new Error(text);
            const { result, expected } = JSON.parse(text);
            assert.deepStrictEqual(result, expected);
            console.log(`ok package ${name}`);
        } catch (error) {
            failed++;
            console.log(`not ok package ${name}: ${String(error.message).replaceAll("\n", "\\n").slice(0, 1500)}`);
        }
    }
} finally {
    await server.stop();
}
process.exitCode = failed > 0 ? 1 : 0;
