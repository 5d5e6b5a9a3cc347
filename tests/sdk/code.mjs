// Code as models write it: what was written, and what running it gives. Each is normalised and run in node; the same
// way is taken in a cell by the tests of `mayfly mcp`.

import { isDeepStrictEqual } from "node:util";
import { Script } from "node:vm";
import { cases } from "./code-cases.mjs";
import { equal, importSdk, notOk, ok } from "./bundle.mjs";

const { normalizeCode, explainFailure, missingMethod, placeByMessage, nearestNames, CodeError, shapeOf, Catalog } = await importSdk("code", {
    "code/normalize": ["normalizeCode"],
    "code/errors": ["explainFailure", "missingMethod", "placeByMessage"],
    "code/nearest": ["nearestNames"],
    "code/parse": ["CodeError"],
    "mcp/catalog": ["Catalog"],
    "mcp/shape": ["shapeOf"],
});

const F = "```";
const scope = () => ({
    api: { get: async (input) => ({ id: input?.id ?? 0, name: `n${input?.id ?? 0}` }), list: async () => [1, 2, 3] },
    log: [],
});

const moduleOf = ({ imports, code }) => `${imports}export default ${code}`;

/** What the engine says in a cell; see runtime/execution.ts. */
function isExpression(text) {
    try {
        return Boolean(new Script(`"use strict";()=>{(${text}\n);[${text}\n]}`));
    } catch {
        return false;
    }
}

async function run(written, check) {
    const names = scope();
    const module = moduleOf(normalizeCode(written, Object.keys(names), check));
    const { default: code } = await import(`data:text/javascript,${encodeURIComponent(module)}`);
    const value = await code(names);
    return typeof value === "function" && !/^class\b/.test(String(value)) ? value(names) : value;
}

for (const [way, check] of [["", undefined], [", expressions as they stand", isExpression]]) {
    for (const [name, written, expected] of cases) {
        try {
            const actual = await run(written, check);
            if (isDeepStrictEqual(actual, expected)) ok(`code: ${name}${way}`);
            else notOk(`code: ${name}${way}`, `expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
        } catch (error) {
            notOk(`code: ${name}${way}`, `${error.message}`);
        }
    }
}

// What is an expression as it stands keeps its places, and the names in it; what only looks like one is parsed.
{
    const written = "// Sums.\nasync () => { const total = 1;\n  return total; };\n";
    const { code, original, declared, source } = normalizeCode(written, ["api"], isExpression);
    const places = [original({ line: 2, column: 9 }), original({ line: 3, column: 5 })].map(({ line, column }) => `${line}:${column}`);
    equal("code: an expression's places", String(places), "1:1,2:5");
    equal("code: an expression's first line", code.split("\n")[1], "return (// Sums.");
    equal("code: an expression's text and names", [source, ...declared()].join("|"), `${written}|total`);
    for (const [name, text] of [["two functions", "async () => {}; async () => {}"], ["brackets that do not match", "(1); (2)"], ["TypeScript", "async (a: number) => a"]]) {
        equal(`code: ${name} is parsed`, isExpression(text), false);
    }
}

// Faults in the syntax: [name, written, message, line, column], places in what was written.
const faults = [
    ["unclosed brace", "async () => {\n  return 1;\n", /Unexpected token/, 3, 1],
    ["place inside a fence", `Text.\n${F}js\nconst a = ;\n${F}`, /Unexpected token/, 3, 11],
    ["declared twice", "const a = 1;\nconst a = 2;", /already been declared/, 2, 7],
    ["prose alone", "I am sorry, but I can't do that.", /./, 1, 2],
    ["fence of another language", `Answer:\n${F}python\nprint(1)\n${F}`, /no JavaScript/, 2, 1],
    ["fault in a fence behind a word", `Answer:\n${F}js\nconst a = ;\n${F}`, /Unexpected token/, 3, 11],
    ["a fence in a template is not the code", `const md = \`\n${F}js\nrun()\n${F}\n\`;\nmd`, /Missing semicolon/, 2, 4],
    ["fault in an element", "<code>const a = ;</code>", /Unexpected token/, 1, 17],
    ["decorator", "const a = 1;\nclass A { @log m() {} }", /^Decorators are not supported/, 2, 11],
    ["accessor", "class A { accessor v = 3 }", /^accessor is not supported/, 1, 20],
    ["namespace with a dot", "type T = 1;\nnamespace A.B { export const v = 1 }", /^Namespaces with dots/, 2, 1],
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
    const normalized = normalizeCode(written);
    const at = (text) => {
        const before = text.slice(0, text.indexOf(mark)).split("\n");
        return { line: before.length, column: before.at(-1).length + 1 };
    };
    equal(`code: place, ${name}`, JSON.stringify(normalized.original(at(moduleOf(normalized)))), JSON.stringify(at(written)));
}

const failure = { name: "ReferenceError", message: "Can't find variable: gihub", place: { line: 2, column: 19 } };
equal(
    "code: an error shows its line and what was meant",
    explainFailure(failure, "const a = 1;\n  const b = await gihub.get();", ["github", "stripe"]),
    "ReferenceError: Can't find variable: gihub (line 2, column 19)\n  const b = await gihub.get();\n                  ^\nDid you mean github?",
);
equal(
    "code: names that the code declares",
    normalizeCode("import { a as b } from 'node:x';\nconst { c, d: [e] } = b; function f(g, { h }: { i: number }) { try {} catch (j) {} }\nclass K {}").declared().join(),
    "b,c,e,f,g,h,j,K",
);
equal("code: the place of a module by its message", JSON.stringify(placeByMessage('No such module "a/b".', "x;\nimport y from './a/b';")), '{"line":2,"column":15}');
const parts = { name: "TypeError", message: "undefined is not an object (evaluating 'api.rest.repos.get')" };
equal(
    "code: a namespace has no parts",
    explainFailure(parts, "", [], { namespaces: ["api"], near: () => ["api.reposGet", "other.reposGet"] }).split("\n")[1],
    "The functions of api are all its own: api.name(). Did you mean api.reposGet?",
);
const known = ["reposGet", "reposListForUser", "issuesCreate", "issuesUpdate", "usersGetByUsername"];
equal("code: nearest by spelling", nearestNames("reposGte", known).join(), "reposGet");
equal("code: nearest by words", nearestNames("createIssue", known)[0], "issuesCreate");
equal("code: nearest by words in another order", nearestNames("listReposForUser", known)[0], "reposListForUser");
equal("code: none is near", nearestNames("zzz", known).join(), "");
equal("code: a method that is missing", missingMethod("github", "reposgte", known), "github.reposgte is not a function. Did you mean reposGet?");

// What a model is told to do about its mistakes: [what it is, the error, what was written, the advice].
const functions = { namespaces: ["shop", "notes"], near: (wanted) => nearestNames(wanted, ["shop.listItems", "shop.getItem", "notes.add"]) };
const reference = (name) => ({ name: "ReferenceError", message: `Can't find variable: ${name}` });
const type = (message) => ({ name: "TypeError", message });
const isNoFunction = (call) => type(`${call} is not a function. (In '${call}()', '${call}' is undefined)`);
const advised = [
    ["a namespace as a part of another name", reference("tools"), "await tools.shop.listItems()", "shop is a name of its own, and no part of tools: write shop.name()."],
    ["a function under one name with its namespace", reference("mcp__shop__listItems"), "await mcp__shop__listItems()", "Did you mean shop.listItems?"],
    ["such a name in another one", reference("default_api"), "await default_api.shop_listItems()", "Did you mean shop.listItems?"],
    ["a variable that is nowhere declared", reference("results"), "results = await shop.listItems()", "It is nowhere declared: write const results = … or let results."],
    ["a tool in code", reference("search"), "await search({ query: 'items' })", "search is a tool, to be called by itself; code has the functions of shop, notes."],
    ["a name of Python's", reference("print"), "print(1)", "In TypeScript that is console.log()."],
    ["a name of browsers", reference("document"), "document.title", "This is no browser: there is no page, and nothing is kept."],
    ["a function of Node's that reaches outside", { name: "Error", message: "[unenv] fs.readFile is not implemented yet!" }, "readFile('/etc/passwd')", "Only functions reach the outside: those of shop, notes."],
    ["a namespace of the global object", type("undefined is not an object (evaluating 'globalThis.shop.listItems')"), "globalThis.shop.listItems()", "shop is a name of its own: write shop.name()."],
    ["a method of a call that was not awaited", isNoFunction("shop.listItems().filter"), "shop.listItems().filter()", "shop.listItems() gives a promise: write (await shop.listItems(…)) and then what is wanted of it."],
    ["a name of a call that was not awaited", isNoFunction("items.map"), "const items: Item[] = shop.listItems();\nitems.map()", "shop.listItems() gives a promise: write await shop.listItems(…)."],
    ["a loop over a call that was not awaited", type("undefined is not a function (near '...item of items...')"), "let items = shop.listItems();\nfor (const item of items) item", "shop.listItems() gives a promise: write await shop.listItems(…)."],
    ["a pattern of Promise.all that was not awaited", type("undefined is not a function (near '...[a, b]...')"), "const [a, b] = Promise.all([1, 2])", "Promise.all() gives a promise: write await Promise.all(…)."],
    ["an own function that was not awaited", isNoFunction("all.map"), "async function load() { return [] }\nconst all = load();\nall.map()", "load() gives a promise: write await load(…)."],
    ["a call that was awaited", isNoFunction("items.mapp"), "const items = await shop.listItems();\nitems.mapp()", "Did you mean map?"],
    ["a method of an object that has none", isNoFunction("items.map"), "const items = await shop.listItems();\nitems.map()", undefined],
    ["a constant that is assigned to", type("Attempted to assign to readonly property."), "const a = 1; a = 2", "What is assigned again is declared with let, not const."],
    ["an answer within an error", type("undefined is not an object (evaluating 'e.response.status')"), "e.response.status", "The error of a function has message, and status where a server answered: no response."],
    ["a value read as JSON", { name: "SyntaxError", message: 'JSON Parse error: Unexpected identifier "object"' }, "JSON.parse({})", "What is parsed is no text but a value already: leave JSON.parse out."],
];
for (const [name, error, source, advice] of advised) equal(`code: advice: ${name}`, explainFailure(error, source, ["shop", "notes"], functions).split("\n")[1], advice);
for (const [name, written, advice] of [
    ["an object that an arrow function gives", "const a = [1].map((n) => { id: n, twice: 2 * n });", "An arrow function that gives an object has it in parentheses: => ({ … })."],
    ["a bracket that is not closed", 'if (true) {\n  const text = "}";\n  text;', "The code ends before the { of line 1 is closed."],
    ["a quote within quotes", 'const s = "a "quoted" text";', "A quote within quotes ends them: write it as \\\" or use `…`."],
    ["Python", "from shop import items", "This looks like Python: write TypeScript."],
    ["none", "const a = ;", undefined],
]) {
    try {
        normalizeCode(written);
        notOk(`code: advice: ${name}`, "was taken");
    } catch ({ message, line, column, text }) {
        equal(`code: advice: ${name}`, explainFailure({ name: "SyntaxError", message, place: { line, column } }, text).split("\n")[3], advice);
    }
}
equal("code: a method that is missing is searched by its words", missingMethod("github", "fetchEveryRepo", known, (words) => [`found by ${words}`]), "github.fetchEveryRepo is not a function. Did you mean found by fetch every repo?");
// Names are a sandbox's, or a server's: however long they are, whoever looks at them has other work.
{
    let most = 0;
    const said = missingMethod("github", "a b ".repeat(1 << 18), known, (words) => ((most = words.length), []));
    equal("code: a method's name that is long is cut", [most < 1000, said.length < 1000].join(), "true,true");
    const entry = (name) => ({ name, summary: "", words: "" });
    const catalog = new Catalog([{ namespace: "shop", title: "", entries: [entry("x".repeat(1 << 20)), entry("listremotes"), entry("list"), entry("remotes")] }]);
    equal("code: names of two words in one are found, and long ones take no time", catalog.search("remote").map(({ entry: { name } }) => name).join(), "remotes,listremotes");
    equal("code: white space takes no time", normalizeCode(`const a = 1;${" ".repeat(1 << 20)}a`, []).code.length > 1 << 20, true);
}
equal("code: one that is misspelt is not", missingMethod("github", "reposgte", known, () => ["other"]), "github.reposgte is not a function. Did you mean reposGet?");

const shapes = [
    ["text", "a b", 'string "a b"'],
    ["long text", "x".repeat(100), `string "${"x".repeat(60)}…"`],
    ["objects of a list", [{ id: 1, tags: [] }, { id: null, tags: ["a"], "b-c": true }], "{ id: number | null; tags: string[]; \"b-c\"?: boolean }[]"],
    ["lists of several", [1, "a"], "(number | string)[]"],
    ["nothing in it", { a: [], b: {} }, "{ a: []; b: {} }"],
    ["classes", { at: new Date(), by: new Map([["a", new Set([1])]]), bytes: new Uint8Array(2) }, "{ at: Date; by: Map<string, Set<number>>; bytes: Uint8Array }"],
    ["deep", { a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: { … } } } }"],
    ["what cannot be looked at", new Proxy({}, { ownKeys() { throw new Error("no"); } }), "object"],
];
for (const [name, value, expected] of shapes) equal(`code: shape: ${name}`, shapeOf(value), expected);
equal("code: shape: no longer than needed", shapeOf(Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`a_long_property_${n}`, { n }]))).length, 301);
