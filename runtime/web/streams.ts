// The streams of the WHATWG standard, from web-streams-polyfill, and the bridge between them and bodies. Built when a
// worker first names a stream class or asks for `body`; until then no stream exists and nothing here has run.

import {
    ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
    ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
    TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController,
    WritableStreamDefaultWriter,
} from "web-streams-polyfill";
import { brand } from "./brand";
import { chunkBytes, type ByteSource, type Content } from "./body-source";
import { native } from "./host";
import { define } from "./lazy";
import { kinds } from "./kinds";

export {
    ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
    ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
    TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController,
    WritableStreamDefaultWriter,
} from "web-streams-polyfill";

/** What the platform's own streams were made of, for as long as nobody read from them. */
const origins = new WeakMap<ReadableStream, Content>();
const promisedLengths = new WeakMap<ReadableStream, number>();

brand(ByteLengthQueuingStrategy, "ByteLengthQueuingStrategy", ["highWaterMark"]);
brand(CountQueuingStrategy, "CountQueuingStrategy", ["highWaterMark"]);
brand(ReadableByteStreamController, "ReadableByteStreamController");
brand(ReadableStream, "ReadableStream", ["locked"]);
brand(ReadableStreamBYOBReader, "ReadableStreamBYOBReader");
brand(ReadableStreamBYOBRequest, "ReadableStreamBYOBRequest");
brand(ReadableStreamDefaultController, "ReadableStreamDefaultController");
brand(ReadableStreamDefaultReader, "ReadableStreamDefaultReader");
brand(TransformStream, "TransformStream", ["readable", "writable"]);
brand(TransformStreamDefaultController, "TransformStreamDefaultController");
brand(WritableStream, "WritableStream", ["locked"]);
brand(WritableStreamDefaultController, "WritableStreamDefaultController");
brand(WritableStreamDefaultWriter, "WritableStreamDefaultWriter");

/** Workers' older read with a minimum: at the end it gives what there is, and says only afterwards that it is the end. */
define(ReadableStreamBYOBReader.prototype, "readAtLeast", async function readAtLeast(
    this: ReadableStreamBYOBReader,
    minElements: number,
    view: Uint8Array,
) {
    const [min, size] = [Math.trunc(Number(minElements)), view.BYTES_PER_ELEMENT ?? 1];
    const [type, from, length] = [view.constructor as Uint8ArrayConstructor, view.byteOffset, view.byteLength / size];
    if (!(min > 0)) throw new TypeError(`Requested invalid minimum number of bytes to read (${min}).`);
    if (min > length) throw new TypeError(`Minimum bytes to read (${min}) exceeds size of buffer (${length}).`);
    for (let filled = 0, rest = view; ; ) {
        const { done, value } = await this.read(rest);
        if (value === undefined) return { value, done };
        filled += value.byteLength / size;
        if (done || filled >= min) return { value: new type(value.buffer, from, filled), done: done && filled === 0 };
        rest = new type(value.buffer, from + filled * size, length - filled);
    }
});

kinds.stream = (value): value is ReadableStream => value instanceof ReadableStream;

/** Whether the stream was ever read from or cancelled: the standard's [[disturbed]], which the library keeps here. */
export function isDisturbed(stream: ReadableStream): boolean {
    return (stream as unknown as { _disturbed: boolean })._disturbed;
}

/** The number of bytes that a stream's maker promised it will give, if he did. */
export function promisedLength(stream: ReadableStream): number | undefined {
    return promisedLengths.get(stream);
}

/** Notes that a stream will give exactly so many bytes; its maker sees to it that it does. */
export function promiseLength(stream: ReadableStream, length: number): void {
    promisedLengths.set(stream, length);
}

function enqueueBytes(controller: ReadableByteStreamController, bytes: Uint8Array): void {
    if (bytes.byteLength > 0) {
        // The controller takes the whole buffer away from everybody else who sees it.
        controller.enqueue(bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice());
    }
}

function closeBytes(controller: ReadableByteStreamController): void {
    controller.close();
    controller.byobRequest?.respond(0);
}

function streamFromSource(source: ByteSource): ReadableStream {
    return new ReadableStream(
        {
            type: "bytes",
            async pull(controller) {
                let chunk = await source.read();
                while (chunk?.byteLength === 0) {
                    chunk = await source.read();
                }
                if (chunk === undefined) {
                    closeBytes(controller);
                } else {
                    enqueueBytes(controller, chunk);
                }
            },
            cancel(reason) {
                source.cancel(reason);
            },
        },
        { highWaterMark: 0 },
    );
}

function streamFromBytes(take: () => Uint8Array): ReadableStream {
    return new ReadableStream(
        {
            type: "bytes",
            pull(controller) {
                enqueueBytes(controller, take());
                closeBytes(controller);
            },
        },
        { highWaterMark: 0 },
    );
}

/** The stream of a body that was used before anybody asked for it: disturbed, closed, and locked to who used it. */
function spentStream(): ReadableStream {
    const stream = streamFromBytes(() => new Uint8Array(0));
    void stream.cancel();
    stream.getReader();
    return stream;
}

/** A byte stream with the bytes of a content, read from it as the stream is read. */
export function streamFromContent(content: Content): ReadableStream {
    const { text, bytes, shared, source } = content;
    if (text === undefined && bytes === undefined && source === undefined) {
        return spentStream();
    }
    const stream =
        source === undefined
            ? streamFromBytes(() => (bytes === undefined ? native.utf8Encode(text!) : shared ? bytes.slice() : bytes))
            : streamFromSource(source);
    origins.set(stream, { text, bytes, shared, source, length: content.length });
    return stream;
}

/** The next chunk as bytes. What is none ends the stream. */
async function readChunk(reader: ReadableStreamDefaultReader<unknown>, encodes: boolean): Promise<Uint8Array | undefined> {
    const { done, value } = await reader.read();
    if (done) return undefined;
    if (encodes && typeof value === "string") return native.utf8Encode(value);
    try {
        return chunkBytes(value);
    } catch (error) {
        void reader.cancel(error).catch(() => {});
        throw error;
    }
}

/** A source over a reader; the stream stays locked to it for good. */
function sourceOfReader(reader: ReadableStreamDefaultReader<unknown>): ByteSource {
    return {
        read: () => readChunk(reader, true),
        readOwn: () => readChunk(reader, false),
        cancel(reason) {
            void reader.cancel(reason).catch(() => {});
        },
    };
}

/** Locks an unlocked, undisturbed stream and returns what gives its bytes from now on. */
export function releaseStream(stream: ReadableStream): Content {
    const reader = stream.getReader();
    const origin = origins.get(stream);
    if (origin === undefined || isDisturbed(stream)) {
        return { source: sourceOfReader(reader), length: promisedLengths.get(stream) };
    }
    origins.delete(stream);
    return origin;
}

/** Two streams with the chunks of one; bytes are copied for the second, so that either may be changed. */
export function teeStream(stream: ReadableStream): [ReadableStream, ReadableStream] {
    return stream.tee();
}
