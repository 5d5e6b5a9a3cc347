// Values as text by the styles of a document: in paths and headers, and as name=value pairs in queries, cookies and forms.
// What is null or undefined is not there.

import { isObject, type Json } from "../types/schema";
import { isJson } from "./media";

/** How a value is written. */
export interface Style {
    name: string;
    style: string;
    explode: boolean;
    /** Set if the value goes over as this media type instead of by style. */
    mediaType?: string;
}

type Escape = (text: string) => string;

const SEPARATORS: Json = { spaceDelimited: "%20", pipeDelimited: "|" };

/** A value as the text that it is, or else as JSON. */
export function scalar(value: unknown): string {
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

/** An object's members that are there. */
export function entriesOf(value: Json): [string, unknown][] {
    return Object.entries(value).filter(([, inner]) => isPresent(inner));
}

function contentText(mediaType: string, value: unknown): string {
    return isJson(mediaType) ? JSON.stringify(value) : scalar(value);
}

/** A path or header value by the styles simple, label and matrix. */
export function simpleValue({ name, style, explode, mediaType }: Style, value: unknown, escape: Escape): string {
    if (mediaType !== undefined) return escape(contentText(mediaType, value));
    const prefix = style === "label" ? "." : style === "matrix" ? `;${name}=` : "";
    if (Array.isArray(value)) {
        const items = value.filter(isPresent).map((item) => escape(scalar(item)));
        if (!explode) return prefix + items.join(",");
        return style === "matrix" ? items.map((item) => `;${name}=${item}`).join("") : prefix + items.join(style === "label" ? "." : ",");
    }
    if (isObject(value)) {
        const pairs = entriesOf(value).map(([key, inner]) => [escape(key), escape(scalar(inner))]);
        if (!explode) return prefix + pairs.flat().join(",");
        const separator = style === "label" ? "." : style === "matrix" ? ";" : ",";
        return (style === "simple" ? "" : separator) + pairs.map((pair) => pair.join("=")).join(separator);
    }
    return prefix + escape(scalar(value));
}

/** Members in brackets, as deep as they go. Of lists of objects each has its number, or their members would mix. */
function deepPairs(name: string, value: unknown): [string, unknown][] {
    if (Array.isArray(value)) {
        const key = (item: unknown, index: number): string => `${name}[${typeof item === "object" ? index : ""}]`;
        return value.filter(isPresent).flatMap((item, index) => deepPairs(key(item, index), item));
    }
    if (!isObject(value)) return [[name, value]];
    return entriesOf(value).flatMap(([key, inner]) => deepPairs(`${name}[${key}]`, inner));
}

/** name=value pairs by the styles form, spaceDelimited, pipeDelimited and deepObject. */
export function styledPairs({ name, style, explode, mediaType }: Style, value: unknown, escape: Escape, escapeName: Escape = escape): string[] {
    const pair = (key: string, inner: unknown): string => `${escapeName(key)}=${escape(scalar(inner))}`;
    const joined = (parts: unknown[]): string => parts.map((part) => escape(scalar(part))).join(String(SEPARATORS[style] ?? ","));
    if (mediaType !== undefined) return [pair(name, contentText(mediaType, value))];
    if (style === "deepObject") return deepPairs(name, value).map(([key, inner]) => pair(key, inner));
    if (Array.isArray(value)) {
        const items = value.filter(isPresent);
        return explode ? items.map((item) => pair(name, item)) : [`${escapeName(name)}=${joined(items)}`];
    }
    if (!isObject(value)) return [pair(name, value)];
    if (explode) return entriesOf(value).map(([key, inner]) => pair(key, inner));
    return [`${escapeName(name)}=${joined(entriesOf(value).flat())}`];
}
