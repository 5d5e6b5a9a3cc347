// Runs what a model wrote in a fresh sandbox, against a catalog, and says what came of it in words for the model.

import { explainFailure } from "../code/errors";
import { normalizeCode, type Normalized } from "../code/normalize";
import { CodeError } from "../code/parse";
import type { Place } from "../code/edits";
import type { Catalog } from "./catalog";

/** The part of a Worker Loader that is used here. */
export interface Loader {
    load(code: unknown): { getEntrypoint(): unknown };
}

/** What an execution gives; see runtime/execution.ts. */
interface Outcome {
    text?: string;
    length?: number;
    failure?: { name: string; message: string; stack: string };
    logs: string[];
}

interface Entrypoint {
    run(namespaces: string[], call: unknown, limits: { result: number; logs: number }): Promise<Outcome>;
}

export interface ExecuteLimits {
    timeoutMs: number;
    resultCharactersMax: number;
    logCharactersMax: number;
    callsMax: number;
}

export const DEFAULT_LIMITS: ExecuteLimits = { timeoutMs: 30_000, resultCharactersMax: 24_000, logCharactersMax: 8_000, callsMax: 1000 };

export interface Executed {
    text: string;
    isError: boolean;
}

/** Globals that a worker has and a model may have misspelt. */
const GLOBALS = ["console", "JSON", "Math", "Promise", "Date", "URL", "Object", "Array", "String", "Number", "Map", "Set", "setTimeout", "structuredClone"];

/** The first place in the code that a stack names. */
function placeOf(stack: string, { original, source }: Normalized): Place | undefined {
    for (const match of stack.matchAll(/code\.js:(\d+):(\d+)/g)) {
        const place = original({ line: Number(match[1]), column: Number(match[2]) });
        if (place.line >= 1 && place.line <= source.split("\n").length && place.column >= 1) return place;
    }
    return undefined;
}

function withLogs(text: string, logs: unknown): string {
    const lines = Array.isArray(logs) ? logs.filter((line) => typeof line === "string") : [];
    return lines.length > 0 ? `${text}\n\nConsole:\n${lines.join("\n")}` : text;
}

/** A value that is too long keeps its beginning, and the model is told what to do about it. */
function bounded(text: string, length: number, max: number): string {
    if (length <= max) return text;
    return `${text.slice(0, max)}\n… (cut: the first ${max} of ${length} characters; return less, e.g. only the fields you need)`;
}

/** Code that may want Node's modules or globals; the others' cells need not prepare for them. */
const WANTS_NODE = /\b(?:import|Buffer|process|global)\b/;

/** What a sandbox that did not start says of it: the error, and its place. */
function startFailure(message: string): { name: string; message: string; stack: string } {
    const [, name, text, place] = /^Failed to start Worker:\n(?:(\w*Error): )?([^]*?)(?:\n {4}at (\S+))?$/.exec(message) ?? [];
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

async function runInSandbox(loader: Loader, catalog: Catalog, { imports, code }: Normalized, limits: ExecuteLimits): Promise<Outcome> {
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
    const call = async (namespace: unknown, name: unknown, args: unknown): Promise<unknown> => {
        if (isOver) throw new Error("The execution has ended. Await every call before returning.");
        if (++calls > limits.callsMax) throw new Error(`More than ${limits.callsMax} calls in one execution.`);
        return catalog.call(String(namespace), String(name), Array.isArray(args) ? args : []);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<Outcome>((resolve) => {
        const message = `The execution took longer than ${limits.timeoutMs} ms and was ended.`;
        timer = setTimeout(() => resolve({ failure: { name: "TimeoutError", message, stack: "" }, logs: [] }), limits.timeoutMs);
    });
    try {
        const running = entrypoint.run(catalog.namespaces, call, { result: limits.resultCharactersMax, logs: limits.logCharactersMax });
        return await Promise.race([running, tooLate]);
    } catch (error) {
        return { failure: startFailure((error as Error).message), logs: [] };
    } finally {
        isOver = true;
        clearTimeout(timer);
        dispose(entrypoint, worker);
    }
}

export async function execute(loader: Loader, catalog: Catalog, written: string, limits: ExecuteLimits = DEFAULT_LIMITS): Promise<Executed> {
    const known = [...catalog.namespaces, ...GLOBALS];
    let normalized: Normalized;
    try {
        normalized = normalizeCode(written, catalog.namespaces);
    } catch (error) {
        if (!(error instanceof CodeError)) throw error;
        const { line, column, message, text } = error;
        return { text: explainFailure({ name: "SyntaxError", message, place: { line, column } }, text, known), isError: true };
    }
    const { text, length, failure, logs } = await runInSandbox(loader, catalog, normalized, limits);
    if (failure === undefined) {
        return { text: withLogs(bounded(String(text), Number(length), limits.resultCharactersMax), logs), isError: false };
    }
    const place = placeOf(String(failure.stack), normalized);
    const explained = explainFailure({ name: failure.name, message: bounded(failure.message, failure.message.length, 4000), ...(place && { place }) }, normalized.source, known);
    return { text: withLogs(explained, logs), isError: true };
}
