// A host worker that uses the published Code Mode package, bundled as its users bundle theirs.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PACKAGES = fileURLToPath(new URL("../../build/codemode-packages/node_modules", import.meta.url));

/** Writes host.js and wrangler.json, with `more` in it, into a directory; resolves with the configuration's path. */
export async function bundleHost(entry, directory, more = {}) {
    mkdirSync(directory, { recursive: true });
    await build({
        entryPoints: [entry],
        bundle: true,
        format: "esm",
        platform: "neutral",
        mainFields: ["module", "main"],
        conditions: ["workerd", "worker", "browser"],
        external: ["cloudflare:*", "node:*"],
        nodePaths: [PACKAGES],
        outfile: join(directory, "host.js"),
        logLevel: "error",
    });
    const configuration = {
        name: "host",
        main: "host.js",
        compatibility_date: "2026-01-01",
        compatibility_flags: ["nodejs_compat"],
        worker_loaders: [{ binding: "LOADER" }],
        ...more,
    };
    const path = join(directory, "wrangler.json");
    writeFileSync(path, JSON.stringify(configuration));
    return path;
}
