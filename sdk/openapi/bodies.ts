// Bodies of requests by their media type. What a type cannot carry is refused: JSON that is labelled XML helps nobody.

import { list, own, text } from "../types/schema";
import { isJson, isJsonLines, isMultipart, isUrlencoded } from "./media";
import type { Media } from "./operations";
import { entriesOf, scalar, styledPairs } from "./styles";
import { bytesOf, isBinary, isPlainObject, plainValue, type Spot } from "./values";

interface Encoded {
    body: BodyInit;
    type: string;
}

/** Whether one of a body's members is bytes or a file, or a list of these. */
export function hasBinary(value: unknown): boolean {
    return isPlainObject(value) && Object.values(value).flat().some(isBinary);
}

// --- Forms -----------------------------------------------------------------------------------------------------------

const escapeField = (value: string): string => encodeURIComponent(value).replaceAll("%20", "+");

/** A field by its style, if the document gives it one; otherwise lists are repeated, and objects are JSON. */
function fieldPairs(name: string, value: unknown, encoding: unknown): string[] {
    const isStyled = ["style", "explode", "allowReserved"].some((key) => own(encoding, key) !== undefined);
    if (!isStyled && isPlainObject(value)) return styledPairs({ name, style: "form", explode: true }, scalar(value), escapeField);
    const style = text(own(encoding, "style")) || "form";
    const explode = own(encoding, "explode") ?? style === "form";
    return styledPairs({ name, style, explode: explode === true }, value, escapeField);
}

function urlencoded({ encoding }: Media, value: unknown, spot: Spot): Encoded {
    const type = "application/x-www-form-urlencoded";
    const plain = plainValue(value, spot);
    if (typeof plain === "string") return { body: plain, type };
    if (!isPlainObject(plain)) throw new TypeError(`${spot.name} is sent as a form: give it as an object of named fields`);
    return { body: entriesOf(plain).flatMap(([name, inner]) => fieldPairs(name, inner, own(encoding, name))).join("&"), type };
}

// --- Parts -----------------------------------------------------------------------------------------------------------

/** The type of a part, if the document names one, and not several or a whole class. */
function partType(encoding: unknown, spot: Spot): string | undefined {
    const type = text(own(encoding, "contentType")) || spot.said("contentMediaType") || "";
    return /^[^\s,*]+\/[^\s,*]+(?:;[^,]*)?$/.test(type) ? type : undefined;
}

/** As browsers write names in multipart bodies. */
const escapeName = (name: string): string => name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22");

function partHead(name: string, filename: string | undefined, type: string | undefined): string {
    const file = filename === undefined ? "" : `; filename="${escapeName(filename)}"`;
    const content = type === undefined ? "" : `Content-Type: ${type.replace(/[\r\n]+/g, " ")}\r\n`;
    return `Content-Disposition: form-data; name="${escapeName(name)}"${file}\r\n${content}\r\n`;
}

function part(name: string, value: unknown, type: string | undefined, spot: Spot): BlobPart[] {
    if (isBinary(value)) {
        const blob = value instanceof Blob ? value : new Blob([bytesOf(value)]);
        return [partHead(name, value instanceof File ? value.name : name, blob.type || (type ?? "application/octet-stream")), blob];
    }
    if (typeof value !== "object") return [partHead(name, undefined, type), String(value)];
    if (type !== undefined && !isJson(type)) throw new TypeError(`${spot.name} is sent as ${type}: give it as text or bytes`);
    return [partHead(name, undefined, type ?? "application/json"), JSON.stringify(value)];
}

/** FormData would give each part with a type a file's name, by which servers take it for a file. */
function multipart({ encoding }: Media, value: unknown, spot: Spot): Encoded {
    if (!isPlainObject(value)) throw new TypeError(`${spot.name} is sent as multipart/form-data: give it as an object of named parts`);
    const boundary = `----mayfly-${crypto.randomUUID()}`;
    const parts = entriesOf(value).flatMap(([name, inner]) => {
        const place = spot.at(name);
        const type = partType(own(encoding, name), place);
        const items = [plainValue(inner, place, true)].flat().filter((item) => item !== undefined && item !== null);
        return items.flatMap((item) => [`--${boundary}\r\n`, ...part(name, item, type, place), "\r\n"]);
    });
    return { body: new Blob([...parts, `--${boundary}--\r\n`]), type: `multipart/form-data; boundary=${boundary}` };
}

// --- Others ----------------------------------------------------------------------------------------------------------

function jsonLines(mediaType: string, value: unknown): Encoded {
    if (typeof value === "string") return { body: value, type: mediaType };
    const lines = Array.isArray(value) ? list(value) : [value];
    return { body: lines.map((line) => `${JSON.stringify(line)}\n`).join(""), type: mediaType };
}

/** Bytes and text as they are. Where the document says that any type will do, objects are JSON. */
function raw(mediaType: string, value: unknown, spot: Spot): Encoded {
    const type = (wanted: string): string => (mediaType.includes("*") ? wanted : mediaType);
    if (value instanceof Blob) return { body: value, type: type(value.type || "application/octet-stream") };
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { body: bytesOf(value), type: type("application/octet-stream") };
    const plain = plainValue(value, spot);
    if (typeof plain !== "object") return { body: String(plain), type: type("text/plain;charset=UTF-8") };
    if (!mediaType.includes("*")) throw new TypeError(`${spot.name} is sent as ${mediaType}: give it as text or bytes`);
    return { body: JSON.stringify(plain), type: "application/json" };
}

/** The body of a request and its content type. */
export function encodeBody(media: Media, value: unknown, spot: Spot): Encoded {
    const { mediaType } = media;
    if (isMultipart(mediaType)) return multipart(media, value, spot);
    if (isUrlencoded(mediaType)) return urlencoded(media, value, spot);
    if (isJson(mediaType)) return { body: JSON.stringify(plainValue(value, spot)), type: mediaType };
    if (isJsonLines(mediaType)) return jsonLines(mediaType, plainValue(value, spot));
    return raw(mediaType, value, spot);
}
