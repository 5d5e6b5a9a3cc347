// node:buffer: unenv's Buffer, and what unenv leaves out.

// From inside unenv, since its module would take the global Buffer, which comes from here.
import * as unenv from "unenv/node/internal/buffer/buffer";

export const Buffer = unenv.Buffer as unknown as typeof globalThis.Buffer;
export const { SlowBuffer, kMaxLength, INSPECT_MAX_BYTES } = unenv;
/** The encoding that unenv's Buffer lacks: it reads base64url where it is told base64, and never writes it. */
function addBase64Url(): void {
    const isUrl = (encoding: unknown): boolean => typeof encoding === "string" && encoding.toLowerCase() === "base64url";
    const { from, isEncoding } = Buffer;
    const { toString, write } = Buffer.prototype;
    const untyped = Buffer as unknown as Record<string, unknown>;
    untyped.from = (value: unknown, encoding: unknown, length: unknown) =>
        (from as (...args: unknown[]) => Buffer)(value, isUrl(encoding) ? "base64" : encoding, length);
    untyped.isEncoding = (encoding: string) => isUrl(encoding) || isEncoding(encoding);
    Buffer.prototype.toString = function (encoding?: BufferEncoding, start?: number, end?: number): string {
        if (!isUrl(encoding)) return toString.call(this, encoding, start, end);
        return toString.call(this, "base64", start, end).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
    };
    Buffer.prototype.write = function (this: Buffer, ...args: unknown[]): number {
        return (write as (...args: unknown[]) => number).call(this, ...args.map((arg) => (isUrl(arg) ? "base64" : arg)));
    } as typeof write;
}
addBase64Url();

export const Blob = globalThis.Blob;
export const File = globalThis.File;
export const atob = globalThis.atob;
export const btoa = globalThis.btoa;
export const kStringMaxLength = 0x7fffffff;
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };

function bytesOf(input: ArrayBuffer | ArrayBufferView): Uint8Array {
    if (!ArrayBuffer.isView(input)) return new Uint8Array(input);
    return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
}

export function isAscii(input: ArrayBuffer | ArrayBufferView): boolean {
    return bytesOf(input).every((byte) => byte < 0x80);
}

export function isUtf8(input: ArrayBuffer | ArrayBufferView): boolean {
    try {
        new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(input));
        return true;
    } catch {
        return false;
    }
}

type Encoding = "utf8" | "utf16le" | "latin1" | "ascii" | "base64" | "hex";

export function transcode(source: Uint8Array, from: Encoding, to: Encoding): Uint8Array {
    return Buffer.from(Buffer.from(source).toString(from), to);
}

export default {
    Buffer, SlowBuffer, kMaxLength, INSPECT_MAX_BYTES, Blob, File, atob, btoa, kStringMaxLength, constants, isAscii, isUtf8,
    transcode,
};
