// crypto.DigestStream: a WritableStream of bytes whose `digest` promise resolves when it is closed. Workers only.

import { brand } from "../web/brand";
import { isBufferSource, viewBytes } from "../web/bytes";
import { native } from "../web/host";
import { WritableStream } from "../web/streams";
import { normalize } from "./algorithm";
import { operationError } from "./errors";

/** Ends the digests of streams that nobody closed. */
const forgotten = new FinalizationRegistry((number: number) => {
    native.crypto("digest end", number);
});

function digestBytes(chunk: unknown): Uint8Array {
    if (typeof chunk === "string") return native.utf8Encode(chunk);
    if (isBufferSource(chunk)) return viewBytes(chunk);
    throw new TypeError("DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its writable side.");
}

export class DigestStream extends WritableStream {
    readonly #digest: Promise<ArrayBuffer>;
    readonly #count: { bytes: bigint };

    constructor(algorithm: unknown) {
        const { name } = normalize("digest", algorithm).algorithm;
        const number = native.crypto("digest begin", name) as number | undefined;
        if (number === undefined) throw operationError("Too many digests are under way.");
        const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
        const token = {};
        const count = { bytes: 0n };
        const end = () => {
            forgotten.unregister(token);
            return native.crypto("digest end", number) as Uint8Array;
        };
        void promise.catch(() => {});
        super({
            write(chunk) {
                const bytes = digestBytes(chunk);
                count.bytes += BigInt(bytes.length);
                native.crypto("digest add", number, bytes);
            },
            close() {
                resolve(end().buffer as ArrayBuffer);
            },
            abort(reason) {
                end();
                reject(reason);
            },
        });
        forgotten.register(this, number, token);
        this.#digest = promise;
        this.#count = count;
    }

    get digest(): Promise<ArrayBuffer> {
        return this.#digest;
    }
    get bytesWritten(): bigint {
        return this.#count.bytes;
    }

    [Symbol.dispose](): void {
        if (!this.locked) void this.abort(new TypeError("The DigestStream was disposed.")).catch(() => {});
    }
}
brand(DigestStream, "DigestStream", ["locked"]);
