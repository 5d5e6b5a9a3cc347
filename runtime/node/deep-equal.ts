// util.isDeepStrictEqual: same prototypes, same own enumerable properties, the same in Maps and Sets, cycles included.

import { isTypedArray } from "./util-types";

type Pairs = Map<object, object>;

function sameEntries(a: Iterable<unknown>, b: Iterable<unknown>, pairs: Pairs): boolean {
    const left = [...a];
    const right = [...b];
    if (left.length !== right.length) return false;
    return left.every((item) => {
        const index = right.findIndex((other) => equal(item, other, pairs));
        if (index >= 0) right.splice(index, 1);
        return index >= 0;
    });
}

function sameProperties(a: object, b: object, pairs: Pairs): boolean {
    const keys = (object: object): PropertyKey[] =>
        Reflect.ownKeys(object).filter((key) => Object.prototype.propertyIsEnumerable.call(object, key));
    const own = keys(a);
    return (
        own.length === keys(b).length &&
        own.every((key) => Object.hasOwn(b, key) && equal(Reflect.get(a, key), Reflect.get(b, key), pairs))
    );
}

function sameInside(a: object, b: object, pairs: Pairs): boolean {
    if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
    if (a instanceof RegExp) return String(a) === String(b) && a.lastIndex === (b as RegExp).lastIndex;
    if (a instanceof Error) return a.message === (b as Error).message && a.name === (b as Error).name;
    if (a instanceof Map) return a.size === (b as Map<unknown, unknown>).size && sameEntries(a, b as Map<unknown, unknown>, pairs);
    if (a instanceof Set) return a.size === (b as Set<unknown>).size && sameEntries(a, b as Set<unknown>, pairs);
    if (a instanceof ArrayBuffer) return sameProperties(new Uint8Array(a), new Uint8Array(b as ArrayBuffer), pairs);
    if (a instanceof Number || a instanceof String || a instanceof Boolean) return Object.is(a.valueOf(), b.valueOf());
    if (Array.isArray(a) || isTypedArray(a)) return (a as unknown[]).length === (b as unknown[]).length;
    return true;
}

function equal(a: unknown, b: unknown, pairs: Pairs): boolean {
    if (Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (pairs.get(a) === b) return true;
    pairs.set(a, b);
    return sameInside(a, b, pairs) && sameProperties(a, b, pairs);
}

export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
    return equal(a, b, new Map());
}
