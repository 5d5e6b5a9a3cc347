// atob and btoa over the engine's own base64, which reads as forgivingly as the Infra standard asks in "loose" mode.

import { needArguments } from "./arguments";
import { latin1Decode } from "./bytes";
import { DOMException } from "./domexception";

interface Base64 {
    fromBase64(text: string, options: { lastChunkHandling: "loose" }): Uint8Array;
}

export function atob(data: unknown): string {
    needArguments("execute 'atob'", 1, arguments.length);
    let bytes: Uint8Array;
    try {
        bytes = (Uint8Array as unknown as Base64).fromBase64(String(data), { lastChunkHandling: "loose" });
    } catch {
        throw new DOMException(
            "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up " +
                "to two terminal '=' signs when the input data length is divisible by 4 are allowed.)",
            "InvalidCharacterError",
        );
    }
    return latin1Decode(bytes);
}

export function btoa(data: unknown): string {
    needArguments("execute 'btoa'", 1, arguments.length);
    const text = String(data);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) {
        const unit = text.charCodeAt(at);
        if (unit > 0xff) {
            throw new DOMException(
                "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.",
                "InvalidCharacterError",
            );
        }
        bytes[at] = unit;
    }
    return (bytes as unknown as { toBase64(): string }).toBase64();
}
