// Runs what a model wrote in a fresh sandbox, against a catalog, and says what came of it in words for the model.

import { isExpression } from "mayfly:execution";
import { escaped, isAboutValue, missingName } from "../code/advice";
import { explainFailure, placeByMessage, type Failure } from "../code/errors";
import { normalizeCode, type Normalized } from "../code/normalize";
import { CodeError } from "../code/parse";
import type { Place } from "../code/edits";
import { isObject } from "../types/schema";
import type { Catalog } from "./catalog";
import { shapeOf } from "./shape";

/** The part of a Worker Loader that is used here. */
export interface Loader {
    load(code: unknown): { getEntrypoint(): unknown };
}

/** What an execution gives, see runtime/execution.ts; or whatever the code made of it. */
interface Outcome {
    text?: unknown;
    length?: unknown;
    media?: unknown;
    failure?: unknown;
    logs?: unknown;
    loose?: unknown;
}

interface Entrypoint {
    run(namespaces: string[], call: unknown, limits: { result: number; logs: number; timeoutMs: number }): Promise<unknown>;
    soFar(): Promise<unknown>;
}

export interface ExecuteLimits {
    timeoutMs: number;
    resultCharactersMax: number;
    logCharactersMax: number;
    callsMax: number;
}

export const DEFAULT_LIMITS: ExecuteLimits = { timeoutMs: 30_000, resultCharactersMax: 24_000, logCharactersMax: 8_000, callsMax: 1000 };

/** A picture, a sound or a file that stands behind the text. */
export type Medium = { type: "image" | "audio"; mimeType: string; data: string } | { type: "resource"; resource: { uri: string; mimeType?: string; blob: string } };

export interface Executed {
    text: string;
    media?: Medium[];
    isError: boolean;
}

/** As runtime/execution.ts has them, which the sandbox may have changed. */
const MEDIA_MAX = 10;
const MEDIA_CHARACTERS_MAX = 8 << 20;
const URI_CHARACTERS_MAX = 2000;

/** Globals that a worker has and a model may have misspelt. */
const GLOBALS = ["console", "JSON", "Math", "Promise", "Date", "URL", "Object", "Array", "String", "Number", "Map", "Set", "setTimeout", "structuredClone"];

const NAME_CHARACTERS_MAX = 100;
/** Of functions that have not answered. */
const NAMES_SHOWN_MAX = 5;
/** Functions of which is kept what they gave. */
const GIVEN_MAX = 3;
const SIGNATURE_CHARACTERS_MAX = 600;
const MESSAGE_CHARACTERS_MAX = 4000;
/** Of an error that a note tells. */
const NOTE_MESSAGE_CHARACTERS_MAX = 300;
const STACK_CHARACTERS_MAX = 20_000;
/** The console's notes of what is not kept. */
const LOG_NOTE_CHARACTERS_MAX = 50;
/** How long an execution that has run out of time may take to give its console; one that loops gives none. */
const LOGS_MS = 250;

/** A text of the sandbox's, which may be anything. */
const textOf = (value: unknown, charactersMax: number): string => (typeof value === "string" ? value.slice(0, charactersMax) : "");

/** What is known of the calls of an execution, for who has to explain its failure. */
class Calls {
    /** What functions gave, those that were called last behind the others. */
    readonly #given = new Map<string, unknown>();
    /** The error that a function answered with, and which it was. */
    #refused: { namespace: string; name: string; message: string } | undefined;

    gave(label: string, value: unknown): void {
        this.#given.delete(label);
        this.#given.set(label, value);
        if (this.#given.size > GIVEN_MAX) this.#given.delete(this.#given.keys().next().value!);
    }

    refused(namespace: string, name: string, error: unknown): void {
        this.#refused = { namespace, name, message: String((error as Error | undefined)?.message) };
    }

    /** What came from functions, in a line for each; nothing, if it is nothing that code could do with. */
    get shapes(): string[] {
        const shown = [...this.#given].filter(([, value]) => value !== undefined && value !== null);
        return shown.map(([label, value]) => `${label} gave ${shapeOf(value)}`);
    }

    /** The declaration of a function that did not take what it was given. */
    declarationFor({ message }: Failure, catalog: Catalog): string[] {
        if (this.#refused === undefined || this.#refused.message !== message || !IS_ABOUT_ARGUMENTS.test(message)) return [];
        const { namespace, name } = this.#refused;
        const declared = catalog.source(namespace)?.entries.some((entry) => entry.name === name) ? catalog.source(namespace)!.declare([name]).signatures[0]?.text : undefined;
        // On one line, without what it says of itself.
        const signature = declared?.replace(/\/\*\*[^]*?\*\/\s*/g, "").replace(/(?<![{([,;])\n\s*(?![\s})\]])/g, "; ").replace(/\s*\n\s*/g, " ");
        if (signature === undefined) return [];
        const isWhole = signature.length <= SIGNATURE_CHARACTERS_MAX;
        return [`It is declared: ${namespace}.${isWhole ? signature : `${signature.slice(0, SIGNATURE_CHARACTERS_MAX)}… (whole with types)`}`];
    }
}

/** An answer that says that the arguments were wrong, rather than the world. */
const IS_ABOUT_ARGUMENTS = /takes one object| takes an? \w+ for |: missing |HTTP (?:400|422)\b|-32602|\binvalid (?:argument|input|param)|\bvalidation\b|\[object Object\]/i;

/** The beginning of the name that the place stands behind: that is where the engine says that errors are. */
function atName({ line, column }: Place, source: string): Place {
    const text = source.split("\n")[line - 1]!;
    const name = /^[\w$]/.test(text.slice(column - 1)) ? "" : /[\w$]*$/.exec(text.slice(0, column - 1))![0];
    return { line, column: column - name.length };
}

/** The first place in the code that a stack names. */
function placeOf(stack: string, { original, source }: Normalized): Place | undefined {
    for (const match of stack.matchAll(/code\.js:(\d+):(\d+)/g)) {
        const place = original({ line: Number(match[1]), column: Number(match[2]) });
        if (place.line >= 1 && place.line <= source.split("\n").length && place.column >= 1) return atName(place, source);
    }
    return undefined;
}

/** A missing name may stand before the place, as what is assigned to does. */
function atMissing(failure: Failure, source: string): Failure {
    const name = missingName(failure);
    if (name === undefined || failure.place === undefined) return failure;
    const { line, column } = failure.place;
    const text = source.split("\n")[line - 1] ?? "";
    const at = text.startsWith(name, column - 1) ? -1 : text.slice(0, column - 1).search(new RegExp(`(?<![\\w$])${escaped(name)}\\s*[-+*/%&|^?]*=?$`));
    return at < 0 ? failure : { ...failure, place: { line, column: at + 1 } };
}

function withLogs(text: string, logs: unknown, charactersMax: number): string {
    const lines: string[] = [];
    let left = charactersMax + LOG_NOTE_CHARACTERS_MAX;
    for (const line of Array.isArray(logs) ? (logs as unknown[]) : []) {
        if (left <= 0) break;
        lines.push(textOf(line, left));
        left -= lines.at(-1)!.length + 1;
    }
    return lines.length > 0 ? `${text}\n\nConsole:\n${lines.join("\n")}` : text;
}

/** A value that is too long keeps its beginning, and the model is told what to do about it. */
function bounded(text: string, length: unknown, max: number): string {
    const whole = Math.max(text.length, Number.isSafeInteger(length) ? (length as number) : 0);
    if (whole <= max) return text;
    return `${text.slice(0, max)}\n… (cut: the first ${max} of ${whole} characters; return less, e.g. only the fields you need)`;
}

function failureOf(failed: unknown, normalized: Normalized): Failure {
    const { name, message, stack } = isObject(failed) ? failed : {};
    const words = textOf(message, MESSAGE_CHARACTERS_MAX);
    const place = placeOf(textOf(stack, STACK_CHARACTERS_MAX), normalized) ?? placeByMessage(words, normalized.source);
    const isCut = words.length < String(message).length;
    return atMissing({ name: textOf(name, NAME_CHARACTERS_MAX) || "Error", message: isCut ? `${words}…` : words, ...(place && { place }) }, normalized.source);
}

const isBase64 = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
const isKind = (value: unknown): value is string => typeof value === "string" && /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(value);

function mediumOf(value: unknown): Medium | undefined {
    if (!isObject(value)) return undefined;
    const { type, mimeType, data } = value;
    if ((type === "image" || type === "audio") && isKind(mimeType) && isBase64(data)) return { type, mimeType, data };
    const { uri, mimeType: kind, blob } = isObject(value.resource) ? value.resource : {};
    if (type !== "resource" || typeof uri !== "string" || uri.length > URI_CHARACTERS_MAX || !isBase64(blob)) return undefined;
    return { type, resource: { uri, ...(isKind(kind) && { mimeType: kind }), blob } };
}

/** What stands behind a result's text, as far as it is what it is to be. */
function mediaOf(media: unknown): Medium[] {
    let left = MEDIA_CHARACTERS_MAX;
    const found = (Array.isArray(media) ? (media as unknown[]).slice(0, MEDIA_MAX) : []).map(mediumOf).filter((one) => one !== undefined);
    return found.filter((one) => (left -= "data" in one ? one.data.length : one.resource.blob.length) >= 0);
}

const counted = (value: unknown): number => (Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0);

/** What the model is told of calls that it did not wait for, and of errors that it did not catch: they would be lost without a word. */
function looseNote(loose: unknown, normalized: Normalized): string {
    if (!isObject(loose)) return "";
    const [late, unfinished, uncaught] = [counted(loose.late), counted(loose.unfinished), counted(loose.uncaught)];
    const notes: string[] = [];
    const calls = late === 1 ? "1 call" : `${late} calls`;
    if (late > 0) notes.push(`${calls} had not ended when the code returned${unfinished > 0 ? `, and ${unfinished} did not finish` : ""}. Await every call.`);
    if (uncaught > 0) {
        const { name, message, place } = failureOf(loose.first, normalized);
        const words = `${name}: ${message.slice(0, NOTE_MESSAGE_CHARACTERS_MAX)}${place ? ` (line ${place.line}, column ${place.column})` : ""}`;
        notes.push(uncaught === 1 ? `Nobody caught ${words}` : `Nobody caught ${uncaught} errors; the first: ${words}`);
    }
    return notes.length > 0 ? `\n\nNote: ${notes.join(" ")}` : "";
}

/** Code that may want Node's modules or globals; the others' cells need not prepare for them. */
const WANTS_NODE = /\b(?:import|Buffer|process|global)\b/;

/** What a sandbox that did not start says of it: the error, and its place. */
function startFailure(message: string): { name: string; message: string; stack: string } {
    const [, name, text, place] = /^Failed to start Worker:\n(?:(\w*Error): )?([^]*?)(?:\n {2}imported from "code\.js")?(?:\n {4}at (\S+))?$/.exec(message) ?? [];
    return { name: name ?? "Error", message: text ?? message, stack: place ?? "" };
}

/** Ends the sandbox; stubs may know how. */
function dispose(...stubs: unknown[]): void {
    for (const stub of stubs) {
        try {
            (stub as Disposable | undefined)?.[Symbol.dispose]?.();
        } catch {
            // It is gone already.
        }
    }
}

/** What a promise gives in the time, or `otherwise`. The signal rejects with its reason. */
async function within<T, O>(promise: Promise<T>, ms: number, otherwise: O, signal?: AbortSignal): Promise<T | O> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<O>((resolve, reject) => {
        timer = setTimeout(resolve, ms, otherwise);
        if (signal?.aborted) reject(signal.reason as Error);
        signal?.addEventListener("abort", () => reject(signal.reason as Error));
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

/** What an execution that has not ended can say of itself: its console, and errors that nobody caught. */
async function soFar(entrypoint: Entrypoint): Promise<Outcome> {
    try {
        const outcome = await within(entrypoint.soFar(), LOGS_MS, {});
        return isObject(outcome) ? outcome : {};
    } catch {
        return {};
    }
}

async function runInSandbox(loader: Loader, catalog: Catalog, { imports, code }: Normalized, limits: ExecuteLimits, made: Calls, signal?: AbortSignal): Promise<Outcome> {
    const worker = loader.load({
        compatibilityDate: "2026-01-01",
        compatibilityFlags: WANTS_NODE.test(imports + code) ? ["nodejs_compat"] : [],
        mainModule: "code.js",
        modules: { "code.js": `import{execution}from"mayfly:execution";${imports}export default execution(${code})` },
        env: {},
        globalOutbound: null,
    });
    const entrypoint = worker.getEntrypoint() as Entrypoint;
    let calls = 0;
    let isOver = false;
    const ended = new AbortController();
    const open: string[] = [];
    const call = async (namespace: unknown, name: unknown, args: unknown): Promise<unknown> => {
        if (isOver) throw new Error("The execution has ended. Await every call before returning.");
        if (++calls > limits.callsMax) throw new Error(`More than ${limits.callsMax} calls in one execution.`);
        const label = `${String(namespace)}.${String(name)}`.slice(0, NAME_CHARACTERS_MAX);
        open.push(label);
        try {
            const value = await catalog.call(String(namespace), String(name), Array.isArray(args) ? args : [], ended.signal);
            made.gave(label, value);
            return value;
        } catch (error) {
            made.refused(String(namespace), String(name), error);
            throw error;
        } finally {
            open.splice(open.indexOf(label), 1);
        }
    };
    try {
        const running = entrypoint.run(catalog.namespaces, call, { result: limits.resultCharactersMax, logs: limits.logCharactersMax, timeoutMs: limits.timeoutMs });
        const late = Symbol("late");
        const outcome = await within(running, limits.timeoutMs, late, signal);
        if (outcome !== late) return isObject(outcome) ? outcome : {};
        isOver = true;
        const waited = [...new Set(open)].slice(0, NAMES_SHOWN_MAX).join(", ");
        const message = `The execution took longer than ${limits.timeoutMs} ms and was ended.${waited && ` No answer had come from ${waited}.`}`;
        return { ...(await soFar(entrypoint)), failure: { name: "TimeoutError", message } };
    } catch (error) {
        const message = error instanceof Error ? textOf(error.message, STACK_CHARACTERS_MAX) : "The execution failed.";
        const isAlive = message.includes("code had hung"); // it waits for nothing that could come, and answers
        return { ...(isAlive ? await soFar(entrypoint) : {}), failure: startFailure(message) };
    } finally {
        isOver = true;
        ended.abort();
        dispose(entrypoint, worker);
    }
}

/** Runs the code and gives the words about it; `signal` ends it, and then nobody is to be told anything. */
export async function execute(loader: Loader, catalog: Catalog, written: string, limits: ExecuteLimits = DEFAULT_LIMITS, signal?: AbortSignal): Promise<Executed> {
    let normalized: Normalized;
    try {
        normalized = normalizeCode(written, catalog.namespaces, isExpression);
    } catch (error) {
        if (error instanceof RangeError) return { text: "SyntaxError: The code is nested too deeply.", isError: true };
        if (!(error instanceof CodeError)) throw error;
        const { line, column, message, text } = error;
        return { text: explainFailure({ name: "SyntaxError", message, place: { line, column } }, text), isError: true };
    }
    const made = new Calls();
    const { text, length, media, failure, logs, loose } = await runInSandbox(loader, catalog, normalized, limits, made, signal);
    const said = (words: string, isError: boolean): Executed => ({ text: withLogs(words + looseNote(loose, normalized), logs, limits.logCharactersMax), isError });
    if (failure === undefined && typeof text === "string") {
        // Who gets nothing at all has most likely taken apart what has no such parts.
        const isLost = text === "undefined" && Array.isArray(logs) && logs.length === 0 && made.shapes.length > 0;
        const words = isLost ? `undefined\n\nNote: the code gave nothing. ${made.shapes.join("; ")}.` : bounded(text, length, limits.resultCharactersMax);
        return { ...said(words, false), media: mediaOf(media) };
    }
    const explained = failureOf(failure ?? { message: "The execution gave no result." }, normalized);
    const names = [...catalog.namespaces, ...normalized.declared().filter((name) => name !== missingName(explained)), ...GLOBALS];
    const facts = isAboutValue(explained) ? made.shapes : made.declarationFor(explained, catalog);
    return said(explainFailure(explained, normalized.source, names, catalog, facts), true);
}
