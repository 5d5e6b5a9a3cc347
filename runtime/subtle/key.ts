// CryptoKey: what a worker sees of a key. The key itself is in private fields, so that only this part reads it.

import { brand } from "../web/brand";
import { invalidAccess, syntaxError } from "./errors";

export type KeyType = "public" | "private" | "secret";

/** The usages that there are, in the order in which a key lists them. */
const usageOrder = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"] as const;
export type Usage = (typeof usageOrder)[number];

/** A key's `algorithm` attribute; which members it has depends on its name. */
export interface KeyAlgorithm {
    name: string;
    length?: number;
    hash?: { name: string };
    modulusLength?: number;
    publicExponent?: Uint8Array;
    namedCurve?: string;
}

/** `bytes`: a secret as it is, a private key as PKCS #8, a public key as SubjectPublicKeyInfo. */
export interface KeyMaterial {
    type: KeyType;
    bytes: Uint8Array;
    algorithm: KeyAlgorithm;
}

/** All that there is of a key. */
interface KeyFacts extends KeyMaterial {
    extractable: boolean;
    usages: readonly Usage[];
}

const construct = Symbol("construct");
let factsOf: (key: CryptoKey) => KeyFacts;
let isKey: (value: unknown) => value is CryptoKey;

function copyAlgorithm(algorithm: KeyAlgorithm): KeyAlgorithm {
    const copy = { ...algorithm };
    if (copy.hash !== undefined) copy.hash = { ...copy.hash };
    if (copy.publicExponent !== undefined) copy.publicExponent = copy.publicExponent.slice();
    return copy;
}

/** A worker may change the objects that it gets of a key, and the key stays as it is. */
export class CryptoKey {
    readonly #facts: KeyFacts;
    #shownAlgorithm: KeyAlgorithm | undefined;
    #shownUsages: Usage[] | undefined;

    static {
        factsOf = (key) => key.#facts;
        isKey = (value): value is CryptoKey => typeof value === "object" && value !== null && #facts in value;
    }

    constructor(token?: unknown, facts?: KeyFacts) {
        if (token !== construct) throw new TypeError("Illegal constructor");
        this.#facts = facts!;
    }

    get type(): KeyType {
        return this.#facts.type;
    }
    get extractable(): boolean {
        return this.#facts.extractable;
    }
    get algorithm(): KeyAlgorithm {
        return (this.#shownAlgorithm ??= copyAlgorithm(this.#facts.algorithm));
    }
    get usages(): Usage[] {
        return (this.#shownUsages ??= [...this.#facts.usages]);
    }
}
brand(CryptoKey, "CryptoKey", ["type", "extractable", "algorithm", "usages"]);

export { factsOf, isKey };

export const bytesOf = (key: CryptoKey): Uint8Array => factsOf(key).bytes;

/** The digest that a key was made for. */
export const hashOf = (key: CryptoKey): string => factsOf(key).algorithm.hash!.name;

export interface CryptoKeyPair {
    publicKey: CryptoKey;
    privateKey: CryptoKey;
}

/** A secret or private key without a use is refused: it could do nothing. */
export function makeKey(material: KeyMaterial, extractable: boolean, usages: readonly Usage[]): CryptoKey {
    if (material.type !== "public" && usages.length === 0) {
        throw syntaxError("Usages cannot be empty when importing a secret or private key.");
    }
    return new CryptoKey(construct, { ...material, extractable, usages: usageOrder.filter((usage) => usages.includes(usage)) });
}

/** A pair; a public key can always be exported, and each half keeps the usages that are its own. */
export function makePair(
    publicKey: KeyMaterial,
    privateKey: KeyMaterial,
    extractable: boolean,
    usages: readonly Usage[],
    publicUsages: readonly Usage[],
): CryptoKeyPair {
    return {
        publicKey: makeKey(publicKey, true, usages.filter((usage) => publicUsages.includes(usage))),
        privateKey: makeKey(privateKey, extractable, usages.filter((usage) => !publicUsages.includes(usage))),
    };
}

/** Throws SyntaxError if a usage is asked for that keys of this kind do not have. */
export function checkUsages(usages: readonly Usage[], allowed: readonly Usage[]): void {
    const wrong = usages.find((usage) => !allowed.includes(usage));
    if (wrong !== undefined) throw syntaxError(`Unsupported key usage "${wrong}" for this key.`);
}

/** Throws InvalidAccessError unless the key is of a type. */
export function needType(key: CryptoKey, type: KeyType): void {
    const given = factsOf(key).type;
    if (given !== type) throw invalidAccess(`This operation needs a ${type} key, but the key is ${given}.`);
}

/** Web IDL's sequence<KeyUsage>. */
export function toUsages(value: unknown): Usage[] {
    if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) {
        throw new TypeError("The key usages cannot be converted to a sequence.");
    }
    return Array.from(value as Iterable<unknown>, (item) => {
        const usage = String(item) as Usage;
        if (!usageOrder.includes(usage)) throw new TypeError(`'${usage}' is not a valid enum value of type KeyUsage.`);
        return usage;
    });
}
