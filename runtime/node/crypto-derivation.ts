// Derivation of keys for node:crypto. All of it runs at once, on the worker's CPU time.

import { attempt } from "../subtle/natives";
import { exactBuffer } from "../web/bytes";
import { bytesOf, encoded, hashName, tellLater, withCode, type Data, type Done } from "./crypto-data";
import { secretOf, type KeyObject } from "./crypto-keys";

const SCRYPT_MEMORY_BYTES = 32 * 1024 * 1024;

function need(bytes: Uint8Array | undefined): Uint8Array {
    if (bytes === undefined) throw withCode(new RangeError("The parameters of the key derivation are out of range."), "ERR_OUT_OF_RANGE");
    return bytes;
}

export function pbkdf2Sync(password: Data, salt: Data, iterations: number, length: number, digest: string): Uint8Array | string {
    return encoded(need(attempt("pbkdf2", hashName(digest), bytesOf(password), bytesOf(salt), iterations, length)));
}

export function pbkdf2(password: Data, salt: Data, iterations: number, length: number, digest: string, done: Done<Uint8Array | string>): void {
    tellLater(done, () => pbkdf2Sync(password, salt, iterations, length, digest));
}

export function hkdfSync(digest: string, key: Data | KeyObject, salt: Data, info: Data, length: number): ArrayBuffer {
    return exactBuffer(need(attempt("hkdf", hashName(digest), secretOf(key), bytesOf(salt), bytesOf(info), length)));
}

export function hkdf(digest: string, key: Data | KeyObject, salt: Data, info: Data, length: number, done: Done<ArrayBuffer>): void {
    tellLater(done, () => hkdfSync(digest, key, salt, info, length));
}

interface ScryptOptions {
    N?: number;
    r?: number;
    p?: number;
    cost?: number;
    blockSize?: number;
    parallelization?: number;
    maxmem?: number;
}

export function scryptSync(password: Data, salt: Data, length: number, options: ScryptOptions = {}): Uint8Array | string {
    const { cost = 16384, blockSize = 8, parallelization = 1, maxmem = SCRYPT_MEMORY_BYTES } = options;
    const { N = cost, r = blockSize, p = parallelization } = options;
    const fits = 128 * N * r <= maxmem;
    const bytes = fits ? attempt("scrypt", bytesOf(password), bytesOf(salt), N, r, p, length) : undefined;
    if (bytes === undefined) throw withCode(new RangeError("Invalid scrypt params"), "ERR_CRYPTO_INVALID_SCRYPT_PARAMS");
    return encoded(bytes);
}

export function scrypt(
    password: Data, salt: Data, length: number, options: ScryptOptions | Done<Uint8Array | string>, done?: Done<Uint8Array | string>,
): void {
    if (typeof options === "function") tellLater(options, () => scryptSync(password, salt, length));
    else tellLater(done!, () => scryptSync(password, salt, length, options));
}
