// What an algorithm is to SubtleCrypto, and the registry in which it is found by name.

import { notSupported } from "./errors";
import type { JsonWebKey } from "./jwk";
import { factsOf, type CryptoKey, type CryptoKeyPair, type Usage } from "./key";
import { readParams, type Converter, type Member, type Params } from "./params";

export type Format = "raw" | "spki" | "pkcs8" | "jwk";

/** What an algorithm can do. Each operation names the members of its parameters; an absent one is not supported. */
export interface Algorithm {
    name: string;
    members: Partial<Record<Operation, readonly Member[]>>;
    digest?(data: Uint8Array): Uint8Array;
    encrypt?(params: Params, key: CryptoKey, data: Uint8Array): Uint8Array;
    decrypt?(params: Params, key: CryptoKey, data: Uint8Array): Uint8Array;
    sign?(params: Params, key: CryptoKey, data: Uint8Array): Uint8Array;
    verify?(params: Params, key: CryptoKey, signature: Uint8Array, data: Uint8Array): boolean;
    wrapKey?(params: Params, key: CryptoKey, data: Uint8Array): Uint8Array;
    unwrapKey?(params: Params, key: CryptoKey, data: Uint8Array): Uint8Array;
    deriveBits?(params: Params, key: CryptoKey, length: number | null): Uint8Array;
    generateKey?(params: Params, extractable: boolean, usages: readonly Usage[]): CryptoKey | CryptoKeyPair;
    importKey?(
        format: Format,
        data: Uint8Array | JsonWebKey,
        params: Params,
        extractable: boolean,
        usages: readonly Usage[],
    ): CryptoKey;
    exportKey?(format: Format, key: CryptoKey): Uint8Array | JsonWebKey;
    /** The bits that deriveKey must make for a key of these parameters; null for whatever there is. */
    keyLength?(params: Params): number | null;
}

export type Operation = Exclude<keyof Algorithm, "name" | "members">;

const algorithms = new Map<string, Algorithm>();

/** ASCII letters alone are compared without case. */
const fold = (name: string) => name.replace(/[a-z]/g, (letter) => letter.toUpperCase());

export function register(...list: Algorithm[]): void {
    for (const algorithm of list) algorithms.set(fold(algorithm.name), algorithm);
}

/** The standard's normalization: the algorithm that an identifier names, and its parameters for an operation. */
export function normalize(operation: Operation, identifier: unknown): { algorithm: Algorithm; params: Params } {
    const given = typeof identifier === "object" && identifier !== null ? identifier : { name: identifierName(identifier) };
    const name = (given as { name?: unknown }).name;
    if (name === undefined) throw new TypeError('Missing field "name" in the algorithm.');
    const algorithm = algorithms.get(fold(String(name)));
    const members = algorithm?.members[operation];
    if (algorithm === undefined || members === undefined) {
        throw notSupported(`Unrecognized or unimplemented algorithm "${String(name)}" requested for ${operation}.`);
    }
    return { algorithm, params: readParams(algorithm.name, given, members) };
}

/** A dictionary may be made of nothing; anything else that is no object is a name. */
function identifierName(identifier: unknown): string | undefined {
    return identifier === undefined || identifier === null ? undefined : String(identifier as string);
}

/** HashAlgorithmIdentifier: the canonical name of a digest. MD5 is for digests alone. */
export const hash: Converter = (value) => {
    const { name } = normalize("digest", value).algorithm;
    if (name === "MD5") throw notSupported("MD5 is not supported with keys.");
    return name;
};

/** The algorithm of a key; it is there, since it made the key. */
export function algorithmOf(key: CryptoKey): Algorithm {
    return algorithms.get(fold(factsOf(key).algorithm.name))!;
}
