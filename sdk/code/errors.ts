// Errors as a model can use them: what went wrong, where, the line itself, and the names that were perhaps meant.

import { nearestNames } from "./nearest";
import type { Place } from "./edits";

/** What is known of an error; a place only if it is one in the code. */
export interface Failure {
    name: string;
    message: string;
    place?: Place;
}

/** Lines longer than this are shown in part, around the place. */
const SHOWN_CHARACTERS_MAX = 120;

/** The line and a mark under the column. */
function excerpt(source: string, { line, column }: Place): string {
    const whole = (source.split("\n")[line - 1] ?? "").replaceAll("\t", " ");
    const from = column > SHOWN_CHARACTERS_MAX - 20 ? column - Math.floor(SHOWN_CHARACTERS_MAX / 2) : 0;
    const part = whole.slice(from, from + SHOWN_CHARACTERS_MAX);
    const indentation = part.length - part.trimStart().length;
    const mark = Math.max(0, column - 1 - from - indentation);
    return `  ${part.trim()}\n  ${" ".repeat(mark)}^`;
}

/** The name that an engine's message says is missing. */
function missingName(message: string): string | undefined {
    return /^(?:Can't find variable: |)([A-Za-z_$][\w$]*)(?: is not defined)?$/.exec(message)?.[1];
}

/** `known` are the names that the code could have used. */
export function explainFailure(failure: Failure, source: string, known: readonly string[]): string {
    const { name, message, place } = failure;
    const lines = [`${name}: ${message}`];
    if (place) lines[0] += ` (line ${place.line}, column ${place.column})`;
    if (place) lines.push(excerpt(source, place));
    const missing = name === "ReferenceError" ? missingName(message) : undefined;
    if (missing !== undefined) {
        const near = nearestNames(missing, known);
        lines.push(near.length > 0 ? `Did you mean ${near.join(", ")}?` : `Available: ${known.slice(0, 30).join(", ")}`);
    }
    return lines.join("\n");
}

/** The error for a method that a namespace does not have. */
export function missingMethod(namespace: string, method: string, known: Iterable<string>): string {
    const near = nearestNames(method, known);
    const hint = near.length > 0 ? `Did you mean ${near.join(", ")}?` : "Use search to find what there is.";
    return `${namespace}.${method} is not a function. ${hint}`;
}
