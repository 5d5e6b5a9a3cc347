// How the console shows values. A worker gets hold of the formatter as Node's do: it is the third argument of a
// custom inspection method.

import { equal, ok, suite } from "./harness.js";

const { test, run } = suite("inspect");
export { run };

const custom = Symbol.for("nodejs.util.inspect.custom");
let inspect;
console.debug({ [custom](_depth, _options, given) { inspect = given; return "(the formatter's checks begin)"; } });

class Foo { constructor() { this.a = 1; } get b() { return 1; } }
class Bar extends Foo {}
const shown = [
    [1, "1"], [-0, "-0"], [5n, "5n"], [true, "true"], [null, "null"], [undefined, "undefined"], [Symbol("s"), "Symbol(s)"],
    ["x", "'x'"], ["it's", `"it's"`], [`it's "x"`, "`it's \"x\"`"], ["a\nb\x01\\", "'a\\nb\\x01\\\\'"], ["\ud800", "'\\uD800'"],
    [[], "[]"], [{}, "{}"], [[1, "a"], "[ 1, 'a' ]"], [[1, , 3], "[ 1, <1 empty item>, 3 ]"], [[, ,], "[ <2 empty items> ]"],
    [{ a: 1, "b-c": 2, 3: 4 }, "{ '3': 4, a: 1, 'b-c': 2 }"], [{ [Symbol("k")]: 1 }, "{ [Symbol(k)]: 1 }"],
    [{ a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: [Object] } } }"], [{ a: { b: 1 } }, "{ a: { b: 1 } }"], [{ a: [[[1]]] }, "{ a: [ [ [Array] ] ] }"],
    [new Foo(), "Foo { a: 1 }"], [Foo, "[class Foo]"], [Bar, "[class Bar extends Foo]"], [class {}, "[class (anonymous)]"],
    [() => 1, "[Function (anonymous)]"], [function one() {}, "[Function: one]"], [async () => {}, "[AsyncFunction (anonymous)]"],
    [Object.assign(function two() {}, { a: 1 }), "[Function: two] { a: 1 }"],
    [new Map([["a", { b: 1 }]]), "Map(1) { 'a' => { b: 1 } }"], [new Set([1, "a"]), "Set(2) { 1, 'a' }"], [new Map(), "Map(0) {}"],
    [new Date(0), "1970-01-01T00:00:00.000Z"], [new Date(NaN), "Invalid Date"], [/a/g, "/a/g"],
    [Object(1), "[Number: 1]"], [Object("ab"), "[String: 'ab']"], [new WeakMap(), "WeakMap { <items unknown> }"],
    [Object.create(null), "[Object: null prototype] {}"], [{ get [Symbol.toStringTag]() { return "T"; } }, "Object [T] { [Symbol(Symbol.toStringTag)]: [Getter] }"],
    [{ get a() { return 1; }, set b(v) {}, get c() { return 1; }, set c(v) {} }, "{ a: [Getter], b: [Setter], c: [Getter/Setter] }"],
    [new Uint8Array([1, 2]), "Uint8Array(2) [ 1, 2 ]"], [new Uint8Array([1, 2]).buffer, "ArrayBuffer { [Uint8Contents]: <01 02>, byteLength: 2 }"],
    [Object.assign([1], { x: 2 }), "[ 1, x: 2 ]"], [new Headers({ a: "b" }), "Headers(1) { 'a' => 'b' }"],
    [new URLSearchParams("a=b"), "URLSearchParams(1) { 'a' => 'b' }"], [new Blob(["a"]), "Blob { size: 1, type: '' }"],
    [new ReadableStream(), "ReadableStream { locked: false }"], [{ [custom]: () => "mine" }, "mine"],
    [["a".repeat(40), "b".repeat(40)], `[\n  '${"a".repeat(40)}',\n  '${"b".repeat(40)}'\n]`],
];

for (const [value, text] of shown) {
    test(text, () => equal(inspect(value), text));
}
test("circular references", () => { const a = { x: 1 }; a.a = a; equal(inspect(a), "<ref *1> { x: 1, a: [Circular *1] }"); });
test("an error begins with its name and message", () => ok(inspect(new TypeError("no")).startsWith("TypeError: no\n    at ")));
test("an error's cause and fields", () => ok(/\[cause\]: 'c'[^]*code: 5/.test(inspect(Object.assign(new Error("x", { cause: "c" }), { code: 5 })))));
test("depth can be given", () => equal(inspect({ a: { b: 1 } }, { depth: 0 }), "{ a: [Object] }"));
test("four levels take lines", () => equal(inspect({ a: { b: { c: { d: 1 } } } }, { depth: 9 }), "{\n  a: { b: { c: { d: 1 } } }\n}"));
test("long arrays end", () => ok(inspect(new Array(200).fill(1)).includes("... 100 more items")));
test("long strings end", () => ok(inspect("x".repeat(20000)).endsWith("... 10000 more characters")));
test("the whole is bounded", () => {
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => "x".repeat(1000)));
    ok(inspect(wide).length < 1e6);
});
test("what throws is shown in its place", () => equal(inspect({ a: new Proxy({}, { ownKeys() { throw new Error("x"); } }), b: 1 }), "{ a: [Failed to show], b: 1 }"));
test("a custom method that throws", () => equal(inspect({ [custom]() { throw new Error("x"); } }), "[Failed to show]"));
