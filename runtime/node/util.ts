// node:util. Inspecting and formatting are the console's own.

import { inherits } from "unenv/node/internal/util/inherits";
import { MIMEParams, MIMEType } from "unenv/node/internal/util/mime";
import * as formatModule from "../web/format";
import * as inspectModule from "../web/inspect";
import { isDeepStrictEqual } from "./deep-equal";
import * as types from "./util-types";

type Callback = (error: unknown, value?: unknown) => void;
type AnyFunction = (...args: unknown[]) => unknown;

export { inherits, isDeepStrictEqual, MIMEParams, MIMEType, types };
export const TextDecoder = globalThis.TextDecoder;
export const TextEncoder = globalThis.TextEncoder;

export function inspect(value: unknown, options?: inspectModule.InspectOptions): string {
    return inspectModule.inspect(value, options);
}
inspect.custom = inspectModule.customInspect;
inspect.defaultOptions = {};

export function format(...args: unknown[]): string {
    return formatModule.format(args);
}

export function formatWithOptions(_options: unknown, ...args: unknown[]): string {
    return formatModule.format(args);
}

const custom = Symbol.for("nodejs.util.promisify.custom");

export function promisify(original: AnyFunction): AnyFunction {
    if (typeof original !== "function") throw new TypeError('The "original" argument must be of type function');
    const own = (original as unknown as Record<symbol, unknown>)[custom];
    if (typeof own === "function") return own as AnyFunction;
    return Object.setPrototypeOf(function (this: unknown, ...args: unknown[]) {
        return new Promise((resolve, reject) => {
            const done: Callback = (error, value) => (error ? reject(error) : resolve(value));
            original.call(this, ...args, done);
        });
    }, Object.getPrototypeOf(original) as object) as AnyFunction;
}
promisify.custom = custom;

export function callbackify(original: (...args: unknown[]) => Promise<unknown>): AnyFunction {
    return function (this: unknown, ...args: unknown[]) {
        const done = args.pop() as Callback;
        original.apply(this, args).then(
            (value) => queueMicrotask(() => done(null, value)),
            (error: unknown) => queueMicrotask(() => done(error ?? new Error("Promise was rejected with a falsy value"))),
        );
    };
}

export function deprecate<T extends AnyFunction>(original: T, message: string): T {
    let hasWarned = false;
    return function (this: unknown, ...args: unknown[]) {
        if (!hasWarned) console.warn(`DeprecationWarning: ${message}`);
        hasWarned = true;
        return new.target ? Reflect.construct(original, args, new.target) : original.apply(this, args);
    } as unknown as T;
}

/** NODE_DEBUG is never set here, so nothing is logged. */
export function debuglog(): AnyFunction & { enabled: boolean } {
    return Object.assign(() => undefined, { enabled: false });
}
export const debug = debuglog;

export function stripVTControlCharacters(text: string): string {
    return text.replace(/[\u001b\u009b][[\]()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g, "");
}

export function toUSVString(text: string): string {
    return String(text).toWellFormed();
}

export function aborted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
    });
}

export const isArray = Array.isArray;
export default {
    inherits, isDeepStrictEqual, MIMEParams, MIMEType, types, TextDecoder, TextEncoder, inspect, format, formatWithOptions,
    promisify, callbackify, deprecate, debuglog, debug, stripVTControlCharacters, toUSVString, aborted, isArray,
};
