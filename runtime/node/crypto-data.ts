// What the files of node:crypto share: bytes and texts as Node takes and gives them, names of digests, errors.

import { Buffer } from "./buffer";
import { withCode } from "./errors";

export { withCode };

export type Data = string | ArrayBuffer | ArrayBufferView;
type Encoding = "hex" | "base64" | "base64url" | "latin1" | "binary";

/** The natives' names of digests by Node's, which are written in many ways. */
const HASHES: Record<string, string> = { md5: "MD5", sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

export function hashName(algorithm: string): string {
    const plain = String(algorithm).toLowerCase().replace(/^rsa-|^ecdsa-with-|withrsa(encryption)?$/g, "").replace("sha-", "sha");
    const name = HASHES[plain];
    if (name === undefined) throw new Error("Digest method not supported");
    return name;
}

export function bytesOf(data: Data, encoding?: string): Uint8Array {
    if (typeof data === "string") return Buffer.from(data, encoding as "utf8");
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    throw invalidArgument("The data must be a string, an ArrayBuffer, a Buffer, a TypedArray or a DataView.");
}

export function encoded(bytes: Uint8Array, encoding?: string): Uint8Array | string {
    const buffer = Buffer.from(bytes);
    return encoding === undefined || encoding === "buffer" ? buffer : buffer.toString(encoding as Encoding);
}

export function invalidArgument(text: string): TypeError {
    return withCode(new TypeError(text), "ERR_INVALID_ARG_TYPE");
}

export type Done<T> = (error: unknown, value?: T) => void;

/** Does at once what Node does in a thread, and tells of it later. */
export function tellLater<T>(done: Done<T>, work: () => T): void {
    if (typeof done !== "function") throw invalidArgument('The "callback" argument must be of type function.');
    try {
        const value = work();
        queueMicrotask(() => done(null, value));
    } catch (error) {
        queueMicrotask(() => done(error));
    }
}
