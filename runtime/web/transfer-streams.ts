// Streams that structuredClone and postMessage move. The old stream stays behind, locked; each chunk and each reason that
// passes between the two is cloned, as if there were a channel between them. After the Streams Standard, "Transfer via
// postMessage()", within one cell and without its ports. Loaded when a transfer names what is neither buffer nor port.

import { structuredClone } from "./clone";
import { ReadableStream, TransformStream, WritableStream } from "./streams";

export type TransferableStream = ReadableStream | WritableStream | TransformStream;

export function isStream(value: unknown): value is TransferableStream {
    return value instanceof ReadableStream || value instanceof WritableStream || value instanceof TransformStream;
}

/** What a transfer locks: the stream itself, or both sides of a transform stream. */
export function lockedBy(stream: TransferableStream): (ReadableStream | WritableStream)[] {
    return stream instanceof TransformStream ? [stream.readable, stream.writable] : [stream];
}

/** A reason as it arrives at the other side; one that cannot be cloned arrives as the error that says so. */
function cloneReason(reason: unknown): unknown {
    try {
        return structuredClone(reason);
    } catch (error) {
        return error;
    }
}

function moveReadable(stream: ReadableStream): ReadableStream {
    const reader = stream.getReader();
    const source = {
        async pull(controller: { enqueue(chunk: unknown): void; close(): void }): Promise<void> {
            const { done, value } = await reader.read().catch((reason: unknown) => {
                throw cloneReason(reason);
            });
            if (done) {
                controller.close();
                return;
            }
            try {
                controller.enqueue(structuredClone(value));
            } catch (error) {
                void reader.cancel(error).catch(() => {});
                throw error;
            }
        },
        cancel: (reason: unknown) => reader.cancel(cloneReason(reason)),
    };
    return new ReadableStream(source, { highWaterMark: 0 });
}

function moveWritable(stream: WritableStream): WritableStream {
    const writer = stream.getWriter();
    return new WritableStream({
        start(controller) {
            writer.closed.catch((reason: unknown) => controller.error(cloneReason(reason)));
        },
        async write(chunk) {
            try {
                await writer.write(structuredClone(chunk));
            } catch (error) {
                void writer.abort(error).catch(() => {});
                throw cloneReason(error);
            }
        },
        close: () => writer.close(),
        abort: (reason) => writer.abort(cloneReason(reason)),
    });
}

/** The stream at the other side. What it locks must not be locked yet. */
export function moveStream(stream: TransferableStream): TransferableStream {
    if (stream instanceof ReadableStream) return moveReadable(stream);
    if (stream instanceof WritableStream) return moveWritable(stream);
    // The library keeps both sides here.
    const sides = { _readable: moveReadable(stream.readable), _writable: moveWritable(stream.writable) };
    return Object.assign(new TransformStream(), sides);
}
