// structuredClone: a deep copy that keeps cycles, shared references and types, after the HTML standard, with the error
// texts that V8 gives. A transfer is two copies: the first, to a snapshot, may fail and leaves everything as it was;
// the second, from the snapshot, cannot fail and happens with the buffers moved.

import { needArguments } from "./arguments";
import { blobBytes, blobFromBytes, fileFromBlob, File, type Blob } from "./blob";
import { shownAccessors } from "./brand";
import { DOMException } from "./domexception";
import { kinds } from "./kinds";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

const streams = lazy(() => require("./transfer-streams") as typeof import("./transfer-streams"));

function cloneError(text: string): DOMException {
    return new DOMException(text, "DataCloneError");
}

/** The value as V8 names it in an error: source text of a function, `#<Class>` of an object. */
function describe(value: unknown): string {
    if (typeof value !== "object" || value === null) {
        return String(value);
    }
    const constructor: unknown = (value as { constructor?: unknown }).constructor;
    return `#<${typeof constructor === "function" && constructor.name ? constructor.name : "Object"}>`;
}

/** Copies of objects already met, so that what was one object stays one. */
type Seen = Map<object, object>;

/** Message ports, once there are any (runtime/messages): how a transfer tells and moves them. */
export const transferables = {
    isPort: (_value: unknown): _value is object => false,
    isDetached: (_port: object): boolean => false,
    move: (port: object): object => port,
};

type Copier = (value: never, seen: Seen) => object;

const errorClasses: Record<string, ErrorConstructor> = {
    EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
} as Record<string, ErrorConstructor>;

function copyBuffer(buffer: ArrayBuffer, seen: Seen): ArrayBuffer {
    if (buffer.detached) {
        throw cloneError("An ArrayBuffer is detached and could not be cloned.");
    }
    const { byteLength, maxByteLength, resizable } = buffer;
    const copy = resizable ? new ArrayBuffer(byteLength, { maxByteLength }) : buffer.slice(0);
    if (resizable) {
        new Uint8Array(copy).set(new Uint8Array(buffer));
    }
    seen.set(buffer, copy);
    return copy;
}

type ViewConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length?: number) => ArrayBufferView;

/** The engine's own name of a typed array's kind; undefined for a DataView. */
const kindOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!;

/** Whether a resizable buffer has shrunk so that the view is no longer inside it; the engine tells by throwing. */
function isOutOfBounds(view: ArrayBufferView): boolean {
    try {
        if (kindOf.call(view) === undefined) void view.byteLength;
        else if (view.byteLength === 0) Uint8Array.prototype.fill.call(view as Uint8Array, 0, 0, 0);
        return false;
    } catch {
        return true;
    }
}

/**
 * Whether a view's length follows that of its resizable buffer, which the engine does not tell but by resizing it: by one
 * element, for a moment.
 */
function tracksLength(view: ArrayBufferView, elementSize: number): boolean {
    const buffer = view.buffer as ArrayBuffer;
    const { byteLength, maxByteLength } = buffer;
    if (!buffer.resizable || view.byteOffset + view.byteLength + elementSize <= byteLength) {
        return false;
    }
    const before = view.byteLength;
    if (byteLength + elementSize <= maxByteLength) {
        buffer.resize(byteLength + elementSize);
        const tracks = view.byteLength > before;
        buffer.resize(byteLength);
        return tracks;
    }
    if (before < elementSize) {
        return false;
    }
    const end = new Uint8Array(buffer, byteLength - elementSize).slice();
    buffer.resize(byteLength - elementSize);
    const tracks = !isOutOfBounds(view);
    buffer.resize(byteLength);
    new Uint8Array(buffer, byteLength - elementSize).set(end);
    return tracks;
}

function copyView(view: ArrayBufferView, seen: Seen): ArrayBufferView {
    if (isOutOfBounds(view) && !(view.buffer as ArrayBuffer).detached) {
        throw cloneError("A view that is out of bounds of its buffer could not be cloned.");
    }
    const buffer = copyValue(view.buffer, seen) as ArrayBuffer;
    const kind = kindOf.call(view) as string | undefined;
    const constructor = (globalThis as unknown as Record<string, ViewConstructor>)[kind ?? "DataView"]!;
    const length = kind === undefined ? view.byteLength : (view as Uint8Array).length;
    const tracks = tracksLength(view, kind === undefined ? 1 : (view as Uint8Array).BYTES_PER_ELEMENT);
    const copy = new constructor(buffer, view.byteOffset, tracks ? undefined : length);
    seen.set(view, copy);
    return copy;
}

function copyMap(map: Map<unknown, unknown>, seen: Seen): Map<unknown, unknown> {
    const copy = new Map();
    seen.set(map, copy);
    // The entries are taken first: a getter that runs during the copy may change the map.
    for (const [key, value] of [...map]) {
        copy.set(copyValue(key, seen), copyValue(value, seen));
    }
    return copy;
}

function copySet(set: Set<unknown>, seen: Seen): Set<unknown> {
    const copy = new Set();
    seen.set(set, copy);
    for (const value of [...set]) {
        copy.add(copyValue(value, seen));
    }
    return copy;
}

function hide(target: object, name: string, value: unknown): void {
    Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

function copyError(error: Error, seen: Seen): Error {
    if (error instanceof DOMException) {
        const copy = new DOMException(error.message, error.name);
        seen.set(error, copy);
        hide(copy, "stack", error.stack);
        return copy;
    }
    const name = String(error.name);
    const constructor = Object.hasOwn(errorClasses, name) ? errorClasses[name]! : Error;
    const message = Object.getOwnPropertyDescriptor(error, "message");
    const hasMessage = message !== undefined && "value" in message;
    const copy = hasMessage ? new constructor(String(message.value)) : new constructor();
    seen.set(error, copy);
    hide(copy, "stack", typeof error.stack === "string" ? error.stack : undefined);
    if (Object.hasOwn(error, "cause")) {
        hide(copy, "cause", copyValue(error.cause, seen));
    }
    return copy;
}

function copyBlob(blob: Blob): Blob {
    const shared = blobFromBytes(blobBytes(blob), blob.type);
    return blob instanceof File ? fileFromBlob(shared, blob.name, blob.lastModified) : shared;
}

function copyProperties(from: object, to: object, seen: Seen): object {
    seen.set(from, to);
    for (const key of Object.keys(from)) {
        // A getter may have deleted a later property.
        if (Object.hasOwn(from, key)) {
            const value = copyValue((from as Record<string, unknown>)[key], seen);
            if (key === "__proto__") {
                Object.defineProperty(to, key, { value, writable: true, enumerable: true, configurable: true });
            } else {
                (to as Record<string, unknown>)[key] = value;
            }
        }
    }
    return to;
}

/** Classes with inner state and how to copy them; null for those that cannot be copied. */
const copiers: readonly (readonly [abstract new (...args: never[]) => object, Copier | null])[] = [
    [Date, (value: Date) => new Date(value.getTime())],
    [RegExp, (value: RegExp) => new RegExp(value.source, value.flags)],
    [Map, copyMap],
    [Set, copySet],
    [ArrayBuffer, copyBuffer],
    [Error, copyError],
    [Boolean, (value: Boolean) => Object(value.valueOf()) as object],
    [Number, (value: Number) => Object(value.valueOf()) as object],
    [String, (value: String) => Object(value.valueOf()) as object],
    [BigInt as unknown as new () => object, (value: BigInt) => Object(value.valueOf()) as object],
    [Symbol as unknown as new () => object, null],
    [Promise, null],
    [WeakMap, null],
    [WeakSet, null],
    [WeakRef, null],
    [FinalizationRegistry, null],
    [(globalThis as unknown as { Iterator: new () => object }).Iterator, null],
    [WebAssemblyNamespace().Instance, null],
    [WebAssemblyNamespace().Memory, null],
];

function WebAssemblyNamespace(): Record<"Instance" | "Memory", new () => object> {
    return (globalThis as unknown as { WebAssembly: Record<"Instance" | "Memory", new () => object> }).WebAssembly;
}

function copyObject(value: object, seen: Seen): object {
    if (Array.isArray(value)) {
        return copyProperties(value, new Array(value.length), seen);
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
        return copyProperties(value, {}, seen);
    }
    if (ArrayBuffer.isView(value)) {
        return copyView(value, seen);
    }
    for (const [constructor, copy] of copiers) {
        if (value instanceof constructor) {
            if (copy === null) {
                throw cloneError(`${describe(value)} could not be cloned.`);
            }
            return copy(value as never, seen);
        }
    }
    if (kinds.blob(value)) {
        return copyBlob(value);
    }
    if (shownAccessors(value) !== undefined) {
        const name = describe(value).slice(2, -1);
        throw cloneError(`Could not serialize object of type "${name}". This type does not support serialization.`);
    }
    return copyProperties(value, {}, seen);
}

function copyValue(value: unknown, seen: Seen): unknown {
    if (typeof value === "function" || typeof value === "symbol") {
        throw cloneError(`${describe(value)} could not be cloned.`);
    }
    if (typeof value !== "object" || value === null) {
        return value;
    }
    const known = seen.get(value);
    if (known !== undefined) {
        return known;
    }
    const copy = copyObject(value, seen);
    seen.set(value, copy);
    return copy;
}

/** Throws unless the item is a stream of which nothing is locked or stands in the list already, as `locked` tells. */
function checkStream(item: unknown, index: number, locked: Set<object>): void {
    if (typeof item !== "object" || item === null || !streams().isStream(item)) {
        throw cloneError(`Value at index ${index} does not have a transferable type.`);
    }
    for (const side of streams().lockedBy(item)) {
        if (side.locked || locked.has(side)) {
            throw cloneError(`The stream at index ${index} is locked or is transferred twice.`);
        }
        locked.add(side);
    }
}

function move(item: object): object {
    if (item instanceof ArrayBuffer) return item.transfer();
    return transferables.isPort(item) ? transferables.move(item) : streams().moveStream(item as never);
}

function checkTransfer(transfer: unknown): object[] {
    if (transfer === undefined) {
        return [];
    }
    if (typeof transfer !== "object" || transfer === null || !(Symbol.iterator in transfer)) {
        throw new TypeError("Failed to execute 'structuredClone': transfer cannot be converted to a sequence.");
    }
    const buffers = [...(transfer as Iterable<unknown>)];
    const locked = new Set<object>();
    for (const [index, buffer] of buffers.entries()) {
        if (transferables.isPort(buffer) && buffers.indexOf(buffer) === index && !transferables.isDetached(buffer)) {
            continue;
        }
        if (!(buffer instanceof ArrayBuffer)) {
            checkStream(buffer, index, locked);
            continue;
        }
        if (buffer.detached) {
            throw cloneError(`ArrayBuffer at index ${index} is already detached.`);
        }
        if (buffers.indexOf(buffer) !== index) {
            throw cloneError(`ArrayBuffer at index ${index} is a duplicate of an earlier ArrayBuffer.`);
        }
    }
    return buffers as object[];
}

/** A stand-in of the same size for a buffer that will be moved. */
function placeholder(buffer: ArrayBuffer): ArrayBuffer {
    const { byteLength, maxByteLength, resizable } = buffer;
    return resizable ? new ArrayBuffer(byteLength, { maxByteLength }) : new ArrayBuffer(byteLength);
}

/** Throws DataCloneError for what cannot be copied; what `transfer` lists is moved and left detached or locked. */
export function structuredClone(value: unknown, options?: { transfer?: unknown }): unknown {
    needArguments("execute 'structuredClone'", 1, arguments.length);
    return cloneWithTransfer(value, options?.transfer).value;
}

/** Stands in the snapshot for a port or stream that will be moved. */
class Stand {}

/** The clone, and the ports that were moved with it, in the order of the list. */
export function cloneWithTransfer(value: unknown, transfer: unknown): { value: unknown; ports: unknown[] } {
    const list = checkTransfer(transfer);
    if (list.length === 0) {
        return { value: copyValue(value, new Map()), ports: [] };
    }
    const stands: Seen = new Map(
        list.map((item) => [item, item instanceof ArrayBuffer ? placeholder(item) : new Stand()]),
    );
    const snapshot = copyValue(value, new Map(stands));
    const moved = list.map(move);
    const seen: Seen = new Map(list.map((item, i) => [stands.get(item)!, moved[i]!]));
    return { value: copyValue(snapshot, seen), ports: moved.filter((item) => transferables.isPort(item)) };
}
