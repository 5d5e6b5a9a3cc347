// Blob and File: immutable bytes in memory. A slice shares the bytes of what it was cut from.

import type { ReadableStream } from "web-streams-polyfill";
import { needArguments } from "./arguments";
import { brand } from "./brand";
import { concatBytes, copyBytes, isBufferSource } from "./bytes";
import { native } from "./host";
import { kinds } from "./kinds";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

const streams = lazy(() => require("./streams") as typeof import("./streams"));

export type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

export interface BlobPropertyBag {
    type?: string;
    endings?: "transparent" | "native";
}

/** Bytes that nobody else holds, to be adopted without a copy; no worker can get hold of this class. */
class Owned {
    constructor(readonly bytes: Uint8Array) {}
}

let bytesOf: (blob: Blob) => Uint8Array;
let isBlob: (value: object) => value is Blob;

function normaliseType(type: unknown): string {
    const text = String(type);
    return /^[\x20-\x7e]*$/.test(text) ? text.toLowerCase() : "";
}

function partBytes(part: unknown, nativeEndings: boolean): Uint8Array {
    if (isBufferSource(part)) {
        return copyBytes(part);
    }
    if (typeof part === "object" && part !== null && isBlob(part)) {
        return bytesOf(part);
    }
    const text = String(part);
    return native.utf8Encode(nativeEndings ? text.replace(/\r\n?/g, "\n") : text);
}

function joinParts(parts: unknown, options: BlobPropertyBag): Uint8Array {
    if (parts === undefined) {
        return new Uint8Array(0);
    }
    if (typeof parts !== "object" || parts === null || !(Symbol.iterator in parts)) {
        throw new TypeError("Failed to construct 'Blob': The provided value cannot be converted to a sequence.");
    }
    const { endings } = options;
    const wanted = endings === undefined ? "transparent" : String(endings);
    if (wanted !== "transparent" && wanted !== "native") {
        throw new TypeError(`Failed to construct 'Blob': '${wanted}' is not a valid value for endings.`);
    }
    const nativeEndings = wanted === "native";
    return concatBytes(Array.from(parts as Iterable<unknown>, (part) => partBytes(part, nativeEndings)));
}

/** Web IDL's [Clamp]: to the nearest integer, and to the even one of two that are as near. */
function roundToEven(value: number): number {
    const rounded = Math.round(value);
    return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Where a slice index points, counted from the end if it is negative. */
function clampIndex(index: number | undefined, whole: number, size: number): number {
    const at = index === undefined ? whole : roundToEven(Number(index) || 0);
    return at < 0 ? Math.max(size + at, 0) : Math.min(at, size);
}

/** Bytes are copied in and copied out; in between they are shared freely. */
export class Blob {
    readonly #bytes: Uint8Array;
    readonly #type: string;

    static {
        bytesOf = (blob) => blob.#bytes;
        isBlob = (value): value is Blob => #bytes in value;
    }

    constructor(parts: Iterable<BlobPart> | Owned | undefined = undefined, options: BlobPropertyBag | null = {}) {
        if (options !== null && typeof options !== "object" && typeof options !== "function") {
            throw new TypeError("Failed to construct 'Blob': The provided value is not of type 'BlobPropertyBag'.");
        }
        this.#bytes = parts instanceof Owned ? parts.bytes : joinParts(parts, options ?? {});
        this.#type = normaliseType(options?.type ?? "");
    }

    get size(): number {
        return this.#bytes.byteLength;
    }
    get type(): string {
        return this.#type;
    }

    slice(start?: number, end?: number, type: string = ""): Blob {
        const from = clampIndex(start, 0, this.size);
        const to = clampIndex(end, this.size, this.size);
        return new Blob(new Owned(this.#bytes.subarray(from, Math.max(from, to))), { type: String(type) });
    }

    async arrayBuffer(): Promise<ArrayBuffer> {
        return this.#bytes.slice().buffer as ArrayBuffer;
    }

    async bytes(): Promise<Uint8Array> {
        return this.#bytes.slice();
    }

    async text(): Promise<string> {
        const text = native.utf8Decode(this.#bytes, false);
        return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    }

    stream(): ReadableStream {
        return streams().streamFromContent({ bytes: this.#bytes, shared: true });
    }
}
brand(Blob, "Blob", ["size", "type"]);

export interface FilePropertyBag extends BlobPropertyBag {
    lastModified?: number;
}

export class File extends Blob {
    readonly #name: string;
    readonly #lastModified: number;

    constructor(parts: Iterable<BlobPart> | Owned, name: string, options: FilePropertyBag | null = {}) {
        needArguments("construct 'File'", 2, arguments.length);
        super(parts, options);
        this.#name = String(name).toWellFormed();
        const modified = options?.lastModified;
        this.#lastModified = modified === undefined ? Date.now() : Math.trunc(Number(modified)) || 0;
    }

    get name(): string {
        return this.#name;
    }
    get lastModified(): number {
        return this.#lastModified;
    }
}
brand(File, "File", ["name", "size", "type", "lastModified"]);

kinds.blob = (value): value is Blob => typeof value === "object" && value !== null && isBlob(value);

/** The blob's own bytes; the caller must not change them. */
export function blobBytes(blob: Blob): Uint8Array {
    return bytesOf(blob);
}

/** A blob that adopts `bytes`, which nobody may change any more. */
export function blobFromBytes(bytes: Uint8Array, type: string): Blob {
    return new Blob(new Owned(bytes), { type });
}

/** A file that shares the bytes of a blob. */
export function fileFromBlob(blob: Blob, name: string, lastModified?: number): File {
    return new File(new Owned(bytesOf(blob)), name, { type: blob.type, lastModified });
}
