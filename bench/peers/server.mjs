// One way to run a snippet in a sandbox, behind the same HTTP as the benchmark's host worker: /fresh?n=N has a sandbox for
// one use, /live?id=ID one that stays, /hello none.
// usage: node --no-node-snapshot server.mjs WAY PORT

import { createServer } from "node:http";
import { ways } from "./ways.mjs";

const [name, port] = process.argv.slice(2);
const { version, start } = await ways[name]();

/** What every sandbox computes. Its name stands in the source, so no cache of code can know it. */
const snippet = (name) => `
let calls = 0;
function answer(greeting) {
    calls++;
    return JSON.stringify({ ${name}, calls, greeting });
}
`;

const live = new Set();

const routes = {
    "/hello": async (query, response) => response.end(JSON.stringify({ hello: "world", version })),
    "/fresh": async (query, response) => {
        const { text, end } = await start(snippet(`fresh: ${Number(query.get("n"))}`), false);
        response.end(text);
        end();
    },
    "/live": async (query, response) => {
        const sandbox = await start(snippet(`id: ${JSON.stringify(query.get("id"))}`), true);
        live.add(sandbox);
        response.end(sandbox.text);
    },
};

createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    routes[url.pathname](url.searchParams, response).catch((error) => response.writeHead(500).end(String(error)));
}).listen(Number(port), "127.0.0.1");

process.on("SIGINT", () => {
    for (const { end } of live) end();
    process.exit(0);
});
