// Values as they cross a channel: JSON in Cap'n Web's expressions, extended by what structured clone has and Cap'n Web
// lacks (Map, Set, RegExp, cycles, -0, boxed primitives, views), with bytes beside the JSON instead of base64 in it.
//
//   [[a, b]]            an array                     ["bytes", kind, offset, length]  a view or buffer in the tail
//   {k: v}              an object                    ["map", [k, v, ...]] ["set", [v, ...]] ["regexp", source, flags]
//   ["undefined"] ["nan"] ["inf"] ["-inf"] ["-0"]    ["date", ms|null] ["bigint", text] ["boxed", value]
//   ["error", name, message, {own properties}]       ["ref", n]  the n-th container met so far, in writing order
//
// The decoder reads what a hostile cell wrote: it checks every shape, never calls into the value, and bounds its depth.

import { describeThrown } from "../thrown";
import { DOMException } from "../web/domexception";
import { native } from "../web/host";

/** Nesting that either side accepts. */
const DEPTH_MAX = 256;

export interface Encoded {
    head: unknown;
    tail: Uint8Array | undefined;
}

const VIEWS: Record<string, (buffer: ArrayBuffer) => ArrayBuffer | ArrayBufferView> = {
    ArrayBuffer: (b) => b,
    DataView: (b) => new DataView(b),
    Uint8Array: (b) => new Uint8Array(b),
    Int8Array: (b) => new Int8Array(b),
    Uint8ClampedArray: (b) => new Uint8ClampedArray(b),
    Int16Array: (b) => new Int16Array(b),
    Uint16Array: (b) => new Uint16Array(b),
    Int32Array: (b) => new Int32Array(b),
    Uint32Array: (b) => new Uint32Array(b),
    Float32Array: (b) => new Float32Array(b),
    Float64Array: (b) => new Float64Array(b),
    BigInt64Array: (b) => new BigInt64Array(b),
    BigUint64Array: (b) => new BigUint64Array(b),
};

const ERRORS: Record<string, new (message: string) => Error> = {
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
};

function cannot(what: string): DOMException {
    return new DOMException(what, "DataCloneError");
}

function typeName(value: object): string {
    const constructor = (value as { constructor?: unknown }).constructor;
    return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "Object";
}

class Encoder {
    readonly #seen = new Map<object, number>();
    readonly #parts: Uint8Array[] = [];
    #tailLength = 0;
    #depth = 0;

    encode(value: unknown): unknown {
        switch (typeof value) {
            case "string":
            case "boolean":
                return value;
            case "number":
                return this.#number(value);
            case "undefined":
                return ["undefined"];
            case "bigint":
                return ["bigint", value.toString()];
            case "object":
                return value === null ? null : this.#container(value);
            case "symbol":
                throw cannot(`${String(value)} could not be cloned.`);
            default:
                throw cannot(
                    'Could not serialize object of type "Function". Functions and stubs cannot be passed over RPC yet.',
                );
        }
    }

    #number(value: number): unknown {
        if (Number.isFinite(value)) {
            return value === 0 && Object.is(value, -0) ? ["-0"] : value;
        }
        return Number.isNaN(value) ? ["nan"] : value > 0 ? ["inf"] : ["-inf"];
    }

    #container(value: object): unknown {
        const index = this.#seen.get(value);
        if (index !== undefined) {
            return ["ref", index];
        }
        if (this.#depth >= DEPTH_MAX) {
            throw cannot(`The value is nested deeper than ${DEPTH_MAX} levels and could not be cloned.`);
        }
        this.#seen.set(value, this.#seen.size);
        this.#depth++;
        const encoded = Array.isArray(value) ? [this.#list(value)] : this.#object(value);
        this.#depth--;
        return encoded;
    }

    #list(values: Iterable<unknown>): unknown[] {
        const out: unknown[] = [];
        for (const value of values) {
            out.push(this.encode(value));
        }
        return out;
    }

    #object(value: object): unknown {
        const prototype: unknown = Object.getPrototypeOf(value);
        if (prototype === Object.prototype || prototype === null) {
            return this.#properties(value);
        }
        if (ArrayBuffer.isView(value)) {
            const kind = value instanceof DataView ? "DataView" : String(Reflect.get(value, Symbol.toStringTag));
            return this.#bytes(kind, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
        }
        if (value instanceof ArrayBuffer) return this.#bytes("ArrayBuffer", new Uint8Array(value));
        if (value instanceof Date) return ["date", Number.isNaN(value.getTime()) ? null : value.getTime()];
        if (value instanceof RegExp) return ["regexp", value.source, value.flags];
        if (value instanceof Map) {
            const flat: unknown[] = [];
            for (const [k, v] of value) flat.push(k, v);
            return ["map", this.#list(flat)];
        }
        if (value instanceof Set) return ["set", this.#list([...value])];
        if (value instanceof Error || value instanceof DOMException) return this.#error(value);
        if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
            return ["boxed", this.encode(value.valueOf())];
        }
        throw cannot(`Could not serialize object of type "${typeName(value)}". This type does not support serialization.`);
    }

    #properties(value: object): Record<string, unknown> {
        const out: Record<string, unknown> = {};
        for (const key of Object.keys(value)) {
            put(out, key, this.encode((value as Record<string, unknown>)[key]));
        }
        return out;
    }

    /** Name, message, cause and own enumerable properties travel; the stack stays at home. */
    #error(error: Error | DOMException): unknown {
        const own: Record<string, unknown> = {};
        const keys = new Set(Object.keys(error));
        if (Object.hasOwn(error, "cause")) keys.add("cause");
        for (const key of keys) {
            if (["name", "message", "stack", "line", "column", "sourceURL"].includes(key)) continue;
            try {
                put(own, key, this.encode((error as unknown as Record<string, unknown>)[key]));
            } catch {
                // What cannot be cloned is left out, so that the error itself arrives.
            }
        }
        return ["error", String(error.name), String(error.message), own];
    }

    #bytes(kind: string, bytes: Uint8Array): unknown {
        if (!Object.hasOwn(VIEWS, kind)) throw cannot(`A ${kind} could not be cloned.`);
        const offset = this.#tailLength;
        this.#parts.push(bytes);
        this.#tailLength += bytes.length;
        return ["bytes", kind, offset, bytes.length];
    }

    tail(): Uint8Array | undefined {
        if (this.#parts.length <= 1) return this.#parts[0];
        const all = new Uint8Array(this.#tailLength);
        let offset = 0;
        for (const part of this.#parts) {
            all.set(part, offset);
            offset += part.length;
        }
        return all;
    }
}

function put(target: Record<string, unknown>, key: string, value: unknown): void {
    if (key === "__proto__") {
        Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
    } else {
        target[key] = value;
    }
}

/** A message that no honest peer sends. */
export class ProtocolError extends Error {
    override name = "ProtocolError";
}

class Decoder {
    readonly #tail: Uint8Array;
    readonly #seen: unknown[] = [];
    #depth = 0;

    constructor(tail: Uint8Array | undefined) {
        this.#tail = tail ?? new Uint8Array(0);
    }

    decode(expression: unknown): unknown {
        if (typeof expression !== "object" || expression === null) return expression;
        if (++this.#depth > DEPTH_MAX + 2) throw new ProtocolError("value nested too deep");
        const value = Array.isArray(expression)
            ? this.#special(expression)
            : this.#properties(this.#remember({}), expression as Record<string, unknown>);
        this.#depth--;
        return value;
    }

    #remember<T>(value: T): T {
        this.#seen.push(value);
        return value;
    }

    #properties(out: Record<string, unknown>, from: Record<string, unknown>): Record<string, unknown> {
        for (const key of Object.keys(from)) {
            put(out, key, this.decode(from[key]));
        }
        return out;
    }

    #items(list: unknown): unknown[] {
        if (!Array.isArray(list)) throw new ProtocolError("a list was expected");
        return list;
    }

    #special(e: unknown[]): unknown {
        if (Array.isArray(e[0]) && e.length === 1) {
            const out: unknown[] = this.#remember([]);
            for (const item of e[0] as unknown[]) out.push(this.decode(item));
            return out;
        }
        switch (e[0]) {
            case "undefined":
                return undefined;
            case "nan":
                return NaN;
            case "inf":
                return Infinity;
            case "-inf":
                return -Infinity;
            case "-0":
                return -0;
            case "bigint":
                if (typeof e[1] !== "string" || !/^-?\d{1,16384}$/.test(e[1])) throw new ProtocolError("bad bigint");
                return BigInt(e[1]);
            case "ref":
                if (typeof e[1] !== "number" || !(e[1] in this.#seen)) throw new ProtocolError("bad reference");
                return this.#seen[e[1]];
            case "date":
                return this.#remember(new Date(typeof e[1] === "number" ? e[1] : NaN));
            case "regexp":
                return this.#remember(new RegExp(String(e[1]), String(e[2])));
            case "bytes":
                return this.#remember(this.#bytes(e));
            case "map":
                return this.#map(this.#items(e[1]));
            case "set": {
                const set = this.#remember(new Set<unknown>());
                for (const item of this.#items(e[1])) set.add(this.decode(item));
                return set;
            }
            case "boxed": {
                const slot = this.#seen.push(undefined) - 1;
                return (this.#seen[slot] = Object(this.decode(e[1])) as unknown);
            }
            case "error":
                return this.#error(e);
            default:
                throw new ProtocolError("unknown kind of value");
        }
    }

    #map(flat: unknown[]): Map<unknown, unknown> {
        const map = this.#remember(new Map<unknown, unknown>());
        for (let i = 0; i + 1 < flat.length; i += 2) map.set(this.decode(flat[i]), this.decode(flat[i + 1]));
        return map;
    }

    #bytes(e: unknown[]): ArrayBuffer | ArrayBufferView {
        const [, kind, offset, length] = e;
        if (typeof kind !== "string" || !Object.hasOwn(VIEWS, kind)) throw new ProtocolError("unknown view");
        if (!Number.isInteger(offset) || !Number.isInteger(length)) throw new ProtocolError("bad range of bytes");
        const from = offset as number;
        const to = from + (length as number);
        if (from < 0 || to < from || to > this.#tail.length) throw new ProtocolError("range of bytes out of bounds");
        return VIEWS[kind]!(this.#tail.slice(from, to).buffer as ArrayBuffer);
    }

    #error(e: unknown[]): Error | DOMException {
        const [, name, message, own] = e;
        if (typeof name !== "string" || typeof message !== "string") throw new ProtocolError("bad error");
        const error = new (Object.hasOwn(ERRORS, name) ? ERRORS[name]! : Error)(message);
        if (error.name !== name) {
            Object.defineProperty(error, "name", { value: name, writable: true, configurable: true, enumerable: false });
        }
        this.#remember(error);
        if (typeof own === "object" && own !== null && !Array.isArray(own)) {
            this.#properties(error as unknown as Record<string, unknown>, own as Record<string, unknown>);
            if (Object.hasOwn(error, "cause")) Object.defineProperty(error, "cause", { enumerable: false });
        }
        return error;
    }
}

/** Cloudflare's limit for one message, and its words for going beyond. */
const MESSAGE_BYTES_MAX = 32 * 1024 * 1024;

/** Throws if the value is too large to be sent; `text` is its JSON. */
export function checkSize(text: string, tail: Uint8Array | undefined): void {
    // Only a long text can be too long in UTF-8, so that short ones are not measured.
    const bytes = (text.length * 3 > MESSAGE_BYTES_MAX ? native.utf8Length(text) : text.length) + (tail?.length ?? 0);
    if (bytes <= MESSAGE_BYTES_MAX) return;
    throw new Error(
        "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: " +
            `${bytes} bytes.`,
    );
}

/** Encodes a value; throws a DataCloneError that names what cannot be cloned. */
export function encode(value: unknown): Encoded {
    const encoder = new Encoder();
    const head = encoder.encode(value);
    return { head, tail: encoder.tail() };
}

/** Decodes what encode made; throws ProtocolError if it did not come from there. */
export function decode(head: unknown, tail: Uint8Array | undefined): unknown {
    return new Decoder(tail).decode(head);
}

/** The error as it travels: anything that was thrown becomes one with a name and a message. */
export function encodeThrown(thrown: unknown): Encoded {
    try {
        return encode(thrown);
    } catch {
        const { name, message } = describeThrown(thrown);
        return encode(Object.defineProperty(new Error(message), "name", { value: name }));
    }
}
