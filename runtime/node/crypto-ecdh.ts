// ECDH of node:crypto: key agreement with points and numbers instead of keys.

import { attempt, pack, unpack } from "../subtle/natives";
import { concatBytes } from "../web/bytes";
import { bytesOf, encoded, withCode, type Data } from "./crypto-data";
import { CURVES } from "./crypto-keys";

type Format = "uncompressed" | "compressed" | "hybrid";

const curveNames = Object.values(CURVES);

export const getCurves = (): string[] => [...curveNames];

const failed = (text: string): Error => withCode(new Error(text), "ERR_CRYPTO_OPERATION_FAILED");

/** The natives' name of a curve. */
function curveOf(name: string): string {
    const curve = Object.keys(CURVES).find((key) => CURVES[key] === name);
    if (curve === undefined) throw withCode(new TypeError("Invalid EC curve name"), "ERR_CRYPTO_INVALID_CURVE");
    return curve;
}

function publicDer(curve: string, point: Uint8Array): Uint8Array {
    const der = attempt("build", curve, pack([point]));
    if (der !== undefined) return der;
    throw withCode(new Error("Public key is not valid for specified curve"), "ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY");
}

function privateDer(curve: string, number: Uint8Array): Uint8Array {
    const der = attempt("build", curve, pack([undefined, number]));
    if (der !== undefined) return der;
    throw withCode(new Error("Private key is not valid for specified curve."), "ERR_CRYPTO_INVALID_KEYTYPE");
}

/** The point of a public key; the first byte tells its form and, but for the plain one, whether y is odd. */
function pointOf(der: Uint8Array, format: Format = "uncompressed"): Uint8Array {
    const [x, y] = unpack(attempt("read public", der)!).fields as [Uint8Array, Uint8Array];
    const odd = y.at(-1)! & 1;
    if (format === "compressed") return concatBytes([Uint8Array.of(2 + odd), x]);
    return concatBytes([Uint8Array.of(format === "hybrid" ? 6 + odd : 4), x, y]);
}

export class ECDH {
    readonly #curve: string;
    #private: Uint8Array | undefined;
    #public: Uint8Array | undefined;

    constructor(curve: string) {
        this.#curve = curveOf(curve);
    }

    /** The same point in another form. */
    static convertKey(key: Data, curve: string, inputEncoding?: string, outputEncoding?: string, format?: Format): Uint8Array | string {
        return encoded(pointOf(publicDer(curveOf(curve), bytesOf(key, inputEncoding)), format), outputEncoding);
    }

    generateKeys(encoding?: string, format?: Format): Uint8Array | string {
        this.#private = attempt("generate", this.#curve)!;
        this.#public = attempt("public", this.#private)!;
        return this.getPublicKey(encoding, format);
    }

    computeSecret(other: Data, inputEncoding?: string, outputEncoding?: string): Uint8Array | string {
        const key = publicDer(this.#curve, bytesOf(other, inputEncoding));
        const secret = this.#private && attempt("agree", this.#private, key);
        if (secret === undefined) throw failed("Failed to compute ECDH key");
        return encoded(secret, outputEncoding);
    }

    getPublicKey(encoding?: string, format?: Format): Uint8Array | string {
        if (this.#public === undefined) throw failed("Failed to get ECDH public key");
        return encoded(pointOf(this.#public, format), encoding);
    }

    getPrivateKey(encoding?: string): Uint8Array | string {
        if (this.#private === undefined) throw failed("Failed to get ECDH private key");
        return encoded(unpack(attempt("read private", this.#private)!).fields[2]!, encoding);
    }

    setPrivateKey(key: Data, encoding?: string): void {
        const der = privateDer(this.#curve, bytesOf(key, encoding));
        this.#private = der;
        this.#public = attempt("public", der)!;
    }

    setPublicKey(key: Data, encoding?: string): void {
        this.#public = publicDer(this.#curve, bytesOf(key, encoding));
    }
}

export const createECDH = (curve: string): ECDH => new ECDH(curve);
