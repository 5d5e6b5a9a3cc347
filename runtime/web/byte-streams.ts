// IdentityTransformStream and FixedLengthStream: pipes for bytes that hold nothing back. A write settles when the
// reader has taken it, so the writer is never more than one chunk ahead.

import {
    ReadableStream, TransformStream, WritableStream, type ReadableByteStreamController,
} from "web-streams-polyfill";
import { brand } from "./brand";
import { isBufferSource, viewBytes } from "./bytes";
import { native } from "./host";
import { promiseLength } from "./streams";

function pipeBytes(chunk: unknown): Uint8Array {
    if (typeof chunk === "string") {
        return native.utf8Encode(chunk);
    }
    if (!isBufferSource(chunk)) {
        throw new TypeError(
            "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/" +
                "ArrayBufferView type on its writable side.",
        );
    }
    return viewBytes(chunk).slice();
}

/** A promise and the means to settle it, renewed by each turn of the pipe. */
class Turn {
    #resolvers = Promise.withResolvers<void>();

    get taken(): Promise<void> {
        return this.#resolvers.promise;
    }
    take(): void {
        this.#resolvers.resolve();
    }
    fail(reason: unknown): void {
        void this.#resolvers.promise.catch(() => {});
        this.#resolvers.reject(reason);
    }
}

/** Sees how many bytes pass through a pipe and when it ends; this one lets everything pass. */
class Meter {
    pass(_bytes: number): void {}
    end(): void {}
}

/** Throws at a byte more or less than promised. */
class LengthMeter extends Meter {
    #left: number;

    constructor(length: number) {
        super();
        this.#left = length;
    }
    override pass(bytes: number): void {
        this.#left -= bytes;
        if (this.#left < 0) {
            throw new TypeError("Attempt to write too many bytes through a FixedLengthStream.");
        }
    }
    override end(): void {
        if (this.#left > 0) {
            throw new TypeError("FixedLengthStream did not see all expected bytes before close().");
        }
    }
}

function makePipe(meter: Meter): { readable: ReadableStream; writable: WritableStream } {
    let controller!: ReadableByteStreamController;
    let pull = new Turn();
    let over: { reason: unknown } | undefined;
    const readable = new ReadableStream(
        {
            type: "bytes",
            start(given) {
                controller = given;
            },
            async pull() {
                pull.take();
            },
            cancel(reason) {
                over = { reason };
                pull.fail(reason);
            },
        },
        { highWaterMark: 0 },
    );
    const give = async (bytes: Uint8Array) => {
        await pull.taken;
        if (over !== undefined) {
            throw over.reason;
        }
        pull = new Turn();
        controller.enqueue(bytes);
    };
    const fail = (reason: unknown) => {
        over = { reason };
        controller.error(reason);
    };
    const writable = new WritableStream({
        async write(chunk) {
            try {
                const bytes = pipeBytes(chunk);
                meter.pass(bytes.byteLength);
                if (bytes.byteLength > 0) {
                    await give(bytes);
                }
            } catch (error) {
                fail(error);
                throw error;
            }
        },
        close() {
            try {
                meter.end();
            } catch (error) {
                fail(error);
                throw error;
            }
            controller.close();
            controller.byobRequest?.respond(0);
        },
        abort: fail,
    });
    return { readable, writable };
}

/** A TransformStream by its prototype only: its two sides are a pipe of its own, not a transformer. */
export class IdentityTransformStream extends TransformStream {
    readonly #pipe: { readable: ReadableStream; writable: WritableStream };

    constructor(_strategy?: unknown, meter?: unknown) {
        super();
        this.#pipe = makePipe(meter instanceof Meter ? meter : new Meter());
    }

    override get readable(): ReadableStream {
        return this.#pipe.readable;
    }
    override get writable(): WritableStream {
        return this.#pipe.writable;
    }
}
brand(IdentityTransformStream, "IdentityTransformStream", ["readable", "writable"]);

/** A pipe that errs unless exactly so many bytes pass; a body made of its readable side has that length. */
export class FixedLengthStream extends IdentityTransformStream {
    constructor(expectedLength: number | bigint, strategy?: unknown) {
        const length = typeof expectedLength === "bigint" ? Number(expectedLength) : Math.trunc(Number(expectedLength));
        if (!(length >= 0 && length <= Number.MAX_SAFE_INTEGER)) {
            throw new TypeError("FixedLengthStream requires an integer expected length less than 2^53.");
        }
        super(strategy, new LengthMeter(length));
        promiseLength(this.readable, length);
    }
}
brand(FixedLengthStream, "FixedLengthStream", ["readable", "writable"]);
