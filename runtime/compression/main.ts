// CompressionStream and DecompressionStream over native.codec (src/cell/compression.c). A part of its own, evaluated when
// a worker first asks for one of them.

import { brand } from "../web/brand";
import { isBufferSource, viewBytes } from "../web/bytes";
import { native } from "../web/host";
import { TransformStream, type ReadableStream, type TransformStreamDefaultController, type WritableStream } from "../web/streams";

const formats = ["brotli", "deflate", "deflate-raw", "gzip"];

/** Ends the codecs of streams that nobody brought to an end. */
const forgotten = new FinalizationRegistry((number: number) => {
    native.codec("close", number);
});

/** Memory that somebody else may change meanwhile; only WebAssembly has any. */
function isShared(chunk: ArrayBuffer | ArrayBufferView): boolean {
    return ArrayBuffer.isView(chunk) && !(chunk.buffer instanceof ArrayBuffer);
}

/** Hands on what the codec has, piece by piece; throws where its input is wrong. */
function drain(number: number, controller: TransformStreamDefaultController<Uint8Array>): void {
    for (;;) {
        const piece = native.codec("take", number) as Uint8Array | undefined;
        if (piece === undefined) throw new TypeError("Decompression failed.");
        if (piece.length === 0) return;
        controller.enqueue(piece);
    }
}

/** A transform that runs a codec and ends it, whichever way the stream ends. */
function codecTransform(format: unknown, decodes: boolean, where: string): TransformStream {
    const name = String(format);
    const known = formats.includes(name);
    if (!known) throw new TypeError(`Failed to construct '${where}': Unsupported compression format: '${name}'`);
    const number = native.codec("open", name, decodes) as number | undefined;
    if (number === undefined) throw new TypeError(`Failed to construct '${where}': too many streams are open.`);
    const token = {};
    const close = () => {
        forgotten.unregister(token);
        native.codec("close", number);
    };
    const closing = (work: () => void) => {
        try {
            work();
        } catch (error) {
            close();
            throw error;
        }
    };
    const transform = new TransformStream({
        transform(chunk, controller) {
            closing(() => {
                const isText = typeof chunk === "string";
                if (!isText && (!isBufferSource(chunk) || isShared(chunk))) throw new TypeError(`${where} takes chunks that are BufferSource.`);
                native.codec("give", number, isText ? native.utf8Encode(chunk) : viewBytes(chunk));
                drain(number, controller);
            });
        },
        flush(controller) {
            closing(() => {
                native.codec("give", number);
                drain(number, controller);
            });
            close();
        },
        cancel: close,
    });
    forgotten.register(transform, number, token);
    return transform;
}

export class CompressionStream {
    readonly #transform: TransformStream;

    constructor(format: unknown) {
        this.#transform = codecTransform(format, false, "CompressionStream");
    }
    get readable(): ReadableStream {
        return this.#transform.readable;
    }
    get writable(): WritableStream {
        return this.#transform.writable;
    }
}
brand(CompressionStream, "CompressionStream", ["readable", "writable"]);

export class DecompressionStream {
    readonly #transform: TransformStream;

    constructor(format: unknown) {
        this.#transform = codecTransform(format, true, "DecompressionStream");
    }
    get readable(): ReadableStream {
        return this.#transform.readable;
    }
    get writable(): WritableStream {
        return this.#transform.writable;
    }
}
brand(DecompressionStream, "DecompressionStream", ["readable", "writable"]);
