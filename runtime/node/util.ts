// node:util. Inspecting and formatting are the console's own.

import { errno } from "unenv/node/internal/os/constants";
import { inherits } from "unenv/node/internal/util/inherits";
import * as legacy from "unenv/node/internal/util/legacy-types";
import { MIMEParams, MIMEType } from "unenv/node/internal/util/mime";
import * as formatModule from "../web/format";
import * as inspectModule from "../web/inspect";
import { isDeepStrictEqual } from "./deep-equal";
import { checkFunction, invalidType, invalidValue, notImplemented, outOfRange } from "./errors";
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
/** The numbers that begin a style and end it. */
inspect.colors = {
    reset: [0, 0], bold: [1, 22], dim: [2, 22], italic: [3, 23], underline: [4, 24], blink: [5, 25], inverse: [7, 27], hidden: [8, 28],
    strikethrough: [9, 29], doubleunderline: [21, 24], black: [30, 39], red: [31, 39], green: [32, 39], yellow: [33, 39],
    blue: [34, 39], magenta: [35, 39], cyan: [36, 39], white: [37, 39], bgBlack: [40, 49], bgRed: [41, 49], bgGreen: [42, 49],
    bgYellow: [43, 49], bgBlue: [44, 49], bgMagenta: [45, 49], bgCyan: [46, 49], bgWhite: [47, 49], framed: [51, 54],
    overlined: [53, 55], gray: [90, 39], redBright: [91, 39], greenBright: [92, 39], yellowBright: [93, 39],
    blueBright: [94, 39], magentaBright: [95, 39], cyanBright: [96, 39], whiteBright: [97, 39], bgGray: [100, 49],
    bgRedBright: [101, 49], bgGreenBright: [102, 49], bgYellowBright: [103, 49], bgBlueBright: [104, 49],
    bgMagentaBright: [105, 49], bgCyanBright: [106, 49], bgWhiteBright: [107, 49],
} as Record<string, [begin: number, end: number]>;

export function format(...args: unknown[]): string {
    return formatModule.format(args);
}

export function formatWithOptions(_options: unknown, ...args: unknown[]): string {
    return formatModule.format(args);
}

const custom = Symbol.for("nodejs.util.promisify.custom");

export function promisify(original: AnyFunction): AnyFunction {
    checkFunction("original", original);
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
    checkFunction("original", original);
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

/** Without a stream that is a terminal, which no worker has, the text is styled only where it need not be one. */
export function styleText(format: string | string[], text: string, { validateStream = true } = {}): string {
    if (typeof text !== "string") throw invalidType("text", "of type string", text);
    let styled = text;
    for (const name of [format].flat().reverse()) {
        if (!Object.hasOwn(inspect.colors, name)) {
            throw invalidValue("format", `must be one of: ${Object.keys(inspect.colors).map((key) => `'${key}'`).join(", ")}`, name);
        }
        const [begin, end] = inspect.colors[name]!;
        styled = `\u001b[${begin}m${styled}\u001b[${end}m`;
    }
    return validateStream ? text : styled;
}

/** The name of an error of the system, by its number. */
export function getSystemErrorName(number: number): string {
    if (typeof number !== "number") throw invalidType("err", "of type number", number);
    if (number >= 0 || !Number.isSafeInteger(number)) throw outOfRange("err", "a negative integer", number);
    return Object.entries(errno).find(([, known]) => known === -number)?.[0] ?? `Unknown system error ${number}`;
}

export function log(...args: unknown[]): void {
    console.log(`${new Date().toISOString()} - ${format(...args)}`);
}

/** What this one has not: packages that only name it can be loaded, and its use throws. */
const ABSENT = [
    "diff", "getCallSite", "getCallSites", "getSystemErrorMap", "getSystemErrorMessage", "parseArgs", "parseEnv",
    "transferableAbortController", "transferableAbortSignal",
] as const;
const absent = Object.fromEntries(ABSENT.map((name) => [name, notImplemented(`util.${name}`)])) as Record<(typeof ABSENT)[number], () => never>;
export const {
    diff, getCallSite, getCallSites, getSystemErrorMap, getSystemErrorMessage, parseArgs, parseEnv, transferableAbortController,
    transferableAbortSignal,
} = absent;

export const _extend = (target: object, source: object): object => Object.assign(target, source);
export const {
    isBoolean, isBuffer, isDate, isError, isFunction, isNull, isNullOrUndefined, isNumber, isObject, isPrimitive, isRegExp, isString,
    isSymbol, isUndefined,
} = legacy;
export const isArray = Array.isArray;
export default {
    ...absent, ...legacy, styleText, getSystemErrorName, log, _extend,
    inherits, isDeepStrictEqual, MIMEParams, MIMEType, types, TextDecoder, TextEncoder, inspect, format, formatWithOptions,
    promisify, callbackify, deprecate, debuglog, debug, stripVTControlCharacters, toUSVString, aborted, isArray,
};
