// Modules of every kind, and how they find each other. dynamic-workers.md 1.4, rows B1 to B12 and B15.

import { cases, equal, ok, rejects, throws, worker } from "./check.js";

/** Loads these modules and calls the main module's default export's run(). */
function run(env, modules, argument = null, more = undefined) {
    return env.LOADER.load(worker(modules, more)).getEntrypoint().run(argument);
}

/** A main module of these lines whose run() returns `result`. */
function main(lines, result) {
    return `${lines}\nexport default { async run(argument) { return ${result}; } };`;
}

/** A case: these modules give that result. */
function gives(expected, modules) {
    return async ({ env }) => equal(await run(env, modules), expected);
}

// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
const ADD = Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0,
    32, 1, 106, 11,
]);

const javascript = {
    "imports and exports of every form": gives([1, 2, 3, 4, 5, 6, "f", "K", 7, 8, "default", ["a", "b", "default", "rest"]], {
        "main.js": main(
            `import d, { one, two as deux, "odd name" as odd, four } from "./a.js";
             import * as all from "./b.js"; import five, * as more from './b.js'; import "./side.js";
             import {} from "./side.js"; import { default as again } from "./a.js";`,
            "[one, deux, odd, four, five.five, globalThis.side, d.f(), new d.K().name(), all.a, more.b, again === d && 'default', Object.keys(all)]",
        ),
        "a.js": `export const one = 1; let two = 2; const three = 3; export { two, three as "odd name" };
            export var four = 4; export class K { name() { return "K"; } } export default { f, K };
            export function f() { return "f"; }`,
        "b.js": "export let a = 7, { b, ...rest } = { b: 8, c: 9 }; export default { five: 5 }; export { }",
        "side.js": "globalThis.side = (globalThis.side ?? 5) + 1;",
    }),
    "names in braces and brackets": gives([[1, 2], 3, 4, "default function"], {
        "main.js": main(
            "import named, { x, y, z } from './a.js';",
            "[[x, y], z.deep, z.list[1], named.name === 'default' ? 'default function' : named.name]",
        ),
        "a.js": "export const { x, inner: { y } } = { x: 1, inner: { y: 2 } }; export let [z] = [{ deep: 3, list: [0, 4] }]; export default function () {}",
    }),
    "exports of others' exports": gives([1, 2, "d", 3, ["d", "one", "renamed"], 1, ["alpha", "one", "two"]], {
        "main.js": main(
            `import { one, renamed, d, space } from "./hub.js"; import * as hub from "./stars.js";
             import * as only from "./only.js";`,
            "[one, renamed, d, hub.three, Object.keys(only), space.one, Object.keys(space).toSorted()]",
        ),
        "hub.js": `export { one, two as renamed, default as d } from "./leaf.js"; export * as space from "./leaf2.js";`,
        "only.js": `export { one, two as renamed, default as d } from "./leaf.js";`,
        "stars.js": `export * from "./leaf.js"; export * from "./leaf3.js";`,
        "leaf.js": "export const one = 1, two = 2; export default 'd';",
        "leaf2.js": "export const one = 1, two = 2, alpha = 0;",
        "leaf3.js": "export const three = 3;",
    }),
    "export * leaves the default out, prefers its own, and hides what is ambiguous": gives(
        [["both", "mine", "one", "two"], "own", "undefined"],
        {
            "main.js": main(
                "import * as hub from './hub.js';",
                "[Object.keys(hub).toSorted(), hub.mine, typeof hub.clash]",
            ),
            "hub.js": "export * from './a.js'; export * from './b.js'; export const mine = 'own'; export { both } from './c.js'; export * from './c.js';",
            "a.js": "export const one = 1, clash = 'a', mine = 'not'; export default 1;",
            "b.js": "export const two = 2, clash = 'b';",
            "c.js": "export const both = 3;",
        },
    ),
    "bindings are live": gives([0, 1, 2, "set", 2, [3, 3], 10], {
        "main.js": main(
            `import { count, up, setLater } from "./counter.js"; import * as counter from "./counter.js";
             import { count as other, total } from "./through.js";
             const seen = [count]; up(); seen.push(count); up(); seen.push(other);
             const object = { count };
             function shadowed(count) { return count; }`,
            "(setLater('set'), [...seen, counter.later, object.count, (up(), [counter.count, count]), shadowed(10)])",
        ),
        "counter.js": "export let count = 0; export function up() { count++; } export let later; export const setLater = (v) => { later = v; };",
        "through.js": "export * from './counter.js'; export const total = 0;",
    }),
    "a default export that is declared is live, one that is an expression is not": gives(["after", "before"], {
        "main.js": main("import f, { change } from './a.js'; import v, { set } from './b.js'; change(); set();", "[f(), v]"),
        "a.js": "export default function f() { return 'before'; } export const change = () => { f = () => 'after'; };",
        "b.js": "let v = 'before'; export default v; export const set = () => { v = 'after'; };",
    }),
    "importers cannot assign": async ({ env }) => {
        const lines = (body) => ({
            "main.js": main("import { x } from './a.js'; import * as all from './a.js';", `(() => { ${body} })()`),
            "a.js": "export let x = 1;",
        });
        for (const body of ["x = 2", "x++", "all.x = 2", "all.more = 2", "delete all.x", "Object.defineProperty(all, 'y', { value: 1 })"]) {
            await rejects(run(env, lines(body)), { name: "TypeError" });
        }
    },
    "cycles see hoisted functions and, later, everything": gives(["even", "odd", true, "from b: a", 3], {
        "main.js": main(
            "import { isEven, early } from './even.js'; import { fromB } from './a.js'; import { n } from './self.js';",
            "[isEven(10) ? 'even' : 'odd', isEven(7) ? 'even' : 'odd', early, fromB(), n]",
        ),
        "even.js": "import { isOdd, early } from './odd.js'; export function isEven(n) { return n === 0 || isOdd(n - 1); } export { early };",
        "odd.js": "import { isEven } from './even.js'; export function isOdd(n) { return n !== 0 && isEven(n - 1); } export const early = isEven(4);",
        "a.js": "import { b } from './b.js'; export const a = 'a'; export const fromB = () => b();",
        "b.js": "import { a } from './a.js'; export const b = () => 'from b: ' + a;",
        "self.js": "import { n as mine } from './self.js'; export const n = 3; if (mine !== 3) throw new Error('not myself');",
    }),
    "a cycle's value that is not there yet": async ({ env }) => {
        const error = await rejects(
            run(env, {
                "main.js": main("import { a } from './a.js';", "a"),
                "a.js": "import { b } from './b.js'; export const a = 'a' + b;",
                "b.js": "import { a } from './a.js'; export const b = 'b' + a;",
            }),
            { name: "Error", message: /^Failed to start Worker:\n/ },
        );
        ok(/ReferenceError/.test(error.message) && /b\.js:1:/.test(error.message), `a ReferenceError in b.js: ${error.message}`);
    },
    "modules run once, dependencies first, in order": gives(["d", "b", "c", "a"], {
        "main.js": main("import './a.js'; import './b.js'; import './a.js';", "globalThis.order"),
        "a.js": "import './b.js'; import './c.js'; globalThis.order.push('a');",
        "b.js": "import './d.js'; globalThis.order.push('b');",
        "c.js": "import './d.js'; globalThis.order.push('c');",
        "d.js": "globalThis.order = ['d'];",
    }),
    "namespaces are as they should be": gives(
        ["[object Module]", null, ["a", "b", "z"], false, false, true, "undefined", true, ["a", "b", "z"]],
        {
            "main.js": main(
                "import * as all from './a.js'; import * as again from './a.js';",
                `[Object.prototype.toString.call(all), Object.getPrototypeOf(all), Object.keys(all), Object.isExtensible(all),
                 Reflect.set(all, "a", 1), "b" in all, typeof all.missing, all === again, Object.getOwnPropertyNames(all)]`,
            ),
            "a.js": "export const z = 1, a = 2; export function b() {}",
        },
    ),
    "modules are strict": gives([undefined, "TypeError", "ReferenceError"], {
        "main.js": main(
            `const self = this; let one, two;
             try { Object.freeze([]).push(1); } catch (error) { one = error.name; }
             try { undeclared = 1; } catch (error) { two = error.name; }`,
            "[self, one, two]",
        ),
    }),
    "top-level await": gives([[1, 2, 3, "after"], "late", "of an await"], {
        "main.js": main(
            "import { value } from './late.js'; import { list } from './order.js'; list.push('after'); const own = await Promise.resolve('of an await');",
            "[list, value, own]",
        ),
        "late.js": "import { list } from './order.js'; list.push(1); await new Promise((r) => setTimeout(r, 10)); list.push(3); export const value = await 'late';",
        "order.js": "export const list = []; setTimeout(() => list.push(2), 1);",
    }),
    "for await at the top": gives([1, 2], {
        "main.js": main("const seen = []; for await (const x of [Promise.resolve(1), 2]) seen.push(x);", "seen"),
    }),
    "a cycle that awaits": gives(["a sees b", "b sees a"], {
        "main.js": main("import { a } from './a.js'; import { b } from './b.js';", "[a(), b()]"),
        "a.js": "import { nameB } from './b.js'; await null; export const nameA = 'a'; export const a = () => 'a sees ' + nameB;",
        "b.js": "import { nameA } from './a.js'; await null; export const nameB = 'b'; export const b = () => 'b sees ' + nameA;",
    }),
    "import()": gives([1, "Module", true, 1, "rejected: Error", "computed"], {
        "main.js": main(
            "import * as fixed from './sub/a.js'; globalThis.runs = 0; const name = 'computed';",
            `[
                (await import("./sub/a.js")).one, (await import("./sub/a.js"))[Symbol.toStringTag], (await import("./sub/a.js")) === fixed,
                (await Promise.all([import("./lazy.js"), import("./lazy.js")]), globalThis.runs),
                await import("./nowhere.js").then(() => "found", (error) => "rejected: " + error.name),
                (await import("./sub/" + name + ".js")).default,
            ]`,
        ),
        "sub/a.js": "export const one = 1;",
        "sub/computed.js": "export default (await import('./inner.js')).text;",
        "sub/inner.js": "export const text = 'computed';",
        "lazy.js": "globalThis.runs++; export {};",
    }),
    "import() of a module that throws, again and again": gives(["TypeError: mine", "TypeError: mine", 1], {
        "main.js": main(
            "const ask = () => import('./bad.js').then(() => 'fine', String);",
            "[await ask(), await ask(), globalThis.tries]",
        ),
        "bad.js": "globalThis.tries = (globalThis.tries ?? 0) + 1; throw new TypeError('mine');",
    }),
    "import.meta": async ({ env }) => {
        const [url, inner, same] = await run(env, {
            "main.js": main("import { url, meta } from './sub/a.js'; const first = import.meta;", "[import.meta.url, url, first === import.meta && meta() === meta()]"),
            "sub/a.js": "export const url = import.meta.url; export const meta = () => import.meta;",
        });
        ok(new URL(url).pathname.endsWith("/main.js"), `an address that ends in main.js, not ${url}`);
        ok(new URL(inner).pathname.endsWith("/sub/a.js"), `an address that ends in sub/a.js, not ${inner}`);
        equal(same, true);
    },
    "what only looks like an import": gives([4, "import x from 'y'", "export { z }", true, 1], {
        "main.js": main(
            `// import a from "./no.js";
             /* export * from "./no.js"; */
             const text = "import x from 'y'", template = \`export \${"{ z }"}\`;
             const object = { import: 1, export: 2, from: 3, "import('./no.js')": 0 };
             const regexp = /import\\("no"\\) \\/ export/.test('import("no") / export');
             const half = 8 / 2 / 1;
             label: for (const of of [1]) { if (of) break label; }`,
            "[half, text, template, regexp, object.import]",
        ),
    }),
    "a hashbang, a BOM, and every line end": async ({ env }) => {
        equal(await run(env, { "main.js": "#!/usr/bin/env node\nexport default { run() { return 1; } };" }), 1);
        equal(await run(env, { "main.js": "\ufeffexport default { run() { return 2; } };" }), 2);
        equal(await run(env, { "main.js": "// c\rexport default {\r\nrun() { return 3; }\u2028};\u2029//" }), 3);
        equal(await run(env, { "main.js": "export default { run() { return 4; } } // the end" }), 4);
    },
    "text that is not ASCII": gives(["größe", "\u{1f41d}", "ключ"], {
        "main.js": main("import { größe, ключ } from './ü/日本.js';", "[größe, '\u{1f41d}', ключ]"),
        "ü/日本.js": "export const größe = 'größe', ключ = 'ключ';",
    }),
    "a {js} module of any name": gives([1, 2], {
        main: { js: main("import { a } from './lib/no-extension'; import b from 'bare-name';", "[a, b]") },
        "lib/no-extension": { js: "export const a = 1;" },
        "bare-name": { js: "export default 2;" },
    }),
    "a large module": async ({ env }) => {
        const lines = Array.from({ length: 40000 }, (_, i) => `export const c${i} = ${i};`).join("\n");
        equal(await run(env, { "main.js": main("import * as all from './all.js';", "[all.c39999, Object.keys(all).length]"), "all.js": lines }), [
            39999, 40000,
        ]);
    },
    "large code is what small code is, whatever it consists of": async ({ env }) => {
        for (const letter of ["x", "é", "\u{1f41d}"]) {
            const lines = `// ${letter} ${"-".repeat(96)}\n`.repeat(1000);
            const fails = "function fails() {\n    throw new Error('here'); }\n";
            const shown = `[fails.toString().length, (() => { try { fails(); } catch (error) { return error.stack.match(/[^ (@]*:1002:\\d+/)[0]; } })(), "${letter}"]`;
            const expected = [fails.length - 1, "large.js:1002:20", letter];
            equal(await run(env, { "main.js": main("import { v } from './large.js';", "v"), "large.js": `${lines}${fails}export const v = ${shown};` }), expected);
            equal(await run(env, { "main.js": main("import v from './large.js';", "v"), "large.js": { cjs: `${lines}${fails}module.exports = ${shown};` } }), expected);
            const wrong = await rejects(run(env, { "main.js": `${lines}const y = 1;\nlet x = ;` }), { name: "Error" });
            ok(wrong.message.includes("main.js:1002:9"), `1002:9 in ${wrong.message}`);
        }
    },
    "300 modules in a chain": async ({ env }) => {
        const modules = { "main.js": main("import { v } from './m0.js';", "v") };
        for (let i = 0; i < 300; i++) {
            modules[`m${i}.js`] = i < 299 ? `import { v as w } from './m${i + 1}.js'; export const v = w + 1;` : "export const v = 1;";
        }
        equal(await run(env, modules), 300);
    },
};

const specifiers = {
    "relative specifiers follow the folders": gives(["root", "sub", "deep", "sub", "root", "deep", "root"], {
        "app/main.js": main(
            `import root from "../root.js"; import sub from "./sub/a.js"; import deep from "./sub/deep/b.js";
             import { up, top, here } from "./sub/deep/c.js"; import odd from "./sub/.././sub/../../root.js";`,
            "[root, sub, deep, up, top, here, odd]",
        ),
        "root.js": "export default 'root';",
        "app/sub/a.js": "export default 'sub';",
        "app/sub/deep/b.js": "export default 'deep';",
        "app/sub/deep/c.js": `export { default as up } from "../a.js"; export { default as top } from "../../../root.js"; export { default as here } from "./b.js";`,
    }),
    "a bare specifier is a module's name": gives(["lib", "scoped"], {
        "app/main.js": main("import a from 'lib/a.js'; import b from '@scope/b';", "[a, b]"),
        "lib/a.js": "export default 'lib';",
        "@scope/b": { js: "export default 'scoped';" },
    }),
    "the worker's modules win over nothing else": async ({ env }) => {
        const found = await run(env, {
            "main.js": main("import { WorkerEntrypoint, RpcTarget, env, waitUntil } from 'cloudflare:workers'; import * as all from 'cloudflare:workers';", "[typeof WorkerEntrypoint, typeof RpcTarget, typeof env, typeof waitUntil, all[Symbol.toStringTag]]"),
        });
        equal(found, ["function", "function", "object", "function", "Module"]);
    },
};

const commonjs = {
    "module.exports is the default import": gives([1, "f", 3, 5, "filled"], {
        "main.js": main(
            "import a from './a.cjs'; import f from './f.cjs'; import { default as filled } from './filled.cjs'; import number from './n.cjs';",
            "[a.one, f(), a.sum(1, 2), number, filled.text]",
        ),
        "a.cjs": { cjs: "exports.one = 1; module.exports.sum = (a, b) => a + b;" },
        "f.cjs": { cjs: "module.exports = function f() { return 'f'; };" },
        "filled.cjs": { cjs: "exports.text = 'filled'; exports = null;" },
        "n.cjs": { cjs: "module.exports = 5" },
    }),
    "require between modules": gives(["from c", "text", { j: 1 }, "sub", true, 1, "esm default"], {
        "main.js": main("import a from './a.cjs';", "[a.c, a.text, a.json, a.sub, a.same, a.runs, a.esm.default]"),
        "a.cjs": {
            cjs: `const c = require("./c.cjs");
                module.exports = { c: c.name, text: require("./t.txt"), json: require("./j.json"), sub: require("./lib/s.cjs").name,
                    same: require("./c.cjs") === c, runs: globalThis.runs, esm: require("./esm.js") };`,
        },
        "c.cjs": { cjs: "globalThis.runs = (globalThis.runs ?? 0) + 1; exports.name = 'from c';" },
        "lib/s.cjs": { cjs: "exports.name = require('../name.cjs');" },
        "name.cjs": { cjs: "module.exports = 'sub';" },
        "t.txt": { text: "text" },
        "j.json": { json: { j: 1 } },
        "esm.js": "export default 'esm default';",
    }),
    "a cycle of require": gives([{ done: true, sawB: false }, { done: true, sawA: true }], {
        "main.js": main("import a from './a.cjs'; import b from './b.cjs';", "[{ done: a.done, sawB: a.partial }, { done: b.done, sawA: b.a === a }]"),
        "a.cjs": { cjs: "exports.done = false; const b = require('./b.cjs'); exports.partial = b.sawDone; exports.done = true;" },
        "b.cjs": { cjs: "const a = require('./a.cjs'); exports.a = a; exports.sawDone = a.done; exports.done = true;" },
    }),
    "CommonJS is sloppy, has this, and a name": gives([true, true, "string", "string"], {
        "main.js": main("import a from './sub/a.cjs';", "a"),
        "sub/a.cjs": {
            cjs: "const self = this === exports; undeclared = 1; module.exports = [self, undeclared === 1, typeof __filename, typeof __dirname];",
        },
    }),
    "a require of what is not there can be caught": gives("caught: true", {
        "main.js": main("import a from './a.cjs';", "a"),
        "a.cjs": { cjs: "try { require('./nowhere.cjs'); } catch (error) { module.exports = 'caught: ' + /nowhere\\.cjs/.test(error.message); }" },
    }),
    "a CommonJS main": async ({ env }) => {
        const code = { compatibilityDate: "2026-01-01", mainModule: "main", modules: { main: { cjs: "module.exports = { run() { return 'cjs main'; } };" } } };
        equal(await env.LOADER.load(code).getEntrypoint().run(null), "cjs main");
    },
};

const data = {
    "text": gives(["plain \u{1f41d}\n\0", "", "<b>"], {
        "main.js": main("import a from './a.txt'; import empty from './empty'; import { default as html } from './page.html';", "[a, empty, html]"),
        "a.txt": { text: "plain \u{1f41d}\n\0" },
        empty: { text: "" },
        "page.html": { text: "<b>" },
    }),
    "data is an ArrayBuffer": gives([true, [1, 2, 255], 0], {
        "main.js": main("import a from './a.bin'; import e from './e.bin';", "[a instanceof ArrayBuffer, [...new Uint8Array(a)], e.byteLength]"),
        "a.bin": { data: Uint8Array.from([1, 2, 255]).buffer },
        "e.bin": { data: new ArrayBuffer(0) },
    }),
    "data of a view is the view's part": gives([2, 3], {
        "main.js": main("import a from './a.bin';", "[...new Uint8Array(a)]"),
        "a.bin": { data: Uint8Array.from([1, 2, 3, 4]).subarray(1, 3) },
    }),
    "data is copied at load": async ({ env }) => {
        const bytes = Uint8Array.from([1, 2, 3]);
        const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
        new Uint8Array(resizable).fill(7);
        const stub = env.LOADER.load(
            worker({
                "main.js": main("import a from './a.bin'; import r from './r.bin';", "[[...new Uint8Array(a)], [...new Uint8Array(r)]]"),
                "a.bin": { data: bytes.buffer },
                "r.bin": { data: resizable },
            }),
        );
        bytes.fill(9);
        resizable.resize(0);
        equal(await stub.getEntrypoint().run(null), [[1, 2, 3], [7, 7, 7, 7]]);
    },
    "a detached buffer": ({ env }) => {
        const bytes = new ArrayBuffer(8);
        structuredClone(bytes, { transfer: [bytes] });
        throws(() => env.LOADER.load(worker({ "main.js": "", "a.bin": { data: bytes } })), { name: "TypeError" });
    },
    "json is serialized at load and parsed in the worker": async ({ env }) => {
        const value = { a: [1, null, "x"], dropped: undefined, date: new Date(0), nested: { toJSON: () => "made" } };
        const stub = env.LOADER.load(
            worker({
                "main.js": main("import a from './a.json'; import n from './n.json'; import s from './s.json';", "[a, n, s]"),
                "a.json": { json: value },
                "n.json": { json: null },
                "s.json": { json: "just text" },
            }),
        );
        value.a.push("later");
        equal(await stub.getEntrypoint().run(null), [
            { a: [1, null, "x"], date: "1970-01-01T00:00:00.000Z", nested: "made" }, null, "just text",
        ]);
    },
    "json with import attributes": gives([{ j: 1 }, { j: 1 }], {
        "main.js": main("import a from './a.json' with { type: 'json' };", "[{ ...a }, (await import('./a.json', { with: { type: 'json' } })).default]"),
        "a.json": { json: { j: 1 } },
    }),
};

const wasm = {
    "bytes become a WebAssembly.Module": gives([true, 5, 42], {
        "main.js": main(
            "import add from './add.wasm'; const instance = new WebAssembly.Instance(add);",
            "[add instanceof WebAssembly.Module, instance.exports.add(2, 3), (await WebAssembly.instantiate(add)).exports.add(40, 2)]",
        ),
        "add.wasm": { wasm: ADD },
    }),
    "an ArrayBuffer or a view": async ({ env }) => {
        for (const bytes of [ADD, ADD.slice().buffer, new DataView(ADD.buffer, ADD.byteOffset, ADD.byteLength)]) {
            const modules = { "main.js": main("import add from './add.wasm';", "new WebAssembly.Instance(add).exports.add(1, 2)"), "add.wasm": { wasm: bytes } };
            equal(await run(env, modules), 3);
        }
    },
    "import source": gives(7, {
        "main.js": main("import source add from './add.wasm';", "new WebAssembly.Instance(add).exports.add(3, 4)"),
        "add.wasm": { wasm: ADD },
    }),
    "imports of an instance": gives([7, "called with 7"], {
        // (module (import "env" "f" (func (param i32))) (func (export "go") i32.const 7 call 0))
        "main.js": main(
            "import m from './m.wasm'; let got; new WebAssembly.Instance(m, { env: { f: (n) => { got = n; } } }).exports.go();",
            "[got, 'called with ' + got]",
        ),
        "m.wasm": {
            wasm: Uint8Array.from([
                0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 2, 96, 1, 127, 0, 96, 0, 0, 2, 9, 1, 3, 101, 110, 118, 1, 102, 0, 0, 3, 2, 1, 1, 7, 6, 1,
                2, 103, 111, 0, 1, 10, 8, 1, 6, 0, 65, 7, 16, 0, 11,
            ]),
        },
    }),
    "a WebAssembly.Module that was imported is passed on": async ({ env }) => {
        const source = main("import add from './x/add.wasm';", "new WebAssembly.Instance(add).exports.add(20, 1)");
        const { default: imported } = await import("./add.wasm");
        ok(imported instanceof WebAssembly.Module, "a module of the host worker's own");
        equal(await run(env, { "main.js": source, "x/add.wasm": imported }), 21);
        equal(await run(env, { "main.js": source, "x/add.wasm": { wasm: imported } }), 21);
    },
    "bytes that are no WebAssembly": async ({ env }) => {
        const error = await rejects(
            run(env, { "main.js": main("import m from './m.wasm';", "0"), "m.wasm": { wasm: Uint8Array.from([0, 1, 2, 3]) } }),
            { name: "Error", message: /^Failed to start Worker:\n/ },
        );
        ok(error.message.includes("m.wasm"), `the module's name in: ${error.message}`);
    },
};

/** r(name, fails) is a resource that notes its disposal, and as(name) one that is awaited. */
const RESOURCES = `const log = []; const r = (name, fails) => ({ name, [Symbol.dispose]() { log.push(name); if (fails) throw new RangeError(name); } });
    const as = (name) => ({ name, async [Symbol.asyncDispose]() { await null; log.push(name); } });
    const tried = async (f) => { try { return await f(); } catch (e) { return [e.name, e.message, e.error?.message, e.suppressed?.message]; } };`;

const disposal = (expected, text) => gives(expected, { "main.js": main(`${RESOURCES} ${text}`, "[await tried(go), log]") });

const using = {
    "using: in reverse order, after the block's value is known": disposal([["a", "b", []], ["b", "a"]],
        "function go() { using a = r('a'), b = r('b'); return [a.name, b.name, [...log]]; }"),
    "using: null and undefined are nothing, other values are refused": disposal([["TypeError", "using: the object has no [Symbol.dispose]() method.", undefined, undefined], ["a"]],
        "function go() { using a = r('a'), n = null, u = undefined; using wrong = {}; log.push('never'); }"),
    "using: an error waits for disposal": disposal([["RangeError", "thrown", undefined, undefined], ["a"]],
        "function go() { using a = r('a'); throw new RangeError('thrown'); }"),
    "using: errors of disposal suppress others": async ({ env }) => {
        const text = `${RESOURCES} function go() { using a = r('a', true); using b = r('b', true); throw new Error('body'); }`;
        const [[name, , error, suppressed], log] = await run(env, { "main.js": main(text, "[await tried(go), log]") });
        equal([name, error, suppressed, log], ["SuppressedError", "a", "An error was suppressed during disposal.", ["b", "a"]]);
    },
    "using: loops dispose each time, break and continue too": disposal([undefined, [1, "1", 2, "2", 3, "3", "i", 9]],
        "function go() { for (using x of [r('1'), r('2'), r('3'), r('4')]) { log.push(+x.name); if (x.name === '1') continue; if (x.name === '3') break; } for (using i = r('i'); ;) break; log.push(9); }"),
    "using: blocks, arrows, methods and static blocks": disposal([3, ["s", "in", "out", "m"]],
        `class K { static { using s = r('s'); } m() { using m = r('m'); return 3; } }
         function go() { { using o = r('out'); { using i = r('in'); } } const f = () => { using n = null; return new K().m(); }; return f(); }`),
    "await using": disposal([7, ["d", "c", "b"]],
        "async function go() { await using b = as('b'); using c = r('c'); await using d = as('d'), n = null; return 7; }"),
    "using: a module's own are disposed of at its end": gives([["end"], ["end", "top"]], {
        "main.js": main("import { x, log, before } from './a.js';", "[before, log]"),
        "a.js": "export const log = []; using top = { [Symbol.dispose]() { log.push('top'); } };\nexport const x = 1; log.push('end'); export const before = [...log]; // the end",
    }),
    "using: in CommonJS and TypeScript": gives([["c"], ["t"]], {
        "main.ts": "const c = require; import c2 from './c.cjs'; import { t } from './t.ts'; declare const require: any; export default { run(_: unknown) { return [c2.log, t()]; } };".replace("const c = require; ", ""),
        "c.cjs": { cjs: "const log = []; { using c = { [Symbol.dispose]() { log.push('c'); } }; } exports.log = log;" },
        "t.ts": "export function t(): string[] { const log: string[] = []; { using x: Disposable = { [Symbol.dispose]() { log.push('t'); } }; } return log; }",
    }),
    "using is a name like any other": gives([1, 2, 3], {
        "main.js": main("const using = { a: 1 }; const f = (using) => using + 1; let o = { using: 3 };", "[using.a, f(1), o.using]"),
    }),
    "using: places of errors are the source's": async ({ env }) => {
        const text = "function go() {\n    using a = null; using b = null; throw new Error('here');\n}\nexport default { run() { try { go(); } catch (e) { return e.stack; } } };";
        const stack = await run(env, { "main.js": text });
        ok(/main\.js:2:/.test(stack), `line 2 in ${stack}`);
        const wrong = await rejects(run(env, { "main.js": "{ using a = null; }\nlet x = ;" }), { name: "Error" });
        ok(wrong.message.includes("main.js:2:9"), `2:9 in ${wrong.message}`);
    },
};

export default cases({ ...javascript, ...using, ...specifiers, ...commonjs, ...data, ...wasm });
