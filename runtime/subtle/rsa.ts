// RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP.

import { hash, type Algorithm, type Format } from "./algorithm";
import { buildKey, exportDer, readDer, readKey, unknownFormat } from "./asymmetric";
import { notSupported, operationError } from "./errors";
import { checkAlg, checkJwk, encode64, field, type JsonWebKey } from "./jwk";
import { bytesOf, checkUsages, factsOf, hashOf, makeKey, makePair, needType, type CryptoKey, type KeyAlgorithm, type KeyType, type Usage } from "./key";
import { native } from "../web/host";
import { perform, unpack } from "./natives";
import { bigInteger, bytes, member, optional, unsignedLong, type Params } from "./params";

const privateFields = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

const withoutZeros = (number: Uint8Array) => number.slice(number.findIndex((byte) => byte !== 0));

function keyAlgorithm(name: string, hashName: string, modulus: Uint8Array, exponent: Uint8Array): KeyAlgorithm {
    const n = withoutZeros(modulus);
    const modulusLength = n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
    return { name, modulusLength, publicExponent: withoutZeros(exponent), hash: { name: hashName } };
}

/** Workers have the two usual exponents only; others can make a key that never comes. */
function exponentNumber(exponent: Uint8Array): number {
    const value = withoutZeros(exponent).reduce((sum, byte) => sum * 256 + byte, 0);
    if (value !== 3 && value !== 65537) throw operationError("The public exponent must be 3 or 65537.");
    return value;
}

function importJwk(jwk: JsonWebKey, alg: string, use: "sig" | "enc", extractable: boolean, usages: readonly Usage[]) {
    checkJwk(jwk, "RSA", use, extractable, usages);
    checkAlg(jwk, alg);
    if (jwk.oth !== undefined) throw notSupported("RSA keys of more than two primes are not supported.");
    const isPrivate = jwk.d !== undefined;
    const names = isPrivate ? privateFields : ["n", "e"];
    const der = buildKey("RSA", names.map((name) => field(jwk, name)));
    return { type: (isPrivate ? "private" : "public") as KeyType, der, fields: [field(jwk, "n"), field(jwk, "e")] };
}

function exportJwk(key: CryptoKey, alg: string): JsonWebKey {
    const jwk: JsonWebKey = { kty: "RSA" };
    for (const [i, number] of readKey(key).fields.entries()) jwk[privateFields[i]!] = encode64(withoutZeros(number));
    const { usages, extractable } = factsOf(key);
    return { ...jwk, alg, key_ops: [...usages], ext: extractable };
}

function rsaAlgorithm(name: string, alg: (hash: string) => string, publicUsages: readonly Usage[], privateUsages: readonly Usage[]): Algorithm {
    const use = publicUsages.includes("verify") ? "sig" : "enc";
    const make = (type: KeyType, der: Uint8Array, fields: Uint8Array[], params: Params) => ({
        type,
        bytes: der,
        algorithm: keyAlgorithm(name, params.hash as string, fields[0]!, fields[1]!),
    });
    return {
        name,
        members: {
            generateKey: [member("hash", hash), member("modulusLength", unsignedLong), member("publicExponent", bigInteger)],
            importKey: [member("hash", hash)],
            exportKey: [],
        },
        generateKey(params, extractable, usages) {
            checkUsages(usages, [...publicUsages, ...privateUsages]);
            const exponent = exponentNumber(params.publicExponent as Uint8Array);
            const der = perform("generate rsa", params.modulusLength as number, exponent);
            const { fields } = unpack(perform("read private", der));
            const half = (type: KeyType, bytes: Uint8Array) => make(type, bytes, fields, params);
            return makePair(half("public", perform("public", der)), half("private", der), extractable, usages, publicUsages);
        },
        importKey(format, data, params, extractable, usages) {
            const isPrivate = format === "pkcs8" || (format === "jwk" && (data as JsonWebKey).d !== undefined);
            if (format === "raw") throw unknownFormat(format);
            checkUsages(usages, isPrivate ? privateUsages : publicUsages);
            if (format === "jwk") {
                const { type, der, fields } = importJwk(data as JsonWebKey, alg(params.hash as string), use, extractable, usages);
                return makeKey(make(type, der, fields, params), extractable, usages);
            }
            const { fields } = readDer(format, data as Uint8Array, (type) => type === "RSA");
            const type = isPrivate ? "private" : "public";
            return makeKey(make(type, buildKey("RSA", fields), fields, params), extractable, usages);
        },
        exportKey(format: Format, key: CryptoKey) {
            if (format === "jwk") return exportJwk(key, alg(hashOf(key)));
            const der = exportDer(format, key);
            if (der === undefined) throw unknownFormat(format);
            return der;
        },
    };
}

function signing(name: string, prefix: string, members: Algorithm["members"]["sign"]): Algorithm {
    const base = rsaAlgorithm(name, (h) => prefix + h.replace("SHA-", ""), ["verify"], ["sign"]);
    const salt = (params: Params) => (params.saltLength as number | undefined) ?? 0;
    return {
        ...base,
        members: { ...base.members, sign: members, verify: members },
        sign(params, key, data) {
            needType(key, "private");
            return perform("sign", bytesOf(key), name, hashOf(key), data, salt(params));
        },
        verify(params, key, signature, data) {
            needType(key, "public");
            return native.crypto("verify", bytesOf(key), name, hashOf(key), signature, data, salt(params)) as boolean;
        },
    };
}

function oaep(): Algorithm {
    const alg = (h: string) => (h === "SHA-1" ? "RSA-OAEP" : h.replace("SHA", "RSA-OAEP"));
    const base = rsaAlgorithm("RSA-OAEP", alg, ["encrypt", "wrapKey"], ["decrypt", "unwrapKey"]);
    const members = [optional("label", bytes)];
    const run = (type: KeyType) => (params: Params, key: CryptoKey, data: Uint8Array) => {
        needType(key, type);
        const label = (params.label as Uint8Array | undefined) ?? new Uint8Array(0);
        return perform("oaep", bytesOf(key), hashOf(key), data, label, type === "public" ? 1 : 0);
    };
    return {
        ...base,
        members: { ...base.members, encrypt: members, decrypt: members },
        encrypt: run("public"),
        decrypt: run("private"),
    };
}

export const rsa: Algorithm[] = [
    signing("RSASSA-PKCS1-v1_5", "RS", []),
    signing("RSA-PSS", "PS", [member("saltLength", unsignedLong)]),
    oaep(),
];

