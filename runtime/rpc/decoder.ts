// From Cap'n Web's expressions to a value; see values.ts. It reads what a hostile cell wrote: it checks every shape,
// never calls into the value, and bounds its depth.

import { withoutPlace } from "../thrown";
import { DOMException } from "../web/domexception";
import { DEPTH_MAX, ProtocolError, put } from "./values";

declare const require: (path: string) => unknown;
/** Newer than TypeScript's library; where the engine lacks it, what names it is refused. */
declare const Float16Array: Float32ArrayConstructor;

/** Who knows the capabilities and streams that a value names. Throws ProtocolError for those that were never given. */
export interface Transferer {
    transfer(expression: unknown[]): object;
}

const NOTHING: Transferer = {
    transfer() {
        throw new ProtocolError("a capability where none may be");
    },
};

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
    Float16Array: (b) => new Float16Array(b),
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

const ARRAY_LENGTH_MAX = 2 ** 32 - 1;

export class Decoder {
    readonly #tail: Uint8Array;
    /** Nobody else has the tail, and no value has it yet. */
    #isTailFree: boolean;
    readonly #transferer: Transferer;
    readonly #seen: unknown[] = [];
    #depth = 0;

    constructor(tail: Uint8Array | undefined, transferer: Transferer, isTailFree: boolean) {
        this.#tail = tail ?? new Uint8Array(0);
        this.#transferer = transferer;
        this.#isTailFree = isTailFree;
    }

    decode(expression: unknown): unknown {
        if (typeof expression !== "object" || expression === null) return expression;
        if (++this.#depth > DEPTH_MAX + 2) throw new ProtocolError("value nested too deep");
        let value: unknown;
        if (Array.isArray(expression)) {
            value = this.#special(expression);
        } else {
            const properties: Record<string, unknown> = {};
            this.#seen.push(properties);
            for (const key of Object.keys(expression)) put(properties, key, this.decode((expression as Record<string, unknown>)[key]));
            value = properties;
        }
        this.#depth--;
        return value;
    }

    remember<T>(value: T): T {
        this.#seen.push(value);
        return value;
    }

    #items(list: unknown): unknown[] {
        if (!Array.isArray(list)) throw new ProtocolError("a list was expected");
        return list;
    }

    #special(e: unknown[]): unknown {
        if (Array.isArray(e[0]) && e.length === 1) {
            const out: unknown[] = this.remember([]);
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
                return this.#reference(e[1]);
            case "date":
                return this.remember(new Date(typeof e[1] === "number" ? e[1] : NaN));
            case "regexp":
                return this.remember(this.#regexp(e[1], e[2]));
            case "bytes":
                return this.remember(this.bytes(e));
            case "array":
                return this.#array(e[1], this.#items(e[2]));
            case "map":
                return this.#map(this.#items(e[1]));
            case "set": {
                const set = this.remember(new Set<unknown>());
                for (const item of this.#items(e[1])) set.add(this.decode(item));
                return set;
            }
            case "boxed": {
                const slot = this.#seen.push(undefined) - 1;
                return (this.#seen[slot] = Object(this.decode(e[1])) as unknown);
            }
            case "error":
                return this.#error(e);
            case "export":
            case "service":
            case "import":
            case "here":
            case "readable":
            case "writable":
            case "signal":
                return this.remember(this.transfer(e));
            default:
                return this.#platform(e);
        }
    }

    transfer(e: unknown[]): object {
        return this.#transferer.transfer(e);
    }

    #reference(index: unknown): unknown {
        if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= this.#seen.length) {
            throw new ProtocolError("bad reference");
        }
        return this.#seen[index];
    }

    #regexp(source: unknown, flags: unknown): RegExp {
        if (typeof source !== "string" || typeof flags !== "string") throw new ProtocolError("bad regexp");
        try {
            return new RegExp(source, flags);
        } catch {
            throw new ProtocolError("bad regexp");
        }
    }

    /** An array with holes, of whatever length a peer says: it takes the memory of its elements only. */
    #array(length: unknown, flat: unknown[]): unknown[] {
        const out: unknown[] = this.remember([]);
        if (typeof length !== "number" || length >>> 0 !== length) throw new ProtocolError("bad length of an array");
        // The engine keeps room for all elements of a shorter array, unless it once was too long for that.
        out.length = ARRAY_LENGTH_MAX;
        out.length = length;
        for (let i = 0; i + 1 < flat.length; i += 2) {
            const key = flat[i];
            if (typeof key !== "string" || key === "length") throw new ProtocolError("bad property of an array");
            put(out as unknown as Record<string, unknown>, key, this.decode(flat[i + 1]));
        }
        return out;
    }

    #map(flat: unknown[]): Map<unknown, unknown> {
        const map = this.remember(new Map<unknown, unknown>());
        for (let i = 0; i + 1 < flat.length; i += 2) map.set(this.decode(flat[i]), this.decode(flat[i + 1]));
        return map;
    }

    /** A part of the tail: a copy, or all of it as it is, once. */
    #part(from: number, to: number): ArrayBuffer {
        const tail = this.#tail;
        const isAll = from === 0 && to === tail.length && to === tail.buffer.byteLength;
        if (!isAll || !this.#isTailFree) return tail.slice(from, to).buffer as ArrayBuffer;
        this.#isTailFree = false;
        return tail.buffer as ArrayBuffer;
    }

    bytes(e: unknown): ArrayBuffer | ArrayBufferView {
        const [tag, kind, offset, length] = this.#items(e);
        if (tag !== "bytes" || typeof kind !== "string" || !Object.hasOwn(VIEWS, kind)) {
            throw new ProtocolError("unknown view");
        }
        if (!Number.isInteger(offset) || !Number.isInteger(length)) throw new ProtocolError("bad range of bytes");
        const from = offset as number;
        const to = from + (length as number);
        if (from < 0 || to < from || to > this.#tail.length) throw new ProtocolError("range of bytes out of bounds");
        try {
            return VIEWS[kind]!(this.#part(from, to));
        } catch {
            throw new ProtocolError("a view of half an element");
        }
    }

    #error(e: unknown[]): Error {
        const [, name, message, own] = e;
        if (typeof name !== "string" || typeof message !== "string") throw new ProtocolError("bad error");
        const error =
            e[4] === "DOMException"
                ? new DOMException(message, name)
                : new (Object.hasOwn(ERRORS, name) ? ERRORS[name]! : Error)(message);
        if (error.name !== name) {
            Object.defineProperty(error, "name", { __proto__: null, value: name, writable: true, configurable: true, enumerable: false });
        }
        this.remember(withoutPlace(error));
        if (typeof own === "object" && own !== null && !Array.isArray(own)) {
            for (const key of Object.keys(own)) {
                // Own properties are plain ones: none may be taken for what the error itself has.
                if (key === "name" || key === "message" || key === "stack") continue;
                const value = this.decode((own as Record<string, unknown>)[key]);
                const enumerable = key !== "cause";
                Object.defineProperty(error, key, { __proto__: null, value, writable: true, configurable: true, enumerable });
            }
        }
        return error;
    }

    #platform(e: unknown[]): unknown {
        if (typeof e[0] !== "string") throw new ProtocolError("unknown kind of value");
        const { decodePlatform } = require("./platform") as typeof import("./platform");
        const slot = this.#seen.push(undefined) - 1;
        return (this.#seen[slot] = decodePlatform(this, e));
    }
}

/** Decodes what encode made; throws ProtocolError if it did not come from there. With `isTailFree` a value may be made of the
 * tail's own memory. */
export function decode(head: unknown, tail: Uint8Array | undefined, transferer: Transferer = NOTHING, isTailFree = false): unknown {
    return new Decoder(tail, transferer, isTailFree).decode(head);
}
