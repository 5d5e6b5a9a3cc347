// node:string_decoder: characters that were cut in two are put together again.

import { Buffer } from "./buffer";

type Encoding = "utf8" | "utf16le" | "base64" | "base64url" | "hex" | "latin1" | "ascii";

/** How many bytes make a whole for encodings that go by fixed groups. */
const GROUP_BYTES: Partial<Record<Encoding, number>> = { utf16le: 2, base64: 3, base64url: 3, hex: 1, latin1: 1, ascii: 1 };
const ALIASES: Record<string, Encoding> = { "utf-8": "utf8", ucs2: "utf16le", "ucs-2": "utf16le", "utf-16le": "utf16le", binary: "latin1" };

export class StringDecoder {
    readonly encoding: Encoding;
    #kept = new Uint8Array(0);
    readonly #text = new TextDecoder("utf-8", { ignoreBOM: true });

    constructor(encoding = "utf8") {
        const name = encoding.toLowerCase();
        this.encoding = ALIASES[name] ?? (name as Encoding);
        if (this.encoding !== "utf8" && GROUP_BYTES[this.encoding] === undefined) throw new TypeError(`Unknown encoding: ${encoding}`);
    }

    write(input: Uint8Array | string): string {
        if (typeof input === "string") return input;
        if (this.encoding === "utf8") return this.#text.decode(input, { stream: true });
        const bytes = Buffer.concat([this.#kept, input]);
        const whole = bytes.length - (bytes.length % GROUP_BYTES[this.encoding]!);
        this.#kept = Uint8Array.from(bytes.subarray(whole));
        return bytes.subarray(0, whole).toString(this.encoding);
    }

    end(input?: Uint8Array | string): string {
        const text = input === undefined ? "" : this.write(input);
        if (this.encoding === "utf8") return text + this.#text.decode();
        const rest = Buffer.from(this.#kept).toString(this.encoding);
        this.#kept = new Uint8Array(0);
        return text + rest;
    }
}

export default { StringDecoder };
