// Stands in for @exodus/bytes/whatwg.js and .../encoding.js when whatwg-url asks for them (aliases of the build). The
// URL API encodes queries as UTF-8 only, so the tables of all other encodings stay out of the bundle.

import { native } from "./host";

/** Percent-encodes control characters, all beyond ASCII, and the characters of `set`. */
export function percentEncodeAfterEncoding(encoding: string, input: string, set: string): string {
    if (encoding !== "utf-8") {
        throw new RangeError(`URLs are encoded as UTF-8 only, not as ${encoding}.`);
    }
    let text = "";
    for (const byte of native.utf8Encode(input)) {
        const plain = byte > 0x1f && byte <= 0x7e && !set.includes(String.fromCharCode(byte));
        text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    }
    return text;
}
