// Content types by their parts. A type that merely contains "xml" or "form" somewhere is neither: what office programs
// write is called application/vnd.openxmlformats-... and is no text.

const JSON_SUBTYPES = /^(?:(?:x-)?json|.+\+json)$/;
const TEXT_SUBTYPES =
    /^(?:x-)?(?:xml|xml-dtd|yaml|csv|html|javascript|ecmascript|typescript|www-form-urlencoded|graphql|sql|toml|sh|httpd-php|ndjson|json-?lines|jsonl|json-seq)$/;
const TEXT_SUFFIXES = /\+(?:xml|yaml|json|json-seq)$/;
const LINES_SUBTYPES = /^(?:x-)?(?:ndjson|jsonl|json-?lines)$/;

/** The type without its parameters, in lower case. */
export function essenceOf(type: string): string {
    return type.split(";", 1)[0]!.trim().toLowerCase();
}

function subtypeOf(type: string): string {
    return essenceOf(type).split("/")[1] ?? "";
}

/** One JSON value. */
export function isJson(type: string): boolean {
    return JSON_SUBTYPES.test(subtypeOf(type));
}

/** One JSON value a line. */
export function isJsonLines(type: string): boolean {
    return LINES_SUBTYPES.test(subtypeOf(type));
}

export function isMultipart(type: string): boolean {
    return essenceOf(type) === "multipart/form-data";
}

export function isUrlencoded(type: string): boolean {
    return essenceOf(type) === "application/x-www-form-urlencoded";
}

/** What can be read as characters, JSON among it. */
export function isText(type: string): boolean {
    const subtype = subtypeOf(type);
    return essenceOf(type).startsWith("text/") || isJson(type) || TEXT_SUBTYPES.test(subtype) || TEXT_SUFFIXES.test(subtype);
}
