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

/** What calls of functions that do not exist were perhaps meant to be. */
interface Functions {
    namespaces: readonly string[];
    near(wanted: string): string[];
    /** Why there is no such namespace, if there should be one. */
    whyMissing?(namespace: string): string | undefined;
}

/** `github.repos.get`, as in clients whose functions are in parts, if the error is about such a name. */
function deepName(message: string, namespaces: readonly string[]): string | undefined {
    const [, name] = /^([\w$]+(?:\.[\w$]+){2,}) is not a function|\(evaluating '([\w$.]+)'\)$/.exec(message)?.filter((part) => part) ?? [];
    return name !== undefined && name.split(".").length > 2 && namespaces.includes(name.split(".")[0]!) ? name : undefined;
}

/** What clients of others wrap an answer in, taken from one that is not wrapped. */
const WRAPPED = /^undefined is not an object \(evaluating '(?:[\w$]+\.)*(?:data|body)\b|^[\w$.]+\.(?:json|text) is not a function/;

/** What may help who wrote the code. */
function adviceOn({ name, message }: Failure, known: readonly string[], functions?: Functions): string | undefined {
    const missing = name === "ReferenceError" ? missingName(message) : undefined;
    if (missing === "require") return 'There is no require. Write import path from "path" or await import("path").';
    if (missing !== undefined) {
        const why = functions?.whyMissing?.(missing);
        if (why !== undefined) return why;
        const near = [...(functions?.near(missing).filter((one) => one.endsWith(`.${missing}`)) ?? []), ...nearestNames(missing, new Set(known))];
        return near.length > 0 ? `Did you mean ${near.join(", ")}?` : `Available: ${known.slice(0, 30).join(", ")}`;
    }
    if (functions && /not permitted to access the internet/.test(message)) return `Only functions reach the outside: those of ${functions.namespaces.slice(0, 30).join(", ")}.`;
    if (name === "TypeError" && WRAPPED.test(message)) return "A function gives the value of its type itself, as types shows it: no response around it, with data or json().";
    if (/^No such module /.test(message)) return "Only modules of Node can be imported, as node:path.";
    const deep = functions && deepName(message, functions.namespaces);
    if (deep === undefined) return undefined;
    const [namespace] = deep.split(".");
    const near = functions!.near(deep).filter((one) => one.startsWith(`${namespace}.`));
    return `The functions of ${namespace} are all its own: ${namespace}.name(). ${near.length > 0 ? `Did you mean ${near.join(", ")}?` : "Use search to find them."}`;
}

/** `known` are the names that the code could have used, and `functions` what it could have called. */
export function explainFailure(failure: Failure, source: string, known: readonly string[] = [], functions?: Functions): string {
    const { name, message, place } = failure;
    const lines = [`${name}: ${message}`];
    if (place) lines[0] += ` (line ${place.line}, column ${place.column})`;
    if (place) lines.push(excerpt(source, place));
    const advice = adviceOn(failure, known, functions);
    if (advice !== undefined) lines.push(advice);
    return lines.join("\n");
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

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

/** The error for a method that a namespace does not have. */
export function missingMethod(namespace: string, method: string, known: Iterable<string>): string {
    const near = nearestNames(method, known);
    const hint = near.length > 0 ? `Did you mean ${near.join(", ")}?` : "Use search to find what there is.";
    return `${namespace}.${method} is not a function. ${hint}`;
}
