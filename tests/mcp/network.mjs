// What `mayfly mcp` sends: each operation of a document against a server on loopback that says what it got, credentials
// that only that server sees, answers of wrong shapes, another MCP server behind it.

import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../behaviour/server.mjs";
import { call, documents, equal, execute, matches, peer, result, ROOT, test, withStdio } from "./clients.mjs";

const { McpServer } = await peer("@modelcontextprotocol/sdk/server/mcp.js");
const { StreamableHTTPServerTransport } = await peer("@modelcontextprotocol/sdk/server/streamableHttp.js");
const { z } = await peer("zod");

const SECRET = "Bearer s3cret-that-no-code-sees";

async function collect(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts);
}

/** Listens on loopback; `answer` gets the request and its body. */
async function listen(answer, address = "127.0.0.1") {
    const server = createServer(async (request, response) => {
        answer(request, await collect(request), response);
    });
    await new Promise((resolve) => server.listen(0, address, resolve));
    return { server, url: `http://${address}:${server.address().port}` };
}

function json(response, value, status = 200, headers = {}) {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

const echo = await listen((request, body, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    if (pathname === "/hang") return;
    if (pathname === "/missing") return json(response, { message: "nobody knows it" }, 404);
    if (pathname === "/liar") return response.writeHead(200, { "content-type": "application/json" }).end("<html>");
    if (pathname === "/text") return response.writeHead(200, { "content-type": "text/plain" }).end("plain words");
    if (pathname === "/latin") return response.writeHead(200, { "content-type": "text/plain; charset=ISO-8859-1" }).end(Buffer.from([0xe9]));
    if (pathname === "/strange") return response.writeHead(200, { "content-type": "text/plain; charset=no-such" }).end("é");
    if (pathname === "/bytes") return response.writeHead(200, { "content-type": "application/octet-stream" }).end(Buffer.from([1, 2, 255]));
    if (pathname === "/empty") return response.writeHead(204).end();
    if (pathname === "/cut") {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
        response.write("{");
        return setTimeout(() => response.destroy(), 20);
    }
    json(response, {
        method: request.method,
        path: pathname,
        query: Object.fromEntries([...new Set(searchParams.keys())].map((key) => [key, searchParams.getAll(key)])),
        headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith("x-"))),
        type: request.headers["content-type"],
        hasSecret: request.headers.authorization === SECRET,
        body: body.toString(),
    });
});

const parameter = (name, where, schema, more) => ({ name, in: where, required: where === "path", schema, ...more });
const list = { type: "array", items: { type: "string" } };
const map = { type: "object", additionalProperties: { type: "string" } };
const any = { 200: { content: { "application/json": { schema: {} } } } };
const body = (type, schema) => ({ required: true, content: { [type]: { schema } } });
const get = (operationId, parameters = []) => ({ get: { operationId, parameters, responses: any } });

const spec = {
    openapi: "3.0.3",
    info: { title: "Echo", version: "1" },
    servers: [{ url: "/nowhere" }],
    paths: {
        "/styles/{simple}/{label}/{matrix}": get("styles", [
            parameter("simple", "path", list), parameter("label", "path", list, { style: "label" }), parameter("matrix", "path", list, { style: "matrix", explode: true }),
            parameter("form", "query", list), parameter("joined", "query", list, { explode: false }), parameter("piped", "query", list, { style: "pipeDelimited", explode: false }),
            parameter("deep", "query", map, { style: "deepObject" }), parameter("X-One", "header", { type: "string" }), parameter("same", "query", {}), parameter("same", "header", {}),
        ]),
        "/json/{id}": { put: { operationId: "putJson", parameters: [parameter("id", "path", { type: "string" })], requestBody: body("application/json", { type: "object", properties: { name: { type: "string" }, tags: list } }), responses: any } },
        "/parts/{a}{b}/{c}": get("parts", [parameter("a", "path", list), parameter("b", "path", map), parameter("c", "path", {}, { allowReserved: true, style: "label" }), parameter("page", "query", {})]),
        "/list": { post: { operationId: "postList", requestBody: body("application/json", list), responses: any } },
        "/form": { post: { operationId: "postForm", requestBody: body("application/x-www-form-urlencoded", { type: "object", properties: { a: {}, b: list } }), responses: any } },
        "/file": { post: { operationId: "postFile", requestBody: body("multipart/form-data", { type: "object", properties: { note: { type: "string" }, file: { type: "string", format: "binary" } } }), responses: any } },
        ...Object.fromEntries(["hang", "missing", "liar", "text", "latin", "strange", "bytes", "empty", "cut"].map((name) => [`/${name}`, get(name)])),
    },
};
const path = join(ROOT, "build/sdk-test/echo.json");
writeFileSync(path, JSON.stringify(spec));

process.env.MAYFLY_TEST_SECRET = SECRET;
const ECHO = ["--openapi", `echo=${path}`, "--server", `echo=${echo.url}`, "--secret", "echo:Authorization=MAYFLY_TEST_SECRET"];

await withStdio([...ECHO, "--timeout", "3000"], async (client, errors) => {
    const got = async (code) => JSON.parse(await result(client, `return await ${code}`));
    await test("network: parameters by all styles", async () => {
        const { path: sent, query, headers } = await got(
            `echo.styles({ simple: ["a", "b/c"], label: ["d", "e"], matrix: ["f", "g"], form: ["1", "2 3"], joined: ["x", "y"], piped: ["p", "q"], deep: { k: "v" }, "X-One": "h", query_same: 1, header_same: 2 })`,
        );
        equal(sent, "/styles/a,b%2Fc/.d,e/;matrix=f;matrix=g");
        equal(query, { form: ["1", "2 3"], joined: ["x,y"], piped: ["p|q"], "deep[k]": ["v"], same: ["1"] });
        equal(headers["x-one"], "h");
    });
    await test("network: bodies of all kinds", async () => {
        const put = await got(`echo.putJson({ id: "7", name: "n", tags: ["t"] })`);
        equal([put.method, put.path, put.type, JSON.parse(put.body)], ["PUT", "/json/7", "application/json", { name: "n", tags: ["t"] }]);
        equal(JSON.parse((await got(`echo.postList({ body: ["a"] })`)).body), ["a"]);
        const form = await got(`echo.postForm({ a: "1 2", b: ["x", "y"] })`);
        equal([form.type, form.body], ["application/x-www-form-urlencoded", "a=1+2&b=x&b=y"]);
        const file = await got(`echo.postFile({ note: "n", file: new TextEncoder().encode("content") })`);
        matches(file.type, /^multipart\/form-data; boundary=/);
        matches(file.body, /name="note"\r\n\r\nn\r\n[^]*name="file"; filename="file"[^]*\r\n\r\ncontent\r\n/);
    });
    await test("network: dates, sets, maps and files arrive as what they are", async () => {
        const { query } = await got(`echo.styles({ simple: ["a"], label: ["b"], matrix: ["c"], form: new Set([1, 2]), joined: [new Date(0)], deep: new Map([["k", "v"]]) })`);
        equal(query, { form: ["1", "2"], joined: ["1970-01-01T00:00:00.000Z"], "deep[k]": ["v"] });
        equal(JSON.parse((await got(`echo.putJson({ id: "7", name: new Date(0), tags: new Set(["a"]) })`)).body), { name: "1970-01-01T00:00:00.000Z", tags: ["a"] });
        const file = await got(`echo.postFile({ note: { a: 1 }, file: new File(["content"], "a.mp3", { type: "audio/mpeg" }) })`);
        matches(file.body, /name="note"\r\nContent-Type: application\/json\r\n\r\n\{"a":1\}\r\n[^]*name="file"; filename="a.mp3"\r\nContent-Type: audio\/mpeg\r\n\r\ncontent\r\n/);
        matches((await execute(client, `await echo.putJson({ id: "7", name: new Uint8Array(1) })`)).text, /^TypeError: echo\.putJson: name is bytes, which this operation cannot take there/);
        matches((await execute(client, `await echo.putJson({ id: "7", name: /x/ })`)).text, /^TypeError: echo\.putJson: name is a RegExp/);
    });
    await test("network: no value leaves its place in the path", async () => {
        equal((await got(`echo.parts({ a: "%2e", b: ".", c: "x/y?z#" })`)).path, "/parts/%252e./.x/y%3Fz%23");
        for (const [input, expected] of [
            [`id: ".."`, 'echo.putJson: id cannot make ".." of a part of the path'],
            [`id: [".."]`, 'echo.putJson: id cannot make ".." of a part of the path'],
            [`id: ["."]`, 'echo.putJson: id cannot make "." of a part of the path'],
            [`id: null`, "echo.putJson: id cannot be null"],
            [`id: ["a", null]`, "echo.putJson: id cannot be null"],
            [`id: ""`, "echo.putJson: id cannot be empty"],
            [`id: []`, "echo.putJson: id cannot be empty"],
        ]) equal((await execute(client, `await echo.putJson({ ${input} })`)).text.split("\n")[0].replace(/ \(line.*/, ""), `TypeError: ${expected}`);
        matches((await execute(client, `await echo.parts({ a: ".", b: [".", ], c: "x" })`)).text, /a and b cannot make ".."/);
        matches((await execute(client, `await echo.parts({ a: "a", b: "b", c: "x/../.." })`)).text, /c cannot make ".."/);
    });
    await test("network: what an operation does not take is an error", async () => {
        matches((await execute(client, `await echo.parts({ a: 1, b: 2, c: 3, filter: 4 })`)).text, /echo\.parts takes no filter\. It takes a, b, c, page\./);
        matches((await execute(client, `await echo.text({ filter: 4 })`)).text, /echo\.text takes no filter\. It takes nothing\./);
        equal(JSON.parse((await got(`echo.putJson({ id: "7", filter: 1 })`)).body), { filter: 1 });
    });
    await test("network: the credential goes to its server, and the code never sees it", async () => {
        equal((await got(`echo.postList({ body: [] })`)).hasSecret, true);
        matches(await result(client, "return [JSON.stringify(process.env), Object.keys(globalThis).join()]"), /^(?![^]*s3cret)/);
        matches(errors(), /^(?![^]*s3cret)/);
    });
    await test("network: answers of other kinds", async () => {
        equal(await result(client, "return echo.text()"), "plain words");
        equal(await result(client, "return [await echo.latin(), await echo.strange()]"), '["é","é"]');
        equal(await result(client, "return [...(await echo.bytes())]"), "[1,2,255]");
        equal(await result(client, "return await echo.empty()"), "null");
    });
    await test("network: failures say what happened", async () => {
        matches((await execute(client, "const a = 1;\nawait echo.missing()")).text, /^Error: echo\.missing: HTTP 404 Not Found: \{"message":"nobody knows it"\} \(line 2, column/);
        equal(await result(client, "return echo.missing().catch((e: any) => e.status)"), "404");
        matches((await execute(client, "await echo.liar()")).text, /echo\.liar: the server said JSON and sent none: <html>/);
        equal((await execute(client, "await echo.cut()")).isError, true);
        matches((await execute(client, "await echo.hang()")).text, /took longer than 3000 ms/);
        equal(await result(client, "return await echo.empty()"), "null");
    });
});

// Two accounts on one server, and others who name that server without having a credential.
process.env.MAYFLY_TEST_OTHER = "Bearer the-other-account";
const same = join(ROOT, "build/sdk-test/same.json");
const reaching = join(ROOT, "build/sdk-test/reaching.ts");
const who = await listen((request, _, response) => json(response, { [SECRET]: "work", [process.env.MAYFLY_TEST_OTHER]: "home" }[request.headers.authorization] ?? "nobody"));
writeFileSync(same, JSON.stringify({ ...spec, servers: [{ url: who.url }], paths: { "/who": get("who") } }));
writeFileSync(reaching, "export async function reach(url: string): Promise<string> { return (await fetch(url)).text(); }");
const account = (name, variable) => ["--openapi", `${name}=${same}`, "--server", `${name}=${who.url}`, ...(variable ? ["--secret", `${name}:Authorization=${variable}`] : [])];
const tools = (name, ...more) => ["--tools", `${name}=${reaching}`, ...more];
await withStdio([
    ...account("work", "MAYFLY_TEST_SECRET"), ...account("home", "MAYFLY_TEST_OTHER"), ...account("open"), "--openapi", `named=${same}`,
    ...tools("none"), ...tools("own", "--server", `own=${who.url}`), ...tools("trusted", "--server", `trusted=${who.url}`, "--secret", "trusted:Authorization=MAYFLY_TEST_OTHER"),
], async (client) => {
    const reached = async (namespace) => (await execute(client, `return ${namespace}.reach("${who.url}/")`)).text;
    await test("network: each source asks by its own credential, and has no other's", async () => {
        equal(JSON.parse(await result(client, "return Promise.all([work, home, open].map((source) => source.who()))")), ["work", "home", "nobody"]);
        matches((await execute(client, "await named.who()")).text, /is not allowed/);
    });
    await test("network: a file of tools reaches its own server, by its own credential", async () => {
        matches(await reached("none"), /is not allowed: this worker has no way out/);
        equal(await reached("own"), '"nobody"');
        equal(await reached("trusted"), '"home"');
    });
});

await withStdio(["--openapi", `echo=${path}`, "--server", `echo=${echo.url}/base?key=1`, ...tools("none")], async (client, errors) => {
    await test("network: a server's address has no query", async () => {
        await client.listTools();
        matches(errors(), /echo: left out: the server's address \S+\/base\?key=1 has a query or a fragment/);
    });
});

// Several headers for one source, with prefixes, by options and by a file. The server says what it got, as a server may.
const giving = await listen((request, _, response) => {
    const { authorization = "", "x-key": key = "", "x-readonly": readonly } = request.headers;
    const token = authorization.replace(/^\S+ /, "");
    const escaped = JSON.stringify({ authorization, token, key, readonly, decoded: Buffer.from(token, "base64").toString() });
    response.writeHead(200, { "content-type": "application/json", "x-got": `${authorization.length} ${key.length}` });
    response.end(escaped.replaceAll("/", "\\/").replaceAll("+", "\\u002B"));
});
const given = join(ROOT, "build/sdk-test/given.json");
const sources = join(ROOT, "build/sdk-test/given-sources.json");
writeFileSync(given, JSON.stringify({ ...spec, paths: { "/given": get("given") } }));
Object.assign(process.env, { MAYFLY_TEST_TOKEN: "sk/live+0123456789", MAYFLY_TEST_KEY: "wJal/rXU+tn", MAYFLY_TEST_BASIC: btoa("alice:hunter2-word") });
const asked = ["--openapi", `given=${given}`, "--server", `given=${giving.url}`];
const credentials = { openapi: given, server: giving.url, secret: [{ header: "Authorization", env: "MAYFLY_TEST_TOKEN", prefix: "Bearer " }, { header: "X-Key", env: "MAYFLY_TEST_KEY" }] };
writeFileSync(sources, JSON.stringify({ sources: { given: credentials } }));
for (const [how, options] of [
    ["options", [...asked, "--secret", "given:Authorization=Bearer MAYFLY_TEST_TOKEN", "--secret", "given:X-Key=MAYFLY_TEST_KEY"]],
    ["a file", ["--config", sources]],
]) {
    await withStdio(options, async (client) => {
        await test(`network: two credentials by ${how}, and none is shown`, async () => {
            const got = JSON.parse(await result(client, "return given.given()"));
            matches(got.authorization, /^(Bearer )?\*+$/);
            equal([got.token, got.key], ["*".repeat(24), "*".repeat(17)]);
        });
    });
}
// As other clients have them, VS Code's table among these: in the file itself, or by a variable.
for (const [table, headers] of Object.entries({
    mcpServers: { Authorization: "Bearer ${MAYFLY_TEST_TOKEN}", "X-Key": "a-key-of-the-file", "X-Readonly": "true" },
    servers: { Authorization: "Bearer sk/live+0123456789", "X-Key": "${env:MAYFLY_TEST_KEY}", "X-Readonly": "true" },
})) {
    writeFileSync(sources, JSON.stringify({ inputs: [], [table]: { given: { openapi: given, server: giving.url, headers } } }));
    await withStdio(["--config", sources], async (client) => {
        await test(`network: headers of another client's file, in ${table}`, async () => {
            const got = JSON.parse(await result(client, "return given.given()"));
            matches(got.authorization, /^(Bearer )?\*+$/);
            equal([got.token, got.key, got.readonly], ["*".repeat(24), "*".repeat(17), "true"]);
        });
    });
}
await withStdio([...asked, "--secret", "given:Authorization=Basic MAYFLY_TEST_BASIC"], async (client) => {
    await test("network: a server that decodes a Basic credential shows no password", async () => {
        const got = JSON.parse(await result(client, "return given.given()"));
        equal([got.key, got.decoded], ["", "alice:************"]);
        matches(got.token, /^\*+$/);
    });
});

// Every operation of the public documents, with the least input that it takes, reaches the server by its method and path.
for (const [name, { path: file, read }] of Object.entries(documents)) {
    await withStdio(["--openapi", `api=${file}`, "--server", `api=${echo.url}`, "--timeout", "120000"], async (client) => {
        await test(`network: every operation of ${name}`, async () => {
            const { operations, inputOf } = await read();
            const inputs = operations.map((operation) => [operation.name, inputOf(operation)]);
            const code = `const inputs: [string, any][] = ${JSON.stringify(inputs)};
                const wrong: string[] = [];
                for (const [name, input] of inputs) {
                    const got = await (api as any)[name](input).catch((error: Error) => ({ error: error.message }));
                    wrong.push(got === null ? "HEAD" : got.error ?? got.method + " " + got.path);
                }
                return wrong;`;
            const sent = [];
            for (let at = 0; at < inputs.length; at += 400) {
                const part = JSON.stringify(inputs.slice(at, at + 400));
                sent.push(...JSON.parse(await result(client, code.replace(JSON.stringify(inputs), () => part))));
            }
            operations.forEach((operation, index) => {
                const expected = `${operation.method} ${operation.path.replace(/\{[^{}]+\}/g, "1")}`;
                if (sent[index] !== expected && !(operation.method === "HEAD" && sent[index] === "HEAD")) {
                    throw new Error(`${operation.name}: expected ${expected}, got ${sent[index]}`);
                }
            });
        });
    });
}

// Another server of the protocol, by the published SDK.
function numbers() {
    const server = new McpServer({ name: "upstream", title: "Upstream", version: "1" });
    server.registerTool("add-numbers", { description: "Adds two numbers", inputSchema: { a: z.number(), b: z.number() }, outputSchema: { sum: z.number() } }, async ({ a, b }) => ({
        content: [{ type: "text", text: String(a + b) }], structuredContent: { sum: a + b },
    }));
    server.registerTool("draw", { description: "Draws", inputSchema: {}, outputSchema: { width: z.number() } }, async () => ({
        content: [{ type: "text", text: "1" }, { type: "image", mimeType: "image/png", data: "iVBORw0KGgo=" }], structuredContent: { width: 1 },
    }));
    server.registerTool("fails", { description: "Fails", inputSchema: {} }, async () => ({ isError: true, content: [{ type: "text", text: "as it should" }] }));
    server.registerTool("grow", { description: "Adds a tool", inputSchema: {} }, async () => {
        server.registerTool("grown", { description: "Was added", inputSchema: {} }, async () => ({ content: [{ type: "text", text: "here" }] }));
        return { content: [] };
    });
    // What a client may be asked, of one that has offered nothing: without an answer the tool would wait for it.
    server.registerTool("ask", { description: "Asks", inputSchema: { method: z.string() } }, async ({ method }, { sendRequest }) => {
        const text = await sendRequest({ method, params: {} }, z.any(), { timeout: 20_000 }).then(JSON.stringify, (error) => error.message);
        return { content: [{ type: "text", text }] };
    });
    server.registerTool("wait", { description: "Waits", inputSchema: {} }, (_, { signal }) => new Promise((resolve) => {
        signal.addEventListener("abort", () => (cancelled++, resolve({ content: [] })));
    }));
    return server;
}
let cancelled = 0;
const upstream = await listen(async (request, body, response) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await numbers().connect(transport);
    await transport.handleRequest(request, response, body.length > 0 ? JSON.parse(body) : undefined);
});
await withStdio(["--mcp", `up=${upstream.url}/mcp`], async (client) => {
    await test("network: another MCP server's tools", async () => {
        matches((await call(client, "types", { names: ["up.*"] })).text, /add_numbers\(input: \{ a: number; b: number \}\): Promise<\{ sum: number[^}]*\}>;/);
        equal(await result(client, "return (await up.add_numbers({ a: 2, b: 3 })).sum"), "5");
        matches((await execute(client, "await up.fails({})")).text, /^Error: up\.fails: as it should/);
        matches((await execute(client, "await up.add_numbers({ a: 1 }, { b: 2 })")).text, /^TypeError: up\.add_numbers takes one object with named properties\.[^]*\nIt is declared: up\.add_numbers\(input: \{ a: number; b: number \}\)/);
        const { content } = await client.callTool({ name: "execute", arguments: { code: "return up.draw({})" } });
        equal([JSON.parse(content[0].text).width, content[1]], [1, { type: "image", data: "iVBORw0KGgo=", mimeType: "image/png" }]);
    });
});

// One with sessions, which it forgets when it starts anew; what it says then differs.
const sessions = new Map();
let forgotten;
const answerInSession = async (request, body, response) => {
    const message = body.length > 0 ? JSON.parse(body) : undefined;
    let transport = sessions.get(request.headers["mcp-session-id"]);
    if (!transport && message?.method !== "initialize") return json(response, { jsonrpc: "2.0", id: null, error: { code: -32000, message: forgotten.said } }, forgotten.status);
    if (!transport) {
        transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => crypto.randomUUID(), onsessioninitialized: (id) => void sessions.set(id, transport) });
        await numbers().connect(transport);
    }
    await transport.handleRequest(request, response, message);
};
const sessional = await listen(answerInSession);
await withStdio(["--mcp", `up=${sessional.url}/mcp`], async (client) => {
    for (forgotten of [{ status: 404, said: "gone" }, { status: 400, said: "Bad Request: No valid session ID provided" }]) {
        await test(`network: a lost session is begun anew (${forgotten.status})`, async () => {
            const sum = "return (await Promise.all([1, 2, 3].map((n) => up.add_numbers({ a: n, b: 1 })))).map(({ sum }) => sum)";
            equal(await result(client, sum), "[2,3,4]");
            sessions.clear();
            equal(await result(client, sum), "[2,3,4]");
            equal(sessions.size, 1);
        });
    }
    await test("network: new tools are there once the server has told of them", async () => {
        matches((await call(client, "types", { names: ["up.grown"] })).text, /There is no up\.grown/);
        await result(client, "return up.grow({})");
        await until("the new tool", async () => (await execute(client, "return up.grown({})")).text === "here");
    });
    await test("network: a server's questions are answered", async () => {
        const asked = await result(client, "return Promise.all(['ping', 'roots/list', 'sampling/createMessage', 'elicitation/create'].map((method) => up.ask({ method })))");
        matches(asked, /^\[\{\},"MCP error -32601: Method not found: roots\/list; [^"]+","[^"]+sampling\/createMessage; [^"]+","[^"]+elicitation\/create; [^"]+"\]$/);
    });
    await test("network: a server is told that nobody waits for a call any more", async () => {
        matches(await result(client, "up.wait({}); return 1"), /^1\n\nNote: 1 call had not ended/);
        await until("the word", () => cancelled === 1);
    });
    await test("network: a refusal that is none of a session comes through", async () => {
        forgotten = { status: 503, said: "closed" };
        await client.listTools();
        sessions.clear();
        matches((await execute(client, "await up.add_numbers({ a: 1, b: 1 })")).text, /up\.add_numbers: HTTP 503 .*closed/);
    });
});

// An address of its own, so that nobody else gets the port until it listens again.
const ALONE = `127.${1 + (process.pid % 254)}.${1 + ((process.pid >> 8) % 254)}.77`;
const absent = await listen(answerInSession, ALONE);
const { port } = absent.server.address();
await new Promise((resolve) => absent.server.close(resolve));
await withStdio(["--mcp", `up=${absent.url}/mcp`, "--openapi", `doc=${absent.url}/echo.json`, "--server", `doc=${echo.url}`], async (client, errors) => {
    await test("network: sources that are not there at the start are taken when they are", async () => {
        matches((await call(client, "search", { query: "add numbers" })).text, /^Nothing is found/);
        await until("the note", () => /up: left out: .*; it is tried again/.test(errors()) && /doc: left out: .*; it is tried again/.test(errors()));
        absent.server = createServer((request, response) => void (request.url === "/echo.json" ? json(response, spec) : request.method === "POST" ? collect(request).then((body) => answerInSession(request, body, response)) : response.writeHead(405).end()));
        await new Promise((resolve) => absent.server.listen(port, ALONE, resolve));
        await until("the source", async () => /^up\.add_numbers/.test((await call(client, "search", { query: "add numbers" })).text));
        equal(await result(client, "return [(await up.add_numbers({ a: 2, b: 3 })).sum, await doc.text()]"), '[5,"plain words"]');
        equal(errors().match(/left out/g).length, 2);
    });
});

for (const { server } of [sessional, absent]) {
    server.closeAllConnections();
    server.close();
}
for (const { server } of [echo, who, giving, upstream]) {
    server.closeAllConnections();
    server.close();
}
