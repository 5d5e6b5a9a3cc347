// What a worker gives to the constructors of streams runs in the context in which the stream was made: the streams' own
// promises are none of the worker's, so nothing else says in which.

import { defineLazy } from "../web/lazy";
import { bind } from "./frames";

const NAMES = ["ReadableStream", "WritableStream", "TransformStream"] as const;

const CALLBACKS = ["start", "pull", "cancel", "write", "close", "abort", "transform", "flush"];

/** The source, sink or transformer, its callbacks bound to today's context; all else is read from it. */
function bound(given: unknown): unknown {
    if (typeof given !== "object" || given === null) return given;
    const callbacks = given as Record<string, unknown>;
    const copy = Object.create(given) as Record<string, unknown>;
    for (const name of CALLBACKS) {
        const callback = callbacks[name];
        if (typeof callback !== "function") continue;
        const value = bind((...args: unknown[]) => Reflect.apply(callback, given, args));
        Object.defineProperty(copy, name, { value });
    }
    return copy;
}

function following(stream: new (...args: unknown[]) => object): object {
    const proxy = new Proxy(stream, {
        construct: (target, [given, ...more], newTarget) => Reflect.construct(target, [bound(given), ...more] as unknown[], newTarget) as object,
    });
    Object.defineProperty(stream.prototype, "constructor", { value: proxy, writable: true, configurable: true });
    return proxy;
}

/** Streams are built when they are first named, as before. */
export function followStreams(): void {
    for (const name of NAMES) {
        const { get, value } = Object.getOwnPropertyDescriptor(globalThis, name)!;
        defineLazy(globalThis, name, () => following((get ? get.call(globalThis) : value) as new () => object));
    }
}
