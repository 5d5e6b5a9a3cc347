// Web IDL's conversion of algorithm parameters: which members a dictionary has, of what type, in the order of reading.

import { copyBytes, isBufferSource } from "../web/bytes";
import { isKey, type CryptoKey } from "./key";

export type Params = Record<string, unknown> & { name: string };
export type Converter = (value: unknown, what: string) => unknown;

export const bytes: Converter = (value, what) => {
    if (!isBufferSource(value)) throw new TypeError(`The ${what} is not a BufferSource.`);
    return copyBytes(value);
};

export const bigInteger: Converter = (value, what) => {
    if (!(value instanceof Uint8Array)) throw new TypeError(`The ${what} is not a Uint8Array.`);
    return value.slice();
};

export const text: Converter = (value) => String(value);

export const key: Converter = (value, what): CryptoKey => {
    if (!isKey(value)) throw new TypeError(`The ${what} is not a CryptoKey.`);
    return value;
};

/** [EnforceRange] of an unsigned integer of so many bits. */
function integer(bits: number): Converter {
    return (value, what) => {
        const number = Math.trunc(Number(value));
        if (!(number >= 0 && number < 2 ** bits)) throw new TypeError(`The ${what} is outside the range of its type.`);
        return number + 0;
    };
}
export const octet = integer(8);
export const unsignedShort = integer(16);
export const unsignedLong = integer(32);

/** A member of a dictionary; `optional` ones may be absent. */
export interface Member {
    name: string;
    convert: Converter;
    optional?: boolean;
}

export const member = (name: string, convert: Converter): Member => ({ name, convert });
export const optional = (name: string, convert: Converter): Member => ({ name, convert, optional: true });

/** Reads the members from what a worker passed. */
export function readParams(name: string, from: object, members: readonly Member[]): Params {
    const params: Params = { name };
    for (const { name: key, convert, optional: mayMiss } of members) {
        const value = (from as Record<string, unknown>)[key];
        if (value !== undefined) {
            params[key] = convert(value, `${key} of the ${name} algorithm`);
        } else if (mayMiss !== true) {
            throw new TypeError(`Missing field "${key}" in the ${name} algorithm.`);
        }
    }
    return params;
}
