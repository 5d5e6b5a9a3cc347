// Errors as a model can use them: what went wrong, where, the line itself, and the names that were perhaps meant.

import { adviceOn, escaped } from "./advice";
import { isMisspelt, nameWords, nearestNames, WANTED_CHARACTERS_MAX } from "./nearest";
import type { Place } from "./edits";

/** What is known of an error; a place only if it is one in the code. */
export interface Failure {
    name: string;
    message: string;
    place?: Place;
}

/** Functions that may have been meant. */
const NEAR_MAX = 3;

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

/** What calls of functions that do not exist were perhaps meant to be. */
export interface Functions {
    namespaces: readonly string[];
    near(wanted: string): string[];
    /** Why there is no such namespace, if there should be one. */
    whyMissing?(namespace: string): string | undefined;
}

/** `known` are the names that the code could have used, `functions` what it could have called, `facts` what else there is to know. */
export function explainFailure(failure: Failure, source: string, known: readonly string[] = [], functions?: Functions, facts: readonly string[] = []): string {
    const { name, message, place } = failure;
    const lines = [`${name}: ${message}`];
    if (place) lines[0] += ` (line ${place.line}, column ${place.column})`;
    if (place) lines.push(excerpt(source, place));
    lines.push(...facts);
    const advice = adviceOn(failure, source, known, functions);
    if (advice !== undefined) lines.push(advice);
    return lines.join("\n");
}

/** What in the code a message without a place is about; its last part is the place. */
function patternOf(message: string): RegExp | undefined {
    const [, specifier] = /^No such module "(.+?)"/.exec(message) ?? [];
    // Names of modules lose what makes no difference in them.
    if (specifier) return new RegExp(`()["'](?:\\.{0,2}/)*${escaped(specifier).replaceAll("/", "/+")}["']`);
    const [, module, name] = /^The requested module '(.+)' does not provide an export named '(.+)'$/.exec(message) ?? [];
    if (name === "default") return new RegExp(`(\\bimport\\s+)[\\w$]+[^;]*?["']${escaped(module!)}["']`);
    if (name) return new RegExp(`(\\bimport\\b[^;]*?)(?<![\\w$])${escaped(name)}(?![\\w$])[^;]*?["']${escaped(module!)}["']`);
    return message === "Right side of assignment cannot be destructured" ? /(\b(?:const|let|var)\s+){/ : undefined;
}

/** The place that an error has, going by its message, if the engine names none. */
export function placeByMessage(message: string, source: string): Place | undefined {
    const found = patternOf(message)?.exec(source);
    if (!found) return undefined;
    const before = source.slice(0, found.index + found[1]!.length).split("\n");
    return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** The error for a method that a namespace does not have; `search` finds methods by the words of a name that is no misspelt one. */
export function missingMethod(namespace: string, written: string, known: Iterable<string>, search?: (words: string) => string[]): string {
    const method = written.slice(0, WANTED_CHARACTERS_MAX);
    let near = nearestNames(method, known);
    if (search && !(near[0] !== undefined && isMisspelt(method, near[0]))) near = [...new Set([...search(nameWords(method).join(" ")).slice(0, NEAR_MAX), ...near])].slice(0, NEAR_MAX);
    const hint = near.length > 0 ? `Did you mean ${near.join(", ")}?` : "Use search to find what there is.";
    return `${namespace}.${method} is not a function. ${hint}`;
}
