// What the tests of `mayfly mcp` share: clients of others, and the public documents.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { importSdk } from "../sdk/bundle.mjs";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(HERE, "../..");
export const MAYFLY = process.env.MAYFLY ?? join(ROOT, "build/mayfly");
export const PEERS = join(ROOT, "build/peers/node_modules");
const require = createRequire(join(PEERS, "x.js"));
export const peer = (path) => import(pathToFileURL(require.resolve(path)));

export const { Client } = await peer("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = await peer("@modelcontextprotocol/sdk/client/stdio.js");

const filter = process.argv[2] ?? "";

export async function test(name, body) {
    if (!name.includes(filter)) return;
    try {
        await body();
        console.log(`ok mcp: ${name}`);
    } catch (error) {
        process.exitCode = 1;
        console.log(`not ok mcp: ${name}: ${String(error?.stack ?? error).replaceAll("\n", "\\n")}`);
    }
}

export function equal(got, expected, what = "") {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}expected ${b}, got ${a}`);
}

export function matches(got, pattern) {
    if (!pattern.test(got)) throw new Error(`expected ${pattern}, got ${JSON.stringify(got)}`);
}

const { readOpenApi, parseDocument } = await importSdk("mcp", { "openapi/operations": ["readOpenApi"], "mcp/openapi-source": ["parseDocument"] });

/** The least input that an operation takes: a 1 for each parameter that it needs, an empty body, or text where JSON is none. */
function inputOf({ parameters, body }) {
    const needed = parameters.filter(({ isRequired }) => isRequired);
    const input = Object.fromEntries(needed.map(({ property }) => [property, "1"]));
    if (body?.property !== undefined && body.isRequired) input[body.property] = /json|form/.test(body.mediaType) ? {} : "1";
    return input;
}

const documentAt = (path) => ({
    path,
    read: async () => ({ operations: readOpenApi(parseDocument(readFileSync(path, "utf8"))).operations, inputOf }),
});

export const documents = {
    github: documentAt(join(ROOT, "build/documents/github.json")),
    figma: documentAt(join(PEERS, "@figma/rest-api-spec/openapi/openapi.yaml")),
    blockfrost: documentAt(join(PEERS, "@blockfrost/openapi/openapi.yaml")),
    directus: documentAt(join(PEERS, "@directus/specs/dist/openapi.json")),
    idealPostcodes: documentAt(join(PEERS, "@ideal-postcodes/openapi/dist/openapi.json")),
};
export const SHOP = ["--tools", `shop=${join(HERE, "shop.ts")}`];
export const ALL = Object.entries(documents).flatMap(([name, { path }]) => ["--openapi", `${name}=${path}`]);

/** A client of `mayfly mcp` over standard input and output, for the time of `body`. */
export async function withStdio(args, body) {
    const transport = new StdioClientTransport({ command: MAYFLY, args: ["mcp", ...args], stderr: "pipe", env: process.env });
    let errors = "";
    transport.stderr?.on("data", (data) => (errors += data));
    const client = new Client({ name: "test", version: "1" });
    try {
        await client.connect(transport, { timeout: 120_000 });
        await body(client, () => errors);
    } catch (error) {
        error.message += ` (standard error: ${errors.slice(-2000)})`;
        throw error;
    } finally {
        await client.close();
    }
}

export async function call(client, name, args) {
    const result = await client.callTool({ name, arguments: args }, undefined, { timeout: 120_000 });
    return { text: result.content.map(({ text }) => text).join(""), isError: result.isError === true };
}

export const execute = (client, code) => call(client, "execute", { code });

export async function result(client, code) {
    const { text, isError } = await execute(client, code);
    if (isError) throw new Error(text);
    return text;
}
