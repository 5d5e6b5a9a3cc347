// Forms as bytes: multipart/form-data in both directions and application/x-www-form-urlencoded inwards. What comes in
// is hostile: every length is checked, and the number and size of part heads are bounded.

import { blobFromBytes, blobBytes, fileFromBlob } from "./blob";
import { concatBytes } from "./bytes";
import { FormData, formEntries, type FormDataValue } from "./formdata";
import { native } from "./host";
import { parseUrlencoded } from "./urlencoded";

/** Bounds on what is parsed. */
const partsMax = 100_000;
const partHeadBytesMax = 16 * 1024;
const boundaryLengthMax = 70;

const cr = 0x0d;

function malformed(what: string): TypeError {
    return new TypeError(`Failed to parse multipart/form-data: ${what}.`);
}

/** The value of a parameter in a header such as `a/b; name="value"`, or undefined. */
function parameter(header: string, name: string): string | undefined {
    // Each parameter is matched whole, so that a name inside a quoted value is not taken for one.
    const parameters = /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g;
    for (const [, key, quoted, plain] of header.matchAll(parameters)) {
        if (key!.toLowerCase() === name) {
            return plain ?? quoted!.replace(/\\(["\\])/g, "$1");
        }
    }
    return undefined;
}

/** A parser for bodies of this Content-Type; throws TypeError if they are not forms. */
export function formParser(contentType: string | null): (bytes: Uint8Array) => FormData {
    if (contentType === null) {
        throw new TypeError("Parsing a Body as FormData requires a Content-Type header.");
    }
    const essence = contentType.split(";", 1)[0]!.trim().toLowerCase();
    if (essence === "application/x-www-form-urlencoded") {
        return urlencodedForm;
    }
    if (essence !== "multipart/form-data") {
        throw new TypeError(
            "Unrecognized Content-Type header value. FormData can only parse the following MIME types: " +
                "multipart/form-data, application/x-www-form-urlencoded.",
        );
    }
    const boundary = parameter(contentType, "boundary");
    if (boundary === undefined || boundary === "" || boundary.length > boundaryLengthMax) {
        throw new TypeError(
            "No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary " +
                "parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4.",
        );
    }
    return (bytes) => parseMultipart(bytes, native.utf8Encode(`\r\n--${boundary}`));
}

function urlencodedForm(bytes: Uint8Array): FormData {
    const form = new FormData();
    for (const [name, value] of parseUrlencoded(native.utf8Decode(bytes, false))) {
        form.append(name, value);
    }
    return form;
}

function startsWith(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
    if (at + pattern.length > bytes.length) {
        return false;
    }
    for (let i = 0; i < pattern.length; i++) {
        if (bytes[at + i] !== pattern[i]) {
            return false;
        }
    }
    return true;
}

/** Where `pattern`, which begins with CR, is found at or after `from`; -1 if nowhere. */
function find(bytes: Uint8Array, pattern: Uint8Array, from: number): number {
    for (let at = bytes.indexOf(cr, from); at >= 0; at = bytes.indexOf(cr, at + 1)) {
        if (startsWith(bytes, at, pattern)) {
            return at;
        }
    }
    return -1;
}

const newline = new Uint8Array([cr, 0x0a]);
const headEnd = new Uint8Array([cr, 0x0a, cr, 0x0a]);
const dashes = new Uint8Array([0x2d, 0x2d]);

/** `delimiter` is CRLF, two dashes and the boundary; the first one in a body comes without its CRLF. */
function parseMultipart(bytes: Uint8Array, delimiter: Uint8Array): FormData {
    const form = new FormData();
    const opens = startsWith(bytes, 0, delimiter.subarray(newline.length));
    const opening = opens ? -newline.length : find(bytes, delimiter, 0);
    if (opening === -1) {
        throw malformed("the opening boundary is missing");
    }
    let at = opening + delimiter.length;
    for (let parts = 0; !startsWith(bytes, at, dashes); parts++) {
        if (parts === partsMax) {
            throw malformed(`there are more than ${partsMax} parts`);
        }
        at = skipPadding(bytes, at);
        const end = find(bytes, delimiter, at - newline.length);
        if (end < 0) {
            throw malformed("the closing boundary is missing");
        }
        addPart(form, bytes, at, end);
        at = end + delimiter.length;
    }
    return form;
}

/** Behind a boundary there may be spaces and tabs; then the line must end. Returns where the part's head begins. */
function skipPadding(bytes: Uint8Array, at: number): number {
    while (bytes[at] === 0x20 || bytes[at] === 0x09) {
        at++;
    }
    if (!startsWith(bytes, at, newline)) {
        throw malformed("a boundary is not followed by a line end");
    }
    return at + newline.length;
}

function addPart(form: FormData, bytes: Uint8Array, from: number, to: number): void {
    const split = find(bytes, headEnd, from);
    if (split < 0 || split + headEnd.length > to + newline.length) {
        throw malformed("a part has no end of headers");
    }
    if (split - from > partHeadBytesMax) {
        throw malformed(`the headers of a part exceed ${partHeadBytesMax} bytes`);
    }
    const head = partHead(native.utf8Decode(bytes.subarray(from, split), false));
    const content = bytes.subarray(Math.min(split + headEnd.length, to), to);
    if (head.filename === undefined) {
        form.append(head.name, native.utf8Decode(content, false));
    } else {
        form.append(head.name, fileFromBlob(blobFromBytes(content.slice(), head.type), head.filename));
    }
}

function partHead(text: string): { name: string; filename: string | undefined; type: string } {
    let name: string | undefined;
    let filename: string | undefined;
    let type = "text/plain";
    for (const line of text.split("\r\n")) {
        const colon = line.indexOf(":");
        if (colon <= 0) {
            throw malformed("a part has a header without a colon");
        }
        const value = line.slice(colon + 1).trim();
        switch (line.slice(0, colon).trim().toLowerCase()) {
            case "content-disposition":
                if (!/^form-data\s*(;|$)/i.test(value)) {
                    throw malformed("a part's Content-Disposition is not form-data");
                }
                name = unescapeName(parameter(value, "name"));
                filename = unescapeName(parameter(value, "filename"));
                break;
            case "content-type":
                type = value;
                break;
        }
    }
    if (name === undefined) {
        throw malformed("a part has no name");
    }
    return { name, filename, type };
}

/** Names carry three characters percent-encoded and every other as it is. */
function unescapeName(name: string | undefined): string | undefined {
    return name?.replace(/%(0A|0D|22)/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}

function escapeName(name: string): string {
    return name.replace(/[\n\r"]/g, (unit) => ({ "\n": "%0A", "\r": "%0D", '"': "%22" })[unit]!);
}

function withCrlf(text: string): string {
    return text.replace(/\r\n|\r|\n/g, "\r\n");
}

function partBytes(boundary: string, name: string, value: FormDataValue): Uint8Array[] {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(withCrlf(name))}"`;
    if (typeof value === "string") {
        return [native.utf8Encode(`${head}\r\n\r\n${withCrlf(value)}\r\n`)];
    }
    const type = value.type || "application/octet-stream";
    return [
        native.utf8Encode(`${head}; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`),
        blobBytes(value),
        newline,
    ];
}

/** The form as multipart/form-data under a random boundary, and the Content-Type that names it. */
export function serialiseForm(form: FormData): { bytes: Uint8Array; type: string } {
    const noise = new Uint8Array(16);
    native.random(noise);
    const boundary = `----formdata-${Array.from(noise, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    const parts = formEntries(form).flatMap(([name, value]) => partBytes(boundary, name, value));
    parts.push(native.utf8Encode(`--${boundary}--\r\n`));
    return { bytes: concatBytes(parts), type: `multipart/form-data; boundary=${boundary}` };
}
