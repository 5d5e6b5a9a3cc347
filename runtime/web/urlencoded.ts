// application/x-www-form-urlencoded, for search parameters and forms.

import { native } from "./host";

/** Percent-decodes, and decodes the bytes as UTF-8 with replacement. */
function decodePart(part: string): string {
    const text = part.includes("+") ? part.replaceAll("+", " ") : part;
    if (!text.includes("%")) {
        return text;
    }
    try {
        return decodeURIComponent(text);
    } catch {
        return decodeLoosely(text);
    }
}

/** The bytes of a text, with those that are percent-encoded as what they stand for. */
export function percentDecode(text: string): Uint8Array {
    const bytes = native.utf8Encode(text);
    let to = 0;
    for (let from = 0; from < bytes.length; from++, to++) {
        const hex = bytes[from] === 0x25 ? String.fromCharCode(bytes[from + 1]!, bytes[from + 2]!) : "";
        if (/^[0-9a-f]{2}$/i.test(hex)) {
            bytes[to] = parseInt(hex, 16);
            from += 2;
        } else {
            bytes[to] = bytes[from]!;
        }
    }
    return bytes.subarray(0, to);
}

/** What decodeURIComponent refuses: stray percent signs and bytes that are not UTF-8. */
function decodeLoosely(text: string): string {
    return native.utf8Decode(percentDecode(text), false);
}

/** The pairs of a query or form; `text` must be well-formed. */
export function parseUrlencoded(text: string): [string, string][] {
    const pairs: [string, string][] = [];
    for (const part of text.split("&")) {
        if (part !== "") {
            const equals = part.indexOf("=");
            const name = equals < 0 ? part : part.slice(0, equals);
            const value = equals < 0 ? "" : part.slice(equals + 1);
            pairs.push([decodePart(name), decodePart(value)]);
        }
    }
    return pairs;
}

/** What forms leave as it is. */
const unchanged = /^[\w*.-]*$/;

function encodePart(part: string): string {
    if (unchanged.test(part)) {
        return part;
    }
    // Of what encodeURIComponent leaves as it is, forms encode five characters more; a space is a plus.
    return encodeURIComponent(part)
        .replace(/[!'()~]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`)
        .replaceAll("%20", "+");
}

/** The pairs as text; names and values must be well-formed. */
export function serialiseUrlencoded(pairs: Iterable<readonly [string, string]>): string {
    let text = "";
    for (const [name, value] of pairs) {
        text += `${text === "" ? "" : "&"}${encodePart(name)}=${encodePart(value)}`;
    }
    return text;
}
