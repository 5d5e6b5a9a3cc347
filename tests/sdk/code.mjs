// Code as models write it: what was written, and what running it gives. Each is normalised and run in node; the same
// way is taken in a cell by the tests of `mayfly mcp`.

import { isDeepStrictEqual } from "node:util";
import { equal, importSdk, notOk, ok } from "./bundle.mjs";

const { normalizeCode, explainFailure, missingMethod, nearestNames, CodeError } = await importSdk("code", {
    "code/normalize": ["normalizeCode"],
    "code/errors": ["explainFailure", "missingMethod"],
    "code/nearest": ["nearestNames"],
    "code/parse": ["CodeError"],
});

const F = "```";
const scope = () => ({
    api: { get: async (input) => ({ id: input?.id ?? 0, name: `n${input?.id ?? 0}` }), list: async () => [1, 2, 3] },
    log: [],
});

/** [what it is, what was written, its result] */
const cases = [
    // Expressions.
    ["number", "42", 42],
    ["string", '"hello"', "hello"],
    ["string in single quotes with semicolon", "'hello';", "hello"],
    ["template", "`a${1 + 1}`", "a2"],
    ["object literal", "{ a: 1, b: [2] }", { a: 1, b: [2] }],
    ["object literal with semicolon", "{ a: 1 };", { a: 1 }],
    ["empty object", "{}", {}],
    ["array", "[1, 2, 3].map((n) => n * 2)", [2, 4, 6]],
    ["parentheses", "(1 + 2)", 3],
    ["sequence", "1, 2", 2],
    ["sequence in parentheses", "(1, 2);", 2],
    ["await", "await api.get({ id: 1 })", { id: 1, name: "n1" }],
    ["promise that nobody awaited", "api.list()", [1, 2, 3]],
    ["conditional", "true ? 1 : 2", 1],
    ["regular expression", "/a+/.test('caat')", true],
    ["undefined", "undefined", undefined],
    ["null", "null", null],
    ["comment behind", "1 + 1 // two", 2],
    ["comment behind the semicolon", "1 + 1; // two", 2],
    ["comment only", "// nothing to do", undefined],
    ["nothing", "", undefined],
    ["blanks", " \n\t\n", undefined],
    // Functions.
    ["async arrow", "async () => { const r = await api.get({ id: 2 }); return r.name; }", "n2"],
    ["async arrow with semicolon", "async () => { return 1; };", 1],
    ["async arrow that is an expression", "async () => api.list()", [1, 2, 3]],
    ["arrow", "() => 5", 5],
    ["arrow in parentheses", "(async () => { return 6; })", 6],
    ["arrow that is called", "(async () => { return 7; })()", 7],
    ["arrow that is awaited", "await (async () => { return 8; })();", 8],
    ["arrow that takes the scope", "async ({ api }) => (await api.get({ id: 3 })).id", 3],
    ["arrow that takes the scope whole", "async (tools) => (await tools.api.get({ id: 4 })).id", 4],
    ["function", "async function main() { return (await api.list()).length; }", 3],
    ["function with another name", "function compute() { return 9; }", 9],
    ["function expression", "(function () { return 10; })", 10],
    ["function that is called", "async function main() { return 11; }\nmain();", 11],
    ["function that is awaited", "async function main() { return 12; }\nawait main();", 12],
    ["function that is returned", "async function main() { return 13; }\nreturn main();", 13],
    ["helpers and a main", "async function one() { return 1; }\nasync function main() { return (await one()) + 13; }\nfunction last() { return 0; }", 14],
    ["helpers, the last is meant", "function a() { return 1; }\nfunction b() { return a() + 14; }", 15],
    ["arrow in a constant", "const main = async () => 16;", 16],
    ["arrow in a constant, called", "const main = async () => 17;\nmain()", 17],
    ["then", "api.list().then((l) => l.length)", 3],
    ["call with catch", "async function main() { throw new Error('x'); }\nmain().catch((e) => e.message)", "x"],
    ["generator", "function* g() { yield 1; yield 2; }\n[...g()]", [1, 2]],
    ["class in use", "class A { constructor(n) { this.n = n; } twice() { return this.n * 2; } }\nnew A(9).twice()", 18],
    // Modules.
    ["export default function", "export default async function () { return 19; }", 19],
    ["export default function with a name", "export default async function run() { return 20; }", 20],
    ["export default arrow", "export default async () => 21;", 21],
    ["export default arrow in parentheses", "export default (async () => 22);", 22],
    ["export default expression", "export default await api.get({ id: 5 });", { id: 5, name: "n5" }],
    ["export default object", "export default { a: 23 };", { a: 23 }],
    ["export default before what it needs", "export default () => helper() + n;\nfunction helper() { return 20; }\nconst n = 4;", 24],
    ["export default behind its helpers", "const n = 5;\nexport default async () => n * 5;", 25],
    ["export of a function", "export async function run() { return 26; }", 26],
    ["export of a constant", "export const result = await api.list();", [1, 2, 3]],
    ["export list", "const n = 27;\nexport { n };\nn", 27],
    ["module.exports", "module.exports = async () => 28;", 28],
    ["import of a builtin", 'import { basename } from "node:path";\nbasename("/a/b.txt")', "b.txt"],
    // Scripts.
    ["last expression", "const r = await api.get({ id: 6 });\nr.name", "n6"],
    ["last expression without semicolons", "const a = 1\nconst b = 2\na + b", 3],
    ["last expression that begins with a bracket", "const a = [3, 4];\n[a[1], a[0]]", [4, 3]],
    ["last declaration", "const list = await api.list();\nconst sum = list.reduce((a, b) => a + b, 0);", 6],
    ["last declaration of several", "let a = 1, b = a + 1", 2],
    ["return at the top", "const l = await api.list();\nreturn l.length;", 3],
    ["return in a branch", "const l = await api.list();\nif (l.length > 2) return 'many';\nreturn 'few';", "many"],
    ["return in a branch, expression at last", "if (false) return 1;\n2", 2],
    ["branches", "const l = await api.list();\nif (l.length > 2) { 'many' } else { 'few' }", "many"],
    ["branches without braces", "if (1 > 2) 'a'; else 'b';", "b"],
    ["try", "try { await api.missing(); } catch (e) { e.constructor.name }", "TypeError"],
    ["try that works", "try { (await api.list()).length } catch (e) { -1 } finally { log.push(1) }", 3],
    ["block", "{ const x = 29; x }", 29],
    ["loop", "let sum = 0;\nfor (const n of await api.list()) sum += n;\nsum", 6],
    ["loop at last", "for (const n of [1]) { n }", undefined],
    ["for await", "let s = 0;\nfor await (const n of [api.get({ id: 1 }), api.get({ id: 2 })]) s += n.id;\ns", 3],
    ["Promise.all", "(await Promise.all([1, 2].map((id) => api.get({ id })))).map((x) => x.name)", ["n1", "n2"]],
    ["names of the scope, declared again", "const api = { n: 30 };\napi.n", 30],
    ["use strict", "'use strict';\nconst a = 31;\na", 31],
    // TypeScript.
    ["types", "const n: number = 32;\nn", 32],
    ["interface", "interface Item { id: number; name: string }\nconst item = (await api.get({ id: 7 })) as Item;\nitem.name", "n7"],
    ["enum", "enum Color { Red = 1, Green }\nColor.Green", 2],
    ["enum of strings", 'enum Level { Low = "low" }\nconst level: Level = Level.Low;\nlevel', "low"],
    ["generic arrow", "const first = <T,>(list: T[]): T => list[0]!;\nfirst<number>(await api.list())", 1],
    ["typed async arrow", "async (): Promise<number> => { const l: number[] = await api.list(); return l.length; }", 3],
    ["satisfies and non-null", "const o = { a: 33 } satisfies Record<string, number>;\no!.a", 33],
    ["type at last", "const n = 34;\nn;\ntype X = string;", 34],
    ["typed export default", "type R = { n: number };\nexport default async (): Promise<R> => ({ n: 35 });", { n: 35 }],
    ["import type", 'import type { X } from "./types";\nconst x: X = 36;\nx', 36],
    ["typed catch", "try { throw new Error('t') } catch (e: unknown) { (e as Error).message }", "t"],
    ["abstract class", "abstract class A { abstract n(): number }\nclass B extends A { n(): number { return 37 } }\nnew B().n()", 37],
    // Fences and prose.
    ["fence", `${F}js\nreturn 40;\n${F}`, 40],
    ["fence without a language", `${F}\nasync () => 41\n${F}`, 41],
    ["fence in TypeScript", `${F}typescript\nconst n: number = 42;\nreturn n;\n${F}\n`, 42],
    ["fence that is never closed", `${F}js\nasync () => { return 43; }`, 43],
    ["fence on one line", `${F}js async () => 44${F}`, 44],
    ["fence of tildes", "~~~js\n45\n~~~", 45],
    ["prose around a fence", `Here is the code:\n\n${F}javascript\nconst l = await api.list();\nreturn l[2];\n${F}\n\nIt returns the third.`, 3],
    ["two fences, the longer counts", `${F}bash\nnpm install\n${F}\nThen\n${F}js\nconst a = 46;\nreturn a;\n${F}`, 46],
    ["prose without fences", "I'll list them first.\n\nconst l = await api.list();\nreturn l.length;", 3],
    ["prose behind", "async () => {\n  return 47;\n}\n\nThis returns the answer, as asked.", 47],
    ["prose on both sides", "Sure! Let's do it:\n\nasync () => {\n  return 48;\n}\n\nLet me know if it isn't right.", 48],
    ["a fence inside a template", "const md = `${'`'.repeat(3)}js`;\nmd.length", 5],
    ["label without a fence", "javascript\nreturn 49;", 49],
    ["tool call as JSON", JSON.stringify({ code: "async () => {\n  return 50;\n}" }), 50],
    ["escaped once too often", "const a = 51;\\nreturn a;", 51],
    ["entities", "async () =&gt; { return 1 &lt; 2 &amp;&amp; 52; }", 52],
    ["carriage returns", "const a = 53;\r\na\r\n", 53],
    ["byte order mark", "\uFEFFasync () => 54", 54],
    ["indented fence", `  ${F}ts\n  return 55;\n  ${F}`, 55],
];

async function run(written) {
    const names = scope();
    const { code } = normalizeCode(written, Object.keys(names));
    const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    return module.default(names);
}

for (const [name, written, expected] of cases) {
    try {
        const actual = await run(written);
        if (isDeepStrictEqual(actual, expected)) ok(`code: ${name}`);
        else notOk(`code: ${name}`, `expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
    } catch (error) {
        notOk(`code: ${name}`, `${error.message}`);
    }
}

// Faults in the syntax: [name, written, message, line, column], places in what was written.
const faults = [
    ["unclosed brace", "async () => {\n  return 1;\n", /Unexpected token/, 3, 1],
    ["place inside a fence", `Text.\n${F}js\nconst a = ;\n${F}`, /Unexpected token/, 3, 11],
    ["declared twice", "const a = 1;\nconst a = 2;", /already been declared/, 2, 7],
    ["prose alone", "I am sorry, but I can't do that.", /./, 1, 2],
    ["fault in TypeScript", "const a: = 1;", /Unexpected token/, 1, 10],
];
for (const [name, written, message, line, column] of faults) {
    try {
        normalizeCode(written);
        notOk(`code: ${name}`, "was taken");
    } catch (error) {
        if (!(error instanceof CodeError)) notOk(`code: ${name}`, error.stack);
        else if (!message.test(error.message)) notOk(`code: ${name}`, error.message);
        else equal(`code: ${name}`, `${error.line}:${error.column}`, `${line}:${column}`);
    }
}

// Places in the module that is run lead back to what was written.
const places = [
    ["first line", "missing()", "missing"],
    ["later line", "const a = 1;\n  missing(a)", "missing"],
    ["behind an insertion", "const a = 1;\na + missing", "missing"],
    ["behind types", "const a: Record<string, number> = {};\nconst b: number = a.x + missing;\nb", "missing"],
    ["in a fence", `So:\n\n${F}ts\nconst a: number = missing;\n${F}`, "missing"],
];
for (const [name, written, mark] of places) {
    const { code, original } = normalizeCode(written);
    const at = (text) => {
        const before = text.slice(0, text.indexOf(mark)).split("\n");
        return { line: before.length, column: before.at(-1).length + 1 };
    };
    equal(`code: place, ${name}`, JSON.stringify(original(at(code))), JSON.stringify(at(written)));
}

const failure = { name: "ReferenceError", message: "Can't find variable: gihub", place: { line: 2, column: 19 } };
equal(
    "code: an error shows its line and what was meant",
    explainFailure(failure, "const a = 1;\n  const b = await gihub.get();", ["github", "stripe"]),
    "ReferenceError: Can't find variable: gihub (line 2, column 19)\n  const b = await gihub.get();\n                  ^\nDid you mean github?",
);
const known = ["reposGet", "reposListForUser", "issuesCreate", "issuesUpdate", "usersGetByUsername"];
equal("code: nearest by spelling", nearestNames("reposGte", known).join(), "reposGet");
equal("code: nearest by words", nearestNames("createIssue", known)[0], "issuesCreate");
equal("code: nearest by words in another order", nearestNames("listReposForUser", known)[0], "reposListForUser");
equal("code: none is near", nearestNames("zzz", known).join(), "");
equal("code: a method that is missing", missingMethod("github", "reposgte", known), "github.reposgte is not a function. Did you mean reposGet?");
