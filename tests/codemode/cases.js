// @cloudflare/codemode as it is published, in a host worker: what its documentation promises, checked inside the cell.
// Bundled by run.mjs with the packages of examples/codemode.

import { aiTools, createCodeTool, resolveProvider } from "@cloudflare/codemode/ai";
import { DynamicWorkerExecutor, generateTypesFromJsonSchema, normalizeCode, sanitizeToolName, truncateResult } from "@cloudflare/codemode";
import { codeMcpServer, openApiMcpServer } from "@cloudflare/codemode/mcp";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";
import { cases, equal, ok, rejects, sleep } from "../behaviour/check.js";
import { prompts, scriptedModel } from "../../examples/codemode/model";

const sum = async (...numbers) => numbers.reduce((a, b) => a + b, 0);

const providers = [
    { name: "codemode", fns: { get: async ({ id }) => ({ id, name: `n${id}` }), fails: async () => { throw new Error("the tool failed"); } } },
    { name: "math", fns: { sum, "with-dash": async () => "dashed" } },
];

function executor(env, options) {
    return new DynamicWorkerExecutor({ loader: env.LOADER, timeout: 5000, ...options });
}

const run = (env, code, options, which = providers) => executor(env, options).execute(code, which);

/** A loader whose workers have these limits, as an operator of several kinds of sandboxes writes it. */
function withLimits(env, limits) {
    return { load: (code) => env.LOADER.load({ ...code, limits }) };
}

/** A loader whose worker stays after the execution, and what the executor gave to it. */
function kept(env) {
    let entrypoint, dispatchers;
    const load = (code) => {
        entrypoint = env.LOADER.load(code).getEntrypoint();
        return { getEntrypoint: () => ({ evaluate: (...args) => (([dispatchers] = args), entrypoint.evaluate(...args)) }) };
    };
    return { loader: { load }, entrypoint: () => entrypoint, dispatchers: () => dispatchers };
}

const LATE_CALL = "The code execution finished before this tool call settled. Await every tool call before returning.";

const execution = {
    "one call": async ({ env }) => equal(await run(env, "async () => codemode.get({ id: 1 })"), { result: { id: 1, name: "n1" }, logs: [] }),
    "several namespaces": async ({ env }) => {
        const { result } = await run(env, "async () => [await codemode.get({ id: 2 }), await math.sum(1, 2, 3), await math.with_dash()]", {}, [
            providers[0],
            { name: "math", fns: { sum, with_dash: async () => "dashed" } },
        ]);
        equal(result, [{ id: 2, name: "n2" }, 6, "dashed"]);
    },
    "names are sanitized": async ({ env }) => equal((await run(env, "async () => math.with_dash()")).result, "dashed"),
    "positional arguments": async ({ env }) => equal((await run(env, "async () => math.sum(1, 2)")).result, 3),
    "calls side by side": async ({ env }) => {
        const { result } = await run(env, "async () => Promise.all([1, 2, 3, 4, 5].map((id) => codemode.get({ id })))");
        equal(result.map(({ name }) => name), ["n1", "n2", "n3", "n4", "n5"]);
    },
    "fifty calls in turn": async ({ env }) => {
        equal((await run(env, "async () => { let s = 0; for (let i = 0; i < 50; i++) s = await math.sum(s, 1); return s; }")).result, 50);
    },
    "binary values both ways": async ({ env }) => {
        const seen = [];
        const binary = { name: "bin", fns: { echo: async (value) => { seen.push(value); return value; } } };
        const code = `async () => {
            const bytes = await bin.echo(new Uint8Array([1, 2, 255]));
            const buffer = await bin.echo(new Uint8Array([3]).buffer);
            return [bytes instanceof Uint8Array, [...bytes], buffer instanceof ArrayBuffer, buffer.byteLength];
        }`;
        equal((await run(env, code, {}, [binary])).result, [true, [1, 2, 255], true, 1]);
        ok(seen[0] instanceof Uint8Array && seen[1] instanceof ArrayBuffer, "bytes at the host");
    },
    "the console is captured": async ({ env }) => {
        const { logs } = await run(env, 'async () => { console.log("a", 1); console.warn("b"); console.error("c"); }');
        equal(logs, ["a 1", "[warn] b", "[error] c"]);
    },
    "a thrown error is a value": async ({ env }) => {
        const { error, result } = await run(env, 'async () => { throw new TypeError("mine"); }');
        equal([error, result], ["mine", undefined]);
    },
    "a tool's error can be caught": async ({ env }) => {
        const code = "async () => { try { await codemode.fails(); } catch (e) { return e.message; } }";
        equal((await run(env, code)).result, "the tool failed");
    },
    "an unknown tool": async ({ env }) => equal((await run(env, "async () => codemode.nothing()")).error, 'Tool "nothing" not found'),
    "a syntax error": async ({ env }) => {
        const outcome = await run(env, "async () => { const = 1; }").catch((error) => ({ error: String(error.message) }));
        ok(/Failed to start Worker|SyntaxError|Unexpected/.test(outcome.error), `an error, not ${JSON.stringify(outcome)}`);
    },
    "a promise that never settles is given up": async ({ env }) => {
        const { error } = await run(env, "async () => new Promise(() => {})", { timeout: 200 });
        equal(error, "Execution timed out");
    },
    "a loop without end is ended, and the next execution goes on": async ({ env }) => {
        const loops = ["async () => { for (;;); }", "async () => { for (;;) await null; }", "async () => { try { for (;;); } finally { for (;;); } }"];
        for (const code of loops) {
            await rejects(executor({ LOADER: withLimits(env, { cpuMs: 100 }) }, { timeout: 50 }).execute(code, providers), {
                message: /^Worker exceeded CPU time limit\. \(limits\.cpuMs is 100, used \d+\)$/,
            });
            equal((await run(env, "async () => math.sum(1, 2)")).result, 3);
        }
    },
    "a loop without end ends by the operator's limit": async ({ env }) => {
        await rejects(run(env, "async () => { await math.sum(1); for (;;); }", { timeout: 50 }), {
            message: /^Worker exceeded CPU time limit\. \(limits\.cpuMs is 600, used \d+\)$/,
        });
    },
    "a loop without end is an error before the model": async ({ env }) => {
        const made = createCodeTool({ tools: weather, executor: executor({ LOADER: withLimits(env, { cpuMs: 100 }) }) });
        await rejects(made.execute({ code: "async () => { for (;;); }" }, {}), { message: /Worker exceeded CPU time limit\./ });
    },
    "a call that nobody awaited": async ({ env }) => {
        const slow = { name: "slow", fns: { never: () => new Promise(() => {}) } };
        const code = "async () => globalThis.late ?? (globalThis.late = slow.never().catch((e) => e.message), 'early')";
        const { loader, entrypoint } = kept(env);
        equal((await run({ LOADER: loader }, code, {}, [slow])).result, "early");
        equal((await entrypoint().evaluate({}, {})).result, LATE_CALL);
    },
    "a call after the end": async ({ env }) => {
        const { loader, dispatchers } = kept(env);
        equal((await run({ LOADER: loader }, "async () => math.sum(1, 2)")).result, 3);
        equal(JSON.parse(await dispatchers().math.call("sum", "[[1]]")), { error: LATE_CALL });
    },
    "no network": async ({ env }) => {
        const { error } = await run(env, 'async () => (await fetch("http://127.0.0.1:1/")).status');
        ok(/not permitted to access the internet/.test(error), `a refusal, not ${error}`);
    },
    "modules and bindings": async ({ env }) => {
        const modules = { "lib.js": "export const twice = (n) => 2 * n;" };
        const code = 'async () => { const { twice } = await import("./lib.js"); return twice(21); }';
        equal((await run(env, code, { modules, bindings: { A: "b" } })).result, 42);
    },
    "a prelude": async ({ env }) => {
        const which = [{ name: "extra", fns: { one: async () => 1 }, prelude: "const two = 2;" }];
        equal((await run(env, "async () => (await extra.one()) + two", {}, which)).result, 3);
    },
    "executions see nothing of each other": async ({ env }) => {
        await run(env, "async () => { globalThis.left = 1; Object.prototype.left = 1; }");
        equal((await run(env, "async () => [typeof left, {}.left]")).result, ["undefined", undefined]);
    },
};

const refusals = {
    'a reserved name': ["Promise", 'Provider name "Promise" is reserved'],
    "a name that is no identifier": ["a-b", 'Provider name "a-b" is not a valid JavaScript identifier'],
};
for (const [name, [provider, message]] of Object.entries(refusals)) {
    execution[name] = async ({ env }) => equal((await run(env, "async () => 1", {}, [{ name: provider, fns: {} }])).error, message);
}
execution["a name twice"] = async ({ env }) => {
    equal((await run(env, "async () => 1", {}, [{ name: "a", fns: {} }, { name: "a", fns: {} }])).error, 'Duplicate provider name "a"');
};
execution["tools that become one name"] = async ({ env }) => {
    const fns = { "a-b": sum, a_b: sum };
    ok(/both sanitize to "a_b"/.test((await run(env, "async () => 1", {}, [{ name: "p", fns }])).error), "a collision");
};

const weather = {
    getWeather: tool({
        description: "Get weather for a location",
        inputSchema: z.object({ location: z.string().describe("City") }),
        execute: async ({ location }) => ({ location, celsius: 4 }),
    }),
    dangerous: tool({ description: "x", inputSchema: z.object({}), needsApproval: true, execute: async () => "done" }),
};

const withModel = {
    "createCodeTool describes its tools": ({ env }) => {
        const { description } = createCodeTool({ tools: weather, executor: executor(env) });
        ok(description.includes("getWeather: (input: GetWeatherInput) => Promise<GetWeatherOutput>"), `types in ${description}`);
        ok(!description.includes("dangerous"), "no tool that needs approval");
    },
    "createCodeTool throws with the console's output": async ({ env }) => {
        const made = createCodeTool({ tools: weather, executor: executor(env) });
        await rejects(made.execute({ code: 'async () => { console.log("before"); throw new Error("after"); }' }, {}), {
            message: "Code execution failed: after\n\nConsole output:\nbefore",
        });
    },
    "inputs are validated": async ({ env }) => {
        const { error } = await run(env, "async () => codemode.getWeather({ location: 1 })", {}, [resolveProvider(aiTools(weather))]);
        ok(/expected string|Invalid input|invalid_type/i.test(error), `a validation's error, not ${error}`);
    },
    "several providers for one tool": async ({ env }) => {
        const made = createCodeTool({ tools: [aiTools(weather), { name: "math", tools: { sum: { description: "sum", execute: sum } } }], executor: executor(env) });
        const { result } = await made.execute({ code: 'async () => [await math.sum(1, 2), (await codemode.getWeather({ location: "Oslo" })).celsius]' }, {});
        equal(result, [3, 4]);
    },
    "a model writes code, reads the result, answers": async ({ env }) => {
        prompts.length = 0;
        const code = 'async () => { const w = await codemode.getWeather({ location: "Oslo" }); return w.celsius * 2; }';
        const { text, steps } = await generateText({
            model: scriptedModel([{ tool: "codemode", input: { code } }, { text: "Eight." }]),
            tools: { codemode: createCodeTool({ tools: weather, executor: executor(env) }) },
            stopWhen: stepCountIs(3),
            prompt: "Twice the weather?",
        });
        equal([text, steps.length], ["Eight.", 2]);
        equal(steps[0].toolResults[0].output, { result: 8 });
        ok(JSON.stringify(prompts[1].prompt).includes('"result":8'), "the result before the model");
    },
    "an error goes back to the model, which mends its code": async ({ env }) => {
        const { text, steps } = await generateText({
            model: scriptedModel([
                { tool: "codemode", input: { code: "async () => codemode.getWether({})" } },
                { tool: "codemode", input: { code: 'async () => codemode.getWeather({ location: "X" })' } },
                { text: "Mended." },
            ]),
            tools: { codemode: createCodeTool({ tools: weather, executor: executor(env) }) },
            stopWhen: stepCountIs(5),
            prompt: "Weather?",
        });
        const error = steps[0].content.find(({ type }) => type === "tool-error").error;
        ok(/Tool "getWether" not found/.test(String(error.message ?? error)), "the tool's error");
        equal([text, steps[1].toolResults[0].output.result.celsius], ["Mended.", 4]);
    },
};

/** A client of a server in the same worker. */
async function connected(server) {
    const [a, b] = InMemoryTransport.createLinkedPair();
    await server.connect(a);
    const client = new Client({ name: "test", version: "1" });
    await client.connect(b);
    return client;
}

const textOf = ({ content }) => content.map(({ text }) => text).join("");

const withMcp = {
    "codeMcpServer": async ({ env }) => {
        const upstream = new McpServer({ name: "up", version: "1" });
        upstream.registerTool("add-numbers", { description: "Adds", inputSchema: { a: z.number(), b: z.number() } }, async ({ a, b }) => ({
            content: [{ type: "text", text: JSON.stringify({ sum: a + b }) }],
        }));
        const client = await connected(await codeMcpServer({ server: upstream, executor: executor(env) }));
        const { tools } = await client.listTools();
        equal(tools.map(({ name }) => name), ["code"]);
        ok(tools[0].description.includes("add_numbers"), "the tool's type");
        const result = await client.callTool({ name: "code", arguments: { code: "async () => (await codemode.add_numbers({ a: 1, b: 2 })).sum" } });
        equal(textOf(result), "3");
        const failed = await client.callTool({ name: "code", arguments: { code: 'async () => { throw new Error("no"); }' } });
        equal([failed.isError, textOf(failed)], [true, "Error: no"]);
    },
    "openApiMcpServer": async ({ env }) => {
        const item = { $ref: "#/components/schemas/Item" };
        const spec = {
            openapi: "3.0.0",
            info: { title: "Items", version: "1" },
            paths: { "/items/{id}": { get: { operationId: "getItem", summary: "Get an item", responses: { 200: { description: "", content: { "application/json": { schema: item } } } } } } },
            components: { schemas: { Item: { type: "object", properties: { id: { type: "string" } } } } },
        };
        const asked = [];
        const request = async (options) => (asked.push(options), { id: options.path.split("/").at(-1) });
        const client = await connected(openApiMcpServer({ spec, executor: executor(env), request }));
        equal((await client.listTools()).tools.map(({ name }) => name).sort(), ["execute", "search"]);
        const found = await client.callTool({ name: "search", arguments: { code: "async () => Object.keys((await codemode.spec()).paths)" } });
        equal(JSON.parse(textOf(found)), ["/items/{id}"]);
        const done = await client.callTool({ name: "execute", arguments: { code: 'async () => codemode.request({ method: "GET", path: "/items/7" })' } });
        equal([JSON.parse(textOf(done)), asked.length, asked[0].path], [{ id: "7" }, 1, "/items/7"]);
    },
};

const utilities = {
    "utilities": () => {
        equal(sanitizeToolName("get-weather"), "get_weather");
        ok(/return \(/.test(normalizeCode("1 + 1")), "normalized code");
        ok(generateTypesFromJsonSchema({ f: { description: "d", inputSchema: { type: "object", properties: { a: { type: "string" } } } } }).includes("a?: string"), "types");
        ok(JSON.stringify(truncateResult({ a: "x".repeat(100_000) }, { maxChars: 1000 })).length < 2000, "a short result");
    },
};

let runs = 0;

export default cases({ ...execution, ...withModel, ...withMcp, ...utilities }, {
    /** Many executions in turn, for who counts from outside what is left of them. */
    "/runs": async (request, env) => {
        const count = Number(new URL(request.url).searchParams.get("count"));
        const tool = createCodeTool({ tools: weather, executor: executor(env) });
        for (let i = 0; i < count; i++) {
            const { result } = await tool.execute({ code: `async () => [${++runs}, (await codemode.getWeather({ location: "Oslo" })).celsius]` }, {});
            equal(result, [runs, 4]);
        }
        await sleep(0);
        return Response.json({ runs });
    },
});
