// Values as text for a reader, in the manner of Node's util.inspect: what console prints. Nothing here may fail or run
// away, whatever a worker passes: depth, length and total size are bounded, and what throws while looked at is shown
// as a failure in its place.

import { shownAccessors } from "./brand";
import { kinds } from "./kinds";

export interface InspectOptions {
    /** Levels of nesting that are shown. */
    depth?: number;
    showHidden?: boolean;
}

/** Bounds on what is shown. */
const arrayLengthMax = 100;
const stringLengthMax = 10_000;
const keysMax = 1000;
const totalLengthMax = 256 * 1024;
const lineLength = 72;
const entriesOnLine = 6;
const levelsOnLine = 3;

/** A method of this name says what to show instead of the object, as in Node. */
export const customInspect = Symbol.for("nodejs.util.inspect.custom");

interface Context {
    depth: number;
    showHidden: boolean;
    /** Objects that are being shown, outermost first. */
    path: object[];
    /** Objects that were met again inside themselves, numbered in order. */
    circular: Map<object, number>;
    /** Characters that may still be put out. */
    left: number;
    /** The deepest level that the last shown object reached. */
    reached: number;
}

const identifier = /^[A-Za-z_$][\w$]*$/;

/** The text in the quotes that need the least escaping. */
export function quote(text: string): string {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !/[`]|\$\{/.test(text) ? "`" : "'";
    const escaped = text.replace(/[\0-\x1f\x7f-\x9f\\\ud800-\udfff]/gu, escapeUnit);
    return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

const shortEscapes: Record<string, string> = {
    "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\",
};

function escapeUnit(unit: string): string {
    const code = unit.charCodeAt(0).toString(16).toUpperCase();
    return shortEscapes[unit] ?? (code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0")}`);
}

function formatString(text: string): string {
    if (text.length <= stringLengthMax) {
        return quote(text);
    }
    const more = text.length - stringLengthMax;
    return `${quote(text.slice(0, stringLengthMax))}... ${more} more character${more > 1 ? "s" : ""}`;
}

/** Any value that is no object; strings in quotes, bounded. */
export function formatPrimitive(value: unknown): string {
    switch (typeof value) {
        case "string":
            return formatString(value);
        case "bigint":
            return `${value}n`;
        case "number":
            return Object.is(value, -0) ? "-0" : String(value);
        default:
            return String(value);
    }
}

/** The name of the class that an object was made by; null for an object without prototype. */
function className(value: object): string | null {
    for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
        const constructor = Object.getOwnPropertyDescriptor(at, "constructor")?.value;
        if (typeof constructor === "function" && constructor.name !== "" && value instanceof constructor) {
            return String(constructor.name);
        }
    }
    return null;
}

/** What stands before the braces: class name, and the toStringTag where it says something else. */
function prefixOf(value: object, fallback: string, size?: number): string {
    const name = className(value);
    const shown = name ?? `[${fallback}: null prototype]`;
    const tag: unknown = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    const extra = typeof tag === "string" && tag !== "" && tag !== name && tag !== fallback ? ` [${tag}]` : "";
    return `${shown}${size === undefined ? "" : `(${size})`}${extra} `;
}

function formatKey(key: PropertyKey, enumerable: boolean): string {
    const text =
        typeof key === "symbol" ? `[${String(key)}]` : identifier.test(String(key)) ? String(key) : quote(String(key));
    return enumerable ? text : `[${text}]`;
}

function formatProperty(ctx: Context, value: object, key: PropertyKey): string {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    const name = formatKey(key, descriptor?.enumerable ?? true);
    if (descriptor === undefined) {
        return `${name}: undefined`;
    }
    if (descriptor.get !== undefined) {
        return `${name}: [Getter${descriptor.set === undefined ? "" : "/Setter"}]`;
    }
    return descriptor.set !== undefined ? `${name}: [Setter]` : `${name}: ${formatValue(ctx, descriptor.value)}`;
}

/** Views larger than this are shown without the properties that they may have besides their elements. */
const vastBytes = 64 * 1024;

function ownKeys(ctx: Context, value: object): PropertyKey[] {
    // A string for each of a million elements would be most of a worker's memory.
    const isVast = ArrayBuffer.isView(value) && value.byteLength > vastBytes;
    const keys = isVast ? [] : Reflect.ownKeys(value);
    return ctx.showHidden ? keys : keys.filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}

function isIndex(key: PropertyKey): boolean {
    return typeof key === "string" && /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
}

/** Items of a list with the rest counted; stops when the whole output is full. */
function formatItems<T>(ctx: Context, items: Iterable<T>, size: number, format: (item: T) => string): string[] {
    const out: string[] = [];
    if (size > 0) {
        for (const item of items) {
            if (out.length === arrayLengthMax || ctx.left <= 0) {
                break;
            }
            out.push(format(item));
        }
    }
    const more = size - out.length;
    if (more > 0) {
        out.push(`... ${more} more item${more > 1 ? "s" : ""}`);
    }
    return out;
}

function formatArray(ctx: Context, value: unknown[]): string[] {
    const out: string[] = [];
    let at = 0;
    while (at < value.length && out.length < arrayLengthMax && ctx.left > 0) {
        if (at in value) {
            out.push(Object.getOwnPropertyDescriptor(value, at)?.get ? "[Getter]" : formatValue(ctx, value[at]));
            at++;
            continue;
        }
        const from = at;
        // Holes are counted by looking for the next index that exists, not one by one through a huge sparse array.
        const next = Object.keys(value).find((key) => isIndex(key) && Number(key) > from);
        at = next === undefined ? value.length : Number(next);
        out.push(`<${at - from} empty item${at - from > 1 ? "s" : ""}>`);
    }
    if (at < value.length) {
        out.push(`... ${value.length - at} more item${value.length - at > 1 ? "s" : ""}`);
    }
    return out;
}

interface Shape {
    /** Text before the opening brace. */
    prefix: string;
    braces: readonly [string, string];
    items: string[];
    /** Own keys that `items` already tell. */
    skip?: (key: PropertyKey) => boolean;
    /** Text that stands for the object if it has no properties to show. */
    bare?: string;
}

const curly = ["{", "}"] as const;
const square = ["[", "]"] as const;

function formatFunction(value: Function): string {
    const source = Function.prototype.toString.call(value);
    const name = typeof value.name === "string" && value.name !== "" ? value.name : undefined;
    if (source.startsWith("class")) {
        const parent: unknown = Object.getPrototypeOf(value);
        const extended = typeof parent === "function" && parent.name ? ` extends ${parent.name}` : "";
        return `[class ${name ?? "(anonymous)"}${extended}]`;
    }
    const kind = className(value) ?? "Function";
    return `[${kind}${name === undefined ? " (anonymous)" : `: ${name}`}]`;
}

function errorHead(error: Error): string {
    try {
        return Error.prototype.toString.call(error);
    } catch {
        return "Error";
    }
}

const ownFrame = /(?:^|@)mayfly:/;

/** The lines of a stack, which the engine keeps without a first line, and without frames of the runtime. */
export function stackFrames(stack: string): string {
    const frames = stack.split("\n").filter((line) => line !== "" && !ownFrame.test(line));
    return frames.map((line) => (/^\s*at /.test(line) ? line : `    at ${line}`)).join("\n");
}

/** `Name: message` and the stack below it. */
export function formatErrorStack(error: Error): string {
    const head = errorHead(error);
    const stack: unknown = error.stack;
    if (typeof stack !== "string" || stack === "") {
        return `[${head}]`;
    }
    if (stack.startsWith(head)) {
        return stack;
    }
    const frames = stackFrames(stack);
    return frames === "" ? head : `${head}\n${frames}`;
}

function errorShape(ctx: Context, error: Error): Shape {
    const told = new Set<PropertyKey>(["message", "stack", "name", "line", "column", "sourceURL"]);
    const items: string[] = [];
    for (const key of ["cause", "errors"] as const) {
        if (Object.hasOwn(error, key) && !Object.prototype.propertyIsEnumerable.call(error, key)) {
            items.push(`[${key}]: ${formatValue(ctx, (error as unknown as Record<string, unknown>)[key])}`);
        }
    }
    const stack = formatErrorStack(error);
    const indented = stack.replaceAll("\n", `\n${"  ".repeat(ctx.path.length - 1)}`);
    return { prefix: `${indented} `, braces: curly, items, skip: (key) => told.has(key), bare: indented };
}

function formatEntry(ctx: Context, [key, value]: readonly [unknown, unknown]): string {
    return `${formatValue(ctx, key)} => ${formatValue(ctx, value)}`;
}

function bytesOfBuffer(buffer: ArrayBuffer): string {
    if (buffer.detached) {
        return "(detached)";
    }
    const shown = new Uint8Array(buffer, 0, Math.min(50, buffer.byteLength));
    const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const more = buffer.byteLength - shown.length;
    return `<${hex}${more > 0 ? ` ... ${more} more byte${more > 1 ? "s" : ""}` : ""}>`;
}

type Iterated = Iterable<readonly [unknown, unknown]>;

/** Platform classes that are lists of pairs and shown like a Map. */
function pairsOf(value: object): readonly (readonly [unknown, unknown])[] | undefined {
    const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    const isList = kinds.form(value) || kinds.params(value) || tag === "Headers";
    return isList ? [...(value as unknown as Iterated)] : undefined;
}

function platformShape(ctx: Context, value: object, accessors: readonly string[]): Shape {
    const pairs = pairsOf(value);
    if (pairs !== undefined) {
        const items = formatItems(ctx, pairs, pairs.length, (pair) => formatEntry(ctx, pair));
        return { prefix: prefixOf(value, "Object", pairs.length), braces: curly, items };
    }
    const items = accessors.map((name) => `${name}: ${formatValue(ctx, (value as Record<string, unknown>)[name])}`);
    // The stream library keeps its inner state in properties that begin with an underscore.
    const skip = (key: PropertyKey) => typeof key === "string" && key.startsWith("_");
    return { prefix: prefixOf(value, "Object"), braces: curly, items, skip };
}

function boxedShape(kind: string, primitive: unknown): Shape {
    const skip = typeof primitive === "string" ? isIndex : undefined;
    return { prefix: `[${kind}: ${formatPrimitive(primitive)}] `, braces: curly, items: [], skip,
        bare: `[${kind}: ${formatPrimitive(primitive)}]` };
}

function bufferShape(ctx: Context, value: ArrayBuffer | ArrayBufferView): Shape {
    if (value instanceof ArrayBuffer) {
        const items = [`[Uint8Contents]: ${bytesOfBuffer(value)}`, `byteLength: ${value.byteLength}`];
        return { prefix: prefixOf(value, "ArrayBuffer"), braces: curly, items };
    }
    if (value instanceof DataView) {
        const items = [`byteLength: ${value.byteLength}`, `byteOffset: ${value.byteOffset}`,
            `buffer: ${formatValue(ctx, value.buffer)}`];
        return { prefix: prefixOf(value, "DataView"), braces: curly, items };
    }
    const numbers = value as unknown as Uint8Array;
    const items = formatItems(ctx, numbers, numbers.length, formatPrimitive);
    return { prefix: prefixOf(value, "TypedArray", numbers.length), braces: square, items, skip: isIndex };
}

function shapeOf(ctx: Context, value: object): Shape {
    if (Array.isArray(value)) {
        const plain = className(value) === "Array";
        const prefix = plain ? "" : prefixOf(value, "Array", value.length);
        return { prefix, braces: square, items: formatArray(ctx, value), skip: isIndex };
    }
    if (typeof value === "function") {
        const text = formatFunction(value);
        return { prefix: `${text} `, braces: curly, items: [], bare: text };
    }
    if (value instanceof Error) {
        return errorShape(ctx, value);
    }
    if (value instanceof Map) {
        const items = formatItems(ctx, value as Iterated, value.size, (entry) => formatEntry(ctx, entry));
        return { prefix: prefixOf(value, "Map", value.size), braces: curly, items };
    }
    if (value instanceof Set) {
        const items = formatItems(ctx, value, value.size, (item) => formatValue(ctx, item));
        return { prefix: prefixOf(value, "Set", value.size), braces: curly, items };
    }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
        return bufferShape(ctx, value);
    }
    return otherShape(ctx, value);
}

function otherShape(ctx: Context, value: object): Shape {
    if (value instanceof Date) {
        const text = Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
        return { prefix: `${text} `, braces: curly, items: [], bare: text };
    }
    if (value instanceof RegExp) {
        const text = RegExp.prototype.toString.call(value);
        return { prefix: `${text} `, braces: curly, items: [], bare: text };
    }
    if (value instanceof Promise) {
        return { prefix: prefixOf(value, "Promise"), braces: curly, items: [] };
    }
    if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
        return { prefix: prefixOf(value, "WeakMap"), braces: curly, items: ["<items unknown>"] };
    }
    for (const kind of [String, Number, Boolean, Symbol, BigInt]) {
        if (value instanceof kind) {
            return boxedShape(kind.name, value.valueOf());
        }
    }
    const accessors = shownAccessors(value);
    if (accessors !== undefined) {
        return platformShape(ctx, value, accessors);
    }
    const prefix = prefixOf(value, "Object");
    return { prefix: prefix === "Object " ? "" : prefix, braces: curly, items: [] };
}

/** Packs the items of a long list several to a line. */
function packItems(items: readonly string[]): string[] {
    const lines: string[] = [];
    let line = "";
    for (const item of items) {
        const longer = line === "" ? item : `${line}, ${item}`;
        if (line !== "" && longer.length > lineLength) {
            lines.push(line);
            line = item;
        } else {
            line = longer;
        }
    }
    return line === "" ? lines : [...lines, line];
}

function layOut(ctx: Context, shape: Shape, items: string[], level: number): string {
    const { prefix, braces } = shape;
    const [open, close] = braces;
    const length = items.reduce((sum, item) => sum + item.length + 2, prefix.length);
    const plain = items.every((item) => !item.includes("\n"));
    const isList = braces === square && items.length > entriesOnLine;
    const fits = length + level * 2 <= lineLength + 4;
    if (plain && !isList && fits && ctx.reached - level < levelsOnLine && !prefix.includes("\n")) {
        return `${prefix}${open} ${items.join(", ")} ${close}`;
    }
    const indent = "  ".repeat(level);
    const lines = isList && plain && items.every((item) => item.length <= entriesOnLine * 4) ? packItems(items) : items;
    if (isList && lines.length === 1 && fits) {
        return `${prefix}${open} ${lines[0]} ${close}`;
    }
    return `${prefix}${open}\n${indent}  ${lines.join(`,\n${indent}  `)}\n${indent}${close}`;
}

function formatCustom(ctx: Context, value: object): string | undefined {
    const custom: unknown = (value as Record<symbol, unknown>)[customInspect];
    if (typeof custom !== "function") {
        return undefined;
    }
    const shown: unknown = custom.call(value, ctx.depth - ctx.path.length, {}, inspect);
    return typeof shown === "string" ? shown : shown === value ? undefined : formatValue(ctx, shown);
}

function formatObject(ctx: Context, value: object): string {
    const level = ctx.path.length;
    if (ctx.path.includes(value)) {
        if (!ctx.circular.has(value)) {
            ctx.circular.set(value, ctx.circular.size + 1);
        }
        return `[Circular *${ctx.circular.get(value)}]`;
    }
    const custom = formatCustom(ctx, value);
    if (custom !== undefined) {
        return custom;
    }
    if (level > ctx.depth && typeof value !== "function") {
        return beyondDepth(value);
    }
    ctx.path.push(value);
    ctx.reached = level;
    try {
        const shape = shapeOf(ctx, value);
        const keys = ownKeys(ctx, value).filter((key) => !shape.skip?.(key));
        const items = [...shape.items, ...keys.slice(0, keysMax).map((key) => formatProperty(ctx, value, key))];
        if (keys.length > keysMax) {
            items.push(`... ${keys.length - keysMax} more keys`);
        }
        if (items.length === 0) {
            return mark(ctx, value, shape.bare ?? `${shape.prefix}${shape.braces.join("")}`);
        }
        return mark(ctx, value, layOut(ctx, shape, items, level));
    } finally {
        ctx.path.pop();
    }
}

/** What stands for an object that is nested too deeply to be shown. */
function beyondDepth(value: object): string {
    if (Array.isArray(value)) {
        return value.length === 0 ? "[]" : "[Array]";
    }
    const name = className(value);
    return name === "Object" && Object.keys(value).length === 0 ? "{}" : `[${name ?? "Object: null prototype"}]`;
}

/** Numbers a text as the target of the circular references to it, if there are any. */
function mark(ctx: Context, value: object, text: string): string {
    const number = ctx.circular.get(value);
    return number === undefined ? text : `<ref *${number}> ${text}`;
}

function formatValue(ctx: Context, value: unknown): string {
    if (ctx.left <= 0) {
        return "...";
    }
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    if (!isObject) {
        const text = formatPrimitive(value);
        ctx.left -= text.length;
        return text;
    }
    try {
        const text = formatObject(ctx, value);
        ctx.left -= 8;
        return text;
    } catch (error) {
        // A stack that is full must not be taken for an object that cannot be shown.
        return error instanceof RangeError ? "[Too deep to show]" : "[Failed to show]";
    }
}

/** The value as text; never throws. */
export function inspect(value: unknown, options: InspectOptions = {}): string {
    const ctx: Context = {
        depth: options.depth ?? 2,
        showHidden: options.showHidden ?? false,
        path: [],
        circular: new Map(),
        left: totalLengthMax,
        reached: 0,
    };
    return formatValue(ctx, value);
}
