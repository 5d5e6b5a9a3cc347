// `mayfly mcp` with servers that it starts itself, over standard input and output: published ones, and one that does what
// no server should.
//
//     node tests/mcp/servers.mjs [TEXT]       only the cases whose names contain TEXT

import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { until } from "../behaviour/server.mjs";
import { call, equal, execute, HERE, matches, MAYFLY, PEERS, result, SHOP, test, withStdio } from "./clients.mjs";

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), "mayfly-servers-"));
const published = (name) => join(PEERS, `@modelcontextprotocol/${name}/dist/index.js`);
const HOSTILE = join(HERE, "hostile-server.mjs");
const NODE = process.execPath;
const hostile = (mode, ...more) => ["--stdio", `up=exec ${NODE} ${HOSTILE} ${mode} ${more.join(" ")}`];

let files = 0;

function config(content) {
    const path = join(directory, `${++files}.json`);
    writeFileSync(path, JSON.stringify(content));
    return ["--config", path];
}

/** Processes whose command line names this text. */
function running(text) {
    return readdirSync("/proc").filter((pid) => {
        if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
        try {
            return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
        } catch {
            return false;
        }
    });
}

/** No process of these servers is left; the mark is in their command line. */
const nobody = (mark) => equal(running(mark).length, 0, `processes of ${mark}: `);

// --- Published servers -----------------------------------------------------------------------------------------------

await withStdio(["--stdio", `every=${NODE} ${published("server-everything")}`], async (client) => {
    await test("servers: server-everything's tools", async () => {
        matches((await client.listTools()).tools[0].description, /every: /);
        matches((await call(client, "search", { query: "echo" })).text, /^every\.echo: /);
        equal(await result(client, "return every.echo({ message: 'hello' })"), "Echo: hello");
        const code = "const sums = await Promise.all([1, 2, 3].map((n) => every.get_sum({ a: n, b: 10 }))); return sums.join()";
        matches(await result(client, code), /11.*12.*13/);
    });
    await test("servers: structured content and images come as values", async () => {
        equal(typeof JSON.parse(await result(client, "return every.get_structured_content({ location: 'Chicago' })")).temperature, "number");
        equal(await result(client, "const { content } = await every.get_tiny_image({}); return content.find((part) => part.type === 'image').mimeType"), "image/png");
    });
    await test("servers: images, sounds and files of a result stand behind its text", async () => {
        const shown = async (code) => (await client.callTool({ name: "execute", arguments: { code } })).content;
        const [text, image, ...more] = await shown("console.log(await every.get_tiny_image({})); return { all: [every.get_tiny_image({})] }");
        const parts = JSON.parse(text.text.split("\n")[0]).all[0].content;
        matches(parts[1], /^\[image\/png, \d+ bytes: shown below, number 1\]$/);
        matches(text.text, /Console:\n.*\[image\/png, \d+ bytes; return it to have it shown\]/);
        equal([image.type, image.mimeType, Buffer.from(image.data, "base64").toString("latin1", 1, 4), more.length], ["image", "image/png", "PNG", 0]);
        equal(parts[1].includes(` ${Buffer.from(image.data, "base64").length} bytes`), true);
        const [, file] = await shown("return every.gzip_file_as_resource({ name: 'a.gz', data: 'data:text/plain,hello', outputType: 'resource' })");
        equal([file.type, file.resource.mimeType, gunzipSync(Buffer.from(file.resource.blob, "base64")).toString()], ["resource", "application/gzip", "hello"]);
        const [, again] = await shown("const { content } = await every.get_tiny_image({}); return new Uint8Array(Buffer.from(content[1].data, 'base64'))");
        equal(again, image);
        const odd = "const sound = { type: 'audio', mimeType: 'audio/wav', data: 'UklGRg==' }; const big = { ...sound, data: 'A'.repeat(5 << 20) }; return [sound, big, big, { ...sound, data: 'no base64' }, { type: 'image', mimeType: 'image/svg+xml', data: 'PHN2Zz4=' }]";
        const [words, first, second, ...none] = await shown(odd);
        equal(JSON.parse(words.text), ["[audio/wav, 4 bytes: shown below, number 1]", "[audio/wav, 3932160 bytes: shown below, number 2]", "[audio/wav, 3932160 bytes: too much to be shown]",
            { type: "audio", mimeType: "audio/wav", data: "no base64" }, { type: "image", mimeType: "image/svg+xml", data: "PHN2Zz4=" }]);
        equal([first.data, second.data.length, none.length], ["UklGRg==", 5 << 20, 0]);
    });
    await test("servers: resources can be listed and read, as links name them", async () => {
        const code = `const { content } = await every.get_resource_links({ count: 2 });
            const read = await Promise.all(content.filter((part) => part.type === "resource_link").map(({ uri }) => every.read_resource({ uri })));
            return read.map(([one]) => Buffer.from(one.blob ?? btoa(one.text), "base64").toString())`;
        matches(await result(client, code), /^\["Resource 1: This is a .*","Resource 2: This is a .*"\]$/);
        const all = JSON.parse(await result(client, "const all = await every.list_resources(); return { uris: all.resources.map(({ uri }) => uri), templates: all.resourceTemplates.map(({ uriTemplate }) => uriTemplate) }"));
        equal([all.uris.length > 2, all.templates.some((one) => one.startsWith("demo://"))], [true, true]);
        const { content } = await client.callTool({ name: "execute", arguments: { code: "return every.read_resource({ uri: 'demo://resource/dynamic/blob/1' })" } });
        equal(content[1].resource.uri, "demo://resource/dynamic/blob/1");
        matches((await execute(client, "return every.read_resource({ uri: 'demo://nothing' })")).text, /^Error: every\.read_resource: .*demo:\/\/nothing/);
        matches((await call(client, "types", { names: ["every.read_resource"] })).text, /read_resource\(input: \{ uri: string \}\): Promise<\{ uri: string; mimeType\?: string; text\?: string; blob\?: string \}\[\]>;/);
    });
    await test("servers: types say what a tool gives that does not say it itself", async () => {
        matches((await call(client, "types", { names: ["every.echo", "every.get_structured_content"] })).text, /^\/\/ unknown is the text that the tool gives, or the value of its JSON;.*\ndeclare const every: \{/);
        matches((await call(client, "types", { names: ["every.get_structured_content"] })).text, /^declare const every: \{/);
    });
    await test("servers: a wrong argument is the server's error", async () => {
        matches((await execute(client, "await every.get_sum({ a: 'x', b: 1 })")).text, /^Error: every\.get_sum: .*(?:invalid|expected number)/is);
    });
});
nobody(published("server-everything"));

// As other clients' configuration files have it, with a name that is no identifier.
const memory = { command: NODE, args: [published("server-memory")], env: { MEMORY_FILE_PATH: join(directory, "memory.json") } };
await withStdio(config({ mcpServers: { "my-memory": memory, delete: memory, process: memory } }), async (client) => {
    await test("servers: server-memory keeps what it is told, by other clients' configuration", async () => {
        await result(client, "await my_memory.create_entities({ entities: [{ name: 'mayfly', entityType: 'insect', observations: ['lives a day'] }] })");
        equal(JSON.parse(await result(client, "return my_memory.search_nodes({ query: 'insect' })")).entities[0].observations, ["lives a day"]);
        matches(readFileSync(join(directory, "memory.json"), "utf8"), /lives a day/);
        equal(await result(client, "return (await delete_.read_graph({})).entities.length"), "1");
        equal(await result(client, "return (await process_.read_graph({})).entities.length"), "1");
    });
});
nobody(published("server-memory"));

// --- What no server should do ----------------------------------------------------------------------------------------

await withStdio(hostile("shapes"), async (client) => {
    await test("servers: wrong shapes of tools are left out, or taken as far as they go", async () => {
        const { text } = await call(client, "types", { names: ["up.*"] });
        matches(text, /odd\(/);
        matches(text, /cyclic\(/);
        equal(/declare const x/.test(text.replace(/\/\*\*[^]*?\*\//g, "")), false);
    });
    await test("servers: wrong shapes of results are errors or values", async () => {
        const code = `const got = {}; for (const shape of ["none", "null", "text", "list", "empty", "content", "parts"])
            got[shape] = await up.odd({ shape }).catch((e) => e.message); return got`;
        const none = "up.odd: the server gave no result to tools/call";
        equal(JSON.parse(await result(client, code)), { none, null: none, text: none, list: none, empty: {}, content: { content: "text" }, parts: { content: [null, 3, { type: "text" }] } });
    });
});

await withStdio(hostile("usual"), async (client) => {
    await test("servers: a text is JSON only where it is an object or an array", async () => {
        const texts = ["12345678901234567890", "1e3", "true", "null", '"q"', "007", "[1", '{"a":1}', " [2]"];
        const code = `const got = []; for (const text of ${JSON.stringify(texts)}) got.push(await up.echo({ text })); return got`;
        equal(JSON.parse(await result(client, code)), ["12345678901234567890", "1e3", "true", "null", '"q"', "007", "[1", { a: 1 }, [2]]);
    });
});

await withStdio([...hostile("silent"), ...SHOP, "--timeout", "4000"], async (client) => {
    await test("servers: a call that is never answered ends, and the others go on", async () => {
        matches((await execute(client, "return up.echo({ text: 'a' })")).text, /took longer than 4000 ms|did not answer within 4000 ms/);
        equal(await result(client, "return shop.add(1, 2)"), "3");
    });
});

for (const [mode, pattern] of [["flood", /^Error: up\.echo: the server was ended: it sends without end/], ["endless", /^Error: up\.echo: the server was ended: it writes a message without end/]]) {
    await withStdio([...hostile(mode), ...SHOP], async (client) => {
        await test(`servers: ${mode}: it is ended, and the others go on`, async () => {
            matches((await execute(client, "return up.echo({ text: 'a' })")).text, pattern);
            equal(await result(client, "return shop.add(1, 2)"), "3");
        });
    });
}

await withStdio(hostile("dies"), async (client, errors) => {
    await test("servers: one that dies is an error, and is started again when it is asked again", async () => {
        equal(await result(client, "return up.echo({ text: 'before' })"), "before");
        matches((await execute(client, "return up.echo({ text: 'die' })")).text, /^Error: up\.echo: the server has ended/);
        equal(await result(client, "return up.echo({ text: 'after' })"), "after");
        await until("its status", () => /up: the server has ended with status 3/.test(errors()));
    });
});

await withStdio(hostile("noise"), async (client, errors) => {
    await test("servers: what is no message is left out, and its words cannot rule the terminal", async () => {
        equal(await result(client, "return up.echo({ text: 'heard' })"), "heard");
        await until("what is no message", () => /up: this is no message: this is no message/.test(errors()));
        await until("its words, whole", () => /^up: \\x1b\[2J words on standard error$/m.test(errors()));
    });
});

await withStdio(hostile("asks"), async (client) => {
    await test("servers: a server's questions are answered", async () => equal(await result(client, "return up.echo({ text: 'asked' })"), "asked"));
});

await withStdio(hostile("library"), async (client) => {
    await test("servers: one that has resources alone is a source", async () => {
        equal(await result(client, "const { resources, resourceTemplates } = await up.list_resources(); return [resources.map(({ uri }) => uri), resourceTemplates]"), '[["lib://1","lib://2"],[]]');
        equal(await result(client, "return (await up.read_resource({ uri: 'lib://2' }))[0].text"), "text of lib://2");
    });
});

await withStdio(hostile("cancelled"), async (client) => {
    await test("servers: a server is told that nobody waits for a call any more", async () => {
        matches(await result(client, "up.echo({ text: 'wait' }); return 1"), /^1\n\nNote: 1 call had not ended/);
        await until("the word", async () => (await result(client, "return up.echo({ text: 'asked' })")) === "1");
    });
});

await withStdio(hostile("grows"), async (client) => {
    await test("servers: new tools are there once the server has told of them", async () => {
        await result(client, "return up.echo({ text: 'first' })");
        equal(await result(client, "return up.first({ text: 'second' })"), "second");
        matches((await call(client, "search", { query: "second" })).text, /^up\.second/);
        const { text } = await call(client, "types", { names: ["up.first"] });
        await result(client, "return up.echo({ text: 'third' })");
        equal((await call(client, "types", { names: ["up.first"] })).text, text);
        matches((await client.listTools()).tools[0].description, /up: grows \(4\)/);
        equal(await result(client, "await up.echo({ text: 'fourth' }); return up.fourth({ text: 'fifth' })"), "fifth");
    });
});

await withStdio([...hostile("late"), ...SHOP], async (client, errors) => {
    await test("servers: one that starts slowly joins when it is ready", async () => {
        matches((await client.listTools()).tools[0].description, /^(?![^]*up: )[^]*shop: /);
        matches(errors(), /up: not ready after 10000 ms; it is added when it is/);
        await until("the late server", () => /up: 1 functions/.test(errors()), 60_000);
        matches((await client.listTools()).tools[0].description, /up: late \(1\)/);
        matches((await call(client, "search", { query: "echoes" })).text, /^up\.echo/);
    });
});

await withStdio([...hostile("hangs"), ...SHOP], async (client) => {
    await test("servers: one that never answers holds up nobody", async () => equal(await result(client, "return shop.add(2, 2)"), "4"));
});

await withStdio(["--stdio", `up=${join(directory, "absent")}`, ...SHOP], async (client, errors) => {
    await test("servers: one that cannot be started is left out", async () => {
        equal(await result(client, "return shop.add(2, 2)"), "4");
        matches(errors(), /up: .*absent/);
        matches(errors(), /up: left out: the server has ended/);
    });
});

await withStdio(config({ sources: { up: { command: NODE, args: [HOSTILE, "environment"], env: { GIVEN: "this" } } } }), async (client) => {
    await test("servers: the environment is what was given, and little else", async () => {
        const names = (await result(client, "return up.echo({})")).split(" ");
        equal(names.filter((name) => !["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"].includes(name)), ["GIVEN", "this", process.cwd()]);
    });
});

const started = join(directory, "started");
const writes = { command: NODE, args: ["-e", `fs.writeFileSync(${JSON.stringify(started)}, process.cwd())`] };
await withStdio(config({ mcpServers: { off: { ...writes, disabled: true }, up: { type: "stdio", command: NODE, args: [HOSTILE, "environment"], cwd: directory }, absent: { command: NODE, cwd: join(directory, "absent") } } }), async (client, errors) => {
    await test("servers: one that is disabled is not started, the others are, in their directories", async () => {
        matches(await result(client, "return up.echo({})"), new RegExp(` ${directory}$`));
        matches(errors(), /off: left out: it is disabled/);
        matches(errors(), /absent: cannot start in \S+absent: No such file/);
        equal(readdirSync(directory).includes("started"), false);
    });
});
nobody(HOSTILE);

// --- Ends ------------------------------------------------------------------------------------------------------------

const pids = join(directory, "pids");
const stubbornOnes = () => readFileSync(pids, "utf8").split(" ").map(Number);
const isGone = (pid) => running("").includes(String(pid)) === false;

await withStdio(hostile("stubborn", pids), async (client) => {
    await test("servers: a stubborn one lives with mayfly", async () => {
        equal(await result(client, "return up.echo({ text: 'alive' })"), "alive");
        equal(stubbornOnes().map(isGone), [false, false]);
    });
});
await test("servers: and is ended with it, with what it started", () => until("its end", () => stubbornOnes().every(isGone)));

for (const signal of ["SIGTERM", "SIGKILL"]) {
    await test(`servers: ${signal} to mayfly ends them as well`, async () => {
        const child = spawn(MAYFLY, ["mcp", ...hostile("stubborn", pids)], { stdio: ["pipe", "pipe", "ignore"] });
        const answered = new Promise((resolve) => child.stdout.once("data", resolve));
        child.stdin.write('{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n');
        await answered;
        const left = stubbornOnes();
        equal(left.map(isGone), [false, false]);
        child.kill(signal);
        await until("their end", () => left.every(isGone));
    });
}

// --- Directories -----------------------------------------------------------------------------------------------------

process.env.TMPDIR = join(directory, "temporary");
mkdirSync(join(process.env.TMPDIR, "mayfly-mcp-orphan"), { recursive: true });
mkdirSync(join(process.env.TMPDIR, "mayfly-mcp-young"));
writeFileSync(join(process.env.TMPDIR, "mayfly-mcp-orphan/mcp.js"), "");
const age = (name) => utimesSync(join(process.env.TMPDIR, name), 1e9, 1e9);
age("mayfly-mcp-orphan");
await withStdio(SHOP, async (client) => {
    await test("servers: directories that a killed one left are removed, others' are not", async () => {
        equal(await result(client, "return shop.add(1, 2)"), "3");
        const [own, ...more] = readdirSync(process.env.TMPDIR).filter((name) => name !== "mayfly-mcp-young");
        equal(more, []);
        age(own);
        await withStdio(SHOP, async (second) => equal(await result(second, "return shop.add(2, 2)"), "4"));
        equal(readdirSync(process.env.TMPDIR).sort(), [own, "mayfly-mcp-young"].sort());
    });
});
delete process.env.TMPDIR;

await test("servers: wrong configurations are named", async () => {
    for (const [args, pattern] of [
        [["--stdio", "up"], /--stdio takes NAME=PLACE/],
        [["--stdio", "up=true", "--secret", "up:X=HOME"], /up: a server that is started gets its credentials by its environment/],
        [config({ sources: { up: { command: 5 } } }), /up: its command is to be a string/],
        [config({ sources: { up: { command: "x", args: [1] } } }), /up: its args are to be an array of strings/],
        [config({ sources: { up: { command: "x", env: { A: 1 } } } }), /up: its env is to be an object of strings/],
        [config({ sources: { up: { command: "x", mcp: "http://x" } } }), /one of openapi, mcp, command and tools, not two/],
        [config({ mcpServers: 3 }), /mcpServers: is to be an object/],
        [config({ sources: { up: { mcp: "http://x", secrets: {} } } }), /up: there is no key "secrets"; there are openapi, mcp, url, tools, command, args, env, cwd, type, disabled, server, secret, headers$/m],
        [config({ mcpServers: { "my-up": { command: "x", timeout: 5 } } }), /my_up: there is no key "timeout"; there are openapi/],
        [config({ sources: { up: { command: "x" } }, timeout: 5 }), /the file: there is no key "timeout"; there are sources, mcpServers, timeoutMs/],
        [config({ sources: { up: { command: "x" } }, timeoutMs: "5" }), /timeoutMs: is to be from 1 to 86400000/],
        ...[5, "${input:key}", "${env:HOME} more", "${env:", "${KEY:-none}", "", "a\r\nX-B: 1"].map((value) => [
            config({ mcpServers: { up: { url: "http://x", headers: { "X-Key": value } } } }),
            /up: the header "X-Key" is to be a name with a text of one line; of variables it may have one, at its end: \$\{env:VARIABLE\}, set in the environment of mayfly mcp$/m]),
        [config({ mcpServers: { up: { url: "http://x", headers: { "X-Key": "${env:MAYFLY_TEST_ABSENT}" } } } }), /up: the header "X-Key" wants the environment variable MAYFLY_TEST_ABSENT, which is not set/],
        [config({ mcpServers: { up: { url: "http://x", headers: { "X Key": "a" } } } }), /up: the header "X Key" is to be a name/],
        [config({ mcpServers: { up: { url: "http://x", headers: ["X-Key"] } } }), /up: its headers are to be an object/],
        [config({ mcpServers: { up: { url: "http://x", headers: { "X-Key": "a", "x-key": "b" } } } }), /up: has a secret for this header already/],
        [config({ mcpServers: { up: { command: "x", headers: { "X-Key": "a" } } } }), /up: a server that is started gets its credentials by its environment/],
        [config({ mcpServers: { up: { type: "sse", url: "http://x" } } }), /up: its type is "stdio" with a command, or "http" with a url/],
        [config({ mcpServers: { up: { url: "http://x", cwd: "/" } } }), /up: args, env and cwd are for a command/],
        [config({ mcpServers: { up: { command: "x", cwd: 5 } } }), /up: its cwd is to be a string/],
        [config({ mcpServers: { up: { command: "x", disabled: "no" } } }), /up: disabled is to be true or false/],
        [config({ mcpServers: { up: { command: "x", disabled: true } } }), /up: left out: it is disabled\n[^]*name at least one source/],
        [config({ mcpServers: { up: "x" } }), /up: is to be an object/],
    ]) {
        const error = await run(MAYFLY, ["mcp", ...args]).catch((failure) => failure);
        equal(error.code, 2, `${args.join(" ")}: `);
        matches(error.stderr, pattern);
    }
});

rmSync(directory, { recursive: true });
