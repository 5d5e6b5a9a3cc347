// Values of code as values of JSON. What arrives from a sandbox is anything that can be cloned; a request knows text,
// numbers, lists and objects. What has no such form is refused by its place, for whoever left it out would tell nobody.

import { isObject, list, own, text, type Json, type SchemaDocument } from "../types/schema";

/** Where a value stands: its schema, and what it is called in errors. Both are found when somebody asks. */
export class Spot {
    readonly #document: SchemaDocument;
    readonly #schema: () => unknown;
    /** Names the function that was called. */
    readonly #label: string;
    readonly #path: () => string;

    constructor(document: SchemaDocument, schema: () => unknown, label: string, path: () => string) {
        this.#document = document;
        this.#schema = schema;
        this.#label = label;
        this.#path = path;
    }

    get name(): string {
        return `${this.#label}: ${this.#path() || "the body"}`;
    }

    /** The spot of an object's member, or of a list's item. */
    at(key: string | number): Spot {
        const schema = (): unknown => findIn(this.#document, this.#schema(), (target) => partOf(target, key));
        const path = (): string => {
            const outer = this.#path();
            return typeof key === "number" ? `${outer}[${key}]` : outer === "" ? key : `${outer}.${key}`;
        };
        return new Spot(this.#document, schema, this.#label, path);
    }

    /** What the schema says under this key, if it is text. */
    said(key: string): string | undefined {
        return findIn(this.#document, this.#schema(), (target) => text(own(target, key)) || undefined);
    }
}

type Bytes = ArrayBuffer | Uint8Array | Uint8ClampedArray | DataView;

export function isBytes(value: unknown): value is Bytes {
    return [ArrayBuffer, Uint8Array, Uint8ClampedArray, DataView].some((type) => value instanceof type);
}

/** Bytes or a file, which multipart bodies and bodies of other types carry as they are. */
export function isBinary(value: unknown): value is Bytes | Blob {
    return isBytes(value) || value instanceof Blob;
}

/** These bytes, whatever view of them it is. */
export function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
}

function partOf(schema: unknown, key: string | number): unknown {
    if (typeof key === "number") return own(schema, "items");
    const additional = own(schema, "additionalProperties");
    return own(own(schema, "properties"), key) ?? (isObject(additional) ? additional : undefined);
}

/** What `pick` finds first in a schema or what it is composed of, each of which is looked at once. */
function findIn<T>(document: SchemaDocument, schema: unknown, pick: (schema: unknown) => T | undefined): T | undefined {
    const seen = new Set([document.resolve(schema)]);
    for (const target of seen) {
        const found = pick(target);
        if (found !== undefined) return found;
        for (const part of ["allOf", "anyOf", "oneOf"].flatMap((key) => list(own(target, key)))) seen.add(document.resolve(part));
    }
    return undefined;
}

// --- Values ----------------------------------------------------------------------------------------------------------

/** A date as ISO text; the day alone where the schema has days. */
function dateText(date: Date, spot: Spot): string {
    if (Number.isNaN(date.getTime())) throw new TypeError(`${spot.name} is an invalid Date`);
    return spot.said("format") === "date" ? date.toISOString().slice(0, 10) : date.toISOString();
}

function base64(bytes: Uint8Array): string {
    const PART = 0x8000;
    let binary = "";
    for (let at = 0; at < bytes.length; at += PART) binary += String.fromCharCode(...bytes.subarray(at, at + PART));
    return btoa(binary);
}

/** Bytes where only text can be: base64 if the schema has that. */
function bytesText(bytes: Bytes, spot: Spot): string {
    const encoding = spot.said("contentEncoding")?.toLowerCase();
    if (spot.said("format") === "byte" || encoding === "base64") return base64(bytesOf(bytes));
    if (encoding === "base64url") return base64(bytesOf(bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    throw new TypeError(`${spot.name} is bytes, which this operation cannot take there: give it text, in base64 if that is meant`);
}

function mapObject(map: Map<unknown, unknown>, spot: Spot): object {
    for (const key of map.keys()) {
        if (typeof key === "object" && key !== null) throw new TypeError(`${spot.name} is a Map with keys that are no text`);
    }
    return Object.fromEntries([...map].map(([key, inner]) => [String(key), inner]));
}

/** An object that is nothing more than its members. */
export function isPlainObject(value: unknown): value is Json {
    if (!isObject(value)) return false;
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === null || prototype === Object.prototype;
}

function plainPrimitive(value: unknown, spot: Spot): unknown {
    if (typeof value === "function" || typeof value === "symbol") throw new TypeError(`${spot.name} is a ${typeof value}, which no request can carry`);
    if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`${spot.name} is ${value}, which no request can carry`);
    if (typeof value !== "bigint") return value;
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** Values that one argument may come to, with what is shared in it: code can make very much of little by that. */
const VALUES_MAX = 2_000_000;

/** What a walk through a value is inside of, and how much more it may meet. */
interface Walk {
    around: Set<object>;
    left: number;
}

function plainObject(value: object, spot: Spot, keepsBytes: boolean, walk: Walk): unknown {
    if (value instanceof Set || ArrayBuffer.isView(value)) return plain([...(value as Set<unknown>)], spot, keepsBytes, walk);
    if (value instanceof Map) return plain(mapObject(value, spot), spot, keepsBytes, walk);
    if (Array.isArray(value)) return value.map((item, index) => plain(item, spot.at(index), keepsBytes, walk));
    if (!isPlainObject(value)) throw new TypeError(`${spot.name} is a ${value.constructor.name}, which no request can carry`);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, spot.at(key), false, walk)]));
}

function plain(value: unknown, spot: Spot, keepsBytes: boolean, walk: Walk): unknown {
    if (--walk.left < 0) throw new TypeError(`${spot.name} makes more than ${VALUES_MAX} values of the argument`);
    if (typeof value !== "object" || value === null) return plainPrimitive(value, spot);
    if (value instanceof Date) return dateText(value, spot);
    if (isBinary(value) && keepsBytes) return value;
    if (isBytes(value)) return bytesText(value, spot);
    if (value instanceof Blob) throw new TypeError(`${spot.name} is a ${value.constructor.name}, which this operation cannot take there`);
    if (walk.around.has(value)) throw new TypeError(`${spot.name} contains itself`);
    walk.around.add(value);
    const made = plainObject(value, spot, keepsBytes, walk);
    walk.around.delete(value);
    return made;
}

/**
 * Dates as text, Sets as lists, Maps as objects, numbers of typed arrays as lists. Bytes become text by their schema;
 * with `keepsBytes`, they and files stay, here and as the items of a list here.
 */
export function plainValue(value: unknown, spot: Spot, keepsBytes = false): unknown {
    return plain(value, spot, keepsBytes, { around: new Set(), left: VALUES_MAX });
}
