// Where in a worker's source an error happened: module, line and column of the text as it was given.

import { exactPlaces, type ModuleRecord, type Place } from "./record";

interface Located extends Place {
    module: string;
}

/** `f@main.js:2:7`, or without the function's name. */
const FRAME = /^(?:.*@)?(.+?):(\d+):(\d+)$/;

/** The first frame of a stack that lies in one of the worker's modules. */
function fromStack(stack: string, modules: Map<string, ModuleRecord>): Located | undefined {
    for (const line of stack.split("\n")) {
        const [, module, row, column] = FRAME.exec(line) ?? [];
        if (module !== undefined && modules.has(module)) return { module, line: Number(row), column: Number(column) };
    }
    return undefined;
}

/**
 * The place of a syntax error in `record`: JavaScriptCore gives the line only (its column is the caller's), and the
 * message quotes the token that it stumbled on.
 */
export function syntaxErrorPlace(error: { line: number; message: string }, source: string): Place {
    const { line } = error;
    const text = source.split("\n")[line - 1] ?? "";
    const token = /'([^']+)'/.exec(error.message)?.[1];
    const at = token === undefined ? -1 : text.search(wordPattern(token));
    if (at >= 0) return { line, column: at + 1 };
    const start = /\S/.exec(text);
    return { line, column: error.message.includes("end of") || !start ? text.length + 1 : start.index + 1 };
}

/** The token as a word of its own where it is one, so that 'c' is not found within `const`. */
function wordPattern(token: string): RegExp {
    const escaped = token.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(/^[\w$]+$/.test(token) ? `(?<![\\w$])${escaped}(?![\\w$])` : escaped);
}

/** Finds the place of an error that was thrown while modules were compiled or run. */
export function locate(thrown: unknown, modules: Map<string, ModuleRecord>): Located | undefined {
    if (typeof thrown !== "object" || thrown === null) return undefined;
    const exact = exactPlaces.get(thrown as Error);
    if (exact) return exact;
    const { sourceURL, line, column, stack } = thrown as Record<string, unknown>;
    let found: Located | undefined;
    if (typeof sourceURL === "string" && typeof line === "number" && typeof column === "number") {
        if (modules.has(sourceURL)) found = { module: sourceURL, line, column };
    }
    if (!found && typeof stack === "string") found = fromStack(stack, modules);
    if (!found) return undefined;
    const record = modules.get(found.module)!;
    if (found.line === 1) found.column -= record.prefixLength;
    const place = record.mapPlace?.(found) ?? found;
    return { module: found.module, line: place.line, column: Math.max(1, place.column) };
}
