// crypto: random values from the kernel's generator. The rest of it, crypto.subtle and DigestStream, is a part of its own.

import { wrongType } from "./arguments";
import { brand } from "./brand";
import { viewBytes } from "./bytes";
import { DOMException, QuotaExceededError } from "./domexception";
import { native } from "./host";
import { subtle } from "./subtle";

const quotaBytes = 65536;
const construct = Symbol("construct");

const integerArrays = new Set(["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array",
    "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array"]);

/** The engine's own name of a typed array's kind, which a subclass or a property cannot change. */
const kindOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!;

export class Crypto {
    constructor(token?: unknown) {
        if (token !== construct) {
            throw new TypeError("Illegal constructor");
        }
    }

    get subtle(): import("../subtle/main").SubtleCrypto {
        return subtle().subtle;
    }

    get DigestStream(): typeof import("../subtle/main").DigestStream {
        return subtle().DigestStream;
    }

    getRandomValues<T extends ArrayBufferView>(array: T): T {
        if (!ArrayBuffer.isView(array)) {
            throw wrongType("execute 'getRandomValues' on 'Crypto'", 1, "ArrayBufferView");
        }
        if (!integerArrays.has(kindOf.call(array) as string)) {
            throw new DOMException("The data argument must be an integer-type TypedArray.", "TypeMismatchError");
        }
        if (array.byteLength > quotaBytes) {
            throw new QuotaExceededError(
                `getRandomValues() only accepts buffers of size <= 64K but provided ${array.byteLength} bytes.`,
            );
        }
        native.random(viewBytes(array));
        return array;
    }

    randomUUID(): string {
        const bytes = new Uint8Array(16);
        native.random(bytes);
        bytes[6] = (bytes[6]! & 0x0f) | 0x40;
        bytes[8] = (bytes[8]! & 0x3f) | 0x80;
        const hex = (bytes as unknown as { toHex(): string }).toHex();
        return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    }
}
brand(Crypto, "Crypto");

export const crypto = new Crypto(construct);
