// From a value to Cap'n Web's expressions; see values.ts. Runs the value's own getters and proxies, so anything may be
// thrown on the way, and what was begun is let go again.

import { RpcTarget, WorkerEntrypoint } from "../context";
import { DOMException } from "../web/domexception";
import { disposedError } from "./hook";
import { keepForeign } from "./members";
import { stateOf, type StubState } from "./state";
import { TargetHook } from "./target";
import { DEPTH_MAX, put, type Encoded, type Transfer } from "./values";

declare const require: (path: string) => unknown;

/** rpc: arguments and results. env: what a worker is given when it starts. plain: no capabilities at all. */
export type Purpose = "rpc" | "env" | "plain";

/** What no view's constructor is named is no view. */
const VIEWS = new Set([
    "DataView", "Uint8Array", "Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array",
    "Uint32Array", "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
]);

export function cannotClone(what: string): DOMException {
    return new DOMException(what, "DataCloneError");
}

function typeName(value: object): string {
    const constructor = (value as { constructor?: unknown }).constructor;
    return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "Object";
}

function noSupport(type: string): DOMException {
    return cannotClone(`Could not serialize object of type "${type}". This type does not support serialization.`);
}

/** It has all its elements and nothing else, which would be named after the last of them. Object.keys makes all names at once, which
 * takes longer than to send the elements; but a worker may have given all arrays something to inherit. */
function isDense(values: unknown[]): boolean {
    const { length } = values;
    let count = 0;
    let last = "";
    for (const key in values) {
        count++;
        last = key;
    }
    if (count === length && (length === 0 || last === String(length - 1))) return true;
    const keys = Object.keys(values);
    return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1));
}

let thenableOf: (value: object) => string | undefined = () => undefined;

/** Set by stubs.ts, which needs this file: the name of the class of what is awaited, not passed. */
export function setThenableTest(test: typeof thenableOf): void {
    thenableOf = test;
}

/** What of a function's source an error shows. */
const SOURCE_CHARACTERS_MAX = 200;

export class Encoder {
    readonly #purpose: Purpose;
    readonly #seen = new Map<object, number>();
    readonly #parts: Uint8Array[] = [];
    #tailLength = 0;
    #depth = 0;
    /** Within an error: nothing but plain values. */
    #errors = 0;
    transfers: Transfer[] | undefined;

    constructor(purpose: Purpose) {
        this.#purpose = purpose;
    }

    get isForRpc(): boolean {
        return this.#purpose === "rpc" && this.#errors === 0;
    }

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
            case "function":
                return this.#seenOr(value, () => this.#function(value));
            default:
                throw cannotClone(`${String(value)} could not be cloned.`);
        }
    }

    #number(value: number): unknown {
        if (Number.isFinite(value)) {
            return value === 0 && Object.is(value, -0) ? ["-0"] : value;
        }
        return Number.isNaN(value) ? ["nan"] : value > 0 ? ["inf"] : ["-inf"];
    }

    #seenOr(value: object, encode: () => unknown): unknown {
        const index = this.#seen.get(value);
        if (index !== undefined) return ["ref", index];
        this.#seen.set(value, this.#seen.size);
        return encode();
    }

    #container(value: object): unknown {
        const index = this.#seen.get(value);
        if (index !== undefined) {
            return ["ref", index];
        }
        if (this.#depth >= DEPTH_MAX) {
            throw cannotClone(`The value is nested deeper than ${DEPTH_MAX} levels and could not be cloned.`);
        }
        this.#seen.set(value, this.#seen.size);
        this.#depth++;
        const encoded = Array.isArray(value) ? this.#array(value) : this.#object(value);
        this.#depth--;
        return encoded;
    }

    /** What has holes or other properties is written by its properties, however long it says it is. */
    #array(values: unknown[]): unknown {
        if (isDense(values)) return [this.list(values)];
        const flat: unknown[] = [];
        for (const key of Object.keys(values)) flat.push(key, this.encode(values[key as unknown as number]));
        return ["array", values.length, flat];
    }

    list(values: Iterable<unknown>): unknown[] {
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
            if (!VIEWS.has(kind)) throw cannotClone(`A ${kind} could not be cloned.`);
            return this.bytes(kind, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
        }
        if (value instanceof ArrayBuffer) return this.bytes("ArrayBuffer", new Uint8Array(value));
        if (value instanceof Date) return ["date", Number.isNaN(value.getTime()) ? null : value.getTime()];
        if (value instanceof RegExp) return ["regexp", value.source, value.flags];
        if (value instanceof Map) {
            const flat: unknown[] = [];
            for (const [k, v] of value) flat.push(k, v);
            return ["map", this.list(flat)];
        }
        if (value instanceof Set) return ["set", this.list([...value])];
        if (value instanceof Error || value instanceof DOMException) return this.#error(value);
        if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
            return ["boxed", this.encode(value.valueOf())];
        }
        return this.#capability(value);
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
        this.#errors++;
        for (const key of keys) {
            if (["name", "message", "stack", "line", "column", "sourceURL"].includes(key)) continue;
            const [seen, depth, errors] = [this.#seen.size, this.#depth, this.#errors];
            try {
                put(own, key, this.encode((error as unknown as Record<string, unknown>)[key]));
            } catch {
                // What cannot be cloned is left out, so that the error itself arrives.
                for (const object of [...this.#seen.keys()].slice(seen)) this.#seen.delete(object);
                this.#depth = depth;
                this.#errors = errors;
            }
        }
        this.#errors--;
        const encoded = ["error", String(error.name), String(error.message), own];
        return error instanceof DOMException ? [...encoded, "DOMException"] : encoded;
    }

    bytes(kind: string, bytes: Uint8Array): unknown {
        const offset = this.#tailLength;
        this.#parts.push(bytes);
        this.#tailLength += bytes.length;
        return ["bytes", kind, offset, bytes.length];
    }

    // --- What does not travel by value -------------------------------------------------------------------------------

    #function(value: object): unknown {
        const state = stateOf(value);
        if (state !== undefined) return this.#stub(state, value);
        const thenable = thenableOf(value);
        if (thenable !== undefined) throw noSupport(thenable);
        if (this.isForRpc) return this.transfer({ object: value, slot: [], hook: new TargetHook(keepForeign(value)) });
        throw cannotClone(`${String(value).slice(0, SOURCE_CHARACTERS_MAX)} could not be cloned.`);
    }

    #capability(value: object): unknown {
        const state = stateOf(value);
        if (state !== undefined) return this.#stub(state, value);
        if (value instanceof RpcTarget) {
            if (!this.isForRpc) throw cannotClone("Remote RPC references can only be serialized for RPC.");
            return this.transfer({ object: value, slot: [], hook: new TargetHook(value) });
        }
        for (const type of [Promise, WeakMap, WeakSet, WeakRef]) {
            if (value instanceof type) throw cannotClone(`#<${type.name}> could not be cloned.`);
        }
        // The platform's own classes are asked for last, since that builds what knows them.
        if (!(value instanceof WorkerEntrypoint) && Symbol.toStringTag in value && this.#purpose !== "plain") {
            const { encodePlatform } = require("./platform") as typeof import("./platform");
            const encoded = encodePlatform(this, value);
            if (encoded !== undefined) return encoded;
        }
        throw noSupport(typeName(value));
    }

    #stub(state: StubState, object: object): unknown {
        if (state.kind === "loopback") throw noSupport("LoopbackServiceStub");
        if (state.kind === "stub" && !this.isForRpc) {
            throw cannotClone("RpcStub cannot be serialized in this context because it is not a persistent stub.");
        }
        if (this.#errors > 0 || this.#purpose === "plain") throw noSupport("Fetcher");
        if (state.hook.untransferable !== undefined) throw cannotClone(state.hook.untransferable);
        if (state.isDisposed) throw disposedError();
        return this.transfer({ object, slot: [], hook: state.hook.dup() });
    }

    transfer(transfer: Transfer): unknown[] {
        (this.transfers ??= []).push(transfer);
        return transfer.slot;
    }

    /** Lets go of what was taken for a value that could not be encoded to its end. */
    abandon(reason: unknown): void {
        for (const { hook, stream } of this.transfers ?? []) {
            hook?.dispose();
            stream?.drop(reason);
        }
    }

    tail(): Uint8Array | undefined {
        const parts = this.#parts;
        if (parts.length === 0) return undefined;
        // What was written after them may have shrunk their buffers.
        if (parts.reduce((sum, part) => sum + part.length, 0) !== this.#tailLength) {
            throw cannotClone("The bytes of a value changed while it was written.");
        }
        if (parts.length === 1) return parts[0];
        const all = new Uint8Array(this.#tailLength);
        let offset = 0;
        for (const part of parts) {
            all.set(part, offset);
            offset += part.length;
        }
        return all;
    }
}

/** Encodes a value; throws a DataCloneError that names what cannot be cloned, or what the value's own code throws. */
export function encode(value: unknown, purpose: Purpose): Encoded {
    const encoder = new Encoder(purpose);
    try {
        const head = encoder.encode(value);
        return { head, tail: encoder.tail(), transfers: encoder.transfers };
    } catch (error) {
        encoder.abandon(error);
        throw error;
    }
}
