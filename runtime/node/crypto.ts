// node:crypto: random values, hashes, HMACs, comparison and WebCrypto here; keys, signatures, ciphers and derivation in the
// files beside this one. On the natives that WebCrypto stands on as well.

import * as constants from "unenv/node/internal/crypto/constants";
import { native } from "../web/host";
import { Buffer } from "./buffer";
import * as absent from "./crypto-absent";
import * as ciphers from "./crypto-ciphers";
import { bytesOf, encoded, hashName, tellLater, withCode, type Data, type Done } from "./crypto-data";
import * as derivation from "./crypto-derivation";
import * as ecdh from "./crypto-ecdh";
import {
    createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKey, generateKeyPair, generateKeyPairSync,
    generateKeySync, KeyObject, secretOf,
} from "./crypto-keys";
import * as primes from "./crypto-primes";
import * as signatures from "./crypto-signatures";
import { outOfRange } from "./errors";

/** What update() collects and digest() ends. */
abstract class Digesting {
    #parts: Uint8Array[] = [];
    #isDone = false;

    update(data: Data, encoding?: string): this {
        if (this.#isDone) throw new Error("Digest already called");
        this.#parts.push(Uint8Array.from(bytesOf(data, encoding)));
        return this;
    }

    digest(encoding?: string): Uint8Array | string {
        if (this.#isDone) throw new Error("Digest already called");
        this.#isDone = true;
        return encoded(this.compute(Buffer.concat(this.#parts)), encoding);
    }

    protected get parts(): readonly Uint8Array[] {
        return this.#parts;
    }

    protected abstract compute(data: Uint8Array): Uint8Array;
}

export class Hash extends Digesting {
    readonly #name: string;

    constructor(algorithm: string) {
        super();
        this.#name = algorithm;
        hashName(algorithm);
    }

    protected override compute(data: Uint8Array): Uint8Array {
        return native.crypto("digest", hashName(this.#name), data) as Uint8Array;
    }

    copy(): Hash {
        const copy = new Hash(this.#name);
        for (const part of this.parts) copy.update(part);
        return copy;
    }
}

export class Hmac extends Digesting {
    readonly #name: string;
    readonly #key: Uint8Array;

    constructor(algorithm: string, key: Data | KeyObject) {
        super();
        this.#name = hashName(algorithm);
        this.#key = Uint8Array.from(secretOf(key));
    }

    protected override compute(data: Uint8Array): Uint8Array {
        return native.crypto("hmac", this.#name, this.#key, data) as Uint8Array;
    }
}

export const createHash = (algorithm: string): Hash => new Hash(algorithm);
export const createHmac = (algorithm: string, key: Data | KeyObject): Hmac => new Hmac(algorithm, key);
export const hash = (algorithm: string, data: Data, encoding = "hex") => new Hash(algorithm).update(data).digest(encoding);
export const getHashes = (): string[] => ["md5", "sha1", "sha256", "sha384", "sha512"];

export function randomFillSync<T extends ArrayBufferView>(view: T, offset = 0, size = view.byteLength - offset): T {
    native.random(new Uint8Array(view.buffer, view.byteOffset + offset, size));
    return view;
}

export function randomFill<T extends ArrayBufferView>(view: T, ...args: [...bounds: number[], done: Done<T>]): void {
    const done = args.pop() as Done<T>;
    tellLater(done, () => randomFillSync(view, ...(args as number[])));
}

type RandomDone = (error: null, bytes: Uint8Array) => void;

export function randomBytes(size: number, done?: RandomDone): Uint8Array | undefined {
    if (!Number.isInteger(size) || size < 0 || size > 0x7fffffff) {
        throw outOfRange("size", ">= 0 && <= 2147483647", size);
    }
    const bytes = randomFillSync(Buffer.alloc(size));
    if (done === undefined) return bytes;
    queueMicrotask(() => done(null, bytes));
    return undefined;
}

export { randomBytes as pseudoRandomBytes };

export function randomInt(min: number, max?: number): number {
    const [low, high] = max === undefined ? [0, min] : [min, max];
    const range = high - low;
    if (!(range > 0 && range <= 2 ** 48)) throw outOfRange("max", `greater than the value of "min" (${low})`, high);
    // Values past the last whole multiple of the range would favour small results.
    const limit = 2 ** 48 - (2 ** 48 % range);
    for (;;) {
        const bytes = randomFillSync(new Uint8Array(6));
        const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
        if (value < limit) return low + (value % range);
    }
}

export function timingSafeEqual(a: Data, b: Data): boolean {
    const [left, right] = [bytesOf(a), bytesOf(b)];
    if (left.length !== right.length) {
        throw withCode(new RangeError("Input buffers must have the same byte length"), "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH");
    }
    return native.crypto("equal", left, right) as boolean;
}

/** No library here was certified. */
export const getFips = (): number => 0;
export const secureHeapUsed = (): object => ({ total: 0, used: 0, utilization: 0, min: 0 });

export const webcrypto = globalThis.crypto;
export const randomUUID = (): string => webcrypto.randomUUID();
export const getRandomValues: typeof webcrypto.getRandomValues = (view) => webcrypto.getRandomValues(view);
/** A getter: WebCrypto is a part of its own. */
export const subtle = new Proxy({} as Record<string, unknown>, {
    get: (_, name) => {
        const own = webcrypto.subtle as unknown as Record<PropertyKey, unknown>;
        return typeof own[name] === "function" ? (own[name] as () => unknown).bind(own) : own[name];
    },
});

const keys = { KeyObject, createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKey, generateKeyPair, generateKeyPairSync, generateKeySync };

export { constants };
export * from "./crypto-absent";
export * from "./crypto-ciphers";
export * from "./crypto-derivation";
export * from "./crypto-ecdh";
export * from "./crypto-primes";
export * from "./crypto-signatures";
export {
    createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKey, generateKeyPair, generateKeyPairSync,
    generateKeySync, KeyObject,
} from "./crypto-keys";

export default {
    Hash, Hmac, createHash, createHmac, hash, getHashes, randomBytes, pseudoRandomBytes: randomBytes, randomFill, randomFillSync,
    randomInt, randomUUID, getFips, secureHeapUsed, timingSafeEqual, webcrypto, getRandomValues, subtle, constants, ...absent, ...ciphers, ...derivation, ...ecdh,
    ...keys, ...primes, ...signatures,
};
