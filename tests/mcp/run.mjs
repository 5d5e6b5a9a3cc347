// `mayfly mcp` with the clients of others: the published MCP SDK over standard input and output and over HTTP, and the
// inspector's command line; GitHub's document and four others from npm as sources.
//
//     node tests/mcp/run.mjs [TEXT]       only the cases whose names contain TEXT

import { createHash } from "node:crypto";
import { execFile, spawn } from "node:child_process";
import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { processTree, until } from "../behaviour/server.mjs";
import { ALL, call, Client, documents, equal, execute, HERE, matches, MAYFLY, peer, PEERS, result, ROOT, SHOP, test, withStdio } from "./clients.mjs";

const { StreamableHTTPClientTransport } = await peer("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { default: ts } = await import("typescript");
const { countTokens } = await peer("gpt-tokenizer/encoding/o200k_base");

// --- Standard input and output ---------------------------------------------------------------------------------------

await withStdio(SHOP, async (client, errors) => {
    await test("the SDK's client connects and lists three tools", async () => {
        equal(client.getServerVersion().name, "mayfly");
        equal((await client.listTools()).tools.map(({ name }) => name), ["search", "types", "execute"]);
        await client.ping();
    });
    await test("few functions are declared at once", async () => {
        const { tools } = await client.listTools();
        matches(tools[2].description, /declare const shop: \{\n  \/\*\* Lists all items \*\/\n  listItems\(\): Promise<Item\[\]>;/);
    });
    await test("search finds by words", async () => {
        matches((await call(client, "search", { query: "find an item by id" })).text, /^shop\.getItem: Finds an item by its id\n/);
        matches((await call(client, "search", { query: "zebra" })).text, /^Nothing is found/);
        equal((await call(client, "search", {})).isError, true);
    });
    await test("types declares functions with what they mention", async () => {
        const { text } = await call(client, "types", { names: ["shop.getItem"] });
        matches(text, /getItem\(input: \{ id: number \}\): Promise<Item>;\n\};\ninterface Item \{\n    id: number;/);
        matches((await call(client, "types", { names: ["shop.add"] })).text, /add\(a: number, b\?: number\): Promise<number>;/);
    });
    await test("types of unknown names say what is near", async () => {
        const { text, isError } = await call(client, "types", { names: ["shop.getItm"] });
        equal([text, isError], ["// There is no shop.getItm. Did you mean shop.getItem?", true]);
    });
    await test("one execution makes many calls", async () => {
        const code = "const items: any[] = await shop.listItems();\nconst full = await Promise.all(items.map((i) => shop.getItem({ id: i.id })));\nreturn full.reduce((sum, i) => sum + i.price, 0);";
        equal(await result(client, code), String(40 * 100 + (7 * 39 * 40) / 2));
    });
    await test("results are text and JSON", async () => {
        equal(await result(client, "return 'plain'"), "plain");
        equal(await result(client, "({ a: [1, { b: null }], c: undefined, d: 10n, e: new Map([['k', new Set([1])]]), f: new Date(0) })"), '{"a":[1,{"b":null}],"d":"10","e":{"k":[1]},"f":"1970-01-01T00:00:00.000Z"}');
        equal(await result(client, "const a: any = {}; a.self = a; return a"), '{"self":"[circular]"}');
        equal(await result(client, "undefined"), "undefined");
    });
    await test("promises and iterators in a result are waited for", async () => {
        equal(await result(client, "return [1, 2].map(async (id) => (await shop.getItem({ id })).price)"), "[100,107]");
        equal(await result(client, "return { a: shop.add(1, 2), b: [new Map([['c', Promise.resolve([Promise.resolve(4)])]])] }"), '{"a":3,"b":[{"c":[4]}]}');
        equal(await result(client, "async function* pages() { yield 1; yield* [2, shop.add(1, 2)]; }\nreturn { pages: pages(), keys: new Map([['k', 1]]).keys() }"), '{"pages":[1,2,3],"keys":["k"]}');
        matches(await result(client, "return (function* () { for (let n = 0; ; n++) yield n; })()"), /,998,999,"\[more than 1000 items\]"\]$/);
        matches((await execute(client, "return { a: shop.getItem({ id: 99 }) }")).text, /^Error: there is no item 99 \(line 1, column 18\)/);
        equal(await result(client, "console.log(shop.add(1, 2), [1].values()); return 1"), "1\n\nNote: 1 call had not ended when the code returned. Await every call.\n\nConsole:\n[promise] [iterator]");
    });
    await test("calls that nobody awaited end, and the model is told", async () => {
        equal(await result(client, "[1, 2].forEach(async (n) => { await shop.add(n, 1); await shop.add(n, 2); }); return 'all'"), "all\n\nNote: 4 calls had not ended when the code returned. Await every call.");
        equal(await result(client, "const first = await Promise.race([shop.never(), shop.add(1, 2)]); return first"), "3\n\nNote: 1 call had not ended when the code returned, and 1 did not finish. Await every call.");
        equal(await result(client, "await Promise.all([shop.add(1, 2), shop.add(3, 4)]); return 'all'"), "all");
    });
    await test("errors that nobody caught are told", async () => {
        matches(await result(client, "shop.getItem({ id: 99 }); return 'saved'"), /^saved\n\nNote: 1 call had not ended .* Nobody caught Error: there is no item 99 \(line 1, column \d+\)$/);
        matches(await result(client, "[1, 2].forEach(async (n) => { throw new Error(`no ${n}`); }); return 1"), /^1\n\nNote: Nobody caught 2 errors; the first: Error: no 1 \(line 1, column \d+\)$/);
        matches(await result(client, "setTimeout(() => { throw new TypeError('late') }, 1); await new Promise((r) => setTimeout(r, 50)); return 1"), /^1\n\nNote: Nobody caught TypeError: late/);
        equal(await result(client, "addEventListener('unhandledrejection', (event) => event.preventDefault()); Promise.reject(new Error('x')); return 1"), "1");
    });
    await test("numbers that JSON does not have, and single values", async () => {
        equal(await result(client, "[NaN, { a: -1 / 0 }]"), '["NaN",{"a":"-Infinity"}]');
        for (const [code, shown] of [["0 / 0", "NaN"], ["1 / 0", "Infinity"], ["10n", "10"], ["new Date(0)", "1970-01-01T00:00:00.000Z"]]) equal(await result(client, code), shown);
    });
    await test("a function gets the scope where it takes one", async () => {
        equal(await result(client, "async function main(limit = 2) { return (await shop.listItems()).slice(0, limit).length; }"), "2");
        equal(await result(client, "async ({ shop } = {}) => shop.add(1, 2)"), "3");
        equal(await result(client, "async (tools) => tools.shop.add(1, 2)"), "3");
    });
    await test("the console's other methods and formats", async () => {
        const code = "console.log('%s is %d', 'a', 5, 6); console.log('100%', 7); console.dir({ a: [1] }); console.assert(1 > 2, 'not %s', 'so'); console.trace('here'); console.table([{ a: 1 }]); return 1";
        matches(await result(client, code), /^1\n\nConsole:\na is 5 6\n100% 7\n\{ a: \[ 1 \] \}\n\[error\] Assertion failed: not so\nTrace: here\n┌[^]*│ 0 +│ 1 │\n/);
    });
    await test("values of the platform's and of typed arrays say what they are", async () => {
        equal(await result(client, "return { f: new Float64Array([1.5, 2]), b: new BigInt64Array([7n]), many: new Uint8Array(1000), buffer: new ArrayBuffer(4) }"), '{"f":[1.5,2],"b":["7"],"many":"[Uint8Array of 1000: 0, 0, 0, …]","buffer":"[4 bytes]"}');
        equal(await result(client, "return [new URLSearchParams('a=1'), new Headers({ a: 'b' }), /x/g, new Map([[{ id: 1 }, 2]]), new Map([[1, 2]]), new Blob(['a']), new Request('http://a/'), new ReadableStream(), new WeakMap(), new String('s')]"), '["a=1",{"a":"b"},"/x/g",[[{"id":1},2]],{"1":2},"[Blob 1 bytes]","[Request GET http://a/]","[ReadableStream]","[WeakMap]","s"]');
        matches(await result(client, "return new Response('x', { status: 201 })"), /^\[Response 201/);
    });
    await test("errors tell their reasons", async () => {
        matches((await execute(client, "await Promise.any([Promise.reject(new Error('first')), Promise.reject(new TypeError('second'))])")).text, /^AggregateError: \[errors: Error: first; TypeError: second\]/);
        matches((await execute(client, "throw new Error('outer', { cause: new Error('inner') })")).text, /^Error: outer \[cause: Error: inner\] \(line 1/);
        equal(await result(client, "const e = new Error('a'); e.cause = e; return e"), "Error: a [cause: [circular]]");
    });
    await test("the console says how many lines are not kept", async () => {
        matches(await result(client, "for (let n = 0; n < 1000; n++) console.log('line', n); return 1"), /\nline 199\n… \(800 more lines, not kept\)$/);
    });
    await test("the console comes back", async () => {
        equal(await result(client, "console.log('a', { b: 1 }); console.error('c'); return 1"), '1\n\nConsole:\na {"b":1}\n[error] c');
    });
    await test("an unknown name is explained", async () => {
        const { text, isError } = await execute(client, "const a = 1;\nconst b = await shopp.listItems();");
        equal(isError, true);
        matches(text, /^ReferenceError: Can't find variable: shopp \(line 2, column \d+\)\n  const b = await shopp\.listItems\(\);\n +\^\nDid you mean shop\?$/);
    });
    await test("an unknown function is explained", async () => {
        const { text } = await execute(client, "const list = await shop.listItms();");
        matches(text, /^TypeError: shop\.listItms is not a function\. Did you mean listItems\? \(line 1, column \d+\)\n  const list/);
    });
    await test("a fault in the syntax is explained", async () => {
        const { text } = await execute(client, "```ts\nconst a: number = 1;\nconst b = a +;\n```");
        matches(text, /^SyntaxError: Unexpected token \(line 3, column 14\)\n  const b = a \+;\n +\^$/);
    });
    await test("what only looks like an expression is read as what it is, and an expression keeps its places", async () => {
        equal(await result(client, "async () => {}; async () => 5"), "5");
        equal(await result(client, "(1); (2)"), "2");
        equal(await result(client, "async (): Promise<number> => { const a: number = 4; return a; }"), "4");
        equal(await result(client, "(await shop.add(2, 2))"), "4");
        matches((await execute(client, "0`);[0")).text, /^SyntaxError: Unterminated template\. \(line 1, column 3\)/);
        matches((await execute(client, "/* It */ async () => nothing()")).text, /\(line 1, column 22\)/);
        matches((await execute(client, "(async () => { const total = 1; return totl; })()")).text, /\(line 1, column 40\)[^]*Did you mean total\?/);
        matches((await execute(client, "async () => {\n  let x = 1 <!-- c\n  return y; }")).text, /\(line 2, column 17\)/);
    });
    await test("code that is long or nested", async () => {
        equal((await execute(client, `return ${"(".repeat(20_000)}1${")".repeat(20_000)}`)).text, "SyntaxError: The code is nested too deeply.");
        matches((await execute(client, `const sum = ${"1 + ".repeat(5_000)}1;\nreturn sun;`)).text, /\nDid you mean sum\?$/);
    });
    await test("names that the code declares are known", async () => {
        const { text } = await execute(client, "const customerName = 'x';\nreturn customrName;");
        equal(text, "ReferenceError: Can't find variable: customrName (line 2, column 8)\n  return customrName;\n         ^\nDid you mean customerName?");
    });
    await test("a function's name without its namespace", async () => {
        matches((await execute(client, "return await getItem({ id: 1 })")).text, /\nDid you mean shop\.getItem\?$/);
    });
    await test("a namespace with parts is explained", async () => {
        for (const code of ["await shop.items.get({ id: 1 })", "await shop.rest.items.get({ id: 1 })"]) {
            matches((await execute(client, code)).text, /\nThe functions of shop are all its own: shop\.name\(\)\. Did you mean shop\.getItem/);
        }
    });
    await test("imports that fail are explained", async () => {
        const imported = await execute(client, "const a = 1;\nimport _ from 'lodash';\n_.sum([a])");
        equal(imported.text, 'Error: No such module "lodash". (line 2, column 15)\n  import _ from \'lodash\';\n                ^\nOnly modules of Node can be imported, as node:path.');
        matches((await execute(client, "const a = 1;\nawait import('./helper')")).text, /^Error: No such module "helper"\. \(line 2, column 14\)/);
        matches((await execute(client, "import { basename, nope } from 'node:path';\nnope")).text, /'nope' \(line 1, column 20\)/);
        matches((await execute(client, "const path = require('path');")).text, /\nThere is no require\. Write import path from "path"/);
    });
    await test("an assignment without a place has that of its pattern", async () => {
        matches((await execute(client, "const { a } = null;")).text, /cannot be destructured \(line 1, column 7\)/);
    });
    await test("whatever the code does to its realm, its texts are bounded", async () => {
        const lengths = {
            "String.prototype.slice = function () { return this + '' }; console.log('L'.repeat(3e6)); return 1": 8200,
            "Array.prototype.push = function () { this[this.length] = 'P'.repeat(3e6) }; console.log('a'); throw new Error('x')": 8600,
            "const e = new Error('m'); e.name = 'N'.repeat(3e6); throw e": 300,
            "const e = new Error('m'.repeat(3e6)); e.stack = 's'.repeat(3e6); throw e": 4200,
            "throw 'T'.repeat(3e6)": 4200,
        };
        for (const [code, most] of Object.entries(lengths)) {
            const { text } = await execute(client, code);
            if (text.length > most) throw new Error(`${text.length} characters of ${code}`);
        }
    });
    await test("errors that cannot be looked at", async () => {
        const thrown = (descriptor) => execute(client, `const e = new Error('x'); Object.defineProperty(e, 'message', ${descriptor}); throw e;`);
        equal((await thrown("{ get() { throw 1 } }")).text, "Error: A value was thrown that cannot be shown.");
        matches((await thrown("{ value: { toString: () => 'words' } }")).text, /^Error: words/);
    });
    await test("a tool's error tells who failed and where it was called", async () => {
        const { text } = await execute(client, "const a = 1;\n\nawait shop.getItem({ id: 99 });");
        matches(text, /^Error: there is no item 99 \(line 3, column \d+\)\n  await shop\.getItem/);
        equal(await result(client, "try { await shop.getItem({ id: 99 }) } catch (e: any) { return 'caught ' + e.message }"), "caught there is no item 99");
    });
    await test("what a tool throws comes as an error, whatever it is", async () => {
        matches((await execute(client, "const a = 1;\nreturn shop.refuse('text')")).text, /^Error: just text \(line 2, column \d+\)\n  return shop\.refuse/);
        const said = async (kind) => JSON.parse(await result(client, `return shop.refuse('${kind}').catch((e) => [e.message])`))[0];
        matches((await execute(client, "await shop.refuse('object')")).text, /^Error: words \{ code: 1 \} \(line 1, column \d+\)/);
        equal(await said("data"), "{ reasons: [ 'a' ] }");
        equal(await result(client, "return shop.refuse('object').catch((e) => e.code)"), "1");
        matches(await said("circular"), /kind: 'circular'.*Circular/);
        equal((await said("long")).length, 2000);
        equal(await said("hostile"), "#<Object>");
        equal(await said("nothing"), "null");
    });
    await test("a namespace tells that code cannot list it", async () => {
        const words = "The functions of shop cannot be listed by code: find them with the tools search and types";
        for (const code of ["return Object.keys(shop)", "for (const name in shop) console.log(name)", "return { ...shop }", "return JSON.stringify(shop)"]) {
            matches((await execute(client, code)).text, new RegExp(`^TypeError: ${words} \\(line 1, `));
        }
        equal(await result(client, "return [shop]"), `["[${words}]"]`);
        equal(await result(client, "console.log(shop); return 1"), `1\n\nConsole:\n[${words}]`);
    });
    await test("who looks for a response around a value is told that there is none", async () => {
        const advice = /\nA function gives the value of its type itself, as types shows it: no response around it, with data or json\(\)\.$/;
        for (const code of ["const items = await shop.listItems(); return items.data.length", "const { data } = await shop.listItems() as any; return data.length",
            "const items = await shop.listItems(); return items.json()"]) {
            matches((await execute(client, code)).text, advice);
        }
        equal(advice.test((await execute(client, "const items = await shop.listItems(); return items.first.name")).text), false);
    });
    await test("who takes a value for another one is told what functions gave", async () => {
        const items = "shop.listItems gave { id: number; name: string; price: number }[]";
        for (const code of ["const { items } = await shop.listItems();\nreturn items.map((item) => item.id)", "const items = await shop.listItems();\nreturn items.first.name"]) {
            equal((await execute(client, code)).text.split("\n")[3], items);
        }
        equal((await execute(client, "const list = await shop.listItems();\nreturn list.content;")).text, `undefined\n\nNote: the code gave nothing. ${items}.`);
        equal((await execute(client, "const list = await shop.listItems();\nconsole.log(list.length);")).text.endsWith("Console:\n40"), true);
        const { text } = await execute(client, "for (const n of [1, 2]) await shop.add(n, 1);\nconst item = await shop.getItem({ id: 1 });\nreturn item.tags[0]");
        equal(text.split("\n").slice(3), ["shop.add gave number", "shop.getItem gave { id: number; name: string; price: number }"]);
    });
    await test("who gives the wrong arguments is told the declaration", async () => {
        const { text } = await execute(client, "return shop.getItem({ id: { id: 3 } })");
        matches(text, /^Error: there is no item \[object Object\] \(line 1, column \d+\)\n.*\n.*\^\nIt is declared: shop\.getItem\(input: \{ id: number \}\): Promise<Item>;$/);
        equal(/declared/.test((await execute(client, "return shop.getItem({ id: 99 })")).text), false);
        for (const [code, words] of [["shop.add({ a: 1, b: 2 })", "add takes a number for a, and was given an object"], ["shop.add()", "add: missing a"], ["shop.getItem(3)", "getItem takes an object for input, and was given a number"]]) {
            matches((await execute(client, `await ${code}`)).text, new RegExp(`^TypeError: shop\\.${words} \\(line 1, column 12\\)[^]*\\nIt is declared: shop\\.\\w+\\(`));
        }
    });
    await test("what is nowhere declared is marked where it stands", async () => {
        equal((await execute(client, "  items = await shop.listItems();\nreturn items;")).text.split("\n").slice(0, 3), ["ReferenceError: Can't find variable: items (line 1, column 3)", "  items = await shop.listItems();", "  ^"]);
    });
    await test("a long result is cut with a note", async () => {
        const text = await result(client, "return shop.bigText({ characters: 500000 })");
        matches(text.slice(-200), /… \(cut: the first 24000 of 500000 characters; return less/);
        equal(text.length < 24_200, true);
    });
    await test("executions leave nothing for each other", async () => {
        await result(client, "globalThis.left = 1; (Object.prototype as any).left = 1; return 1");
        equal(await result(client, "return [typeof (globalThis as any).left, ({} as any).left ?? null]"), '["undefined",null]');
    });
    await test("no network, no environment", async () => {
        matches((await execute(client, "await fetch('http://127.0.0.1:1/')")).text, /not permitted to access the internet[^]*\nOnly functions reach the outside: those of shop\.$/);
        equal(await result(client, "return Object.keys(process.env).length"), "0");
    });
    await test("executions side by side", async () => {
        const texts = await Promise.all([...Array(12).keys()].map((n) => result(client, `return (await shop.getItem({ id: ${n + 1} })).id * 2`)));
        equal(texts, [...Array(12).keys()].map((n) => String(2 * (n + 1))));
    });
    await test("wrong tools and arguments are answered", async () => {
        equal((await call(client, "nothing", {})).isError, true);
        equal((await call(client, "execute", {})).isError, true);
        equal((await call(client, "types", { names: 7 })).isError, true);
    });
    await test("progress goes to standard error", () => matches(errors(), /shop: 8 functions/));
});

await withStdio([...SHOP, "--no-jit"], async (client) => {
    await test("--no-jit: executions have a zygote of their own", async () => {
        equal(await result(client, "return shop.add(20, 22)"), "42");
        const tree = processTree(process.pid).filter(({ name }) => name === "mayfly-cell" || name === "mayfly-holder");
        const zygotes = tree.filter(({ parent }) => !tree.some(({ pid }) => pid === parent));
        equal(zygotes.length, 2); // the server's worker is the operator's
    });
});

// --- Code as models write it, in cells -------------------------------------------------------------------------------

await withStdio(["--tools", `api=${join(HERE, "api.ts")}`], async (client) => {
    const { cases } = await import("../sdk/code-cases.mjs");
    let wrong = [];
    await test(`${cases.length} programs as models write them`, async () => {
        for (const [name, written, expected] of cases) {
            if (/\blog\b/.test(written)) continue; // of the scope of the other test
            const { text } = await execute(client, written);
            const shown = expected === undefined ? "undefined" : typeof expected === "string" ? expected : JSON.stringify(expected);
            if (text !== shown) wrong.push(`${name}: ${shown} became ${text}`);
        }
        if (wrong.length > 0) throw new Error(wrong.join("; "));
    });
});

// --- Declarations ----------------------------------------------------------------------------------------------------

/** TypeScript's complaints about a text of the tool types. */
function complaints(text) {
    const path = join(ROOT, "build/sdk-test/types.ts");
    writeFileSync(path, `${text.replace(/^(?=enum )/gm, "declare ")}\nexport {};\n`);
    const program = ts.createProgram([path], { noEmit: true, strict: true, target: ts.ScriptTarget.ES2022, lib: ["lib.es2022.d.ts"], types: [] });
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

await withStdio([...ALL.slice(0, 2), "--tools", `forms=${join(HERE, "forms.ts")}`], async (client) => {
    await test("functions in all forms of export are tools", async () => {
        const { text } = await call(client, "types", { names: ["forms.*", "github.usersGetByUsername", "SimpleUser"] });
        equal(complaints(text), []);
        for (const part of [
            "  /** Its own type, and a class */\n  own(user: SimpleUser2, box: Box<number>): Promise<Deep>;", "  crate(): Promise<Crate>;",
            "  pattern(input: { a?: number; b: string }, input2?: unknown, ...rest: number[]): Promise<unknown>;",
            "  /** Twice, or again */\n  over(a: string): Promise<string>;\n  over(a: number): Promise<number>;\n",
            "  /** Comes later */\n  later(x: number): Promise<number>;", "  renamed(x: number): Promise<number>;", "  standard(q: string): Promise<string>;",
            "  wrapped(...args: any[]): Promise<any>;", "  typed(a: number, b?: string): Promise<boolean>;",
            "  handler(...args: Parameters<Handler>): Promise<Awaited<ReturnType<Handler>>>;", "  alias(x: number): Promise<number>;",
            "  first(a: number | undefined, b: string): Promise<string>;", "  isText(value: unknown): Promise<boolean>;", "  then_(a: number): Promise<number>;",
            "interface SimpleUser2 { name: string }", "interface Deep { user: SimpleUser2 }", "interface Box<T> {\n    value: T;\n    note?: string;\n}",
            "interface Crate extends Box<number> {\n    label?: string;\n}", "type SimpleUser = {",
            "  /** Gives its items one by one */\n  stream(count: number): Promise<Array<SimpleUser2>>;\n  plain(): Promise<unknown[]>;",
            "  foreign(far: unknown, inner: unknown, more: Map<string, unknown>, other: unknown): Promise<unknown>;",
            '  table(key: keyof { a: number; "b-c": number }, kind: ((readonly ["x", "y"]))[number], odd: (readonly ["x", "y"]), deep: any): Promise<ReturnType<((x: number) => number)>>;',
            "interface Based extends Object { name: string }",
        ]) if (!text.includes(part)) throw new Error(`${part} is missing in ${text}`);
        const calls = "forms.over(3), forms.later(1), forms.renamed(1), forms.standard('q'), forms.wrapped(4), forms.typed(1), forms.handler({ id: 7 }), forms.alias(2), forms.then_(5), forms.pattern({ b: 'x' }, undefined, 1, 2)";
        equal(JSON.parse(await result(client, `return Promise.all([${calls}])`)), [3, 2, 2, "q", 8, true, "handled 7", 3, 5, "1x21,2"]);
        equal(await result(client, "return [await forms.stream(2), await forms.plain()]"), '[[{"name":"n0"},{"name":"n1"}],[1,2]]');
        matches((await execute(client, "await forms.stream(1e6)")).text, /^RangeError: stream gives more than 10000 items/);
        matches((await call(client, "types", { names: ["SimpleUser2"] })).text, /^interface SimpleUser2/);
    });
    await test("what does not fit is named, and the rest is well-formed", async () => {
        const { text } = await call(client, "types", { names: ["github.*"] });
        equal(text.length < 26_000, true);
        matches(text, /^declare const github: \{\n[^]*\n\};\n\/\/ Left out, ask for them by name: github\.\w+, (?:github\.\w+, ){10,}[^]* and \d+ more$/);
        equal(complaints(text.replace(/\b[A-Z]\w+(?=[>\[ ;,)])/g, "Date")).filter((words) => !/Cannot find/.test(words)), []);
    });
    await test("more than fifty names are taken", async () => {
        const found = (await call(client, "search", { query: "delete", limit: 50 })).text.match(/^github\.\w+/gm);
        const names = [...found, ...(await call(client, "search", { query: "list", limit: 50 })).text.match(/^github\.\w+/gm), ...Array(60).fill(0).map((_, n) => `unknown${n}`)];
        const { text } = await call(client, "types", { names });
        const missing = names.slice(0, 100).filter((name) => !text.includes(`  ${name.slice(7)}(`) && !text.includes(name));
        equal([missing.length < 60, / and \d+ more$/.test(text) || missing.length === 0, /Nor are there 40 more of these names/.test(text)], [true, true, true]);
    });
});

await withStdio(["--openapi", `rclone=${join(PEERS, "rclone-openapi/openapi.yaml")}`], async (client) => {
    await test("what is rare of a question counts most, and words that are written as one are found", async () => {
        const wanted = { "list remotes": "configListremotes", "delete file": "operationsDeletefile" };
        for (const [query, name] of Object.entries(wanted)) matches((await call(client, "search", { query, limit: 1 })).text, new RegExp(`^rclone\\.${name}:`));
    });
});

await test("a declaration that is too long is cut, and still one", async () => {
    const path = join(ROOT, "build/sdk-test/long.json");
    const properties = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`property_${n}`, { type: "string", description: "Some words */ here" }]));
    const long = { type: "object", properties };
    const media = (schema) => ({ content: { "application/json": { schema } } });
    writeFileSync(path, JSON.stringify({ openapi: "3.0.0", paths: {
        "/a": { post: { operationId: "lengthy", requestBody: media(long), responses: { 200: media({ $ref: "#/components/schemas/Long" }) } }, get: { operationId: "取得", responses: { 200: media({ $ref: "#/components/schemas/日本" }) } } },
    }, components: { schemas: { Long: long, 日本: { type: "object", properties: { 名: { type: "string" } } } } } }));
    await withStdio(["--openapi", `api=${path}`], async (client) => {
        for (const [name, pattern] of [["api.lengthy", /^declare const api: \{\n\/\* Too long[^]*property_9[^]*\n  lengthy\(\.\.\.args: any\[\]\): Promise<any>;\n\};/], ["Long", /^\/\* Too long[^]*property_9[^]*\ntype Long = any;$/]]) {
            const { text } = await call(client, "types", { names: [name] });
            matches(text, pattern);
            equal([complaints(text), text.length < 26_000], [[], true]);
        }
        const { text } = await call(client, "types", { names: ["api.取得"] });
        equal([text, complaints(text)], ['declare const api: {\n  "取得"(): Promise<日本>;\n};\ntype 日本 = { "名"?: string };', []]);
    });
});

// --- Ends ------------------------------------------------------------------------------------------------------------

await withStdio([...SHOP, "--timeout", "1500"], async (client) => {
    await test("a loop without end is ended", async () => {
        const { text, isError } = await execute(client, "while (true) {}");
        equal([isError, text], [true, "TimeoutError: The execution took longer than 1500 ms and was ended."]);
        equal(await result(client, "return 1"), "1");
    });
    await test("what was logged until then comes back, unless it loops", async () => {
        equal((await execute(client, "console.log('step 1'); await new Promise((r) => setTimeout(r, 1e6))")).text, "TimeoutError: The execution took longer than 1500 ms and was ended.\n\nConsole:\nstep 1");
        matches((await execute(client, "console.log('step 1'); await new Promise(() => {})")).text, /^Error: The Workers runtime canceled .* never generate a response.*\n\nConsole:\nstep 1$/);
    });
    await test("a source that hangs is given up", async () => {
        const never = "await shop.add(1); await Promise.all([shop.never(), shop.never()])";
        equal((await execute(client, never)).text, "TimeoutError: The execution took longer than 1500 ms and was ended. No answer had come from shop.never.");
        equal(await result(client, "return shop.add(1, 2)"), "3");
    });
});

await withStdio([...SHOP, "--timeout", "6000"], async (client) => {
    await test("a tool that loops is ended, and its source goes on", async () => {
        matches((await execute(client, "await shop.loop()")).text, /exceeded CPU time limit\. \(limits\.cpuMs is 2000/);
        equal(await result(client, "return shop.add(1, 2)"), "3");
    });
});

const counter = join(ROOT, "build/sdk-test/counter.ts");
writeFileSync(counter, "let ticks = 0;\nexport const tick = (): number => ++ticks;\nexport const seen = (): number => ticks;\n");
const COUNTER = ["--tools", `counter=${counter}`];
const TICKING = "for (;;) { await counter.tick(); await new Promise((r) => setTimeout(r, 20)); }";

/** Takes an execution back that goes on without end, and looks whether it has ended. */
async function takeBack(client) {
    const ending = new AbortController();
    const taken = client.callTool({ name: "execute", arguments: { code: TICKING } }, undefined, { signal: ending.signal }).catch((error) => error);
    const seen = async () => Number(await result(client, "return counter.seen()"));
    while ((await seen()) === 0);
    ending.abort("no more");
    await taken;
    // It ends soon, whatever that is here, and long before its time is over; afterwards nothing is called any more.
    await until("an end of its calls", async () => {
        const before = await seen();
        await new Promise((resolve) => setTimeout(resolve, 300));
        return (await seen()) === before;
    }, 10_000);
}

const pages = join(ROOT, "build/sdk-test/pages.ts");
writeFileSync(pages, "/** List all of the on-calls. */\nexport function listOnCalls() {}\n/** Create a ServiceNow integration. */\nexport function createServiceNowIntegration() {}\n/** Says who is what. */\nexport function who() {}\n");
await withStdio(["--tools", `pages=${pages}`], async (client) => {
    await test("a question is searched by what it asks for", async () => {
        equal((await call(client, "search", { query: "who is on call right now" })).text, "pages.listOnCalls: List all of the on-calls");
        matches((await call(client, "search", { query: "who" })).text, /^pages\.who: /);
    });
});

const talker = join(ROOT, "build/sdk-test/talker.ts");
writeFileSync(talker, "console.log('it loads');\nexport function talk(n: number): number { for (let i = 0; i < n; i++) console.error('line', i, { a: '\\x1b[2J' }); return n; }\nexport function fail(): never { console.log('it fails'); throw new Error('no'); }\n");
await withStdio(["--tools", `talker=${talker}`], async (client, errors) => {
    await test("what a file of tools says goes to standard error", async () => {
        equal(await result(client, "return talker.talk(2)"), "2");
        matches((await execute(client, "await talker.fail()")).text, /^Error: no/);
        equal(await result(client, "return talker.talk(300)"), "300");
        matches(errors(), /talker: it loads\n[^]*talker: line 0 \{ a: [^\x1b]*\n[^]*talker: line 1 [^]*talker: it fails\n[^]*talker: line 99 [^]*talker: \(200 more lines\)\n/);
    });
});

await withStdio(COUNTER, (client) => test("an execution that the client takes back is ended", () => takeBack(client)));

await test("what was taken back is not answered", async () => {
    const child = spawn(MAYFLY, ["mcp", ...COUNTER], { stdio: ["pipe", "pipe", "ignore"] });
    let out = "";
    child.stdout.on("data", (data) => (out += data));
    const say = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const execution = (id) => say({ id, method: "tools/call", params: { name: "execute", arguments: { code: TICKING } } });
    for (const id of [1, "1"]) execution(id);
    setTimeout(() => say({ method: "notifications/cancelled", params: { requestId: 1 } }), 500);
    setTimeout(() => child.stdin.end('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"1"}}\n{"jsonrpc":"2.0","id":3,"method":"ping"}\n'), 1000);
    await new Promise((resolve) => child.on("exit", resolve));
    equal(out, '{"jsonrpc":"2.0","id":3,"result":{}}\n');
});

await test("the end of standard input ends everything", async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("mayfly-mcp-")).length;
    const child = spawn(MAYFLY, ["mcp", ...SHOP], { stdio: ["pipe", "pipe", "ignore"] });
    let out = "";
    child.stdout.on("data", (data) => (out += data));
    child.stdin.end('{"jsonrpc":"2.0","id":"x","method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"nothing"}\n\nnonsense\n[{"jsonrpc":"2.0","id":3,"method":"ping"}]');
    const status = await new Promise((resolve) => child.on("exit", resolve));
    equal(status, 0);
    const lines = out.trim().split("\n").map((line) => JSON.parse(line));
    equal(lines.length, 4);
    equal(lines.find(({ id }) => id === "x").result, {});
    equal(lines.find(({ id }) => id === 2).error.code, -32601);
    equal(lines.find(({ id }) => id === null).error.code, -32700);
    equal(lines.find((line) => Array.isArray(line))[0].id, 3);
    equal(readdirSync(tmpdir()).filter((name) => name.startsWith("mayfly-mcp-")).length, before);
});

const run = promisify(execFile);

await test("wrong options are named", async () => {
    const large = join(ROOT, "build/sdk-test/large.json");
    writeFileSync(large, "");
    truncateSync(large, 70 << 20);
    const cases = [
        [[], /name at least one source/],
        [["--tools", "shop"], /--tools takes NAME=PLACE/],
        [["--tools", "a-b=x.ts"], /--tools takes NAME=PLACE, the name an identifier of letters, digits and _, not 'a-b'/],
        [["--config", "/does/not/exist.json"], /^mayfly mcp: \/does\/not\/exist\.json: --config: unable to open \/does\/not\/exist\.json: No such file/],
        ...["delete", "await", "eval", "undefined"].map((name) => [["--tools", `${name}=x.ts`], new RegExp(`NAME=PLACE, the name no word of the language, not '${name}'`)]),
        [["--openapi", `large=${large}`], /large: \S+large\.json: 73400320 bytes, and 67108864 are the most/],
        ...["Promise", "JSON", "Math", "console"].map((name) => [["--tools", `${name}=x.ts`], new RegExp(`the name no global of JavaScript's, which code would miss, not '${name}'`)]),
        [["--tools", "shop=/does/not/exist.ts"], /shop: \/does\/not\/exist\.ts: No such file/],
        [[...SHOP, ...SHOP], /a name that no other source has/],
        [["--mcp", "x=ftp://a"], /no http or https address/],
        [[...SHOP, "--server", "other=http://x"], /--server takes NAME=URL/],
        [[...SHOP, "--secret", "shop:authorization=MAYFLY_TEST_ABSENT"], /no environment variable MAYFLY_TEST_ABSENT/],
        [[...SHOP, "--secret", "shop:authorization=HOME"], /say with --server shop=URL/],
        [[...SHOP, "--secret", "shop:authorization=Bearer MAYFLY_TEST_ABSENT"], /no environment variable MAYFLY_TEST_ABSENT\n/],
        [[...SHOP, "--server", "shop=http://x", "--secret", "shop:X-Key=HOME", "--secret", "shop:x-key=PATH"], /--secret shop:x-key: shop has a secret for this header already/],
        ...["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"].map((address) => [[...SHOP, "--listen", address], /others can reach this address.*--listen-token ENV, or say --listen-without-token/]),
        [[...SHOP, "--listen", "0.0.0.0:0", "--listen-token", "MAYFLY_TEST_ABSENT"], /no environment variable MAYFLY_TEST_ABSENT/],
        ...["short", "with spaces in the middle", "ümlaute-in-the-token"].map((token, index) => [[...SHOP, "--listen", "127.0.0.1:0", "--listen-token", `MAYFLY_TEST_TOKEN${index}`], /^mayfly mcp: --listen-token takes a token of 16 to 4096 characters/, { [`MAYFLY_TEST_TOKEN${index}`]: token }]),
        [[...SHOP, "--listen-token", "HOME"], /are for --listen\n/],
        [[...SHOP, "--listen-without-token"], /are for --listen\n/],
        [[...SHOP, "--listen", "0.0.0.0:0", "--listen-token", "HOME", "--listen-without-token"], /not both/],
        [[...SHOP, "--timeout", "soon"], /--timeout takes milliseconds/],
    ];
    for (const [args, pattern, env] of cases) {
        const error = await run(MAYFLY, ["mcp", ...args], { input: "", env: { ...process.env, ...env } }).catch((failure) => failure);
        equal(error.code, 2, `${args.join(" ")}: `);
        matches(error.stderr, pattern);
    }
});

await test("without a source that can be used there is no server", async () => {
    for (const [args, pattern] of [
        [["--openapi", `a=${join(HERE, "shop.ts")}`], /a: left out: [^]*\nmayfly mcp: none of the sources can be used/],
        [["--stdio", "a=exit 1", "--openapi", `b=${join(HERE, "shop.ts")}`], /a: left out: [^]*none of the sources/],
        [["--listen", "127.0.0.1:0", "--openapi", `a=${join(HERE, "shop.ts")}`], /a: left out: [^]*none of the sources/],
    ]) {
        const running = run(MAYFLY, ["mcp", ...args]);
        running.child.stdin.end();
        const error = await running.catch((failure) => failure);
        equal(error.code, 1, `${args.join(" ")}: `);
        matches(error.stderr, pattern);
    }
});

await test("sources from a file", async () => {
    const path = join(ROOT, "build/sdk-test/mcp.json");
    const write = (sources) => writeFileSync(path, JSON.stringify({ sources }));
    write({ shop: { tools: join(HERE, "shop.ts") }, figma: { openapi: documents.figma.path, server: "https://api.figma.com" } });
    await withStdio(["--config", path], async (client) => {
        equal(await result(client, "return shop.add(1, 2)"), "3");
        matches((await client.listTools()).tools[0].description, /figma: Figma API \(54\)/);
    });
    for (const [sources, pattern] of [
        [{ a: {} }, /a: needs openapi, mcp, command or tools/],
        [{ a: { tools: "x.ts", mcp: "http://x" } }, /one of openapi, mcp, command and tools, not two/],
        [{ "a-b": { tools: "x.ts" } }, /a-b: the name of a source is an identifier/],
        [{ class: { tools: "x.ts" } }, /class: the name of a source is no word of the language/],
        [{ Math: { tools: "x.ts" } }, /Math: the name of a source is no global of JavaScript's, which code would miss/],
        [{ a: { mcp: "http://x", secret: { header: "X" } } }, /a secret is/],
        [{ a: { mcp: "http://x", secret: { header: "X", env: "HOME", prefix: 1 } } }, /a secret is/],
        [{ a: { mcp: "http://x", secret: ["HOME"] } }, /a secret is/],
        [{ a: { mcp: "http://x", secret: ["X-Key", "x-KEY"].map((header) => ({ header, env: "HOME" })) } }, /a: has a secret for this header already/],
        [[], /sources: is to be an object/],
    ]) {
        write(sources);
        const error = await run(MAYFLY, ["mcp", "--config", path]).catch((failure) => failure);
        equal(error.code, 2);
        matches(error.stderr, pattern);
    }
});

// --- Large and strange documents -------------------------------------------------------------------------------------

await withStdio([...ALL, ...SHOP], async (client, errors) => {
    await test("five public documents stay under 1,000 tokens", async () => {
        const { tools } = await client.listTools();
        const tokens = countTokens(JSON.stringify(tools)) + countTokens(client.getInstructions());
        console.log(`# before a model: ${tokens} tokens for 1,573 operations`);
        if (tokens >= 1000) throw new Error(`${tokens} tokens`);
        matches(tools[0].description, /github: GitHub.* \(1223\)/);
    });
    await test("GitHub's operations are found and declared", async () => {
        matches((await call(client, "search", { query: "create an issue comment" })).text, /^github\.issuesCreateComment: /);
        matches((await call(client, "search", { query: "list repositories of a user" })).text.split("\n").slice(0, 3).join(), /github\.reposListForUser/);
        const { text } = await call(client, "types", { names: ["github.issuesCreateComment", "github.reposGet"] });
        matches(text, /issuesCreateComment\(input: \{[^}]*issue_number: number[^}]*body: string[^}]*\}\): Promise<IssueComment>;/);
        equal(text.length < 25_000, true);
    });
    await test("operations are found by other words than their document's", async () => {
        const wanted = {
            "make a new issue": "github.issuesCreate",
            "close an issue": "github.issuesUpdate",
            "change a comment on an issue": "github.issuesUpdateComment",
            "fetch a pull request": "github.pullsGet",
            "open a pull request": "github.pullsCreate",
            "get PR diff files": "github.pullsListFiles",
            "show me the reviews of a PR": "github.pullsListReviews",
            "invite someone to an organization": "github.orgsCreateInvitation",
            "modify webhook of a repository": "github.reposUpdateWebhook",
            "starring a github repo": "github.activityStarRepoForAuthenticatedUser",
            "figma: edit a webhook": "figma.putWebhook",
            "directus: modify an item": "directus.updateItem",
            "who am I": "figma.getMe",
        };
        const missed = [];
        for (const [query, name] of Object.entries(wanted)) {
            const found = (await call(client, "search", { query, limit: 5 })).text.match(/^\w+\.\w+/gm);
            if (!found?.includes(name)) missed.push(`${query}: ${found}`);
        }
        equal(missed, []);
    });
    await test("a type is declared by its name", async () => {
        matches((await call(client, "types", { names: ["SimpleUser"] })).text, /^type SimpleUser = \{/);
    });
    await test("a missing parameter is named before anything is sent", async () => {
        matches((await execute(client, "await github.reposGet({ owner: 'a' })")).text, /^TypeError: github\.reposGet: missing repo/);
        matches((await execute(client, "await github.reposGet({ owner: 'a', rep: 'b' })")).text, /missing repo; it was given owner, rep|missing repo; it was given rep/);
    });
    await test("the start tells its progress", () => matches(errors(), /github: 1223 functions \(\d+ ms\)/));
    await test("a document that names its server is not complained of", () => equal(/github: its document|figma: its document/.test(errors()), false));
});

function strange() {
    const cyclic = { $ref: "#/components/schemas/A" };
    const schemas = {
        A: { allOf: [{ $ref: "#/components/schemas/B" }], properties: { a: { $ref: "#/components/schemas/A" } } },
        B: { oneOf: [cyclic, { type: "null" }] },
        Loop: { $ref: "#/components/schemas/Loop" },
        Odd: { type: 7, properties: [], required: "x", enum: "no", items: null },
    };
    const ok = (schema) => ({ 200: { content: { "application/json": { schema } } } });
    return {
        openapi: "3.1.0",
        info: null,
        paths: {
            "/cyclic": { get: { operationId: "cyclic", responses: ok(cyclic) } },
            "/loop": { get: { operationId: "loop", responses: ok({ $ref: "#/components/schemas/Loop" }) } },
            "/odd": { post: { operationId: "odd", parameters: [null, 3, { in: "query" }, { $ref: "#/nowhere" }], requestBody: 5, responses: ok({ $ref: "#/components/schemas/Odd" }) } },
            "/broken": { get: 3, parameters: {} },
            "/none": null,
            "/twice": { get: { operationId: "cyclic" }, put: { operationId: "__proto__" }, post: { operationId: "delete" } },
        },
        components: { schemas },
    };
}

await test("strange documents cost what is strange in them", async () => {
    const path = join(ROOT, "build/sdk-test/strange.json");
    const broken = join(ROOT, "build/sdk-test/broken.yaml");
    writeFileSync(path, `\uFEFF${JSON.stringify(strange())}`); // as editors of Windows write it
    writeFileSync(broken, "openapi: 3.0.0\n  bad: [indent\n");
    const bomb = join(ROOT, "build/sdk-test/bomb.yaml");
    const level = (n) => `x${n}: &a${n} [${Array(10).fill(n === 0 ? 1 : `*a${n - 1}`).join()}]`;
    writeFileSync(bomb, ["openapi: 3.0.0", "paths: {}", ...Array.from({ length: 10 }, (_, n) => level(n))].join("\n"));
    await withStdio(["--openapi", `strange=${path}`, "--openapi", `broken=${broken}`, "--openapi", `bomb=${bomb}`, ...SHOP], async (client, errors) => {
        equal(await result(client, "return shop.add(1, 1)"), "2");
        const { text } = await call(client, "types", { names: ["strange.*"] });
        for (const name of ["cyclic", "loop", "odd", "cyclic2", "delete_"]) matches(text, new RegExp(`\\b${name}\\(`));
        matches(errors(), /broken: left out: /);
        matches(errors(), /strange: its document names no server; say which to ask with --server strange=URL/);
        matches((await execute(client, "await strange.cyclic()")).text, /^Error: strange\.cyclic: the document names no server; start mayfly mcp with --server strange=URL/);
        matches(errors(), /bomb: left out: its aliases make 1234567\d+ values of it/);
        const why = /^broken is not available: \S/m;
        matches((await call(client, "search", { query: "zebra" })).text, why);
        matches((await call(client, "search", { query: "broken items" })).text, why);
        matches((await call(client, "types", { names: ["broken.list"] })).text, /^\/\/ There is no broken\.list: broken is not available: \S/);
        matches((await execute(client, "return broken.list()")).text, /^ReferenceError: [^]*\nbroken is not available: \S/);
        equal(why.test((await call(client, "search", { query: "shop" })).text), false);
        matches((await client.listTools()).tools[0].description, /\n\(not available: broken, bomb\)$/);
        matches(errors(), /strange: left out: GET \/broken/);
    });
});

// --- HTTP ------------------------------------------------------------------------------------------------------------

/** `mayfly mcp` over HTTP, for the time of `body`. */
async function withHttp(args, body, address = "127.0.0.1:0") {
    const child = spawn(MAYFLY, ["mcp", "--listen", address, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    const url = await new Promise((resolve, reject) => {
        let out = "";
        child.stdout.on("data", (data) => {
            out += data;
            const found = /listens on (http:\S+)/.exec(out);
            if (found) resolve(`${found[1]}/mcp`);
        });
        child.on("exit", (code) => reject(new Error(`ended with ${code}: ${out}`)));
    });
    try {
        await body(url);
    } finally {
        child.kill("SIGTERM");
        await new Promise((resolve) => child.on("exit", resolve));
    }
}

const gate = join(ROOT, "build/sdk-test/gate.ts");
writeFileSync(gate, `let isOpen = false, count = 0;
export async function pass(): Promise<void> { for (count++; !isOpen; ) await new Promise((resolve) => setTimeout(resolve, 10)); }
export const waiting = (): number => count;
export const open = (): number => { isOpen = true; return count; };
`);

await withHttp([...SHOP, "--tools", `gate=${gate}`], async (url) => {
    await test("the SDK's client over streamable HTTP", async () => {
        const client = new Client({ name: "test", version: "1" });
        await client.connect(new StreamableHTTPClientTransport(new URL(url)));
        equal((await client.listTools()).tools.length, 3);
        equal(await result(client, "return shop.add(2, 3)"), "5");
        await client.close();
    });
    await test("over HTTP, no client takes back what another one has begun", async () => {
        const ask = async (message, headers) => fetch(url, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
        const began = async () => (await ask({ id: 0, method: "initialize", params: {} })).headers.get("mcp-session-id");
        const [one, other] = [await began(), await began()];
        const params = { name: "execute", arguments: { code: "await gate.pass(); return 1" } };
        const opened = async (code) => JSON.parse((await (await ask({ id: 8, method: "tools/call", params: { name: "execute", arguments: { code } } })).json()).result.content[0].text);
        const call = (session) => ask({ id: 7, method: "tools/call", params }, session && { "mcp-session-id": session });
        const statuses = [one, other, undefined].map(async (session) => (await call(session)).status);
        await until("all three", async () => (await opened("return gate.waiting()")) === 3);
        for (const headers of [{ "mcp-session-id": one }, {}]) await ask({ method: "notifications/cancelled", params: { requestId: 7 } }, headers);
        await opened("return gate.open()");
        equal(await Promise.all(statuses), [202, 200, 200]);
    });
    await test("pages of other origins are refused", async () => {
        const ask = (origin) => fetch(url, { method: "POST", headers: { origin }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
        equal((await ask("https://example.com")).status, 403);
        equal((await ask("null")).status, 403);
        equal((await ask("http://localhost:3000")).status, 200);
    });
    await test("what is no message is refused", async () => {
        equal((await fetch(url)).status, 405);
        equal((await fetch(url, { method: "POST", body: "{" })).status, 400);
        equal((await fetch(url, { method: "POST", body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' })).status, 202);
    });
    await test("the inspector's command line", async () => {
        const cli = join(PEERS, "@modelcontextprotocol/inspector-cli/build/index.js");
        const listed = await run("node", [cli, MAYFLY, "mcp", ...SHOP, "--method", "tools/list"], { cwd: join(ROOT, "build/peers") });
        equal(JSON.parse(listed.stdout).tools.map(({ name }) => name), ["search", "types", "execute"]);
        const called = await run("node", [cli, url, "--transport", "http", "--method", "tools/call", "--tool-name", "execute", "--tool-arg", "code=return shop.add(20, 22)"]);
        equal(JSON.parse(called.stdout).content[0].text, "42");
    });
});

process.env.MAYFLY_TEST_LISTEN = "a-token-of-32-characters-or-more";
await withHttp([...SHOP, "--listen-token", "MAYFLY_TEST_LISTEN"], async (url) => {
    const here = url.replace("0.0.0.0", "127.0.0.1");
    const ask = (authorization) => fetch(here, { method: "POST", headers: authorization ? { authorization } : {}, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
    await test("a server that others reach answers those with its token", async () => {
        for (const wrong of [undefined, "Bearer", "Bearer ", "Bearer a-token-of-32-characters-or-mor", "Bearer a-token-of-32-characters-or-more2",
            "Bearer A-token-of-32-characters-or-more", "Basic a-token-of-32-characters-or-more", "a-token-of-32-characters-or-more",
            `Bearer ${createHash("sha256").update(process.env.MAYFLY_TEST_LISTEN).digest("hex")}`]) {
            const answer = await ask(wrong);
            equal([answer.status, answer.headers.get("www-authenticate")], [401, "Bearer"], `${wrong}: `);
            matches(await answer.text(), /^Unauthorized: this server wants the header Authorization: Bearer TOKEN/);
        }
        for (const right of ["Bearer", "bearer", "BEARER "]) equal((await ask(`${right} ${process.env.MAYFLY_TEST_LISTEN}`)).status, 200);
        for (const method of ["GET", "DELETE", "OPTIONS"]) equal((await fetch(here, { method })).status, 401);
    });
    await test("the SDK's client with a token", async () => {
        const client = new Client({ name: "test", version: "1" });
        const requestInit = { headers: { authorization: `Bearer ${process.env.MAYFLY_TEST_LISTEN}` } };
        await client.connect(new StreamableHTTPClientTransport(new URL(here), { requestInit }));
        equal(await result(client, "return [await shop.add(2, 3), JSON.stringify(process.env)]"), '[5,"{}"]');
        await client.close();
    });
}, "0.0.0.0:0");
await withHttp([...SHOP, "--listen-without-token"], async (url) => {
    await test("a server that answers everybody says so on its command line", async () => {
        const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
        equal((await fetch(url.replace("0.0.0.0", "127.0.0.1"), { method: "POST", body })).status, 200);
    });
}, "0.0.0.0:0");
