// A server over standard input and output that does what its argument says. It speaks the protocol by hand, since no
// SDK would do these things.

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [mode, pidFile] = process.argv.slice(2);
const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const value = (id, text) => say({ id, result: { content: [{ type: "text", text }] } });

const TOOLS = {
    usual: [{ name: "echo", description: "Echoes", inputSchema: { type: "object", properties: { text: { type: "string" } } } }],
    shapes: [
        null, 7, { name: 5 }, { name: "" }, { description: "no name" },
        { name: "odd", description: { a: 1 }, inputSchema: "no schema" },
        { name: "cyclic", inputSchema: { $ref: "#" } },
        { name: "__proto__", inputSchema: { type: "object", properties: { __proto__: 1 }, required: 7 } },
        { name: "*/ }; evil", description: "*/ declare const x: {", inputSchema: null },
    ],
};

const calls = {
    usual: (id, { text }) => value(id, text),
    shapes: (id, args) => {
        const shapes = { none: undefined, null: null, text: "words", list: [1], empty: {}, content: { content: "text" }, parts: { content: [null, 3, { type: "text" }] } };
        say({ id, result: shapes[args.shape] });
    },
    silent: () => {},
    flood: () => {
        const line = `${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { data: "x".repeat(1000) } })}\n`;
        const more = () => { while (process.stdout.write(line)); process.stdout.once("drain", more); };
        more();
    },
    endless: () => {
        const piece = "y".repeat(1 << 20);
        const more = () => { while (process.stdout.write(piece)); process.stdout.once("drain", more); };
        more();
    },
    dies: (id, { text }) => (text === "die" ? process.exit(3) : value(id, text)),
    noise: (id, { text }) => {
        process.stdout.write("this is no message\n\n{\"jsonrpc\":\n[1,2]\nnull\n");
        process.stderr.write("\x1b[2J words on standard error\n");
        say({ id: 4711, result: { content: [] } });
        value(id, text);
    },
    asks: (id, { text }) => {
        asked = () => value(id, text);
        say({ id: "mine", method: "ping" });
        say({ id: "roots", method: "roots/list" });
    },
    cancelled: (id, { text }) => text === "wait" || value(id, String(cancelled)),
    late: (id, { text }) => value(id, text),
    grows: (id, { text }) => {
        tools = [...tools, { name: text, inputSchema: { type: "object", properties: { item: { $ref: "#/$defs/item" } }, $defs: { item: { title: "Item", type: "object", properties: { id: { type: "number" } } } } } }];
        say({ method: "notifications/tools/list_changed" });
        value(id, text);
    },
    stubborn: (id, { text }) => value(id, text),
    environment: (id) => value(id, Object.keys(process.env).sort().join(" ") + ` ${process.env.GIVEN} ${process.cwd()}`),
};

let asked;
let cancelled = 0;
const answers = {};
let tools = TOOLS[mode] ?? TOOLS.usual;

if (mode === "stubborn") {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
    const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { detached: true, stdio: "inherit" });
    writeFileSync(pidFile, `${process.pid} ${child.pid}`);
    setInterval(() => {}, 1000);
}

createInterface({ input: process.stdin }).on("line", async (line) => {
    const { id, method, params, result, error } = JSON.parse(line);
    if (method === undefined) {
        answers[id] = result ?? error.code;
        if (answers.mine && answers.roots && JSON.stringify(answers) === '{"mine":{},"roots":-32601}') asked();
        return;
    }
    if (mode === "hangs") return;
    if (method === "notifications/cancelled") cancelled++;
    if (mode === "late" && method === "initialize") await new Promise((resolve) => setTimeout(resolve, 11_000));
    if (method === "initialize") say({ id, result: { protocolVersion: "2025-06-18", capabilities: mode === "library" ? { resources: {} } : { tools: {} }, serverInfo: { name: mode, version: "1" } } });
    if (mode === "library") {
        // Lists in pages, has no templates and no tools.
        const resources = { undefined: { resources: [{ uri: "lib://1", name: "one" }], nextCursor: "2" }, 2: { resources: [{ uri: "lib://2", name: "two" }] } };
        if (method === "resources/list") return say({ id, result: resources[params.cursor] });
        if (method === "resources/read") return say({ id, result: { contents: [{ uri: params.uri, text: `text of ${params.uri}` }] } });
        if (id !== undefined && method !== "initialize") return say({ id, error: { code: -32601, message: "Method not found" } });
    }
    if (method === "tools/list") say({ id, result: { tools } });
    if (method === "tools/call") calls[mode](id, params.arguments);
});
