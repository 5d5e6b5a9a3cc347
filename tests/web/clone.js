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

test("a view that tracks its buffer's length does so in the copy", () => {
    for (const [size, max] of [[4, 8], [8, 8]]) {
        const [tracking, fixed] = structuredClone([0, size].map((length, i) => new Uint8Array(new ArrayBuffer(size, { maxByteLength: max }), 0, i ? length : undefined)));
        tracking.buffer.resize(2);
        fixed.buffer.resize(2);
        equal([tracking.length, fixed.length], [2, 0]);
    }
});

async function chunksOf(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
}
const moved = (stream) => structuredClone(stream, { transfer: [stream] });

test("a ReadableStream is moved, and what it gives is cloned", async () => {
    const chunk = { a: [1] };
    const stream = new ReadableStream({ start(c) { c.enqueue(chunk); c.enqueue("two"); c.close(); } });
    const other = moved(stream);
    const [first, second] = await chunksOf(other);
    equal([first, second, first === chunk, stream.locked, other instanceof ReadableStream], [chunk, "two", false, true, true]);
});
test("a moved ReadableStream passes errors and cancels on", async () => {
    const reason = new RangeError("broken");
    const broken = moved(new ReadableStream({ pull(c) { c.error(reason); } }));
    const error = await chunksOf(broken).then(() => null, (e) => e);
    equal([error.message, error instanceof RangeError, error === reason], ["broken", true, false]);
    let cancelled;
    await moved(new ReadableStream({ cancel(r) { cancelled = r; } })).cancel("why");
    equal(cancelled, "why");
});
test("a chunk that cannot be cloned ends both sides", async () => {
    let cancelled;
    const stream = new ReadableStream({ start(c) { c.enqueue(() => 1); }, cancel(r) { cancelled = r; } });
    const error = await chunksOf(moved(stream)).then(() => null, (e) => e);
    equal([error.name, cancelled.name], ["DataCloneError", "DataCloneError"]);
});
test("a WritableStream is moved", async () => {
    const got = [];
    const stream = new WritableStream({ write(chunk) { got.push(chunk); }, close() { got.push("closed"); } });
    const chunk = { a: 1 };
    const writer = moved(stream).getWriter();
    await writer.write(chunk);
    await writer.close();
    equal([got, got[0] === chunk, stream.locked], [[chunk, "closed"], false, true]);
});
test("a moved WritableStream passes errors and aborts on", async () => {
    let abort;
    await moved(new WritableStream({ abort(reason) { abort = reason; } })).abort("why");
    equal(abort, "why");
    const writer = moved(new WritableStream({ start(c) { c.error(new RangeError("broken")); } })).getWriter();
    equal((await writer.closed.then(() => null, (e) => e)).message, "broken");
});
test("a TransformStream is moved with both sides", async () => {
    const stream = new TransformStream({ transform(chunk, c) { c.enqueue(chunk * 2); } });
    const other = moved(stream);
    const writer = other.writable.getWriter();
    const read = chunksOf(other.readable);
    await writer.write(21);
    await writer.close();
    equal([await read, other instanceof TransformStream, stream.readable.locked, stream.writable.locked], [[42], true, true, true]);
});
test("streams are not copied, and not moved when locked or twice", () => {
    throws("DataCloneError", () => structuredClone(new ReadableStream()));
    const stream = new ReadableStream();
    stream.getReader();
    throws("DataCloneError", () => moved(stream));
    const both = new TransformStream();
    throws("DataCloneError", () => structuredClone(1, { transfer: [both, both.readable] }));
    throws("DataCloneError", () => structuredClone(1, { transfer: [both.writable, both] }));
    equal(both.readable.locked, false);
});
test("a message port moves streams", async () => {
    const { port1, port2 } = new MessageChannel();
    const message = new Promise((resolve) => { port2.onmessage = resolve; });
    const stream = new Blob(["through a port"]).stream();
    port1.postMessage({ stream }, [stream]);
    const { data, ports } = await message;
    equal([await new Response(data.stream).text(), ports], ["through a port", []]);
    port1.close();
});
