// Starts that fail: the message says what is wrong, and where in the source as it was given: module, line, column, also
// on line 1 and also in TypeScript. dynamic-workers.md 1.4, rows A7 and B11; issue 2, "Modules".

import { START_FAILED, cases, equal, ok, rejects, worker } from "./check.js";

/** Loads and calls these modules; gives the message behind the prefix. */
async function failure(env, modules) {
    const call = env.LOADER.load(worker(modules)).getEntrypoint().run(null);
    const error = await rejects(call, { name: "Error", message: /^Failed to start Worker:\n/ });
    return error.message.slice(START_FAILED.length);
}

/** A case: the start fails with a message that has `text`, at `place` (module:line:column). */
function fails(modules, text, place) {
    return async ({ env }) => {
        const message = await failure(env, modules);
        ok(text instanceof RegExp ? text.test(message) : message.includes(text), `${text} in: ${message}`);
        equal(/(?:^|\s)(\S+:\d+:\d+)$/.exec(message)?.[1], place, message);
    };
}

const MAIN = "import { f } from './lib/a.js';\nexport default { run() { return f(); } };";

/** A case for a broken module beside a main module in good order. */
const inLibrary = (source, text, place) => fails({ "main.js": MAIN, "lib/a.js": source }, text, place);

const syntax = {
    "on line 1, column 1": fails("}", "SyntaxError", "main.js:1:1"),
    "on line 1": fails("let a = 1 +* 2;", "SyntaxError", "main.js:1:12"),
    "on line 3": fails("let a;\n\n  let b = = 2;\nexport default {};", "SyntaxError", "main.js:3:11"),
    "after an import on the same line": fails(
        { "main.js": "import { f } from './a.js'; let b = = 1;", "a.js": "export const f = 1;" },
        "SyntaxError",
        "main.js:1:37",
    ),
    "after exports": fails("export const a = 1;\nexport function f() {}\nlet x = = 1;", "SyntaxError", "main.js:3:9"),
    "in another module": inLibrary("export const f = () => 1;\nvar 5x;", "SyntaxError", "lib/a.js:2:5"),
    "behind characters outside ASCII": fails("const t = 'ü\u{1f41d}'; let b = = 2;", "SyntaxError", "main.js:1:26"),
    "a name declared twice": fails("let a = 1;\nlet a = 2;\nexport default {};", /a/, "main.js:2:5"),
    "an end that comes too soon": fails("export default {\n    run() {", "SyntaxError", "main.js:2:12"),
    "a string without end": fails("export default {};\nconst s = 'open", "SyntaxError", "main.js:2:11"),
    "an import that is none": fails("export default {};\nimport { a from './a.js';", "SyntaxError", "main.js:2:12"),
    "an export of what is not declared": fails("export { nothing };\nexport default {};", /nothing/, "main.js:1:10"),
    "an export made twice": fails("export const a = 1;\nexport { a };", /a/, "main.js:2:10"),
    "an import that is declared again": fails(
        { "main.js": "import { a } from './a.js';\nlet a = 1;", "a.js": "export const a = 1;" },
        /a/,
        "main.js:2:5",
    ),
    "what strict code forbids": fails("export default {};\nwith ({}) {}", "SyntaxError", "main.js:2:1"),
    "return outside of a function": fails("export default {};\nreturn 1;", "SyntaxError", "main.js:2:1"),
    "in CommonJS": fails({ "main.js": "import a from './a.cjs';", "a.cjs": { cjs: "var a;\nvar b = = 1;" } }, "SyntaxError", "a.cjs:2:9"),
    "in CommonJS on line 1": fails({ "main.js": "import a from './a.cjs';", "a.cjs": { cjs: "var b = = 1;" } }, "SyntaxError", "a.cjs:1:9"),
};

const runtime = {
    "on line 1": fails("throw new RangeError('my own words');", "RangeError: my own words", "main.js:1:21"),
    "on line 4": fails("\n\n\n  throw new Error('my own words');", "Error: my own words", "main.js:4:18"),
    "on line 1, after an import": fails(
        { "main.js": "import { f } from './a.js'; throw new Error('mine');", "a.js": "export const f = 1;" },
        "Error: mine",
        "main.js:1:44",
    ),
    "on line 1, in an exported declaration": fails("export const a = null.x;", "TypeError", "main.js:1:22"),
    "in another module": inLibrary("export const f = 1;\nmissing();", "missing", "lib/a.js:2:8"),
    "in a function of another module": fails(
        { "main.js": "import { f } from './a.js';\nf();", "a.js": "export function f() {\n    throw new TypeError('deep');\n}" },
        "TypeError: deep",
        "a.js:2:24",
    ),
    "in a cycle": fails(
        { "main.js": "import { b } from './b.js';\nexport const a = 1;", "b.js": "import { a } from './main.js';\n\nexport const b = a + 1;" },
        "ReferenceError",
        "b.js:3:18",
    ),
    "after an await": fails("await null;\nawait new Promise((r) => setTimeout(r, 5));\nthrow new Error('late');", "Error: late", "main.js:3:16"),
    "a rejection at the top": fails("await Promise.reject(new Error('rejected'));", "Error: rejected", "main.js:1:31"),
    "an error of a class of its own": fails(
        "class Mine extends Error { name = 'Mine'; }\nthrow new Mine('words');",
        "Mine: words",
        "main.js:2:15",
    ),
    "in CommonJS": fails(
        { "main.js": "import a from './sub/a.cjs';", "sub/a.cjs": { cjs: "exports.a = 1;\nthrow new Error('mine');" } },
        "Error: mine",
        "sub/a.cjs:2:16",
    ),
    "what is no error": async ({ env }) => {
        ok((await failure(env, "throw 'just text';")).includes("just text"), "the thrown text");
        ok((await failure(env, "throw undefined;")).includes("undefined"), "the thrown undefined");
        ok((await failure(env, "throw { toString() { throw 1; } };")).length > 0, "some message");
        ok((await failure(env, "throw Object.create(null);")).length > 0, "some message");
    },
    "an error whose every property throws": async ({ env }) => {
        const source = `throw new Proxy(new Error("x"), { get() { throw new Error("trap"); } });`;
        ok((await failure(env, source)).length > 0, "some message");
    },
    "a message of several lines": async ({ env }) => {
        ok((await failure(env, "throw new Error('one\\ntwo');")).startsWith("Error: one\ntwo"), "both lines");
    },
    "a stack that overflows": async ({ env }) => {
        ok(/RangeError/.test(await failure(env, "(function f() { f(); })();")), "a RangeError");
    },
};

const links = {
    "a module that is not there": fails("import './nowhere.js';", "./nowhere.js".slice(2), "main.js:1:8"),
    "a module that is not there, on line 3": fails(
        { "main.js": "import './a.js';", "a.js": "//\n//\nimport { x } from './gone/b.js';" },
        "gone/b.js",
        "a.js:3:19",
    ),
    "a bare name that is not there": fails("import x from 'lodash';", "lodash", "main.js:1:15"),
    "the error names the importer": async ({ env }) => {
        const message = await failure(env, { "main.js": "import './a.js';", "a.js": "import './b.js';" });
        equal(message.split("\n").slice(0, 2), ['Error: No such module "b.js".', '  imported from "a.js"']);
    },
    "a path out of the worker": async ({ env }) => {
        for (const specifier of ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "../main.js/../../x"]) {
            const text = await failure(env, `import "${specifier}";`); // workerd has the second text for what lies above the root
            ok(/No such module|Invalid module specifier/.test(text), specifier);
        }
    },
    "a file of the host worker is none of a dynamic worker": async ({ env }) => {
        ok(/No such module "check.js"/.test(await failure(env, "import './check.js';")), "no such module");
    },
    "an export that is not there": fails(
        { "main.js": "import {\n  f,\n  missing } from './a.js';", "a.js": "export const f = 1;" },
        "SyntaxError: The requested module './a.js' does not provide an export named 'missing'",
        "main.js:3:3",
    ),
    "a default that is not there": fails(
        { "main.js": "import d from './a.js';", "a.js": "export const f = 1;" },
        "does not provide an export named 'default'",
        "main.js:1:8",
    ),
    "a re-export of what is not there": fails(
        { "main.js": "import { x } from './a.js';", "a.js": "export { x } from './b.js';", "b.js": "" },
        "does not provide an export named 'x'",
        /* where the re-export stands, not where it is used */ "a.js:1:10",
    ),
    "a name that two stars give differently": fails(
        {
            "main.js": "import { x } from './hub.js';",
            "hub.js": "export * from './a.js'; export * from './b.js';",
            "a.js": "export const x = 1;",
            "b.js": "export const x = 2;",
        },
        "contains conflicting star exports for name 'x'",
        "main.js:1:10",
    ),
    "a star that goes in circles": fails(
        { "main.js": "import { x } from './a.js';", "a.js": "export * from './b.js';", "b.js": "export * from './a.js';" },
        "does not provide an export named 'x'",
        "main.js:1:10",
    ),
    "a named import of CommonJS, text or data": async ({ env }) => {
        for (const content of [{ cjs: "exports.x = 1" }, { text: "x" }, { data: new ArrayBuffer(1) }, { json: { x: 1 } }]) {
            const message = await failure(env, { "main.js": "import { x } from './a';", a: content });
            ok(/does not provide an export named 'x'/.test(message), message);
        }
    },
    "a cloudflare: module that is not there": async ({ env }) => {
        ok(/cloudflare:nothing/.test(await failure(env, "import 'cloudflare:nothing';")), "the module's name");
    },
    "import() gives the same words": async ({ env }) => {
        const source = "export default { run() { return import('./nowhere.js').catch((error) => error.message); } };";
        const message = await env.LOADER.load(worker(source)).getEntrypoint().run(null);
        ok(/^No such module "nowhere.js"\./.test(message), message);
    },
};

const typed = {
    "a syntax error on line 1": fails({ "main.ts": "let a: number = = 1;" }, "SyntaxError", "main.ts:1:17"),
    "a syntax error on line 4": fails(
        { "main.ts": "interface A { a: string }\ntype B = A | null;\n\nconst c: B = = null;" },
        "SyntaxError",
        "main.ts:4:14",
    ),
    "a runtime error on line 1": fails({ "main.ts": "const n: number | undefined = 5; throw new Error('mine');" }, "Error: mine", "main.ts:1:49"),
    "a runtime error behind types": fails(
        { "main.ts": "interface A {\n  a: string;\n}\nfunction f<T extends A>(a: T): never { throw new RangeError(a.a); }\nf<A>({ a: 'words' });" },
        "RangeError: words",
        "main.ts:4:60",
    ),
    "an import that is not there": fails(
        { "main.ts": "type A = 1;\nimport { b } from './b.ts'; export default { b };" },
        "b.ts",
        "main.ts:2:19",
    ),
    "an export that is not there": fails(
        { "main.ts": "type Some = { long: string };\nimport { b as c } from './b.ts'; export default { c };", "b.ts": "export type b = 1;" },
        "does not provide an export named 'b'",
        "main.ts:2:10",
    ),
    "an error in JSX's kind of file": fails({ "main.tsx": "const a = <T,>(x: T): T => x;\nthrow new Error(String(a(1)));" }, "Error: 1", "main.tsx:2:16"),
};

/** Case names are one table: each group's names get its title in front. */
function titled(title, table) {
    return Object.fromEntries(Object.entries(table).map(([name, run]) => [`${title}, ${name}`, run]));
}

export default cases({
    ...titled("syntax", syntax),
    ...titled("runtime", runtime),
    ...titled("links", links),
    ...titled("TypeScript", typed),
});
