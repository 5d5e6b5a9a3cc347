// `mayfly:execution`: the worker that runs one function that a model wrote (`mayfly mcp`'s execute). It gives the function
// its namespaces, collects the console and makes text of the result. It is the runtime's, so that no cell has to compile
// it. Whatever the function does to it, it harms its own cell alone: who runs it takes texts and checks their lengths.

import { WorkerEntrypoint } from "./context";
import { latin1Decode } from "./web/bytes";
import { console } from "./web/console";
import { hooks, native } from "./web/host";
import { setTimeout } from "./web/timers";

declare const require: (path: string) => unknown;

const LOGS_MAX = 200;
const DEPTH_MAX = 50;
/** How long calls that are under way when the code returns may take to end. */
const LATE_MS = 1000;
/** What is left of an execution's time for its outcome to be told. */
const TELLING_MS = 500;
/** Numbers of a typed array, and reasons of an error, that are shown. */
const NUMBERS_MAX = 200;
const REASONS_MAX = 10;
/** What is taken from an iterator that is a result. */
const ITEMS_MAX = 1000;

/** Pictures and the like that a result may have, and characters of their base64. */
const MEDIA_MAX = 10;
const MEDIA_CHARACTERS_MAX = 8 << 20;

/** Calls a function of a namespace; the answer comes over RPC. */
type Call = (namespace: string, name: string, args: unknown[]) => Promise<unknown>;

type Namespaces = Record<string, object>;

/** What was written: gives its result, or the function that does. */
type Code = (namespaces: Namespaces) => unknown;

/** Characters that are kept of each, and the time that the execution may take. */
interface Limits {
    result: number;
    logs: number;
    timeoutMs: number;
}

/** What was thrown, with the places in the code that its stack names. */
interface Failure {
    name: string;
    message: string;
    stack: string;
}

/** What nobody waited for: calls that were under way after the code had returned, and errors that nobody caught. */
interface Loose {
    late: number;
    unfinished: number;
    uncaught: number;
    first?: Failure;
}

/** A picture, a sound or a file, as servers of the Model Context Protocol give it. */
type Medium = { type: string; mimeType: string; data: string } | { type: "resource"; resource: { uri: string; mimeType?: string; blob: string } };

/** The result's text, its whole length and what it has beside text, or what was thrown. */
interface Outcome {
    text?: string;
    length?: number;
    media?: Medium[];
    failure?: Failure;
    logs: string[];
    loose: Loose;
}

/** Promises and iterators of a result: what they came to, and those that are to be waited for first. */
class Awaited {
    readonly results = new Map<object, unknown>();
    open: object[] = [];
    media: Medium[] = [];
    mediaLeft = MEDIA_CHARACTERS_MAX;
}

type Iterated = AsyncIterable<unknown>;

const isIterator = (value: object): value is Iterated =>
    "next" in value && typeof value.next === "function" && (Symbol.iterator in value || Symbol.asyncIterator in value);

/** A promise or an iterator; only a result's are waited for. */
function pending(value: object, inside: object[], awaited?: Awaited): unknown {
    if (awaited === undefined) return value instanceof Promise ? "[promise]" : "[iterator]";
    if (awaited.results.has(value)) return plain(awaited.results.get(value), inside, awaited);
    awaited.open.push(value);
    return null;
}

async function itemsOf(iterator: Iterated): Promise<unknown[]> {
    const items: unknown[] = [];
    for await (const item of iterator) {
        if (items.length === ITEMS_MAX) return [...items, `[more than ${ITEMS_MAX} items]`];
        items.push(item);
    }
    return items;
}

/** The text of a result once everything in it has come. */
async function showLate(value: unknown, awaited: Awaited): Promise<string> {
    let text = "";
    for (let depth = 0; awaited.open.length > 0 && depth < DEPTH_MAX; depth++) {
        const open = new Set(awaited.open);
        awaited.open = [];
        const wait = async (one: object): Promise<unknown> => awaited.results.set(one, await (isIterator(one) ? itemsOf(one) : one));
        await Promise.all([...open].map(wait));
        text = show(value, awaited);
    }
    return text;
}

/** What an error says, with its reasons: those of an AggregateError, and its cause. */
function messageOf(error: Error, inside: object[], awaited?: Awaited): string {
    const shown = (reason: unknown): string => String(plain(reason, inside, awaited));
    const { errors, cause } = error as Error & { errors?: unknown };
    const many = Array.isArray(errors) ? errors.slice(0, REASONS_MAX).map(shown) : [];
    if (Array.isArray(errors) && errors.length > many.length) many.push(`${errors.length - many.length} more`);
    const parts = [String(error.message), many.length > 0 ? `[errors: ${many.join("; ")}]` : "", cause === undefined ? "" : `[cause: ${shown(cause)}]`];
    return parts.filter((part) => part !== "").join(" ");
}

/** Few numbers as they are; of many, how many there are and the first. */
function numbersOf(view: ArrayBufferView, tag: string): unknown {
    if (!(Symbol.iterator in view)) return `[${view.byteLength} bytes]`;
    const numbers = view as unknown as ArrayLike<number | bigint>;
    if (numbers.length <= NUMBERS_MAX) return Array.from(numbers, (number) => plain(number));
    return `[${tag} of ${numbers.length}: ${Array.from({ length: 3 }, (_, n) => String(numbers[n])).join(", ")}, …]`;
}

function entriesOf(map: Map<unknown, unknown>): unknown {
    const isNamed = [...map.keys()].every((key) => !/^(?:object|function|symbol)$/.test(typeof key) || key === null);
    return isNamed ? Object.fromEntries(map as Map<PropertyKey, unknown>) : [...map];
}

const isBase64 = (data: unknown): data is string => typeof data === "string" && data.length >= 4 && data.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(data);

const SHOWN = { image: /^image\/(?:png|jpe?g|gif|webp)$/, audio: /^audio\/[\w.+-]+$/ };

/**
 * What is no text to be read, as parts of results and contents of resources have it; undefined for all else. Pictures of kinds that hardly any
 * model can see stay what they are.
 */
function mediumOf(value: object): Medium | undefined {
    const { type, mimeType, data, resource } = value as Record<string, unknown>;
    if (type === "image" || type === "audio") return typeof mimeType === "string" && SHOWN[type].test(mimeType) && isBase64(data) ? { type, mimeType, data } : undefined;
    const { uri, mimeType: kind, blob } = (type === "resource" ? (resource ?? {}) : value) as Record<string, unknown>;
    if (typeof uri !== "string" || !isBase64(blob)) return undefined;
    const shown = (["image", "audio"] as const).find((one) => typeof kind === "string" && SHOWN[one].test(kind));
    return shown ? { type: shown, mimeType: kind as string, data: blob } : { type: "resource", resource: { uri, ...(typeof kind === "string" && { mimeType: kind }), blob } };
}

/** How the bytes of pictures begin. */
const BEGINNINGS: [mimeType: string, beginning: RegExp][] = [
    ["image/png", /^\x89PNG\r\n/],
    ["image/jpeg", /^\xff\xd8\xff/],
    ["image/gif", /^GIF8/],
    ["image/webp", /^RIFF[^]{4}WEBP/],
];

/** Bytes that are a picture, as an API gives it. */
function pictureOf(bytes: Uint8Array): Medium | undefined {
    const begin = latin1Decode(bytes.subarray(0, 12));
    const mimeType = BEGINNINGS.find(([, beginning]) => beginning.test(begin))?.[0];
    return mimeType !== undefined && bytes.length <= MEDIA_CHARACTERS_MAX / 2 ? { type: "image", mimeType, data: (bytes as unknown as { toBase64(): string }).toBase64() } : undefined;
}

/** Base64 is nothing to be read by a model: it stands behind the text, which has a note in its place. */
function mediumNote(medium: Medium, awaited?: Awaited): string {
    const [kind, data] = "resource" in medium ? [`${medium.resource.uri}${medium.resource.mimeType ? `, ${medium.resource.mimeType}` : ""}`, medium.resource.blob] : [medium.mimeType, medium.data];
    const bytes = (data.length / 4) * 3 - (data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0);
    const note = `${kind}, ${bytes} bytes`;
    if (awaited === undefined) return `[${note}; return it to have it shown]`;
    if (awaited.media.length === MEDIA_MAX || data.length > awaited.mediaLeft) return `[${note}: too much to be shown]`;
    awaited.media.push(medium);
    awaited.mediaLeft -= data.length;
    return `[${note}: shown below, number ${awaited.media.length}]`;
}

/** An object of the platform's, which has no properties of its own to be shown; undefined if it is none. */
function platformObject(value: object, tag: string): unknown {
    const { status, statusText, method, url, type, size } = value as Record<string, unknown>;
    if (/^(?:RegExp|URLSearchParams)$/.test(tag)) return String(value);
    if (/^(?:Boolean|Number|String)$/.test(tag)) return value.valueOf();
    if (tag === "Headers") return Object.fromEntries(value as Iterable<[string, string]>);
    if (tag === "FormData") return [...(value as Iterable<unknown>)];
    if (tag.endsWith("Stream")) return `[${tag}]`;
    if (tag === "Response") return `[Response ${[status, statusText].filter((part) => part !== "").join(" ")}; await its text() or json()]`;
    if (tag === "Request") return `[Request ${method} ${url}]`;
    if (tag === "Blob" || tag === "File") return `[${tag} ${type ? `${type}, ` : ""}${size} bytes]`;
    return tag !== "Object" && Object.keys(value).length === 0 ? `[${tag}]` : undefined;
}

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1);

const isOrdinary = (value: object): boolean => Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;

/** A value as JSON can have it. */
function plain(value: unknown, seen: object[] = [], awaited?: Awaited): unknown {
    if (typeof value === "bigint" || typeof value === "symbol") return String(value);
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    if (typeof value === "function") return "[function]";
    if (typeof value !== "object" || value === null) return value;
    if (seen.includes(value)) return "[circular]";
    if (named.has(value)) return `[${unlisted(named.get(value)!)}]`;
    if (seen.length > DEPTH_MAX) return "[too deep]";
    const inside = [...seen, value];
    if (value instanceof Promise || isIterator(value)) return pending(value, inside, awaited);
    if (value instanceof Error) return `${value.name}: ${messageOf(value, inside, awaited)}`;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof Map) return plain(entriesOf(value), inside, awaited);
    if (value instanceof Set) return plain([...value], inside, awaited);
    const picture = value instanceof Uint8Array && value.length > NUMBERS_MAX ? pictureOf(value) : undefined;
    if (picture !== undefined) return mediumNote(picture, awaited);
    if (ArrayBuffer.isView(value)) return numbersOf(value, tagOf(value));
    if (value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if ("toJSON" in value && typeof value.toJSON === "function") return plain((value.toJSON as () => unknown)(), inside, awaited);
    const known = isOrdinary(value) ? undefined : platformObject(value, tagOf(value));
    if (known !== undefined) return plain(known, inside, awaited);
    const medium = mediumOf(value);
    if (medium !== undefined) return mediumNote(medium, awaited);
    if (Array.isArray(value)) return value.map((item) => plain(item, inside, awaited) ?? null);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, inside, awaited)]));
}

function show(value: unknown, awaited?: Awaited): string {
    if (awaited) [awaited.media, awaited.mediaLeft] = [[], MEDIA_CHARACTERS_MAX];
    const shown = plain(value, [], awaited);
    if (typeof shown === "string") return shown;
    return (JSON.stringify(shown) as string | undefined) ?? "undefined";
}

/** As Node does it, where the first argument asks for it. */
function format(args: unknown[]): string {
    return (require("./web/format") as typeof import("./web/format")).format(args);
}

const isFormat = (args: unknown[]): boolean => args.length > 1 && typeof args[0] === "string" && /%[sdifjoOc]/.test(args[0]);

/** What the console has been told so far, and lines that were too many. */
let logs: string[] = [];
let linesLost = 0;

const told = (): string[] => (linesLost === 0 ? logs : [...logs, `… (${linesLost} more ${linesLost === 1 ? "line" : "lines"}, not kept)`]);

/** The levels have their arguments as JSON; all else (tables, traces) comes as the console's text. */
function captureConsole(charactersMax: number): void {
    let left = charactersMax;
    const keep = (level: string, text: string): void => {
        if (left <= 0 || logs.length >= LOGS_MAX) return void linesLost++;
        const line = level === "warn" || level === "error" ? `[${level}] ${text}` : text;
        logs.push(line.length > left ? `${line.slice(0, left)}… (cut)` : line);
        left -= line.length;
    };
    hooks.log = (level, text) => keep(level, text.replace(/\n {4}at .*/g, "")); // a trace's frames are the runtime's
    for (const level of ["log", "info", "debug", "warn", "error"] as const) {
        const log = (...args: unknown[]): void => keep(level, isFormat(args) ? format(args) : args.map((value) => show(value)).join(" "));
        Object.assign(console, { [level]: log });
    }
}

let code: Code | undefined;

let loose: Loose = { late: 0, unfinished: 0, uncaught: 0 };

/** Calls that have not ended. */
const open = new Set<Promise<unknown>>();
let hasReturned = false;

/** Counts a call among the open ones until it has ended. */
export function followed<T>(call: Promise<T>): Promise<T> {
    const ended = (): boolean => open.delete(call);
    open.add(call);
    if (hasReturned) loose.late++;
    call.then(ended, ended);
    return call;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(() => resolve(), ms));

/** Whether something of the code may go on after it has returned: only then is a turn of the loop worth its time. */
const mayGoOn = (written: Code): boolean => open.size > 0 || /\bPromise\b|\basync\b[^]*\basync\b/.test(String(written));

/** Lets calls end that the code did not wait for, and errors come up that nobody catches, if there is time. */
async function settle(ms: number): Promise<void> {
    hasReturned = true;
    loose.late = loose.unfinished = open.size;
    if (!mayGoOn(code!) || ms <= 0) return;
    await pause(0);
    let late: Promise<boolean> | undefined;
    for (let isLate = false; open.size > 0 && !isLate; ) {
        late ??= pause(ms).then(() => true);
        isLate = await Promise.race([Promise.allSettled(open).then(() => false), late]);
        await pause(0); // what has just ended may call again
    }
    loose.unfinished = open.size;
}

/** The namespaces by what stands for them. */
const named = new WeakMap<object, string>();

/** The sandbox does not know what functions there are, and an empty list would say that there are none. */
const unlisted = (namespace: string): string => `The functions of ${namespace} cannot be listed by code: find them with the tools search and types`;

/** A namespace: each property is a function; an error from it points to the line that called. */
function namespaceOf(namespace: string, call: Call): object {
    const get = (_: object, name: PropertyKey): unknown => {
        if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
        return (...args: unknown[]) => {
            const caller = new Error();
            return followed(call(namespace, name, args)).catch((error: unknown) => {
                (error as Error).stack = caller.stack!; // what comes from another worker is an error
                throw error;
            });
        };
    };
    const ownKeys = (): never => {
        throw new TypeError(unlisted(namespace));
    };
    const made = new Proxy({}, { get, ownKeys });
    named.set(made, namespace);
    return made;
}

/** Where the engine says that an error arose. */
interface Placed extends Error {
    line?: number;
    column?: number;
    sourceURL?: string;
}

/** Looking at what was thrown may throw again. */
function failureOf(thrown: unknown): Failure {
    try {
        if (!(thrown instanceof Error)) return { name: "Error", message: `Thrown: ${show(thrown)}`, stack: "" };
        const { name, stack, line, column, sourceURL } = thrown as Placed;
        const place = String(sourceURL ?? "").endsWith("code.js") ? `code.js:${line}:${column}\n` : "";
        return { name: String(name), message: messageOf(thrown, [thrown]), stack: place + String(stack) };
    } catch {
        return { name: "Error", message: "A value was thrown that cannot be shown.", stack: "" };
    }
}

function noteUncaught(thrown: unknown): void {
    loose.uncaught++;
    loose.first ??= failureOf(thrown);
}

/** Calls what is no class. A first parameter that has a default is the code's own, unless it takes the scope apart. */
function callFunction(f: Code, scope: Namespaces): unknown {
    const source = String(f);
    if (/^class\b/.test(source)) return f;
    return f.length > 0 || /^[^(]*\(\s*\{/.test(source) ? f(scope) : (f as () => unknown)();
}

class Execution extends WorkerEntrypoint {
    async run(namespaces: string[], call: Call, limits: Limits): Promise<Outcome> {
        const begun = native.monotonicTime();
        logs = [];
        linesLost = 0;
        loose = { late: 0, unfinished: 0, uncaught: 0 };
        hasReturned = false;
        captureConsole(limits.logs);
        hooks.report = noteUncaught;
        try {
            const scope: Namespaces = {};
            for (const name of namespaces) scope[name] = namespaceOf(name, call);
            let value = await code!(scope);
            if (typeof value === "function") value = await callFunction(value as Code, scope);
            const awaited = new Awaited();
            let text = show(value, awaited);
            if (awaited.open.length > 0) text = await showLate(value, awaited);
            const left = limits.timeoutMs - (native.monotonicTime() - begun) - TELLING_MS;
            await settle(Math.max(0, Math.min(LATE_MS, left)));
            const { media } = awaited;
            return { text: text.slice(0, limits.result), length: text.length, ...(media.length > 0 && { media }), logs: told(), loose };
        } catch (thrown) {
            return { failure: failureOf(thrown), logs: told(), loose };
        }
    }

    /** For who ends the execution before it has. */
    soFar(): Outcome {
        return { logs: told(), loose };
    }
}

/**
 * Whether a text is one expression, alone and whole, that awaits nothing itself. The engine's own parser says so, in a
 * hundredth of the time that one in JavaScript takes. What would close one kind of bracket does not fit the other.
 */
export function isExpression(text: string): boolean {
    return native.isScript(`"use strict";()=>{(${text}\n);[${text}\n]}`);
}

/** The entrypoint that runs `written`, to be the module's default export; there is one in a worker. */
export function execution(written: Code): typeof Execution {
    code = written;
    return Execution;
}
