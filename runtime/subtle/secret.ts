// Keys that are plain secrets: AES in four modes, HMAC, HKDF and PBKDF2, and the digests beneath them.

import { hash, type Algorithm, type Format } from "./algorithm";
import { dataError, notSupported, operationError, syntaxError } from "./errors";
import { checkAlg, checkJwk, encode64, field, type JsonWebKey } from "./jwk";
import { bytesOf, checkUsages, factsOf, hashOf, makeKey, type CryptoKey, type KeyAlgorithm, type Usage } from "./key";
import { areEqual, perform } from "./natives";
import { bytes, member, octet, optional, unsignedLong, unsignedShort, type Params } from "./params";
import { native } from "../web/host";

export const digests: Algorithm[] = ["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5"].map((name) => ({
    name,
    members: { digest: [] },
    digest: (data) => perform("digest", name, data),
}));

function randomBytes(length: number): Uint8Array {
    const random = new Uint8Array(length);
    native.random(random);
    return random;
}

/** The secret that an import brings, as raw bytes or as a JSON Web Key. */
function importSecret(
    format: Format,
    data: Uint8Array | JsonWebKey,
    use: "sig" | "enc",
    extractable: boolean,
    usages: readonly Usage[],
): Uint8Array {
    if (format === "raw") return data as Uint8Array;
    if (format !== "jwk") throw notSupported(`Unrecognized key import format "${format}" for a secret key.`);
    const jwk = data as JsonWebKey;
    checkJwk(jwk, "oct", use, extractable, usages);
    return field(jwk, "k");
}

function exportSecret(format: Format, key: CryptoKey, alg: string): Uint8Array | JsonWebKey {
    if (format === "raw") return bytesOf(key);
    if (format !== "jwk") throw notSupported(`Unrecognized key export format "${format}" for a secret key.`);
    const { bytes: secret, usages, extractable } = factsOf(key);
    return { kty: "oct", k: encode64(secret), alg, key_ops: [...usages], ext: extractable };
}

// --- AES -------------------------------------------------------------------------------------------------------------

type Cipher = (params: Params, key: Uint8Array, data: Uint8Array) => Uint8Array;

/** In bits. */
const gcmTagLengths = [32, 64, 96, 104, 112, 120, 128];

const cbc = (encrypts: number): Cipher => (params, key, data) => {
    const iv = params.iv as Uint8Array;
    if (iv.length !== 16) throw operationError("AES-CBC needs an IV of 16 bytes.");
    return perform("aes-cbc", key, iv, data, encrypts);
};

const ctr: Cipher = (params, key, data) => {
    const { counter, length } = params as unknown as { counter: Uint8Array; length: number };
    if (counter.length !== 16) throw operationError("AES-CTR needs a counter block of 16 bytes.");
    if (length < 1 || length > 128) throw operationError("AES-CTR needs a counter of 1 to 128 bits.");
    return perform("aes-ctr", key, counter, data, length);
};

const gcm = (operation: string): Cipher => (params, key, data) => {
    const { iv, additionalData, tagLength = 128 } = params as unknown as {
        iv: Uint8Array;
        additionalData?: Uint8Array;
        tagLength?: number;
    };
    if (!gcmTagLengths.includes(tagLength)) throw operationError(`AES-GCM has no tags of ${tagLength} bits.`);
    return perform(operation, key, iv, data, additionalData ?? new Uint8Array(0), tagLength / 8);
};

const onKey = (cipher: Cipher) => (params: Params, key: CryptoKey, data: Uint8Array) => cipher(params, bytesOf(key), data);

const aesUsages: readonly Usage[] = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];

function aesAlgorithm(name: string, usages: readonly Usage[]): Algorithm {
    const alg = (key: Uint8Array) => `A${key.length * 8}${name.slice(4)}`;
    const length = [member("length", unsignedShort)];
    const make = (secret: Uint8Array, extractable: boolean, wanted: readonly Usage[]) =>
        makeKey({ type: "secret", bytes: secret, algorithm: { name, length: secret.length * 8 } }, extractable, wanted);
    return {
        name,
        members: { generateKey: length, importKey: [], exportKey: [], keyLength: length },
        generateKey(params, extractable, wanted) {
            checkUsages(wanted, usages);
            return make(randomBytes(this.keyLength!(params)! / 8), extractable, wanted);
        },
        importKey(format, data, _params, extractable, wanted) {
            checkUsages(wanted, usages);
            const secret = importSecret(format, data, "enc", extractable, wanted);
            if (![16, 24, 32].includes(secret.length)) throw dataError(`${name} has no keys of ${secret.length * 8} bits.`);
            if (format === "jwk") checkAlg(data as JsonWebKey, alg(secret));
            return make(secret, extractable, wanted);
        },
        exportKey: (format, key) => exportSecret(format, key, alg(bytesOf(key))),
        keyLength(params) {
            const bits = params.length as number;
            if (![128, 192, 256].includes(bits)) throw operationError(`${name} has no keys of ${bits} bits.`);
            return bits;
        },
    };
}

function aesCipher(name: string, members: Algorithm["members"]["encrypt"], encrypt: Cipher, decrypt: Cipher): Algorithm {
    const base = aesAlgorithm(name, aesUsages);
    return {
        ...base,
        members: { ...base.members, encrypt: members, decrypt: members },
        encrypt: onKey(encrypt),
        decrypt: onKey(decrypt),
    };
}

function keyWrap(): Algorithm {
    const base = aesAlgorithm("AES-KW", ["wrapKey", "unwrapKey"]);
    const cipher = (encrypts: number): Cipher => (_params, key, data) => {
        if (data.length % 8 !== 0) throw operationError("AES-KW wraps multiples of 8 bytes.");
        return perform("aes-kw", key, data, encrypts);
    };
    return {
        ...base,
        members: { ...base.members, wrapKey: [], unwrapKey: [] },
        wrapKey: onKey(cipher(1)),
        unwrapKey: onKey(cipher(0)),
    };
}

const gcmMembers = [optional("additionalData", bytes), member("iv", bytes), optional("tagLength", octet)];

export const ciphers: Algorithm[] = [
    aesCipher("AES-CBC", [member("iv", bytes)], cbc(1), cbc(0)),
    aesCipher("AES-CTR", [member("counter", bytes), member("length", octet)], ctr, ctr),
    aesCipher("AES-GCM", gcmMembers, gcm("aes-gcm encrypt"), gcm("aes-gcm decrypt")),
    keyWrap(),
];

// --- HMAC ------------------------------------------------------------------------------------------------------------

const hmacMembers = [member("hash", hash), optional("length", unsignedLong)];
const blockBits = (name: string) => (name === "SHA-384" || name === "SHA-512" ? 1024 : 512);

function hmacKey(secret: Uint8Array, params: Params, length: number, extractable: boolean, usages: readonly Usage[]): CryptoKey {
    const algorithm: KeyAlgorithm = { name: "HMAC", length, hash: { name: params.hash as string } };
    return makeKey({ type: "secret", bytes: secret, algorithm }, extractable, usages);
}

const mac = (key: CryptoKey, data: Uint8Array) => perform("hmac", hashOf(key), bytesOf(key), data);

export const hmac: Algorithm = {
    name: "HMAC",
    members: {
        sign: [],
        verify: [],
        generateKey: hmacMembers,
        importKey: hmacMembers,
        exportKey: [],
        keyLength: hmacMembers,
    },
    sign: (_params, key, data) => mac(key, data),
    verify: (_params, key, signature, data) => areEqual(mac(key, data), signature),
    generateKey(params, extractable, usages) {
        checkUsages(usages, ["sign", "verify"]);
        const length = (params.length as number | undefined) ?? blockBits(params.hash as string);
        if (length === 0) throw operationError("HMAC needs a key of at least one bit.");
        return hmacKey(randomBytes(Math.ceil(length / 8)), params, length, extractable, usages);
    },
    importKey(format, data, params, extractable, usages) {
        checkUsages(usages, ["sign", "verify"]);
        const secret = importSecret(format, data, "sig", extractable, usages);
        if (format === "jwk") checkAlg(data as JsonWebKey, `HS${(params.hash as string).replace("SHA-", "")}`);
        const bits = secret.length * 8;
        const length = (params.length as number | undefined) ?? bits;
        if (bits === 0 || length > bits || length <= bits - 8) throw dataError("The HMAC key has not the length asked for.");
        return hmacKey(secret, params, length, extractable, usages);
    },
    exportKey: (format, key) => exportSecret(format, key, `HS${hashOf(key).replace("SHA-", "")}`),
    keyLength(params) {
        const length = params.length as number | undefined;
        if (length === 0) throw new TypeError("HMAC needs a key of at least one bit.");
        return length ?? blockBits(params.hash as string);
    },
};

// --- Derivation ------------------------------------------------------------------------------------------------------

function derivation(
    name: string,
    members: Algorithm["members"]["deriveBits"],
    derive: (params: Params, key: Uint8Array, length: number) => Uint8Array,
): Algorithm {
    return {
        name,
        members: { importKey: [], deriveBits: members, keyLength: [] },
        importKey(format, data, _params, extractable, usages) {
            if (format !== "raw") throw notSupported(`${name} keys are imported as "raw" only.`);
            checkUsages(usages, ["deriveKey", "deriveBits"]);
            if (extractable) throw syntaxError(`${name} keys cannot be extractable.`);
            return makeKey({ type: "secret", bytes: data as Uint8Array, algorithm: { name } }, false, usages);
        },
        deriveBits(params, key, length) {
            if (length === null || length % 8 !== 0) throw operationError("The length must be a multiple of 8 bits.");
            return derive(params, bytesOf(key), length / 8);
        },
        keyLength: () => null,
    };
}

export const hkdf = derivation(
    "HKDF",
    [member("hash", hash), member("info", bytes), member("salt", bytes)],
    (params, key, length) =>
        perform("hkdf", params.hash as string, key, params.salt as Uint8Array, params.info as Uint8Array, length),
);

export const pbkdf2 = derivation(
    "PBKDF2",
    [member("hash", hash), member("iterations", unsignedLong), member("salt", bytes)],
    (params, key, length) => {
        if (params.iterations === 0) throw operationError("PBKDF2 needs at least one iteration.");
        return perform("pbkdf2", params.hash as string, key, params.salt as Uint8Array, params.iterations as number, length);
    },
);
