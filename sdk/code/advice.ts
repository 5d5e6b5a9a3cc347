// What may help who wrote the code to mend it, going by an error's message and by the code: models make the same mistakes again and
// again, and mend at once what they are told in so many words.

import { nearestNames } from "./nearest";
import type { Failure, Functions } from "./errors";

export const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** The name that an engine's message says is missing. */
export function missingName({ name, message }: Failure): string | undefined {
    if (name !== "ReferenceError") return undefined;
    return /^(?:Can't find variable: |)([A-Za-z_$][\w$]*)(?: is not defined)?$/.exec(message)?.[1];
}

/** What other languages and other programs call it. */
const FOREIGN: Record<string, string> = {
    print: "console.log()",
    len: ".length",
    str: "String()",
    None: "null",
    nil: "null",
    True: "true",
    False: "false",
    sleep: "await new Promise((resolve) => setTimeout(resolve, ms))",
};

/** What a browser has. */
const BROWSER = /^(?:window|document|localStorage|sessionStorage|alert)$/;

/** The tools beside the one that runs code. */
const TOOLS = /^(?:search|types|execute)$/;

const squashed = (name: string): string => name.replace(/[^A-Za-z0-9]/g, "").toLowerCase();

/** Namespaces as parts of something else (`tools.shop.list`), and functions under a name of their own (`mcp__shop__list`). */
function misplaced(missing: string, source: string, functions: Functions): string | undefined {
    const member = new RegExp(`(?<![\\w$.])${escaped(missing)}\\??\\.([\\w$]+)`).exec(source)?.[1];
    if (member !== undefined && functions.namespaces.includes(member)) return `${member} is a name of its own, and no part of ${missing}: write ${member}.name().`;
    for (const written of member === undefined ? [missing] : [member, missing]) {
        const wanted = squashed(written);
        const meant = functions.near(written).find((one) => wanted.endsWith(squashed(one)));
        if (meant !== undefined) return `Did you mean ${meant}?`;
    }
    return undefined;
}

function onMissing(missing: string, source: string, known: readonly string[], functions?: Functions): string {
    if (missing === "require") return 'There is no require. Write import path from "path" or await import("path").';
    const why = functions?.whyMissing?.(missing) ?? (functions && misplaced(missing, source, functions));
    if (why !== undefined) return why;
    if (new RegExp(`(?<![\\w$.])${escaped(missing)}\\s*=(?![=>])`).test(source)) return `It is nowhere declared: write const ${missing} = … or let ${missing}.`;
    if (functions && TOOLS.test(missing)) return `${missing} is a tool, to be called by itself; code has the functions of ${functions.namespaces.slice(0, 30).join(", ")}.`;
    if (BROWSER.test(missing)) return "This is no browser: there is no page, and nothing is kept.";
    if (Object.hasOwn(FOREIGN, missing)) return `In TypeScript that is ${FOREIGN[missing]}.`;
    const near = [...(functions?.near(missing).filter((one) => one.endsWith(`.${missing}`)) ?? []), ...nearestNames(missing, new Set(known))];
    return near.length > 0 ? `Did you mean ${near.join(", ")}?` : `Available: ${known.slice(0, 30).join(", ")}`;
}

// --- Values that are something else than was thought ----------------------------------------------------------------

/** Whether an error tells that a value was something else than was thought. */
export const isAboutValue = ({ message }: Failure): boolean =>
    /\((?:In|near|evaluating) '|^JSON Parse error|iterable|cannot be destructured/.test(message) && !/Did you mean/.test(message);

/** What a message says was used: the object of a method, the list of a loop, a pattern, or all of an expression. */
function usedIn(message: string): string | undefined {
    const receiver = /, '([^]+)\.[\w$]+' is undefined\)$/.exec(message)?.[1];
    const near = /\(near '\.\.\.([^]*)\.\.\.'\)$/.exec(message)?.[1]?.replace(/^[^]*?\bof\s+/, "");
    return receiver ?? near ?? /\(evaluating '([^]*)'\)$/.exec(message)?.[1];
}

/** What the code says a pattern or a name is: the function whose call, not awaited, stands behind it. */
function callBehind(used: string, source: string): string | undefined {
    const name = /^[{[]/.test(used) ? used : /^[A-Za-z_$][\w$]*/.exec(used)?.[0];
    if (name === undefined) return undefined;
    return new RegExp(`(?<![\\w$.])${escaped(name)}\\s*(?::[^=\\n]+)?=\\s*(?!await\\b)([A-Za-z_$][\\w$.]*)\\(`).exec(source)?.[1];
}

function isPromising(called: string, source: string, namespaces: readonly string[]): boolean {
    const [first, second, ...more] = called.split(".");
    if (second !== undefined) return more.length === 0 && (namespaces.includes(first!) || /^Promise\.(?:all|allSettled|any|race)$/.test(called));
    const name = escaped(called);
    return new RegExp(`\\basync\\s+function\\s+${name}(?![\\w$])|(?<![\\w$.])${name}\\s*=\\s*async\\b`).test(source);
}

function onPromise(message: string, source: string, functions: Functions): string | undefined {
    const used = usedIn(message);
    if (used === undefined) return undefined;
    const direct = /^([A-Za-z_$][\w$]*\.[\w$]+)\(/.exec(used)?.[1];
    if (direct !== undefined && isPromising(direct, source, functions.namespaces)) return `${direct}() gives a promise: write (await ${direct}(…)) and then what is wanted of it.`;
    const called = callBehind(used, source);
    return called !== undefined && isPromising(called, source, functions.namespaces) ? `${called}() gives a promise: write await ${called}(…).` : undefined;
}

const METHODS = new Set([Array, String, Number, Date, Map, Set, Promise, RegExp].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype)));

/** A method of the language's that is misspelt. */
function onMethod(message: string): string | undefined {
    const method = /, '[^]+\.([\w$]+)' is undefined\)$/.exec(message)?.[1];
    if (method === undefined || METHODS.has(method)) return undefined;
    const near = nearestNames(method, METHODS, 2);
    return near.length > 0 ? `Did you mean ${near.join(", ")}?` : undefined;
}

/** What clients of others wrap an answer in, taken from one that is not wrapped. */
const WRAPPED = /^undefined is not an object \(evaluating '(?:[\w$]+\.)*(?:data|body)\b|^[\w$.]+\.(?:json|text) is not a function/;

/** `github.repos.get`, as in clients whose functions are in parts, if the error is about such a name. */
function deepName(message: string, namespaces: readonly string[]): string | undefined {
    const [, name] = /^([\w$]+(?:\.[\w$]+){2,}) is not a function|\(evaluating '([\w$.]+)'\)$/.exec(message)?.filter((part) => part) ?? [];
    return name !== undefined && name.split(".").length > 2 && namespaces.includes(name.split(".")[0]!) ? name : undefined;
}

function onDeepName(message: string, functions: Functions): string | undefined {
    const deep = deepName(message, functions.namespaces);
    if (deep === undefined) return undefined;
    const [namespace] = deep.split(".");
    const near = functions.near(deep).filter((one) => one.startsWith(`${namespace}.`));
    return `The functions of ${namespace} are all its own: ${namespace}.name(). ${near.length > 0 ? `Did you mean ${near.join(", ")}?` : "Use search to find them."}`;
}

function onType(message: string, source: string, functions?: Functions): string | undefined {
    const [, part] = /\(evaluating '(?:globalThis|this|self|window)\.([\w$]+)(?:\.[\w$]+)?'\)$/.exec(message) ?? [];
    if (part !== undefined && functions?.namespaces.includes(part)) return `${part} is a name of its own: write ${part}.name().`;
    if (/readonly property/.test(message)) return "What is assigned again is declared with let, not const.";
    if (/\(evaluating '[\w$]+\.response\b/.test(message)) return "The error of a function has message, and status where a server answered: no response.";
    const promise = functions && onPromise(message, source, functions);
    if (promise !== undefined) return promise;
    if (WRAPPED.test(message)) return "A function gives the value of its type itself, as types shows it: no response around it, with data or json().";
    return (functions && onDeepName(message, functions)) ?? onMethod(message);
}

// --- Syntax ----------------------------------------------------------------------------------------------------------

const PYTHON = /^[ \t]*(?:from \w+ import |import \w+$|def \w+\(.*:$|(?:for|if|while|with|try|except|elif|else)\b[^{]*:$|print\(|async def )/m;

/** Brackets that are open at the end of a text, with their lines; what is in texts and comments is not seen. */
function openBrackets(source: string): { bracket: string; line: number }[] {
    const open: { bracket: string; line: number }[] = [];
    let line = 1;
    for (const [part] of source.matchAll(/\/\/.*|\/\*[^]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`|[()[\]{}\n]/g)) {
        if (/^[([{]$/.test(part)) open.push({ bracket: part, line });
        else if (/^[)\]}]$/.test(part)) open.pop();
        line += part.split("\n").length - 1;
    }
    return open;
}

function onSyntax({ message, place }: Failure, source: string): string | undefined {
    if (PYTHON.test(source)) return "This looks like Python: write TypeScript.";
    if (place === undefined) return undefined;
    const lines = source.split("\n");
    const before = (lines[place.line - 1] ?? "").slice(0, place.column - 1);
    const behind = (lines[place.line - 1] ?? "").slice(place.column - 1);
    if (behind.startsWith(":") && /=>\s*\{[^{}]*$/.test(before)) return "An arrow function that gives an object has it in parentheses: => ({ … }).";
    const [last] = [behind, ...lines.slice(place.line)].join("").trim() === "" ? openBrackets(source).slice(-1) : [];
    if (last !== undefined) return `The code ends before the ${last.bracket} of line ${last.line} is closed.`;
    if (/["']$/.test(before) && /^\w/.test(behind) && /semicolon|expected/.test(message)) return "A quote within quotes ends them: write it as \\\" or use `…`.";
    return undefined;
}

/** What may help who wrote the code; `known` are the names that it could have used, and `functions` what it could have called. */
export function adviceOn(failure: Failure, source: string, known: readonly string[], functions?: Functions): string | undefined {
    const { name, message } = failure;
    const missing = missingName(failure);
    if (missing !== undefined) return onMissing(missing, source, known, functions);
    if (functions && /not permitted to access the internet|^\[unenv\]/.test(message)) return `Only functions reach the outside: those of ${functions.namespaces.slice(0, 30).join(", ")}.`;
    if (/^JSON Parse error: Unexpected identifier "object"/.test(message)) return "What is parsed is no text but a value already: leave JSON.parse out.";
    if (/^No such module /.test(message)) return "Only modules of Node can be imported, as node:path.";
    if (name === "SyntaxError") return onSyntax(failure, source);
    return name === "TypeError" ? onType(message, source, functions) : undefined;
}
