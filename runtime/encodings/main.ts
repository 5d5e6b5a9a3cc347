// The legacy encodings of the Encoding standard, with the tables of @exodus/bytes. A part of its own, evaluated when a
// worker first names a label that is not of UTF-8, UTF-16 or windows-1252. The library's inner modules are named by path
// because its public TextDecoder prefers the global one, which here would ask it in turn.

import labels from "../../node_modules/@exodus/bytes/fallback/encoding.labels.js";
import { multibyteDecoder } from "../../node_modules/@exodus/bytes/fallback/multi-byte.js";
import { encodingDecoder } from "../../node_modules/@exodus/bytes/fallback/single-byte.js";
import type { PieceDecoder } from "../web/encoding";

const multiByte = new Set(["big5", "euc-jp", "euc-kr", "gb18030", "gbk", "iso-2022-jp", "shift_jis"]);

const encodings = new Map<string, string>();
for (const [encoding, aliases] of Object.entries(labels)) {
    // The replacement encoding is for documents; a TextDecoder refuses its labels.
    if (encoding !== "replacement") {
        for (const label of [encoding, ...aliases]) encodings.set(label, encoding);
    }
}

/** The name of the encoding that a lower-case label stands for, or undefined. */
export function encodingOfLabel(label: string): string | undefined {
    return encodings.get(label);
}

/** A decoder for an encoding that encodingOfLabel named; fatal makes it throw TypeError where the text is wrong. */
export function legacyPieces(encoding: string, fatal: boolean): PieceDecoder {
    if (multiByte.has(encoding)) {
        const decode = multibyteDecoder(encoding, !fatal);
        return { decode: (bytes, last) => decode(bytes, !last) };
    }
    const decode = encodingDecoder(encoding);
    return { decode: (bytes) => (bytes.length === 0 ? "" : decode(bytes, !fatal)) };
}
