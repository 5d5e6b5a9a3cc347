// From an operation and what code gives it to the request, rule by rule, and from answers to values.

import { equal, importSdk } from "./bundle.mjs";

const { readOpenApi, buildRequest, readResponse, Declarer } = await importSdk("requests", {
    "openapi/operations": ["readOpenApi"],
    "openapi/request": ["buildRequest", "readResponse"],
    "openapi/declare": ["Declarer"],
});

const BASE = "http://server";

const apiOf = (operation, method, more) =>
    readOpenApi({ openapi: "3.1.0", paths: { "/p": { [method]: { operationId: "f", responses: {}, ...operation } } }, ...more });

/** What an operation sends for an input, or the message of why it does not. */
async function sent(operation, input, method = "post", more = {}) {
    const api = apiOf(operation, method, more);
    try {
        const request = buildRequest(api, api.operations[0], input, BASE, "f");
        const { url, headers } = request;
        return { url: url.slice(BASE.length), headers, type: headers.get("content-type"), body: await request.text() };
    } catch (error) {
        return { message: error.message };
    }
}

/** What is written of the operation as a type, without its words. */
const declared = (operation, more) => new Declarer(apiOf(operation, "post", more)).operation(apiOf(operation, "post", more).operations[0]).text;

const bodyOf = (type, schema, more) => ({ requestBody: { required: true, content: { [type]: { schema, ...more } } } });
const answering = (type, schema = { type: "string" }) => ({ responses: { 200: { description: "", content: { [type]: { schema } } } } });

async function cases(title, rows) {
    for (const [name, got, expected] of rows) equal(`requests: ${title}: ${name}`, JSON.stringify(await got), JSON.stringify(expected));
}

// --- Content types ---------------------------------------------------------------------------------------------------

const kinds = {
    text: ["text/plain; charset=utf-8", "text/csv", "application/xml", "image/svg+xml", "application/yaml", "application/javascript", "application/x-www-form-urlencoded", "application/x-ndjson", "application/json-seq"],
    bytes: ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/x-platform-thing", "application/zip", "multipart/form-data; boundary=x", "application/vnd.ms-htmlhelp", "image/png"],
    json: ["application/json; charset=utf-8", "application/problem+json", "Application/JSON", "text/json"],
};
const answered = async (type) => {
    const value = await readResponse(new Response(new TextEncoder().encode("[1]"), { headers: { "content-type": type } }), "f");
    return typeof value === "string" ? "text" : value instanceof Uint8Array ? "bytes" : "json";
};
const outputOf = (type) => ({ string: "text", Uint8Array: "bytes", "number[]": "json" })[/Promise<(.*)>/.exec(declared(answering(type, { type: "array", items: { type: "number" } })))[1]];
for (const [kind, types] of Object.entries(kinds)) {
    await cases("answers", types.flatMap((type) => [[type, answered(type), kind], [`${type} as a type`, outputOf(type), kind]]));
}
