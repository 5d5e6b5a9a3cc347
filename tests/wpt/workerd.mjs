// What workerd passes of the same tests, by the expectation files of a checkout of it (src/wpt): a failure of ours that is
// not among workerd's is what this runtime still owes.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Expectation files by the folder whose files they name. */
const files = {
    url: "url", encoding: "encoding", streams: "streams", "fetch/api": "fetch/api", WebCryptoAPI: "WebCryptoAPI",
    compression: "compression", "dom/abort": "dom/abort", "dom/events": "dom/events", urlpattern: "urlpattern-standard",
    websockets: "websockets",
};

/** They import only what they need to run, which is not what is asked of them here. */
const withoutHarness = {
    name: "without-harness",
    setup(context) {
        context.onResolve({ filter: /^(harness|node:)/ }, ({ path }) => ({ path, namespace: "empty" }));
        context.onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "export default {}; export const getBindingPath = () => {};" }));
    },
};

async function read(checkout, name) {
    const file = join(checkout, "src/wpt", `${name}-test.ts`);
    if (!existsSync(file)) throw new Error(`There is no ${file}: is this a checkout of workerd?`);
    const { outputFiles } = await build({ entryPoints: [file], bundle: true, format: "esm", write: false, plugins: [withoutHarness], logLevel: "error" });
    return (await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`)).default;
}

const names = (list, test) => list === true || (list ?? []).some((name) => (typeof name === "string" ? name === test : name.test(test)));

/** A function of a test's path and name: true when workerd passes it, false when not, undefined for files it does not know. */
export async function workerdPasses(checkout) {
    const known = {};
    for (const [folder, name] of Object.entries(files)) known[folder] = await read(checkout, name);
    return (path, test) => {
        const folder = Object.keys(known).find((name) => path.startsWith(`${name}/`));
        const entry = known[folder]?.[path.slice(folder.length + 1)];
        return entry && ![entry.expectedFailures, entry.omittedTests, entry.disabledTests].some((list) => names(list, test));
    };
}
