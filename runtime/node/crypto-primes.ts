// Prime numbers of node:crypto, in BigInt: by small divisors first, then by Miller and Rabin with random bases.

import { native } from "../web/host";
import { bytesOf, tellLater, type Data, type Done } from "./crypto-data";
import { invalidType, notImplemented, outOfRange } from "./errors";

interface Options {
    bigint?: boolean;
    safe?: boolean;
    add?: unknown;
    rem?: unknown;
}

const SMALL_PRIMES: bigint[] = [];
for (let n = 2n; n < 1000n; n++) if (SMALL_PRIMES.every((prime) => n % prime !== 0n)) SMALL_PRIMES.push(n);

/** Rounds for a number that somebody chose, who may have chosen one that passes easily; and for random ones, of few and of many bits. */
const ROUNDS_GIVEN = 64;
const ROUNDS_SHORT = 40;
const ROUNDS_LONG = 10;
const LONG_BITS = 512;

function numberOf(bytes: Uint8Array): bigint {
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return digits === "" ? 0n : BigInt(`0x${digits}`);
}

function bytesOfNumber(value: bigint, length: number): ArrayBuffer {
    const digits = value.toString(16).padStart(length * 2, "0");
    return Uint8Array.from({ length }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16)).buffer;
}

function randomBits(bits: number): bigint {
    const bytes = new Uint8Array(Math.ceil(bits / 8));
    native.random(bytes);
    return BigInt.asUintN(bits, numberOf(bytes));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
    let result = 1n;
    for (const bit of exponent.toString(2)) {
        result = (result * result) % modulus;
        if (bit === "1") result = (result * base) % modulus;
    }
    return result;
}

/** One round: whether `n`, odd, may be a prime by a random base. n - 1 is odd * 2 ** twos. */
function passes(n: bigint, odd: bigint, twos: number): boolean {
    const base = 2n + (randomBits(n.toString(2).length + 64) % (n - 3n));
    let x = power(base, odd, n);
    if (x === 1n || x === n - 1n) return true;
    for (let i = 1; i < twos; i++) {
        x = (x * x) % n;
        if (x === n - 1n) return true;
    }
    return false;
}

function isPrime(n: bigint, rounds: number): boolean {
    if (n < 2n) return false;
    for (const prime of SMALL_PRIMES) if (n % prime === 0n) return n === prime;
    let [odd, twos] = [n - 1n, 0];
    for (; odd % 2n === 0n; odd /= 2n) twos++;
    for (let i = 0; i < rounds; i++) if (!passes(n, odd, twos)) return false;
    return true;
}

/** A random prime of exactly so many bits; if it is to be safe, half of it is one as well. */
function findPrime(bits: number, isSafe: boolean): bigint {
    const rounds = bits >= LONG_BITS ? ROUNDS_LONG : ROUNDS_SHORT;
    const top = 1n << BigInt(bits - 1);
    for (;;) {
        const candidate = randomBits(bits) | top | (bits > 2 ? 1n : 0n);
        if (isPrime(candidate, 1) && (!isSafe || isPrime(candidate / 2n, rounds)) && isPrime(candidate, rounds)) return candidate;
    }
}

export function generatePrimeSync(size: number, { bigint = false, safe = false, add, rem }: Options = {}): bigint | ArrayBuffer {
    if (typeof size !== "number") throw invalidType("size", "of type number", size);
    if (!Number.isInteger(size) || size < 1 || size > 0x7fffffff) throw outOfRange("size", ">= 1 && <= 2147483647", size);
    if (add !== undefined || rem !== undefined) notImplemented("crypto.generatePrime with add or rem")();
    // There is no prime of one bit, and no safe one of two: 5 is the least.
    if (size < (safe ? 3 : 2)) throw outOfRange("size", `>= ${safe ? 3 : 2}`, size);
    const prime = findPrime(size, safe);
    return bigint ? prime : bytesOfNumber(prime, Math.ceil(size / 8));
}

type PrimeDone = Done<bigint | ArrayBuffer>;

export function generatePrime(size: number, ...args: [done: PrimeDone] | [options: Options, done: PrimeDone]): void {
    const done = args.pop() as PrimeDone;
    tellLater(done, () => generatePrimeSync(size, args[0] as Options | undefined));
}

export function checkPrimeSync(candidate: bigint | Data, { checks = 0 }: { checks?: number } = {}): boolean {
    return isPrime(typeof candidate === "bigint" ? candidate : numberOf(bytesOf(candidate)), checks || ROUNDS_GIVEN);
}

type CheckDone = Done<boolean>;

export function checkPrime(candidate: bigint | Data, ...args: [done: CheckDone] | [options: { checks?: number }, done: CheckDone]): void {
    const done = args.pop() as CheckDone;
    tellLater(done, () => checkPrimeSync(candidate, args[0] as { checks?: number } | undefined));
}
