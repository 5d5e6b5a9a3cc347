// Doc comments: their words, and the types that those of JavaScript name.

import type { Node } from "../code/parse";

export interface Parameter {
    name: string;
    /** As JSDoc has it. */
    type: string | undefined;
    isOptional: boolean;
    text: string;
}

export interface Doc {
    description: string;
    /** The tags without a shape of their own, such as "private". */
    flags: Set<string>;
    parameters: Parameter[];
    /** This and the types below are TypeScript already. */
    returns: string | undefined;
    type: string | undefined;
    /** [name, what it must be] */
    templates: [string, string | undefined][];
    extends: string | undefined;
}

/** A @typedef or @callback of a JavaScript file, as the text of a TypeScript type. */
export interface Typedef {
    type: string;
    description: string;
    templates: Doc["templates"];
}

interface Tag {
    name: string;
    type: string | undefined;
    rest: string;
}

const WORDS_MAX = 240;
const COMMENT = /\/\*\*([\s\S]*?)\*\//g;

/** The text between the braces that open at the start, and what is behind them. */
function braced(text: string): [inside: string | undefined, rest: string] {
    if (!text.startsWith("{")) return [undefined, text];
    let depth = 0;
    for (let i = 0; i < text.length; i++) {
        if (text[i] === "{") depth++;
        else if (text[i] === "}" && --depth === 0) return [text.slice(1, i).trim(), text.slice(i + 1).trim()];
    }
    return [undefined, ""];
}

/** Where a tag begins: at the start of a line, or behind words where it cannot be meant otherwise, as in TypeScript. */
const TAG = /^@(?=[a-zA-Z])|[ \t]@(?=(?:param|arg|returns?|type)\s+\{)/m;

/** A comment's text without its marks, as its description and its tags. */
function split(comment: string): [description: string, tags: Tag[]] {
    const text = comment.replace(/^\s*\*+/gm, "").replace(/^[ \t]+/gm, "");
    const [description = "", ...parts] = text.split(TAG);
    const tags = parts.map((part) => {
        const name = /^[a-zA-Z]+/.exec(part)![0];
        const [type, rest] = braced(part.slice(name.length).trim());
        return { name, type, rest };
    });
    return [description.trim(), tags];
}

/** The first paragraph, on one line. */
export function oneLine(text: string, charactersMax = WORDS_MAX): string {
    const paragraph = text.split(/\n\s*\n/)[0] ?? "";
    const line = paragraph.replace(/\{@\w+ ([^}|]*)[^}]*\}/g, "$1").replace(/\s+/g, " ").replaceAll("*/", "*\\/").trim();
    if (line.length <= charactersMax) return line;
    const cut = line.slice(0, charactersMax);
    return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), charactersMax / 2))}…`;
}

/** `name`, `[name]` or `[name=default]`, and the words behind. */
function readParameter({ type, rest }: Tag): Parameter {
    const match = /^(?:\[\s*([\w$.]+)[^\]]*\]|([\w$.]+))\s*-?\s*([\s\S]*)$/.exec(rest);
    const isOptional = match?.[1] !== undefined || (type?.endsWith("=") ?? false);
    return { name: match?.[1] ?? match?.[2] ?? "", type, isOptional, text: oneLine(match?.[3] ?? "", 100) };
}

function templatesOf(tags: Tag[]): Doc["templates"] {
    return tags
        .filter(({ name }) => name === "template")
        .flatMap(({ type, rest }) => (/^[\w$\s,]+/.exec(rest)?.[0] ?? "").split(/[\s,]+/).slice(0, rest.includes(",") ? undefined : 1).filter(Boolean).map((name): [string, string | undefined] => [name, type && toTypeScript(type)]));
}

function readDoc(comment: string): Doc {
    const [description, tags] = split(comment);
    const typeOf = (...names: string[]): string | undefined => {
        const type = tags.find(({ name }) => names.includes(name))?.type;
        return type && toTypeScript(type);
    };
    return {
        description: oneLine(description),
        flags: new Set(tags.map(({ name }) => name)),
        parameters: tags.filter(({ name }) => name === "param" || name === "arg").map(readParameter),
        returns: typeOf("returns", "return"),
        type: typeOf("type"),
        templates: templatesOf(tags),
        extends: typeOf("extends", "augments"),
    };
}

/** The doc comment in front of a node; an empty one if there is none. */
export function docOf(of: Node): Doc {
    const comments = (of.leadingComments as { type: string; value: string }[] | null | undefined) ?? [];
    const last = comments.findLast(({ type, value }) => type === "CommentBlock" && value.startsWith("*"));
    return readDoc(last?.value ?? "");
}

/** The object that parameters with dots in their names describe: `opts.name`. */
export function objectOf(parameters: Parameter[], prefix: string): string {
    const members = parameters.filter(({ name }) => name.startsWith(`${prefix}.`) && !name.slice(prefix.length + 1).includes("."));
    if (members.length === 0) return "object";
    const texts = members.map((member) => {
        const key = member.name.slice(prefix.length + 1);
        const note = member.text === "" ? "" : `/** ${member.text} */ `;
        return `${note}${key}${member.isOptional ? "?" : ""}: ${typeText(parameters, member)};`;
    });
    return `{ ${texts.join(" ")} }`;
}

/** A parameter's type, with its own members if it is an object. */
export function typeText(parameters: Parameter[], { name, type }: Parameter): string {
    if (type !== undefined && /^(?:object|Object)(?:\[\])?=?$/.test(type) && parameters.some((other) => other.name.startsWith(`${name}.`))) {
        return objectOf(parameters, name) + (type.includes("[]") ? "[]" : "");
    }
    return type === undefined ? "unknown" : toTypeScript(type);
}

/** A type as JSDoc writes it. */
export function toTypeScript(type: string): string {
    let text = type.trim().replace(/=$/, "").replace(/^!/, "");
    if (text === "*" || text === "?") return "unknown";
    if (text.startsWith("...")) return `(${toTypeScript(text.slice(3))})[]`;
    if (/^\?[^?]/.test(text)) return `(${toTypeScript(text.slice(1))}) | null`;
    text = text.replace(/\b(Array|Promise|Map|Set)\.</g, "$1<").replace(/\b[Oo]bject\.?</g, "Record<");
    text = text.replace(/(?<![.\w$])(String|Number|Boolean)(?![\w$])/g, (name) => name.toLowerCase());
    text = text.replace(/(?<![.\w$])Array(?![\w$<])/g, "unknown[]").replace(/(?<![.\w$])Promise(?![\w$<])/g, "Promise<unknown>");
    text = text.replace(/(?<![.\w$])Object(?![\w$<])/g, "object");
    return text.replace(/^function\s*\(.*$/s, "(...args: unknown[]) => unknown").replace(/\*(?=[\s,>)\]|]|$)/g, "unknown");
}

function typedefOf(description: string, tags: Tag[]): [string, Typedef] | undefined {
    const head = tags.find(({ name }) => name === "typedef" || name === "callback");
    const name = /^[\w$]+/.exec(head?.rest ?? "")?.[0];
    if (head === undefined || name === undefined) return undefined;
    const members = tags.filter((tag) => ["property", "prop", "param"].includes(tag.name)).map(readParameter);
    const templates = templatesOf(tags);
    if (head.name === "callback") {
        const list = members.map((member) => `${member.name}${member.isOptional ? "?" : ""}: ${typeText(members, member)}`);
        const returns = tags.find((tag) => /^returns?$/.test(tag.name))?.type;
        return [name, { type: `(${list.join(", ")}) => ${returns === undefined ? "unknown" : toTypeScript(returns)}`, description, templates }];
    }
    if (members.length === 0) return [name, { type: toTypeScript(head.type ?? "object"), description, templates }];
    const prefixed = members.map((member) => ({ ...member, name: `it.${member.name}` }));
    return [name, { type: objectOf(prefixed, "it"), description, templates }];
}

/** The types that the comments of a JavaScript file define. */
export function typedefsOf(text: string): Map<string, Typedef> {
    const found = new Map<string, Typedef>();
    for (const [, comment] of text.matchAll(COMMENT)) {
        if (!/@(?:typedef|callback)\b/.test(comment!)) continue;
        const [description, tags] = split(comment!);
        // One comment may hold several.
        const starts = tags.flatMap(({ name }, i) => (name === "typedef" || name === "callback" ? [i] : []));
        starts.forEach((start, i) => {
            const before = i === 0 ? tags.slice(0, start) : [];
            const typedef = typedefOf(i === 0 ? oneLine(description) : "", [...before, ...tags.slice(start, starts[i + 1])]);
            if (typedef !== undefined) found.set(...typedef);
        });
    }
    return found;
}
