// What a declaration says in words: one line, short, and only what its name and type do not say already.

import { list, own, text, type Json } from "./schema";

/** How much of the descriptions is kept: nothing, first sentences of what a caller passes in, or everything. */
export type Docs = "none" | "brief" | "full";

const BRIEF_CHARACTERS_MAX = 100;

/** Formats that tell a reader nothing he can use. */
const SILENT_FORMATS = new Set(["int32", "int64", "integer", "float", "double", "number", "string", "binary", "password"]);

/** What in a property's name says the format already. */
const TELLING_NAMES: Record<string, RegExp> = {
    "date-time": /(?:_at|At|time|Time|_on|date|Date|timestamp|Timestamp)$/,
    date: /(?:_on|date|Date)$/,
    uri: /(?:uri|url|href|link|homepage|html)/i,
    url: /(?:uri|url|href|link|homepage|html)/i,
    email: /email/i,
    hostname: /host/i,
    uuid: /uuid/i,
    ipv4: /ip/i,
};

/** Text that can stand in a comment, on one line. */
function oneLine(value: string): string {
    return value
        .replace(/[\u0000-\u001f\u007f\u2028\u2029\s]+/g, " ")
        .replaceAll("*/", "*\\/")
        .trim();
}

/** Markdown links as their text: an address that the code cannot open is only length. */
function withoutLinks(value: string): string {
    return value.replace(/!?\[([^\]]*)\]\([^)\s]*\)/g, "$1");
}

/** The first sentence, cut at a word. */
export function firstSentence(value: string, charactersMax: number = BRIEF_CHARACTERS_MAX): string {
    const line = oneLine(withoutLinks(value.slice(0, 4 * charactersMax)).replace(/<[^>]*>/g, ""));
    const end = /[.!?](?:\s|$)/.exec(line);
    const sentence = end ? line.slice(0, end.index) : line;
    if (sentence.length <= charactersMax) return sentence;
    const cut = sentence.slice(0, charactersMax);
    return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), charactersMax / 2))}…`;
}

/** Words without case, plurals and fillers, to see whether a text adds anything to a name. */
function meaningfulWords(value: string): string[] {
    return value
        .replace(/([a-z])([A-Z])/g, "$1 $2")
        .toLowerCase()
        .split(/[^a-z0-9]+/)
        .filter((word) => !/^(?:|a|an|the|of|this|that|for|to|is|its|in)$/.test(word))
        .map((word) => word.replace(/s$/, ""));
}

function repeats(name: string, description: string): boolean {
    const known = new Set(meaningfulWords(name));
    return meaningfulWords(description).every((word) => known.has(word));
}

function formatOf(name: string, schema: Json): string {
    const format = oneLine(text(own(schema, "format")));
    if (format === "" || SILENT_FORMATS.has(format) || TELLING_NAMES[format]?.test(name)) return "";
    return format;
}

/** Everything that the schema says of its value beside the type. */
function fullText(schema: Json): string {
    const parts = [oneLine(text(own(schema, "description")))];
    const format = text(own(schema, "format"));
    if (format !== "") parts.push(`@format ${oneLine(format)}`);
    for (const key of ["default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"]) {
        const value = own(schema, key);
        if (value !== undefined) parts.push(`@${key} ${oneLine(JSON.stringify(value) ?? "")}`);
    }
    if (own(schema, "deprecated") === true) parts.push("@deprecated");
    return parts.filter((part) => part !== "").join(" ");
}

/** The words for a property of this name, without comment marks; "" if there is nothing to say. */
export function propertyText(name: string, schema: Json, docs: Docs, isInput: boolean): string {
    if (docs === "full") return fullText(schema);
    const format = list(own(schema, "enum")).length > 0 ? "" : formatOf(name, schema);
    if (docs === "none" || !isInput) return format;
    const sentence = firstSentence(text(own(schema, "description")));
    const said = repeats(name, sentence) ? "" : sentence;
    if (format === "" || said.toLowerCase().includes(format.toLowerCase())) return said;
    return said === "" ? format : `${said} (${format})`;
}

/** The words for an operation or a tool. */
export function operationText(summary: string, description: string, docs: Docs): string {
    if (docs === "none") return "";
    if (docs === "full") return oneLine([summary, description].filter((part) => part !== "").join(": "));
    return firstSentence(summary === "" ? description : summary, 120);
}

export function comment(words: string): string {
    return words === "" ? "" : `/** ${words} */`;
}
