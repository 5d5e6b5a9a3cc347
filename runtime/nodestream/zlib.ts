// node:zlib over native.codec (src/cell/compression.c): gzip, deflate and brotli, at once, with callbacks and as streams.
// Of the options it takes level, brotli's quality, maxOutputLength and finishFlush; the rest changes sizes, not contents.

// From inside unenv, whose module would bring all of its stubs along.
import * as all from "unenv/node/internal/zlib/constants";
import { load } from "../node/main";
import { native } from "../web/host";
import { Transform } from "./stream";

type Bytes = Uint8Array & { toString(encoding?: string): string };
interface Buffers {
    from(value: unknown, encoding?: string): Bytes;
    concat(parts: Uint8Array[]): Bytes;
}
const { Buffer } = load("buffer") as { Buffer: Buffers };
const { nextTick } = load("process") as { nextTick: (run: (...args: unknown[]) => void, ...args: unknown[]) => void };

export const constants = Object.freeze({ ...all });
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, BROTLI_PARAM_QUALITY } = all as unknown as Record<string, number>;

export interface Options {
    level?: number;
    params?: Record<number, number>;
    maxOutputLength?: number;
    finishFlush?: number;
}

type Format = "gzip" | "deflate" | "deflate-raw" | "brotli";

/** Fails as zlib does: with a code and its number. */
function failure(message: string, code: string, errno: number): Error {
    return Object.assign(new Error(message), { code, errno });
}

function bytesOf(input: unknown): Uint8Array {
    if (typeof input === "string") return Buffer.from(input);
    if (input instanceof ArrayBuffer) return new Uint8Array(input);
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    const message = 'The "buffer" argument must be of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer.';
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
}

/** One of them at work. What stands behind the end of compressed data is ignored, but for another gzip member. */
class Codec {
    #format: Format | "unzip";
    readonly #decodes: boolean;
    readonly #options: Options;
    #number: number | undefined;
    #head: Uint8Array = new Uint8Array(0);
    #hasEnded = false;

    constructor(format: Format | "unzip", decodes: boolean, options: Options) {
        this.#format = format;
        this.#decodes = decodes;
        this.#options = options;
    }

    #open(): number {
        const { level, params } = this.#options;
        const strength = this.#format === "brotli" ? params?.[BROTLI_PARAM_QUALITY!] : level;
        const number = native.codec("open", this.#format, this.#decodes, strength ?? -1);
        if (number === undefined) throw failure("too many streams are open", "Z_MEM_ERROR", -4);
        return (this.#number = number);
    }

    /** Gives a chunk, or with none the end, and has `take` called with each piece that comes of it. */
    run(chunk: Uint8Array | undefined, take: (piece: Uint8Array) => void): void {
        if (this.#hasEnded) return;
        if (this.#format === "unzip") {
            const head = chunk === undefined ? this.#head : Buffer.concat([this.#head, chunk]);
            if (chunk !== undefined && head.length < 2) return void (this.#head = head);
            this.#format = head[0] === 0x1f && head[1] === 0x8b ? "gzip" : "deflate";
            if (chunk === undefined) this.run(head, take);
            else chunk = head;
        }
        const number = this.#number ?? this.#open();
        native.codec("give", number, chunk);
        for (;;) {
            const piece = native.codec("take", number);
            if (piece === undefined) return this.#stumbled(number, chunk, take);
            if (piece.length === 0) return;
            take(piece);
        }
    }

    #stumbled(number: number, chunk: Uint8Array | undefined, take: (piece: Uint8Array) => void): void {
        const left = native.codec("left", number);
        this.close();
        if (left !== undefined) {
            const rest = chunk!.subarray(chunk!.length - left);
            this.#hasEnded = !(this.#format === "gzip" && rest[0] === 0x1f);
            return this.run(rest, take);
        }
        this.#hasEnded = true;
        if (chunk !== undefined && this.#format === "brotli") throw failure("Decompression failed", "ERR__ERROR_FORMAT_PADDING_1", -2);
        if (chunk !== undefined) throw failure("incorrect header check", "Z_DATA_ERROR", -3);
        const { finishFlush } = this.#options;
        if (finishFlush === Z_SYNC_FLUSH || (this.#format === "brotli" && finishFlush === BROTLI_OPERATION_FLUSH)) return;
        throw failure("unexpected end of file", "Z_BUF_ERROR", -5);
    }

    close(): void {
        if (this.#number !== undefined) native.codec("close", this.#number);
        this.#number = undefined;
    }
}

function convert(format: Format | "unzip", decodes: boolean, input: unknown, options: Options = {}): Bytes {
    const codec = new Codec(format, decodes, options);
    const pieces: Uint8Array[] = [];
    const max = options.maxOutputLength ?? Infinity;
    let size = 0;
    const take = (piece: Uint8Array): void => {
        size += piece.length;
        if (size > max) {
            const message = `Cannot create a Buffer larger than ${max} bytes`;
            throw Object.assign(new RangeError(message), { code: "ERR_BUFFER_TOO_LARGE" });
        }
        pieces.push(piece);
    };
    try {
        const bytes = bytesOf(input);
        if (bytes.length > 0) codec.run(bytes, take);
        codec.run(undefined, take);
    } finally {
        codec.close();
    }
    return Buffer.concat(pieces);
}

/** Ends the codecs of streams that nobody brought to an end. */
const forgotten = new FinalizationRegistry((codec: Codec) => codec.close());

const Base = Transform as new (options: object) => { push(chunk: unknown): boolean };

/** The three ways to one format: at once, with a callback, as a stream. */
function waysOf(name: string, format: Format | "unzip", decodes: boolean) {
    const stream = {
        [name]: class extends Base {
            bytesWritten = 0;

            constructor(options: Options = {}) {
                const codec = new Codec(format, decodes, options);
                const run = (chunk: Uint8Array | undefined, done: (error?: unknown) => void): void => {
                    try {
                        codec.run(chunk, (piece) => this.push(Buffer.from(piece)));
                    } catch (error) {
                        return done(error);
                    }
                    done();
                };
                super({
                    ...options,
                    transform: (chunk: Uint8Array, _encoding: string, done: () => void) => {
                        this.bytesWritten += chunk.length;
                        run(chunk, done);
                    },
                    flush: (done: () => void) => run(undefined, done),
                    destroy: (error: unknown, done: (error: unknown) => void) => {
                        codec.close();
                        done(error);
                    },
                });
                forgotten.register(this, codec);
            }

            /** What was written comes out as it comes; nothing is held back for longer than compressing needs. */
            flush(...args: unknown[]): void {
                const done = args.at(-1);
                if (typeof done === "function") nextTick(done as () => void);
            }

            close(done?: () => void): void {
                (this as unknown as { destroy(): void }).destroy();
                if (done) nextTick(done);
            }
        },
    }[name]!;
    const sync = (input: unknown, options?: Options): Bytes => convert(format, decodes, input, options);
    const later = (input: unknown, ...more: unknown[]): void => {
        const done = more.at(-1);
        if (typeof done !== "function") throw Object.assign(new TypeError('The "callback" argument must be of type function.'), { code: "ERR_INVALID_ARG_TYPE" });
        bytesOf(input);
        nextTick(() => {
            let result: Bytes;
            try {
                result = sync(input, more.length > 1 ? (more[0] as Options) : undefined);
            } catch (error) {
                return void (done as (error: unknown) => void)(error);
            }
            (done as (error: null, result: Bytes) => void)(null, result);
        });
    };
    return { stream, sync, later, create: (options?: Options) => new stream(options) };
}

export const { stream: Gzip, sync: gzipSync, later: gzip, create: createGzip } = waysOf("Gzip", "gzip", false);
export const { stream: Gunzip, sync: gunzipSync, later: gunzip, create: createGunzip } = waysOf("Gunzip", "gzip", true);
export const { stream: Deflate, sync: deflateSync, later: deflate, create: createDeflate } = waysOf("Deflate", "deflate", false);
export const { stream: Inflate, sync: inflateSync, later: inflate, create: createInflate } = waysOf("Inflate", "deflate", true);
export const { stream: DeflateRaw, sync: deflateRawSync, later: deflateRaw, create: createDeflateRaw } = waysOf("DeflateRaw", "deflate-raw", false);
export const { stream: InflateRaw, sync: inflateRawSync, later: inflateRaw, create: createInflateRaw } = waysOf("InflateRaw", "deflate-raw", true);
export const { stream: Unzip, sync: unzipSync, later: unzip, create: createUnzip } = waysOf("Unzip", "unzip", true);
export const { stream: BrotliCompress, sync: brotliCompressSync, later: brotliCompress, create: createBrotliCompress } = waysOf("BrotliCompress", "brotli", false);
export const { stream: BrotliDecompress, sync: brotliDecompressSync, later: brotliDecompress, create: createBrotliDecompress } = waysOf("BrotliDecompress", "brotli", true);

/** The checksum of gzip, of what came before and these bytes. */
export function crc32(input: unknown, before = 0): number {
    return native.codec("crc32", bytesOf(input), before);
}

export default {
    Gzip, gzipSync, gzip, createGzip, Gunzip, gunzipSync, gunzip, createGunzip, Deflate, deflateSync, deflate, createDeflate, Inflate, inflateSync,
    inflate, createInflate, DeflateRaw, deflateRawSync, deflateRaw, createDeflateRaw, InflateRaw, inflateRawSync, inflateRaw, createInflateRaw, Unzip,
    unzipSync, unzip, createUnzip, BrotliCompress, brotliCompressSync, brotliCompress, createBrotliCompress, BrotliDecompress, brotliDecompressSync,
    brotliDecompress, createBrotliDecompress, constants, crc32,
};
