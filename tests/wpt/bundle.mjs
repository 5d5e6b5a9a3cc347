// From one test of web-platform-tests to the modules of a dynamic worker: testharness.js, the scripts that the test
// names and the test itself become one CommonJS module (a sloppy function, as scripts are), and the data files that it
// fetches come along, since a dynamic worker reaches no network.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

/** The values of `// META: key=value` lines. */
export function metaOf(source, key) {
    return [...source.matchAll(/^\/\/ META: (\w+)=(.*)$/gm)].filter(([, name]) => name === key).map(([, , value]) => value.trim());
}

/** The server of web-platform-tests serves this file under another name. */
const aliases = { "resources/WebIDLParser.js": "resources/webidl2/lib/webidl2.js" };

const resolvePath = (from, path) => (path.startsWith("/") ? path.slice(1) : posix.join(dirname(from), path));

/** The files that the sources fetch by a name which stands in them, by the path that they use. */
function dataFiles(root, path, sources) {
    const files = {};
    const names = sources.matchAll(/["'`]([\w./-]+\.(?:json|idl|txt|vtt|mp4))["'`]/g);
    const idls = [...sources.matchAll(/idl_test\(\s*\[([^\]]*)\],?\s*(?:\[([^\]]*)\])?/g)].flatMap(([, own, others]) =>
        [...`${own},${others ?? ""}`.matchAll(/["']([\w.-]+)["']/g)].map(([, name]) => `/interfaces/${name}.idl`),
    );
    for (const name of [...idls, ...[...names].map(([, found]) => found)]) {
        const file = resolvePath(path, name);
        if (existsSync(join(root, file))) files[`/${file}`] = readFileSync(join(root, file), "base64");
    }
    return files;
}

const PRELUDE = `
self.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
// testharness.js would wait for the events of a real service worker.
for (const name of ["ServiceWorkerGlobalScope", "WorkerGlobalScope"]) delete self[name];
const $files = require("./files.json");
let $needsNetwork = false;
const $url = new URL($location);
self.location = {};
for (const name of ["href", "origin", "protocol", "host", "hostname", "port", "pathname", "search", "hash"]) self.location[name] = $url[name];
self.location.toString = () => $url.href;
const $absolute = (input) => (input instanceof Request ? input : new URL(input, $url));
self.Request = class Request extends self.Request {
    constructor(input, init) {
        super($absolute(input), init);
    }
};
self.Response = class Response extends self.Response {
    static redirect(url, status) {
        return super.redirect($absolute(url), status);
    }
};
const $fetch = self.fetch;
self.fetch = async (input, init) => {
    if (typeof input === "string" && input.startsWith("data:")) return $fetch(input, init);
    if (input instanceof Request && input.body) input.arrayBuffer().catch(() => {});
    const path = new URL(typeof input === "string" ? input : input.url, self.location).pathname;
    if (!Object.hasOwn($files, path)) {
        $needsNetwork = true;
        throw new TypeError("no network in this run: " + path);
    }
    return new Response(Uint8Array.from(atob($files[path]), (c) => c.charCodeAt(0)));
};
`;

const RESULTS = `
const $done = new Promise((resolve) => add_completion_callback((tests, status) => resolve({
    needsNetwork: $needsNetwork,
    harness: status.status === 0 ? null : String(status.message ?? status.status),
    tests: tests.map(({ name, status, message }) => [name.toWellFormed(), status, status === 0 ? "" : String(message).toWellFormed().slice(0, 300)]),
})));
`;

/** The worker's modules for a test at `path` below `root`, in one of its variants. */
export function bundle(root, path, variant) {
    const read = (name) => {
        const text = readFileSync(join(root, aliases[name] ?? name), "utf8");
        return name.includes(".sub.") ? text.replace(/{{host}}/g, "web-platform.test").replace(/{{ports\[http\]\[0\]}}/g, "8000") : text;
    };
    const source = read(path);
    const scripts = metaOf(source, "script").map((name) => read(resolvePath(path, name)));
    const title = metaOf(source, "title")[0] ?? path.split("/").pop().split(".")[0];
    const scope = "if (typeof fetch_spec === 'function') self.fetch_spec = fetch_spec;";
    const all = [...scripts, scope, source].join("\n;\n");
    const head = `const $location = ${JSON.stringify(`http://web-platform.test/${path.replace(/\.js$/, ".worker.html")}${variant}`)};`;
    return {
        "main.js": 'export default { async run() { return (await import("./test.cjs")).default(); } };',
        "files.json": { json: dataFiles(root, path, all) },
        "test.cjs": {
            cjs: [
                "module.exports = () => {", head, PRELUDE, `self.META_TITLE = ${JSON.stringify(title)};`, "(function () {",
                read("resources/testharness.js"), "}).call(self);", RESULTS, "(function (module, exports, require, $files) {", all,
                "\n;done();\n}).call(self);\nreturn $done;\n};",
            ].join("\n"),
        },
    };
}
