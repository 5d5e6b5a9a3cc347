// crypto.subtle: the Web Cryptography API's rules over the algorithms beside this file. A part of its own, evaluated when
// a worker first asks for it. Operations run at once and answer by promises, as the standard has it.

import { needArguments } from "../web/arguments";
import { brand } from "../web/brand";
import { copyBytes, exactBuffer, isBufferSource, viewBytes } from "../web/bytes";
import { native } from "../web/host";
import { algorithmOf, normalize, register, type Algorithm, type Format, type Operation } from "./algorithm";
import { curves } from "./curves";
import { dataError, invalidAccess, notSupported } from "./errors";
import { toJwk, type JsonWebKey } from "./jwk";
import { factsOf, isKey, toUsages, type CryptoKey, type CryptoKeyPair, type Usage } from "./key";
import { areEqual } from "./natives";
import type { Params } from "./params";
import { rsa } from "./rsa";
import { ciphers, digests, hkdf, hmac, pbkdf2 } from "./secret";

export { CryptoKey } from "./key";
export { DigestStream } from "./digest-stream";

register(...digests, ...ciphers, hmac, hkdf, pbkdf2, ...rsa, ...curves);

const construct = Symbol("construct");

function toBytes(value: unknown, what: string): Uint8Array {
    if (!isBufferSource(value)) throw new TypeError(`The ${what} is not of type '(ArrayBuffer or ArrayBufferView)'.`);
    return copyBytes(value);
}

function toKey(value: unknown): CryptoKey {
    if (!isKey(value)) throw new TypeError("The key is not of type 'CryptoKey'.");
    return value;
}

function toFormat(value: unknown): Format {
    const format = String(value);
    if (!["raw", "spki", "pkcs8", "jwk"].includes(format)) {
        throw new TypeError(`'${format}' is not a valid enum value of type KeyFormat.`);
    }
    return format as Format;
}

/** Web IDL's optional unsigned long?. */
const toLength = (value: unknown): number | null => (value === undefined || value === null ? null : Number(value) >>> 0);

function need(name: string, wanted: number, given: IArguments): void {
    needArguments(`execute '${name}' on 'SubtleCrypto'`, wanted, given.length);
}

/** Throws InvalidAccessError unless the key was made for this algorithm and this use. */
function checkKey(key: CryptoKey, params: Params, usage: Usage): void {
    const { algorithm, usages } = factsOf(key);
    if (algorithm.name !== params.name) {
        throw invalidAccess(`Requested algorithm "${params.name}" does not match this CryptoKey's algorithm "${algorithm.name}".`);
    }
    if (!usages.includes(usage)) throw invalidAccess(`Requested key usage "${usage}" does not match any usage listed in this CryptoKey.`);
}

/** Finds the algorithm by the first of two operations that it has. */
function normalizeEither(first: Operation, second: Operation, identifier: unknown): ReturnType<typeof normalize> {
    try {
        return normalize(first, identifier);
    } catch (error) {
        if ((error as Error).name !== "NotSupportedError") throw error;
        return normalize(second, identifier);
    }
}

function exportKey(format: Format, key: CryptoKey): Uint8Array | JsonWebKey {
    const algorithm = algorithmOf(key);
    if (algorithm.exportKey === undefined) throw notSupported(`Keys of ${algorithm.name} cannot be exported.`);
    if (!factsOf(key).extractable) throw invalidAccess("Attempt to export non-extractable key.");
    return algorithm.exportKey(format, key);
}

function deriveBits(found: { algorithm: Algorithm; params: Params }, key: CryptoKey, length: number | null, usage: Usage): Uint8Array {
    checkKey(key, found.params, usage);
    return found.algorithm.deriveBits!(found.params, key, length);
}

const isPair = (made: CryptoKey | CryptoKeyPair): made is CryptoKeyPair => !isKey(made);

export class SubtleCrypto {
    constructor(token?: unknown) {
        if (token !== construct) throw new TypeError("Illegal constructor");
    }

    async encrypt(identifier: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
        need("encrypt", 3, arguments);
        const { algorithm, params } = normalize("encrypt", identifier);
        const [given, bytes] = [toKey(key), toBytes(data, "data")];
        checkKey(given, params, "encrypt");
        return exactBuffer(algorithm.encrypt!(params, given, bytes));
    }

    async decrypt(identifier: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
        need("decrypt", 3, arguments);
        const { algorithm, params } = normalize("decrypt", identifier);
        const [given, bytes] = [toKey(key), toBytes(data, "data")];
        checkKey(given, params, "decrypt");
        return exactBuffer(algorithm.decrypt!(params, given, bytes));
    }

    async sign(identifier: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
        need("sign", 3, arguments);
        const { algorithm, params } = normalize("sign", identifier);
        const [given, bytes] = [toKey(key), toBytes(data, "data")];
        checkKey(given, params, "sign");
        return exactBuffer(algorithm.sign!(params, given, bytes));
    }

    async verify(identifier: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
        need("verify", 4, arguments);
        const { algorithm, params } = normalize("verify", identifier);
        const [given, signed, bytes] = [toKey(key), toBytes(signature, "signature"), toBytes(data, "data")];
        checkKey(given, params, "verify");
        return algorithm.verify!(params, given, signed, bytes);
    }

    async digest(identifier: unknown, data: unknown): Promise<ArrayBuffer> {
        need("digest", 2, arguments);
        const { algorithm } = normalize("digest", identifier);
        if (!isBufferSource(data)) throw new TypeError("The data is not of type '(ArrayBuffer or ArrayBufferView)'.");
        return exactBuffer(algorithm.digest!(viewBytes(data)));
    }

    async generateKey(identifier: unknown, extractable: unknown, usages: unknown): Promise<CryptoKey | CryptoKeyPair> {
        need("generateKey", 3, arguments);
        const wanted = toUsages(usages);
        const { algorithm, params } = normalize("generateKey", identifier);
        const made = algorithm.generateKey!(params, !!extractable, wanted);
        return isPair(made) ? { publicKey: made.publicKey, privateKey: made.privateKey } : made;
    }

    async deriveBits(identifier: unknown, key: unknown, length?: unknown): Promise<ArrayBuffer> {
        need("deriveBits", 2, arguments);
        const found = normalize("deriveBits", identifier);
        return exactBuffer(deriveBits(found, toKey(key), toLength(length), "deriveBits"));
    }

    async deriveKey(identifier: unknown, key: unknown, derived: unknown, extractable: unknown, usages: unknown): Promise<CryptoKey> {
        need("deriveKey", 5, arguments);
        const wanted = toUsages(usages);
        const found = normalize("deriveBits", identifier);
        const target = normalize("importKey", derived);
        const sized = normalize("keyLength", derived);
        const given = toKey(key);
        checkKey(given, found.params, "deriveKey");
        const length = sized.algorithm.keyLength!(sized.params);
        const secret = deriveBits(found, given, length, "deriveKey");
        return target.algorithm.importKey!("raw", secret, target.params, !!extractable, wanted);
    }

    async importKey(format: unknown, data: unknown, identifier: unknown, extractable: unknown, usages: unknown): Promise<CryptoKey> {
        need("importKey", 5, arguments);
        const wantedFormat = toFormat(format);
        const wanted = toUsages(usages);
        const isJwk = wantedFormat === "jwk";
        if (isJwk && (typeof data !== "object" || data === null || isBufferSource(data))) {
            throw new TypeError("A key in the format jwk must be a JsonWebKey object.");
        }
        const { algorithm, params } = normalize("importKey", identifier);
        const material = isJwk ? toJwk(data as object) : toBytes(data, "key data");
        return algorithm.importKey!(wantedFormat, material, params, !!extractable, wanted);
    }

    async exportKey(format: unknown, key: unknown): Promise<ArrayBuffer | JsonWebKey> {
        need("exportKey", 2, arguments);
        const exported = exportKey(toFormat(format), toKey(key));
        return exported instanceof Uint8Array ? (exported.slice().buffer as ArrayBuffer) : exported;
    }

    async wrapKey(format: unknown, key: unknown, wrapping: unknown, identifier: unknown): Promise<ArrayBuffer> {
        need("wrapKey", 4, arguments);
        const wantedFormat = toFormat(format);
        const { algorithm, params } = normalizeEither("wrapKey", "encrypt", identifier);
        const [wrapped, wrapper] = [toKey(key), toKey(wrapping)];
        checkKey(wrapper, params, "wrapKey");
        const exported = exportKey(wantedFormat, wrapped);
        const bytes = exported instanceof Uint8Array ? exported : native.utf8Encode(paddedJson(exported, algorithm));
        return exactBuffer((algorithm.wrapKey ?? algorithm.encrypt!)(params, wrapper, bytes));
    }

    async unwrapKey(
        format: unknown, wrapped: unknown, unwrapping: unknown, identifier: unknown, target: unknown,
        extractable: unknown, usages: unknown,
    ): Promise<CryptoKey> {
        need("unwrapKey", 7, arguments);
        const wantedFormat = toFormat(format);
        const wanted = toUsages(usages);
        const { algorithm, params } = normalizeEither("unwrapKey", "decrypt", identifier);
        const found = normalize("importKey", target);
        const [bytes, key] = [toBytes(wrapped, "wrapped key"), toKey(unwrapping)];
        checkKey(key, params, "unwrapKey");
        const clear = (algorithm.unwrapKey ?? algorithm.decrypt!)(params, key, bytes);
        const material = wantedFormat === "jwk" ? jwkOfBytes(clear) : clear;
        return found.algorithm.importKey!(wantedFormat, material, found.params, !!extractable, wanted);
    }

    /** Workers only: compares two byte strings in a time that does not tell where they differ. */
    timingSafeEqual(a: unknown, b: unknown): boolean {
        const [left, right] = [toBytes(a, "first argument"), toBytes(b, "second argument")];
        if (left.length !== right.length) throw new TypeError("Input buffers must have the same byte length.");
        return areEqual(left, right);
    }
}
brand(SubtleCrypto, "SubtleCrypto");

/** AES-KW takes multiples of 8 bytes only; spaces behind the JSON change nothing of it. */
function paddedJson(jwk: JsonWebKey, algorithm: Algorithm): string {
    const json = JSON.stringify(jwk);
    return algorithm.name === "AES-KW" ? json.padEnd(Math.ceil(json.length / 8) * 8) : json;
}

function jwkOfBytes(bytes: Uint8Array): JsonWebKey {
    let value: unknown;
    try {
        value = JSON.parse(native.utf8Decode(bytes, true));
    } catch {
        value = undefined;
    }
    if (typeof value !== "object" || value === null) throw dataError("The unwrapped key is not a JSON Web Key.");
    return toJwk(value);
}

export const subtle = new SubtleCrypto(construct);
