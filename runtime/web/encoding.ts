// TextEncoder and TextDecoder. UTF-8 goes through the natives; UTF-16 is decoded here; all other encodings of
// the Encoding standard are a part of its own, loaded when one of them is first asked for.

import { wrongType } from "./arguments";
import { brand } from "./brand";
import { isBufferSource, latin1Decode, viewBytes, type BufferSource } from "./bytes";
import { native } from "./host";
import { lazy } from "./lazy";
import { part } from "../parts";

const legacy = lazy(() => part<typeof import("../encodings/main")>("encodings"));

export class TextEncoder {
    get encoding(): string {
        return "utf-8";
    }

    encode(input: unknown = ""): Uint8Array {
        return native.utf8Encode(String(input));
    }

    encodeInto(source: unknown, destination: Uint8Array): { read: number; written: number } {
        if (!(destination instanceof Uint8Array)) {
            throw wrongType("execute 'encodeInto' on 'TextEncoder'", 2, "Uint8Array");
        }
        const text = String(source);
        const whole = text.length * 3 <= destination.length || native.utf8Length(text) <= destination.length;
        const read = whole ? text.length : fittingUnits(text, destination.length);
        const bytes = native.utf8Encode(whole ? text : text.slice(0, read));
        // A detached destination takes nothing, and says so only when it is written to.
        if (bytes.length > 0) destination.set(bytes);
        return { read, written: bytes.length };
    }
}
brand(TextEncoder, "TextEncoder", ["encoding"]);

/** How many UTF-16 units of `text` fit into `room` bytes of UTF-8 without splitting a character. */
function fittingUnits(text: string, room: number): number {
    let at = 0;
    while (at < text.length) {
        const code = text.codePointAt(at)!;
        room -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (room < 0) {
            break;
        }
        at += code < 0x10000 ? 1 : 2;
    }
    return at;
}

/** Decodes pieces of one text; `last` says that no more will come. Throws TypeError where it must not replace. */
export interface PieceDecoder {
    decode(bytes: Uint8Array, last: boolean): string;
}

/** How many bytes at the end of `bytes` begin a UTF-8 character that may go on: 0 to 3. */
function openBytes(bytes: Uint8Array): number {
    for (let back = 1; back <= 3 && back <= bytes.length; back++) {
        const byte = bytes[bytes.length - back]!;
        if (byte < 0x80) {
            return 0;
        }
        if (byte >= 0xc0) {
            const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            return byte <= 0xf4 && byte >= 0xc2 && wanted > back && mayContinue(bytes, back) ? back : 0;
        }
    }
    return 0;
}

/** Whether the second byte of a character, if it is there, is in the range that its first byte allows. */
function mayContinue(bytes: Uint8Array, back: number): boolean {
    if (back < 2) {
        return true;
    }
    const lead = bytes[bytes.length - back]!;
    const second = bytes[bytes.length - back + 1]!;
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
    if (first.length === 0) {
        return second;
    }
    const all = new Uint8Array(first.length + second.length);
    all.set(first);
    all.set(second, first.length);
    return all;
}

const nothing = new Uint8Array(0);

function utf8Pieces(fatal: boolean): PieceDecoder {
    let open = nothing as Uint8Array;
    return {
        decode(bytes, last) {
            const all = join(open, bytes);
            const kept = last ? 0 : openBytes(all);
            open = kept === 0 ? nothing : all.slice(all.length - kept);
            return native.utf8Decode(kept === 0 ? all : all.subarray(0, all.length - kept), fatal);
        },
    };
}

function utf16Pieces(fatal: boolean, bigEndian: boolean): PieceDecoder {
    let open = nothing as Uint8Array;
    return {
        decode(bytes, last) {
            const all = join(open, bytes);
            let end = all.length - (all.length % 2);
            const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
            if (!last && end > 0 && (view.getUint16(end - 2, !bigEndian) & 0xfc00) === 0xd800) {
                end -= 2;
            }
            open = last ? nothing : all.slice(end);
            const text = utf16Text(view, end, bigEndian) + (last && end < all.length ? "\ufffd" : "");
            if (fatal && ((last && end < all.length) || !text.isWellFormed())) {
                throw new TypeError("Failed to decode input.");
            }
            return text.toWellFormed();
        },
    };
}

function utf16Text(view: DataView, end: number, bigEndian: boolean): string {
    const step = 8192;
    let text = "";
    for (let at = 0; at < end; at += step) {
        const units: number[] = [];
        for (let unit = at; unit < Math.min(end, at + step); unit += 2) {
            units.push(view.getUint16(unit, !bigEndian));
        }
        text += String.fromCharCode.apply(null, units);
    }
    return text;
}

/** What windows-1252 has at 0x80 to 0x9f, where Latin-1 has controls. */
const windows1252 =
    "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
    "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

function decodeWindows1252(bytes: Uint8Array): string {
    return latin1Decode(bytes).replace(/[\x80-\x9f]/g, (unit) => windows1252[unit.charCodeAt(0) - 0x80]!);
}

/** The encodings that need no big table, by label; a label's case and surrounding space do not matter. */
const plainLabels: Record<string, string> = {
    "utf-8": "utf-8",
    utf8: "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    unicode11utf8: "utf-8",
    unicode20utf8: "utf-8",
    "x-unicode20utf8": "utf-8",
    "utf-16": "utf-16le",
    "utf-16le": "utf-16le",
    csunicode: "utf-16le",
    "iso-10646-ucs-2": "utf-16le",
    "ucs-2": "utf-16le",
    unicode: "utf-16le",
    unicodefeff: "utf-16le",
    "utf-16be": "utf-16be",
    unicodefffe: "utf-16be",
    "windows-1252": "windows-1252",
    "iso-8859-1": "windows-1252",
    latin1: "windows-1252",
    ascii: "windows-1252",
    "us-ascii": "windows-1252",
};

function encodingOf(label: string): string {
    const folded = label.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "").toLowerCase();
    const encoding = Object.hasOwn(plainLabels, folded) ? plainLabels[folded] : legacy().encodingOfLabel(folded);
    if (encoding === undefined) {
        throw new RangeError(`"${label}" is not a valid encoding.`);
    }
    return encoding;
}

function piecesOf(encoding: string, fatal: boolean): PieceDecoder {
    switch (encoding) {
        case "utf-8":
            return utf8Pieces(fatal);
        case "utf-16le":
        case "utf-16be":
            return utf16Pieces(fatal, encoding === "utf-16be");
        case "windows-1252":
            return { decode: decodeWindows1252 };
        default:
            return legacy().legacyPieces(encoding, fatal);
    }
}

export interface TextDecoderOptions {
    fatal?: boolean;
    ignoreBOM?: boolean;
}

export class TextDecoder {
    readonly #encoding: string;
    readonly #fatal: boolean;
    readonly #ignoreBOM: boolean;
    /** Set while a text is being decoded in pieces. */
    #pieces: PieceDecoder | undefined;
    #begun = false;

    constructor(label: unknown = "utf-8", options: TextDecoderOptions | null = {}) {
        this.#encoding = encodingOf(String(label));
        this.#fatal = !!options?.fatal;
        this.#ignoreBOM = !!options?.ignoreBOM;
    }

    get encoding(): string {
        return this.#encoding;
    }
    get fatal(): boolean {
        return this.#fatal;
    }
    get ignoreBOM(): boolean {
        return this.#ignoreBOM;
    }

    decode(input?: BufferSource, options: { stream?: boolean } | null = {}): string {
        if (input !== undefined && !isBufferSource(input)) {
            throw wrongType("execute 'decode' on 'TextDecoder'", 1, "BufferSource");
        }
        const bytes = input === undefined || (input instanceof ArrayBuffer && input.detached) ? nothing : viewBytes(input);
        const last = !options?.stream;
        if (last && this.#pieces === undefined && this.#encoding === "utf-8") {
            return this.#withoutMark(native.utf8Decode(bytes, this.#fatal));
        }
        const pieces = (this.#pieces ??= piecesOf(this.#encoding, this.#fatal));
        try {
            const text = pieces.decode(bytes, last);
            const out = this.#begun ? text : this.#withoutMark(text);
            this.#begun ||= text.length > 0;
            return out;
        } catch (error) {
            this.#pieces = undefined;
            throw error;
        } finally {
            if (last) {
                this.#pieces = undefined;
            }
            this.#begun &&= this.#pieces !== undefined;
        }
    }

    #withoutMark(text: string): string {
        return !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff && this.#encoding.startsWith("utf-")
            ? text.slice(1)
            : text;
    }
}
brand(TextDecoder, "TextDecoder", ["encoding", "fatal", "ignoreBOM"]);
