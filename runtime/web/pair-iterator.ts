// What Web IDL calls pair iterators: those of Headers, FormData and URLSearchParams. They walk by position, since the list
// may change under them; entries are copies.

import { wrongType } from "./arguments";
import { define } from "./lazy";

type Pair<Value> = readonly [name: string, value: Value];

/** The methods that `definePairIteration` gives to a class. */
export interface PairIteration<Value> {
    forEach(callback: (value: Value, name: string, target: this) => void, thisArg?: unknown): void;
    entries(): IterableIterator<[string, Value]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<Value>;
    [Symbol.iterator](): IterableIterator<[string, Value]>;
}

const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([].values())) as object;

/** `walk` gives a function of a position that returns the pair there by then, or undefined behind the last. */
export function definePairIteration<Target extends PairIteration<Value>, Value>(
    cls: { prototype: Target },
    name: string,
    walk: (target: Target) => (at: number) => Pair<Value> | undefined,
): void {
    class PairIterator {
        #at = 0;
        readonly #pairAt: (at: number) => Pair<Value> | undefined;
        readonly #show: (pair: Pair<Value>) => unknown;

        constructor(target: Target, show: (pair: Pair<Value>) => unknown) {
            this.#pairAt = walk(target);
            this.#show = show;
        }
        next(): { value: unknown; done: boolean } {
            const pair = this.#pairAt(this.#at);
            if (pair === undefined) {
                return { value: undefined, done: true };
            }
            this.#at++;
            return { value: this.#show(pair), done: false };
        }
    }
    Object.setPrototypeOf(PairIterator.prototype, iteratorPrototype);
    Object.defineProperty(PairIterator.prototype, "next", { enumerable: true });
    Object.defineProperty(PairIterator.prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });

    const methods = {
        forEach(this: Target, callback: (value: Value, name: string, target: Target) => void, thisArg?: unknown): void {
            if (typeof callback !== "function") {
                throw wrongType(`execute 'forEach' on '${name}'`, 1, "Function");
            }
            const pairAt = walk(this);
            for (let at = 0, pair = pairAt(0); pair !== undefined; pair = pairAt(++at)) {
                callback.call(thisArg, pair[1], pair[0], this);
            }
        },
        entries(this: Target) {
            return new PairIterator(this, ([key, value]) => [key, value]);
        },
        keys(this: Target) {
            return new PairIterator(this, (pair) => pair[0]);
        },
        values(this: Target) {
            return new PairIterator(this, (pair) => pair[1]);
        },
    };
    for (const [method, value] of Object.entries(methods)) {
        define(cls.prototype, method, value);
    }
    define(cls.prototype, Symbol.iterator, methods.entries);
}
