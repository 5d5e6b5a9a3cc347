// Signatures of node:crypto, and encryption with asymmetric keys.

import { attempt } from "../subtle/natives";
import { concatBytes } from "../web/bytes";
import { native } from "../web/host";
import { bytesOf, encoded, hashName, tellLater, withCode, type Data, type Done } from "./crypto-data";
import { derSignature, flatSignature } from "./crypto-der";
import { bytesIn, factsOf, keyOf, type KeyObject } from "./crypto-keys";

const RSA_PKCS1_OAEP_PADDING = 4;
const RSA_PKCS1_PSS_PADDING = 6;
/** The longest salt to sign, and any to verify. */
const SALT_AUTO = -2;

interface Options {
    padding: number;
    saltLength: number;
    dsaEncoding: "der" | "ieee-p1363";
    oaepHash: string;
    oaepLabel: Data;
}

/** How a key signs: the natives' scheme and digest, and how many bytes each number of an ECDSA signature has. */
function wayOf(key: KeyObject, algorithm: string | null | undefined, options: Partial<Options>): { scheme: string; hash: string; salt: number; width: number } {
    const isPss = options.padding === RSA_PKCS1_PSS_PADDING;
    const type = key.asymmetricKeyType;
    const isEc = type === "ec";
    return {
        scheme: type === "rsa" ? (isPss ? "RSA-PSS" : "RSASSA-PKCS1-v1_5") : isEc ? "ECDSA" : "Ed25519",
        hash: type === "rsa" || isEc ? hashName(algorithm ?? "sha256") : "",
        salt: options.saltLength ?? SALT_AUTO,
        width: isEc && options.dsaEncoding !== "ieee-p1363" ? factsOf(key).fields[0]!.length : 0,
    };
}

function signBytes(algorithm: string | null | undefined, data: Uint8Array, given: unknown): Uint8Array {
    const { key, options } = keyOf<Options>("private", given);
    const { scheme, hash, salt, width } = wayOf(key, algorithm, options);
    const signature = attempt("sign", bytesIn(key), scheme, hash, data, salt);
    if (signature === undefined) throw withCode(new Error("error:02000070:rsa routines::digest too big for rsa key"), "ERR_OSSL_RSA_DIGEST_TOO_BIG_FOR_RSA_KEY");
    return width > 0 ? derSignature(signature) : signature;
}

function verifyBytes(algorithm: string | null | undefined, data: Uint8Array, given: unknown, signature: Uint8Array): boolean {
    const { key, options } = keyOf<Options>("public", given);
    const { scheme, hash, salt, width } = wayOf(key, algorithm, options);
    const flat = width > 0 ? flatSignature(signature, width) : signature;
    return flat !== undefined && (native.crypto("verify", bytesIn(key), scheme, hash, flat, data, salt) as boolean);
}

export function sign(algorithm: string | null | undefined, data: Data, key: unknown, done?: Done<Uint8Array | string>): Uint8Array | string | undefined {
    const work = () => encoded(signBytes(algorithm, bytesOf(data), key));
    return done === undefined ? work() : void tellLater(done, work);
}

export function verify(algorithm: string | null | undefined, data: Data, key: unknown, signature: Data, done?: Done<boolean>): boolean | undefined {
    const work = () => verifyBytes(algorithm, bytesOf(data), key, bytesOf(signature));
    return done === undefined ? work() : void tellLater(done, work);
}

/** Collects what is to be signed. */
class Collecting {
    readonly #parts: Uint8Array[] = [];

    constructor(protected readonly algorithm: string) {
        try {
            hashName(algorithm);
        } catch {
            throw withCode(new TypeError(`Invalid digest: ${algorithm}`), "ERR_CRYPTO_INVALID_DIGEST");
        }
    }

    update(data: Data, encoding?: string): this {
        this.#parts.push(Uint8Array.from(bytesOf(data, encoding)));
        return this;
    }

    write(data: Data, encoding?: string): boolean {
        this.update(data, encoding);
        return true;
    }

    end(data?: Data, encoding?: string): this {
        return data === undefined ? this : this.update(data, encoding);
    }

    protected get data(): Uint8Array {
        return concatBytes(this.#parts);
    }
}

export class Sign extends Collecting {
    sign(key: unknown, encoding?: string): Uint8Array | string {
        return encoded(signBytes(this.algorithm, this.data, key), encoding);
    }
}

export class Verify extends Collecting {
    verify(key: unknown, signature: Data, encoding?: string): boolean {
        return verifyBytes(this.algorithm, this.data, key, bytesOf(signature, encoding));
    }
}

export const createSign = (algorithm: string): Sign => new Sign(algorithm);
export const createVerify = (algorithm: string): Verify => new Verify(algorithm);

function oaep(encrypts: boolean, given: unknown, data: Data): Uint8Array | string {
    const { key, options } = keyOf<Options>(encrypts ? "public" : "private", given);
    const { padding = RSA_PKCS1_OAEP_PADDING, oaepHash = "sha1", oaepLabel = "" } = options;
    if (padding !== RSA_PKCS1_OAEP_PADDING) throw withCode(new Error("Only OAEP padding is supported."), "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
    const answer = attempt("oaep", bytesIn(key), hashName(oaepHash), bytesOf(data), bytesOf(oaepLabel), encrypts ? 1 : 0);
    if (answer === undefined) throw withCode(new Error("error:02000079:rsa routines::oaep decoding error"), "ERR_OSSL_RSA_OAEP_DECODING_ERROR");
    return encoded(answer);
}

export const publicEncrypt = (key: unknown, data: Data) => oaep(true, key, data);
export const privateDecrypt = (key: unknown, data: Data) => oaep(false, key, data);
