// The single-byte encodings of the Encoding standard, with the tables of @exodus/bytes. Its inner modules are named by
// path because its public TextDecoder prefers the global one, which here would ask it in turn.
// The East Asian multi-byte encodings wait for the platform issue.

import { encodingDecoder } from "../../node_modules/@exodus/bytes/fallback/single-byte.js";
import labels from "../../node_modules/@exodus/bytes/fallback/encoding.labels.js";
import type { PieceDecoder } from "./encoding";

const multiByte = new Set(["big5", "euc-jp", "euc-kr", "gb18030", "gbk", "iso-2022-jp", "replacement", "shift_jis"]);

const encodings = new Map<string, string>();
for (const [encoding, aliases] of Object.entries(labels)) {
    if (!multiByte.has(encoding)) {
        for (const label of [encoding, ...aliases]) {
            encodings.set(label, encoding);
        }
    }
}

/** The name of the encoding that a lower-case label stands for, or undefined. */
export function encodingOfLabel(label: string): string | undefined {
    return encodings.get(label);
}

/** A decoder for an encoding that encodingOfLabel named; fatal makes it throw TypeError at a hole of its table. */
export function singleBytePieces(encoding: string, fatal: boolean): PieceDecoder {
    const decode = encodingDecoder(encoding);
    return {
        decode(bytes) {
            return bytes.length === 0 ? "" : decode(bytes, !fatal);
        },
    };
}
