// What the asymmetric algorithms share: keys as DER, halves of pairs, the bits of a shared secret.

import type { Format } from "./algorithm";
import { dataError, notSupported, operationError } from "./errors";
import { bytesOf, factsOf, type CryptoKey } from "./key";
import { attempt, pack, perform, unpack } from "./natives";

/** A key read from DER: its type (RSA, a curve, ED25519, X25519) and its numbers, as crypto_keys.c puts them. */
export interface ReadKey {
    type: string;
    fields: Uint8Array[];
}

/** Reads DER of a format; DataError unless it is a key of a type that `accepts`. */
export function readDer(format: "spki" | "pkcs8", der: Uint8Array, accepts: (type: string) => boolean): ReadKey {
    const answer = attempt(format === "spki" ? "read public" : "read private", der);
    const read = answer === undefined ? undefined : unpack(answer);
    if (read === undefined || !accepts(read.type)) throw dataError(`Invalid ${format} input.`);
    return read;
}

/** The numbers of a key that was made here. */
export function readKey(key: CryptoKey): ReadKey {
    return unpack(perform(factsOf(key).type === "public" ? "read public" : "read private", bytesOf(key)));
}

/** DER in the one form in which keys are kept; DataError if the numbers make no key. */
export function buildKey(type: string, fields: readonly (Uint8Array | undefined)[]): Uint8Array {
    const der = attempt("build", type, pack(fields));
    if (der === undefined) throw dataError("Invalid key data.");
    return der;
}

/** Exports spki and pkcs8, which are what a key is kept as; undefined for any other format. */
export function exportDer(format: Format, key: CryptoKey): Uint8Array | undefined {
    const wanted = factsOf(key).type === "public" ? "spki" : "pkcs8";
    return format === wanted ? bytesOf(key) : undefined;
}

export function unknownFormat(format: Format): Error {
    return notSupported(`Unrecognized key format "${format}" for this key.`);
}

/** The first bits of a shared secret; null for all of it. */
export function takeBits(secret: Uint8Array, length: number | null): Uint8Array {
    if (length === null) return secret;
    if (length > secret.length * 8) throw operationError("Derived key length is too long.");
    const taken = secret.slice(0, Math.ceil(length / 8));
    if (length % 8 !== 0) taken[taken.length - 1]! &= 0xff << (8 - (length % 8));
    return taken;
}
