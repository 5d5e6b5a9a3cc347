// Symmetric ciphers of node:crypto, piece by piece.

import { attempt } from "../subtle/natives";
import { native } from "../web/host";
import { Buffer } from "./buffer";
import { StringDecoder } from "./string-decoder";
import { bytesOf, encoded, withCode, type Data } from "./crypto-data";
import { secretOf, type KeyObject } from "./crypto-keys";

const TAG_BYTES = 16;

/** Node's names, the natives', and the bytes of key and initialization vector; 0 for an IV of any length. */
const CIPHERS = new Map<string, { name: string; keyBytes: number; ivBytes: number; isAuthentic: boolean }>();
for (const bits of [128, 192, 256]) {
    for (const [mode, ivBytes] of [["cbc", 16], ["ctr", 16], ["ecb", 0], ["gcm", 0]] as const) {
        const name = `AES-${bits}-${mode.toUpperCase()}`;
        CIPHERS.set(name.toLowerCase(), { name, keyBytes: bits / 8, ivBytes, isAuthentic: mode === "gcm" });
    }
}
CIPHERS.set("chacha20-poly1305", { name: "ChaCha20-Poly1305", keyBytes: 32, ivBytes: 12, isAuthentic: true });

export const getCiphers = (): string[] => [...CIPHERS.keys()];

/** Ends the ciphers that nobody brought to an end. */
const forgotten = new FinalizationRegistry((number: number) => void native.crypto("cipher end", number));

interface Options {
    authTagLength?: number;
}

class Ciphering {
    readonly #encrypts: boolean;
    readonly #isAuthentic: boolean;
    readonly #tagBytes: number;
    readonly #number: number;
    readonly #token = {};
    #hasEnded = false;
    #tag: Uint8Array | undefined;
    #decoder: StringDecoder | undefined;

    constructor(encrypts: boolean, algorithm: string, key: Data | KeyObject, iv: Data | null, options: Options = {}) {
        const cipher = CIPHERS.get(String(algorithm).toLowerCase());
        if (cipher === undefined) throw withCode(new Error("Unknown cipher"), "ERR_CRYPTO_UNKNOWN_CIPHER");
        const [secret, vector] = [secretOf(key), iv === null ? new Uint8Array(0) : bytesOf(iv)];
        if (secret.length !== cipher.keyBytes) throw withCode(new RangeError("Invalid key length"), "ERR_CRYPTO_INVALID_KEYLEN");
        const number = native.crypto("cipher begin", cipher.name, secret, vector, encrypts ? 1 : 0);
        if (typeof number !== "number") throw withCode(new TypeError("Invalid initialization vector"), "ERR_CRYPTO_INVALID_IV");
        this.#encrypts = encrypts;
        this.#isAuthentic = cipher.isAuthentic;
        this.#tagBytes = options.authTagLength ?? TAG_BYTES;
        this.#number = number;
        forgotten.register(this, number, this.#token);
    }

    #check(mayGoOn: boolean): void {
        if (!mayGoOn || this.#hasEnded) throw withCode(new Error("Unsupported state"), "ERR_CRYPTO_INVALID_STATE");
    }

    /** Texts in base64 and UTF-8 go on from one piece to the next. */
    #give(bytes: Uint8Array, encoding: string | undefined, isLast: boolean): Uint8Array | string {
        if (encoding === undefined || encoding === "buffer") return encoded(bytes);
        this.#decoder ??= new StringDecoder(encoding);
        return this.#decoder.write(Buffer.from(bytes)) + (isLast ? this.#decoder.end() : "");
    }

    update(data: Data, encoding?: string, outputEncoding?: string): Uint8Array | string {
        const bytes = this.#hasEnded ? undefined : attempt("cipher add", this.#number, bytesOf(data, encoding));
        if (bytes === undefined) throw new Error("Trying to add data in unsupported state");
        return this.#give(bytes, outputEncoding, false);
    }

    final(outputEncoding?: string): Uint8Array | string {
        this.#check(true);
        this.#hasEnded = true;
        forgotten.unregister(this.#token);
        const all = attempt("cipher end", this.#number);
        if (all === undefined) {
            throw this.#isAuthentic
                ? new Error("Unsupported state or unable to authenticate data")
                : withCode(new Error("error:1C800064:Provider routines::bad decrypt"), "ERR_OSSL_BAD_DECRYPT");
        }
        const tagBytes = this.#encrypts && this.#isAuthentic ? TAG_BYTES : 0;
        this.#tag = all.slice(all.length - tagBytes, all.length - tagBytes + this.#tagBytes);
        return this.#give(all.subarray(0, all.length - tagBytes), outputEncoding, true);
    }

    setAAD(data: Data): this {
        this.#check(this.#isAuthentic);
        native.crypto("cipher know", this.#number, bytesOf(data));
        return this;
    }

    setAutoPadding(pads = true): this {
        this.#check(true);
        native.crypto("cipher pad", this.#number, pads ? 1 : 0);
        return this;
    }

    getAuthTag(): Uint8Array | string {
        if (!this.#encrypts || !this.#isAuthentic || this.#tag === undefined) {
            throw withCode(new Error("Invalid state for operation getAuthTag"), "ERR_CRYPTO_INVALID_STATE");
        }
        return encoded(this.#tag);
    }

    setAuthTag(tag: Data, encoding?: string): this {
        this.#check(!this.#encrypts && this.#isAuthentic);
        const bytes = bytesOf(tag, encoding);
        if (native.crypto("cipher expect", this.#number, bytes) !== true) {
            throw withCode(new TypeError(`Invalid authentication tag length: ${bytes.length}`), "ERR_CRYPTO_INVALID_AUTH_TAG");
        }
        return this;
    }
}

export class Cipheriv extends Ciphering {
    constructor(algorithm: string, key: Data | KeyObject, iv: Data | null, options?: Options) {
        super(true, algorithm, key, iv, options);
    }
}

export class Decipheriv extends Ciphering {
    constructor(algorithm: string, key: Data | KeyObject, iv: Data | null, options?: Options) {
        super(false, algorithm, key, iv, options);
    }
}

export const createCipheriv = (...args: ConstructorParameters<typeof Cipheriv>): Cipheriv => new Cipheriv(...args);
export const createDecipheriv = (...args: ConstructorParameters<typeof Decipheriv>): Decipheriv => new Decipheriv(...args);
