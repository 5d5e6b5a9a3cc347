// Type expressions as text, put together so that they stay valid and short.

import { comment } from "./comments";
import { propertyKey, quote } from "./names";
import { isObject } from "./schema";

/** How tightly the outermost operator binds: 0 none, 1 `&`, 2 `|`. */
export interface Expression {
    text: string;
    level: 0 | 1 | 2;
    /** What a union consists of, so that unions of unions stay flat. */
    variants?: Expression[];
}

export interface Member {
    name: string;
    type: Expression;
    isOptional: boolean;
    /** For a comment; "" for none. */
    words: string;
}

/** A line up to this width is kept together. */
const LINE_CHARACTERS_MAX = 100;

export const plain = (text: string): Expression => ({ text, level: 0 });
export const UNKNOWN = plain("unknown");
export const NULL = plain("null");
export const BYTES = plain("Uint8Array");
export const ANY_OBJECT = plain("Record<string, unknown>");

const isUnknown = (type: Expression): boolean => type.text === UNKNOWN.text;

function within(type: Expression, level: number): string {
    return type.level > level ? `(${type.text})` : type.text;
}

/** A | B; what stands there twice is said once, null last, and unknown swallows all. */
export function union(types: Expression[]): Expression {
    const flat = types.flatMap((type) => type.variants ?? type);
    const unique = [...new Map(flat.map((type) => [type.text, type])).values()].filter(({ text }) => text !== "never");
    if (unique.some(isUnknown)) return UNKNOWN;
    const sorted = [...unique.filter(({ text }) => text !== "null"), ...unique.filter(({ text }) => text === "null")];
    if (sorted.length === 0) return plain("never");
    if (sorted.length === 1) return sorted[0]!;
    return { text: sorted.map((type) => type.text).join(" | "), level: 2, variants: sorted };
}

/** A & B; unknown says nothing here, and any object only if nothing else does. */
export function intersection(types: Expression[]): Expression {
    const unique = [...new Map(types.map((type) => [type.text, type])).values()].filter((type) => !isUnknown(type));
    const telling = unique.filter(({ text }) => text !== ANY_OBJECT.text);
    const sorted = telling.length > 0 ? telling : unique;
    if (sorted.length === 0) return UNKNOWN;
    if (sorted.length === 1) return sorted[0]!;
    return { text: sorted.map((type) => within(type, 1)).join(" & "), level: 1 };
}

/** What a form takes as a file: the name goes with it if it has one. */
export const FILE = union([BYTES, plain("File")]);

export function arrayOf(type: Expression): Expression {
    return plain(`${within(type, 0)}[]`);
}

export function tupleOf(types: Expression[], countMin: number, rest: Expression | undefined): Expression {
    const items = types.map((type, index) => (index < countMin ? type.text : `${within(type, 0)}?`));
    if (rest) items.push(`...${arrayOf(rest).text}`);
    return plain(`[${items.join(", ")}]`);
}

export function indent(text: string): string {
    return text.replaceAll("\n", "\n  ");
}

function memberText({ name, type, isOptional, words }: Member): string {
    const declaration = `${propertyKey(name)}${isOptional ? "?" : ""}: ${type.text}`;
    return words === "" ? declaration : `${comment(words)} ${declaration}`;
}

/** `{ a: A; b?: B }`, on one line where it fits. `index` is the text of its index signature. */
export function objectOf(members: Member[], index?: string): Expression {
    const texts = members.map(memberText);
    if (index !== undefined) texts.push(index);
    if (texts.length === 0) return plain("{}");
    const line = `{ ${texts.join("; ")} }`;
    if (line.length <= LINE_CHARACTERS_MAX && !line.includes("\n")) return plain(line);
    return plain(`{\n  ${texts.map(indent).join("\n  ")}\n}`);
}

/** A value of `enum` or `const` as its type. */
export function literal(value: unknown): Expression {
    if (typeof value === "string") return plain(quote(value));
    if (value === null || typeof value === "boolean") return plain(String(value));
    if (typeof value === "number") return Number.isFinite(value) ? plain(JSON.stringify(value)) : plain("number");
    if (Array.isArray(value)) return value.length < 20 ? plain(`[${value.map((v) => literal(v).text).join(", ")}]`) : UNKNOWN;
    if (!isObject(value) || Object.keys(value).length > 20) return UNKNOWN;
    const members = Object.entries(value).map(([name, v]) => ({ name, type: literal(v), isOptional: false, words: "" }));
    return objectOf(members);
}
