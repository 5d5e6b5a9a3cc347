// `make bench-tokens`: what a model has to read, in tokens (o200k, counted by gpt-tokenizer). The same public documents
// as OpenAPI text, as MCP tool definitions, as openapi-typescript's types, as our declarations, and as what `mayfly mcp`
// puts before a model at first.

import { importSdk } from "../tests/sdk/bundle.mjs";
import { footprint, STEPS, tasks } from "./token-tasks.mjs";
import { count, documents, importPeer, readDocument, toolDefinition } from "./token-tools.mjs";

const openapiTypescript = await importPeer("openapi-typescript");
const openapiTS = openapiTypescript.default.default ?? openapiTypescript.default;
const { astToString } = openapiTypescript;
const { readOpenApi, Declarer, declareOperations } = await importSdk("bench", {
    "openapi/operations": ["readOpenApi"],
    "openapi/declare": ["Declarer", "declareOperations"],
});

const pad = (value, width) => String(typeof value === "number" ? value.toLocaleString("en-US") : value).padStart(width);

async function schemas() {
    const columns = ["document", "operations", "OpenAPI", "MCP tools", "openapi-typescript", "ours", "ours/MCP", "ours/openapi-ts"];
    const widths = [16, 11, 10, 10, 19, 9, 9, 16];
    console.log(columns.map((title, i) => pad(title, widths[i])).join(" "));
    for (const [name, path] of Object.entries(documents)) {
        const root = readDocument(path);
        const api = readOpenApi(root);
        const openApi = count(JSON.stringify(root));
        const tools = count(JSON.stringify(api.operations.map((operation) => toolDefinition(api, operation))));
        const theirs = count(astToString(await openapiTS(structuredClone(root), { silent: true })));
        const ours = count(declareOperations(new Declarer(api), name, api.operations));
        const ratios = [ours / tools, ours / theirs].map((ratio) => ratio.toFixed(2));
        const row = [name, api.operations.length, openApi, tools, theirs, ours, ...ratios];
        console.log(row.map((value, i) => pad(value, widths[i])).join(" "));
    }
}

async function taskTable() {
    console.log(`\nWhat mayfly mcp puts before a model at first, all five together: ${await footprint(documents)} tokens`);
    for (const [task, rows] of await tasks()) {
        console.log(`\n${task}: tokens over all turns\n${pad("steps", 8)} ${pad("tool by tool", 14)} ${pad("by code", 9)} ${pad("fewer", 7)}`);
        rows.forEach(([byTool, byCode], i) => {
            const fewer = `${(100 * (1 - byCode / byTool)).toFixed(1)} %`;
            console.log(`${pad(STEPS[i], 8)} ${pad(byTool, 14)} ${pad(byCode, 9)} ${pad(fewer, 7)}`);
        });
    }
}

console.log("Tokens of whole documents (types of all answers are in ours and in openapi-typescript's, in no MCP tool)\n");
await schemas();
await taskTable();
