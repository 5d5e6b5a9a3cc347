// structuredClone: types, identity, what cannot be cloned, transfer.

import { equal, ok, suite, throws } from "./harness.js";

const { test, run } = suite("clone");
export { run };

const refuses = (name, value, message) => test(name, () => throws("DataCloneError", () => structuredClone(value), message));

for (const value of [undefined, null, true, 0, -0, NaN, Infinity, "x", 10n]) {
    test(`${typeof value} ${String(value)}`, () => equal(structuredClone(value), value));
}
test("a plain object", () => equal(structuredClone({ a: { b: [1] } }), { a: { b: [1] } }));
test("it is another object", () => { const a = { b: {} }; const c = structuredClone(a); ok(c !== a && c.b !== a.b); });
test("order of keys", () => equal(Object.keys(structuredClone({ z: 1, a: 2, 3: 0 })), ["3", "z", "a"]));
test("own __proto__", () => equal(Object.keys(structuredClone(JSON.parse('{"__proto__":1}'))), ["__proto__"]));
test("inherited properties do not come", () => equal(structuredClone(Object.create({ a: 1 })), {}));
test("hidden properties do not come", () => equal(structuredClone(Object.defineProperty({}, "a", { value: 1 })), {}));
test("symbol keys do not come", () => equal(Reflect.ownKeys(structuredClone({ [Symbol("s")]: 1 })), []));
test("getters are called", () => equal(structuredClone({ get a() { return 5; } }), { a: 5 }));
test("a getter that throws", () => throws("RangeError", () => structuredClone({ get a() { throw new RangeError("x"); } })));
test("class instances become plain", () => { class A { b = 1; } equal(Object.getPrototypeOf(structuredClone(new A())), Object.prototype); });
test("an object without prototype gets one", () => equal(Object.getPrototypeOf(structuredClone(Object.create(null))), Object.prototype));
test("an array with holes", () => { const a = structuredClone([1, , 3]); equal([a.length, 1 in a], [3, false]); });
test("an array with properties", () => equal(structuredClone(Object.assign([1], { a: 2 })).a, 2));
test("a cycle", () => { const a = {}; a.a = a; const b = structuredClone(a); ok(b.a === b && b !== a); });
test("a shared object", () => { const a = {}; const [b, c] = structuredClone([a, a]); ok(b === c); });
test("a Map", () => equal([...structuredClone(new Map([[{ a: 1 }, new Set([2])]]))].map(([k, v]) => [k, [...v]]), [[{ a: 1 }, [2]]]));
test("a Map in itself", () => { const a = new Map(); a.set(a, a); const b = structuredClone(a); ok(b.get(b) === b); });
test("a Set", () => equal([...structuredClone(new Set([1, "a"]))], [1, "a"]));
test("a Date", () => equal(structuredClone(new Date(5)).getTime(), 5));
test("an invalid Date", () => equal(structuredClone(new Date(NaN)).getTime(), NaN));
test("a RegExp", () => { const a = /x/gi; a.lastIndex = 3; const b = structuredClone(a); equal([b.source, b.flags, b.lastIndex], ["x", "gi", 0]); });
for (const boxed of [Object(true), Object(5), Object("x"), Object(5n)]) {
    test(`boxed ${typeof boxed.valueOf()}`, () => { const b = structuredClone(boxed); equal([typeof b, b.valueOf()], ["object", boxed.valueOf()]); });
}
for (const type of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    test(type.name, () => { const b = structuredClone(new type("m")); ok(b instanceof type && b.message === "m" && b.name === type.name); });
}
test("an error of a class of its own", () => { class Mine extends Error { name = "Mine"; } const b = structuredClone(new Mine("m")); equal([b.name, b.constructor === Error], ["Error", true]); });
test("an error's cause", () => equal(structuredClone(new Error("m", { cause: { a: 1 } })).cause, { a: 1 }));
test("an error's stack", () => { const a = new Error("m"); equal(structuredClone(a).stack, a.stack); });
test("an error's own properties do not come", () => equal(structuredClone(Object.assign(new Error("m"), { code: 5 })).code, undefined));
test("a DOMException", () => { const b = structuredClone(new DOMException("m", "AbortError")); equal([b.name, b.message, b instanceof DOMException], ["AbortError", "m", true]); });
test("an ArrayBuffer", () => equal([...new Uint8Array(structuredClone(new Uint8Array([1, 2]).buffer))], [1, 2]));
test("a resizable ArrayBuffer", () => { const b = structuredClone(new ArrayBuffer(2, { maxByteLength: 4 })); equal([b.byteLength, b.maxByteLength], [2, 4]); });
for (const type of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]) {
    test(type.name, () => { const b = structuredClone(new type([1, 2])); ok(b instanceof type && b[1] === 2); });
}
test("BigInt64Array", () => equal(structuredClone(new BigInt64Array([5n]))[0], 5n));
test("a DataView", () => { const b = structuredClone(new DataView(new ArrayBuffer(8), 2, 3)); equal([b.byteOffset, b.byteLength, b.buffer.byteLength], [2, 3, 8]); });
test("views of one buffer keep one", () => { const a = new ArrayBuffer(8); const [b, c] = structuredClone([new Uint8Array(a), new Uint16Array(a, 2)]); ok(b.buffer === c.buffer && c.byteOffset === 2); });
test("a Blob", async () => { const b = structuredClone(new Blob(["ab"], { type: "t/u" })); equal([await b.text(), b.type], ["ab", "t/u"]); });
test("a File", () => { const b = structuredClone(new File(["ab"], "n", { lastModified: 5 })); equal([b.name, b.lastModified, b instanceof File], ["n", 5, true]); });

refuses("a function", () => 1, "() => 1 could not be cloned.");
refuses("a function inside", { a: [() => 1] }, "() => 1 could not be cloned.");
refuses("a symbol", Symbol("s"), "Symbol(s) could not be cloned.");
refuses("a promise", Promise.resolve(), "#<Promise> could not be cloned.");
refuses("a WeakMap", new WeakMap(), "#<WeakMap> could not be cloned.");
refuses("a WeakSet", new WeakSet(), "#<WeakSet> could not be cloned.");
refuses("a WeakRef", new WeakRef({}), "#<WeakRef> could not be cloned.");
refuses("a boxed symbol", Object(Symbol("s")));
refuses("a generator", (function* () {})());
refuses("a Request", new Request("http://a/"), 'Could not serialize object of type "Request". This type does not support serialization.');
refuses("a Headers object", new Headers());
refuses("an EventTarget", new EventTarget());
test("DataCloneError has its code", () => { try { structuredClone(() => 1); } catch (error) { equal([error.code, error instanceof DOMException], [25, true]); } });
test("no argument throws", () => throws("TypeError", () => structuredClone()));

test("transfer detaches", () => { const a = new ArrayBuffer(4); const b = structuredClone(a, { transfer: [a] }); equal([a.byteLength, a.detached, b.byteLength], [0, true, 4]); });
test("transfer keeps the bytes", () => { const a = new Uint8Array([1, 2]); const b = structuredClone({ a }, { transfer: [a.buffer] }); equal([...b.a], [1, 2]); });
test("transfer of what is not in the value", () => { const a = new ArrayBuffer(4); structuredClone(1, { transfer: [a] }); ok(a.detached); });
test("a failed clone detaches nothing", () => { const a = new ArrayBuffer(4); throws("DataCloneError", () => structuredClone([a, () => 1], { transfer: [a] })); ok(!a.detached); });
test("a detached buffer", () => { const a = new ArrayBuffer(4); structuredClone(a, { transfer: [a] }); throws("DataCloneError", () => structuredClone(a), "An ArrayBuffer is detached and could not be cloned."); });
test("transfer of a detached buffer", () => { const a = new ArrayBuffer(4); structuredClone(a, { transfer: [a] }); throws("DataCloneError", () => structuredClone(1, { transfer: [a] })); });
test("transfer of one buffer twice", () => { const a = new ArrayBuffer(4); throws("DataCloneError", () => structuredClone(a, { transfer: [a, a] }), "ArrayBuffer at index 1 is a duplicate of an earlier ArrayBuffer."); });
test("transfer of what cannot be", () => throws("DataCloneError", () => structuredClone(1, { transfer: [{}] }), "Value at index 0 does not have a transferable type."));
test("transfer that is no list", () => throws("TypeError", () => structuredClone(1, { transfer: 5 })));
