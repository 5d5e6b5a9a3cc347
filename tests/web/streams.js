// Streams: the standard's, as far as a worker meets them, and those that only Workers have.

import { equal, ok, rejects, suite, throws } from "./harness.js";

const { test, run } = suite("streams");
export { run };

async function all(stream) {
    const seen = [];
    for await (const chunk of stream) seen.push(chunk);
    return seen;
}

const numbers = (...values) => ReadableStream.from(values);
const bytes = (...values) => new Uint8Array(values);

test("from an array", async () => equal(await all(numbers(1, 2, 3)), [1, 2, 3]));
test("from an async generator", async () => equal(await all(ReadableStream.from((async function* () { yield 1; yield 2; })())), [1, 2]));
test("pull is called as needed", async () => {
    let count = 0;
    const stream = new ReadableStream({ pull(controller) { count++; if (count === 3) controller.close(); else controller.enqueue(count); } });
    equal(await all(stream), [1, 2]);
});
test("getReader locks", () => {
    const stream = numbers(1);
    stream.getReader();
    ok(stream.locked);
    throws("TypeError", () => stream.getReader());
});
test("releaseLock unlocks", () => {
    const stream = numbers(1);
    stream.getReader().releaseLock();
    ok(!stream.locked);
});
test("read at the end is done", async () => {
    const reader = numbers().getReader();
    equal(await reader.read(), { done: true, value: undefined });
});
test("closed resolves", async () => {
    const reader = numbers(1).getReader();
    await reader.read();
    await reader.read();
    await reader.closed;
});
test("cancel reaches the source", async () => {
    let reason;
    const stream = new ReadableStream({ cancel: (given) => void (reason = given) });
    await stream.cancel("why");
    equal(reason, "why");
});
test("an error reaches the reader", async () => {
    const stream = new ReadableStream({ start: (controller) => controller.error(new RangeError("x")) });
    await rejects("RangeError", stream.getReader().read());
});
test("a source that throws", () => rejects("RangeError", all(new ReadableStream({ pull() { throw new RangeError("x"); } }))));
test("break cancels", async () => {
    let cancelled = false;
    const stream = new ReadableStream({ pull: (controller) => controller.enqueue(1), cancel: () => void (cancelled = true) });
    for await (const _ of stream) break;
    ok(cancelled);
});
test("values with preventCancel", async () => {
    const stream = numbers(1, 2);
    for await (const _ of stream.values({ preventCancel: true })) break;
    equal(await all(stream), [2]);
});
test("tee", async () => {
    const [a, b] = numbers(1, 2).tee();
    equal([await all(a), await all(b)], [[1, 2], [1, 2]]);
});
test("pipeTo", async () => {
    const seen = [];
    await numbers(1, 2).pipeTo(new WritableStream({ write: (chunk) => void seen.push(chunk) }));
    equal(seen, [1, 2]);
});
test("pipeTo aborts by signal", async () => {
    const controller = new AbortController();
    const done = new ReadableStream().pipeTo(new WritableStream(), { signal: controller.signal });
    controller.abort();
    await rejects("AbortError", done);
});
test("pipeTo with an aborted signal", () => rejects("AbortError", numbers(1).pipeTo(new WritableStream(), { signal: AbortSignal.abort() })));
test("pipeThrough", async () => {
    const double = new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk * 2) });
    equal(await all(numbers(1, 2).pipeThrough(double)), [2, 4]);
});
test("a transform's flush", async () => {
    const end = new TransformStream({ flush: (controller) => controller.enqueue("end") });
    equal(await all(numbers(1).pipeThrough(end)), [1, "end"]);
});
test("a transform that throws", () => rejects("RangeError", all(numbers(1).pipeThrough(new TransformStream({ transform() { throw new RangeError("x"); } })))));
test("a transform's terminate", async () => {
    const first = new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk); controller.terminate(); } });
    const reader = first.readable.getReader();
    first.writable.getWriter().write(1).catch(() => {});
    equal((await reader.read()).value, 1);
    ok((await reader.read()).done);
});
test("a writer", async () => {
    const seen = [];
    const writer = new WritableStream({ write: (chunk) => void seen.push(chunk), close: () => void seen.push("closed") }).getWriter();
    await writer.write(1);
    await writer.close();
    equal(seen, [1, "closed"]);
});
test("a writer's abort", async () => {
    let reason;
    const writer = new WritableStream({ abort: (given) => void (reason = given) }).getWriter();
    await writer.abort("why");
    equal(reason, "why");
});
test("the controller's signal", async () => {
    let signal;
    const stream = new WritableStream({ start: (controller) => void (signal = controller.signal) });
    await stream.abort("why");
    equal([signal instanceof AbortSignal, signal.aborted, signal.reason], [true, true, "why"]);
});
test("desiredSize counts", () => {
    const writer = new WritableStream({}, new CountQueuingStrategy({ highWaterMark: 3 })).getWriter();
    void writer.write(1);
    equal(writer.desiredSize, 2);
});
test("ByteLengthQueuingStrategy", () => equal(new ByteLengthQueuingStrategy({ highWaterMark: 5 }).size(bytes(1, 2)), 2));
test("a byte stream read into a buffer", async () => {
    const stream = new ReadableStream({ type: "bytes", start(controller) { controller.enqueue(bytes(1, 2, 3)); controller.close(); } });
    const reader = stream.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(2));
    equal([...value], [1, 2]);
});
test("a byob request", async () => {
    const stream = new ReadableStream({ type: "bytes", pull(controller) { controller.byobRequest.view[0] = 7; controller.byobRequest.respond(1); } });
    const { value } = await stream.getReader({ mode: "byob" }).read(new Uint8Array(4));
    equal([...value], [7]);
});
test("a byte stream takes the buffer away", () => {
    const chunk = bytes(1);
    new ReadableStream({ type: "bytes", start: (controller) => controller.enqueue(chunk) });
    equal(chunk.byteLength, 0);
});
test("read with a least number of bytes", async () => {
    const parts = [bytes(1), bytes(2, 3)];
    const stream = new ReadableStream({ type: "bytes", pull: (controller) => controller.enqueue(parts.shift()) });
    const { value } = await stream.getReader({ mode: "byob" }).read(new Uint8Array(3), { min: 3 });
    equal([...value], [1, 2, 3]);
});
test("class names", () => equal([ReadableStream.name, String(new ReadableStream())], ["ReadableStream", "[object ReadableStream]"]));
test("a readable is async iterable", () => equal(typeof ReadableStream.prototype[Symbol.asyncIterator], "function"));

test("IdentityTransformStream passes bytes", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    void writer.write(bytes(1, 2)).then(() => writer.write(bytes(3).buffer)).then(() => writer.close());
    equal((await all(readable)).map((chunk) => [...chunk]), [[1, 2], [3]]);
});
test("byte pipes take text", async () => {
    for (const pipe of [new IdentityTransformStream(), new FixedLengthStream(6)]) {
        equal(await new Response(ReadableStream.from(["h\u00e9", "llo"]).pipeThrough(pipe)).text(), "h\u00e9llo");
    }
    const packed = ReadableStream.from(["h\u00e9", "llo"]).pipeThrough(new CompressionStream("gzip"));
    equal(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text(), "h\u00e9llo");
});
test("readAtLeast gives what there is at the end", async () => {
    const start = (controller) => {
        controller.enqueue(new Uint8Array([1, 2]));
        controller.close();
    };
    const reader = new ReadableStream({ type: "bytes", start }).getReader({ mode: "byob" });
    const first = await reader.readAtLeast(5, new Uint8Array(8));
    const second = await reader.readAtLeast(5, new Uint8Array(8));
    equal([[...first.value], first.done, second.value.length, second.done], [[1, 2], false, 0, true]);
    await rejects("TypeError", reader.readAtLeast(9, new Uint8Array(8)), "Minimum bytes to read (9) exceeds size of buffer (8).");
    await rejects("TypeError", reader.readAtLeast(0, new Uint8Array(8)));
});
test("IdentityTransformStream is a TransformStream", () => ok(new IdentityTransformStream() instanceof TransformStream));
test("IdentityTransformStream in pipeThrough", async () => {
    const stream = ReadableStream.from([bytes(1), bytes(2)]).pipeThrough(new IdentityTransformStream());
    equal((await all(stream)).map((chunk) => [...chunk]), [[1], [2]]);
});
test("IdentityTransformStream's write waits for a reader", async () => {
    const { readable, writable } = new IdentityTransformStream();
    let written = false;
    const writing = writable.getWriter().write(bytes(1)).then(() => (written = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    equal(written, false);
    await readable.getReader().read();
    await writing;
    ok(written);
});
test("IdentityTransformStream's reader can read into a buffer", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const reader = readable.getReader({ mode: "byob" });
    void writer.write(bytes(1, 2, 3));
    equal([...(await reader.read(new Uint8Array(2))).value], [1, 2]);
    equal([...(await reader.read(new Uint8Array(2))).value], [3]);
    void writer.close();
    ok((await reader.read(new Uint8Array(2))).done);
});
test("IdentityTransformStream tells the writer of a cancel", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const writing = writer.write(bytes(1));
    await readable.cancel(new RangeError("gone"));
    await rejects("RangeError", writing);
});
test("IdentityTransformStream tells the reader of an abort", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const reading = readable.getReader().read();
    await writable.abort(new RangeError("gone"));
    await rejects("RangeError", reading);
});
test("FixedLengthStream passes its length", async () => {
    const { readable, writable } = new FixedLengthStream(3);
    const writer = writable.getWriter();
    void writer.write(bytes(1, 2, 3)).then(() => writer.close());
    equal((await new Response(readable).bytes()).length, 3);
});
test("FixedLengthStream refuses more", async () => {
    const { readable, writable } = new FixedLengthStream(1);
    const reading = rejects("TypeError", readable.getReader().read());
    await rejects("TypeError", writable.getWriter().write(bytes(1, 2)));
    await reading;
});
test("FixedLengthStream refuses less", async () => {
    const { readable, writable } = new FixedLengthStream(2);
    const reading = rejects("TypeError", readable.getReader().read());
    await rejects("TypeError", writable.getWriter().close());
    await reading;
});
test("FixedLengthStream takes a bigint", () => ok(new FixedLengthStream(5n).readable instanceof ReadableStream));
test("FixedLengthStream refuses what is no length", () => throws("TypeError", () => new FixedLengthStream(-1)));
