// ECDSA and ECDH on the curves of NIST, Ed25519 and X25519, and Workers' older name of Ed25519.

import { hash, type Algorithm, type Format } from "./algorithm";
import { buildKey, exportDer, readDer, readKey, takeBits } from "./asymmetric";
import { dataError, invalidAccess, notSupported, operationError } from "./errors";
import { checkAlg, checkJwk, encode64, field, type JsonWebKey } from "./jwk";
import { bytesOf, checkUsages, factsOf, makeKey, makePair, needType, type CryptoKey, type KeyType, type Usage } from "./key";
import { attempt, perform } from "./natives";
import { key as keyConverter, member, text, type Params } from "./params";
import { native } from "../web/host";

/** How a family of curves writes its keys. */
interface Family {
    kty: "EC" | "OKP";
    /** The natives' type for the parameters of a key; throws where there is no such curve. */
    type(params: Params): string;
    /** What `crv` of a JSON Web Key says for a type. */
    crv(type: string): string;
    /** The point of a raw key, as build takes it, from the numbers that read gives. */
    point(fields: readonly Uint8Array[]): Uint8Array;
    /** The point in a JSON Web Key. */
    jwkPoint(jwk: JsonWebKey, type: string): Uint8Array;
    /** The members of a JSON Web Key for the numbers that read gives. */
    names: readonly string[];
}

const coordinateBytes: Record<string, number> = { "P-256": 32, "P-384": 48, "P-521": 66 };

function uncompressed(x: Uint8Array, y: Uint8Array): Uint8Array {
    const point = new Uint8Array(1 + x.length + y.length);
    point[0] = 4;
    point.set(x, 1);
    point.set(y, 1 + x.length);
    return point;
}

const nist: Family = {
    kty: "EC",
    type(params) {
        const curve = params.namedCurve as string;
        if (!Object.hasOwn(coordinateBytes, curve)) throw notSupported(`Unrecognized or unimplemented EC curve "${curve}" requested.`);
        return curve;
    },
    crv: (type) => type,
    point: ([x, y]) => uncompressed(x!, y!),
    jwkPoint(jwk, type) {
        const [x, y] = [field(jwk, "x"), field(jwk, "y")];
        if (x.length !== coordinateBytes[type] || y.length !== x.length) throw dataError("Invalid point in the JSON Web Key.");
        return uncompressed(x, y);
    },
    names: ["x", "y", "d"],
};

const edwards = (type: "ED25519" | "X25519", crv: string): Family => ({
    kty: "OKP",
    type: () => type,
    crv: () => crv,
    point: ([x]) => x!,
    jwkPoint: (jwk) => field(jwk, "x"),
    names: ["x", "d"],
});

/** Everything about keys of a family; what is done with them comes on top. */
function curveAlgorithm(
    name: string,
    family: Family,
    algs: (type: string) => string[] | undefined,
    publicUsages: readonly Usage[],
    privateUsages: readonly Usage[],
    isNamed = family.kty === "EC",
): Algorithm {
    const members = isNamed ? [member("namedCurve", text)] : [];
    const make = (type: KeyType, der: Uint8Array, params: Params) => ({
        type,
        bytes: der,
        algorithm: isNamed ? { name, namedCurve: params.namedCurve as string } : { name },
    });
    const importJwk = (jwk: JsonWebKey, type: string, extractable: boolean, usages: readonly Usage[]): Uint8Array => {
        checkJwk(jwk, family.kty, publicUsages.includes("verify") ? "sig" : "enc", extractable, usages);
        if (jwk.crv !== family.crv(type)) throw dataError('The JSON Web Key\'s "crv" is not the curve asked for.');
        const allowed = algs(type);
        if (allowed !== undefined) checkAlg(jwk, ...allowed);
        const point = family.jwkPoint(jwk, type);
        if (jwk.d === undefined) return buildKey(type, [point]);
        const d = field(jwk, "d");
        if (family.kty === "EC" && d.length !== coordinateBytes[type]) throw dataError('Invalid "d" in the JSON Web Key.');
        return buildKey(type, [point, d]);
    };
    return {
        name,
        members: { generateKey: members, importKey: members, exportKey: [] },
        generateKey(params, extractable, usages) {
            const type = family.type(params);
            checkUsages(usages, [...publicUsages, ...privateUsages]);
            const der = perform("generate", type);
            return makePair(
                make("public", perform("public", der), params), make("private", der, params), extractable, usages, publicUsages,
            );
        },
        importKey(format, data, params, extractable, usages) {
            const isPrivate = format === "pkcs8" || (format === "jwk" && (data as JsonWebKey).d !== undefined);
            checkUsages(usages, isPrivate ? privateUsages : publicUsages);
            const type = family.type(params);
            let der: Uint8Array;
            if (format === "jwk") {
                der = importJwk(data as JsonWebKey, type, extractable, usages);
            } else if (format === "raw") {
                der = buildKey(type, [data as Uint8Array]);
            } else {
                const { fields } = readDer(format, data as Uint8Array, (found) => found === type);
                der = buildKey(type, [family.point(fields), isPrivate ? fields.at(-1) : undefined]);
            }
            return makeKey(make(isPrivate ? "private" : "public", der, params), extractable, usages);
        },
        exportKey(format: Format, key: CryptoKey) {
            const { type, fields } = readKey(key);
            const facts = factsOf(key);
            if (format === "jwk") {
                const jwk: JsonWebKey = { kty: family.kty, crv: family.crv(type) };
                for (const [i, number] of fields.entries()) jwk[family.names[i]!] = encode64(number);
                if (family.kty === "OKP" && publicUsages.includes("verify")) jwk.alg = "Ed25519";
                return { ...jwk, key_ops: [...facts.usages], ext: facts.extractable };
            }
            if (format === "raw" && facts.type === "public") return family.point(fields);
            const der = exportDer(format, key);
            if (der !== undefined) return der;
            if (format === "raw") throw invalidAccess("Raw export is for public keys.");
            throw invalidAccess(`A ${facts.type} key has no ${format}.`);
        },
    };
}

function ecdsa(): Algorithm {
    const algs: Record<string, string[]> = { "P-256": ["ES256"], "P-384": ["ES384"], "P-521": ["ES512"] };
    const base = curveAlgorithm("ECDSA", nist, (type) => algs[type], ["verify"], ["sign"]);
    const members = [member("hash", hash)];
    return {
        ...base,
        members: { ...base.members, sign: members, verify: members },
        sign(params, key, data) {
            needType(key, "private");
            return perform("sign", bytesOf(key), "ECDSA", params.hash as string, data, 0);
        },
        verify(params, key, signature, data) {
            needType(key, "public");
            return native.crypto("verify", bytesOf(key), "ECDSA", params.hash as string, signature, data, 0) as boolean;
        },
    };
}

function eddsa(name: string, isNamed: boolean): Algorithm {
    const base = curveAlgorithm(name, edwards("ED25519", "Ed25519"), () => ["EdDSA", "Ed25519"], ["verify"], ["sign"], isNamed);
    return {
        ...base,
        members: { ...base.members, sign: [], verify: [] },
        sign(_params, key, data) {
            needType(key, "private");
            return perform("sign", bytesOf(key), name, "", data, 0);
        },
        verify(_params, key, signature, data) {
            needType(key, "public");
            return native.crypto("verify", bytesOf(key), name, "", signature, data, 0) as boolean;
        },
    };
}

function agreement(name: string, family: Family): Algorithm {
    const base = curveAlgorithm(name, family, () => undefined, [], ["deriveKey", "deriveBits"]);
    return {
        ...base,
        members: { ...base.members, deriveBits: [member("public", keyConverter)] },
        deriveBits(params, key, length) {
            const peer = factsOf(params.public as CryptoKey);
            needType(key, "private");
            if (peer.type !== "public") throw invalidAccess("The other side's key must be public.");
            if (peer.algorithm.name !== name || peer.algorithm.namedCurve !== factsOf(key).algorithm.namedCurve) {
                throw invalidAccess("Both keys must be of one algorithm and one curve.");
            }
            const secret = attempt("agree", bytesOf(key), peer.bytes);
            if (secret === undefined) throw operationError("The keys have no common secret.");
            return takeBits(secret, length);
        },
    };
}

export const curves: Algorithm[] = [
    ecdsa(),
    agreement("ECDH", nist),
    eddsa("Ed25519", false),
    eddsa("NODE-ED25519", true),
    agreement("X25519", edwards("X25519", "X25519")),
];
