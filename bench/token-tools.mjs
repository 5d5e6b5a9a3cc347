// What the token benchmarks share: the tokenizer, the public documents, and an operation as an MCP tool.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../tests/sdk/bundle.mjs";

const PEERS = join(ROOT, "build/peers/node_modules");
const require = createRequire(join(PEERS, "x.js"));
const { parse } = require("yaml");
export const importPeer = (path) => import(pathToFileURL(require.resolve(path)));
const { countTokens } = await importPeer("gpt-tokenizer/encoding/o200k_base");

export const count = (text) => countTokens(text, { allowedSpecial: "all" });

/** The public documents; the key is the namespace. */
export const documents = {
    github: "../../documents/github.json",
    figma: "@figma/rest-api-spec/openapi/openapi.yaml",
    blockfrost: "@blockfrost/openapi/openapi.yaml",
    directus: "@directus/specs/dist/openapi.json",
    idealPostcodes: "@ideal-postcodes/openapi/dist/openapi.json",
};

export function readDocument(path) {
    const source = readFileSync(join(PEERS, path), "utf8");
    return path.endsWith(".json") ? JSON.parse(source) : parse(source);
}

/** A schema with the components that it needs as $defs, so that it stands by itself as a tool's must. */
function selfContained(document, schema) {
    const definitions = {};
    const move = (value) => {
        if (Array.isArray(value)) return value.map(move);
        if (typeof value !== "object" || value === null) return value;
        if (typeof value.$ref !== "string") {
            const kept = Object.entries(value).filter(([key]) => !/^(?:example|examples|x-.*)$/.test(key));
            return Object.fromEntries(kept.map(([key, inner]) => [key, move(inner)]));
        }
        const name = value.$ref.split("/").at(-1);
        if (!(name in definitions)) {
            definitions[name] = {};
            definitions[name] = move(document.at(value.$ref) ?? {});
        }
        return { $ref: `#/$defs/${name}` };
    };
    const moved = move(schema);
    return Object.keys(definitions).length > 0 ? { ...moved, $defs: definitions } : moved;
}

/** The tool that an MCP server would list for an operation: inputs alone, descriptions whole. */
export function toolDefinition(api, operation) {
    const properties = {};
    const required = [];
    for (const { property, schema, description, isRequired } of operation.parameters) {
        properties[property] = { ...schema, ...(description && { description }) };
        if (isRequired) required.push(property);
    }
    const body = api.document.resolve(operation.body?.schema);
    if (operation.body && operation.body.property === undefined) {
        Object.assign(properties, body.properties);
        required.push(...(body.required ?? []));
    } else if (operation.body) properties[operation.body.property] = operation.body.schema;
    const inputSchema = selfContained(api.document, { type: "object", properties, required });
    return { name: operation.name, description: operation.description || operation.summary, inputSchema };
}
