// URLSearchParams: an ordered list of pairs, alone or bound to the query of a URL.

import { needArguments } from "./arguments";
import { brand } from "./brand";
import { kinds } from "./kinds";
import { definePairIteration, type PairIteration } from "./pair-iterator";
import { parseUrlencoded, serialiseUrlencoded } from "./urlencoded";

type Pair = [name: string, value: string];

let reset: (params: URLSearchParams, query: string) => void;
let bind: (params: URLSearchParams, onChange: (query: string) => void) => void;
let pairsOf: (params: URLSearchParams) => Pair[];
let isParams: (value: object) => value is URLSearchParams;

function wellFormed(value: unknown): string {
    return String(value).toWellFormed();
}

function pairsFromIterable(init: Iterable<unknown>): Pair[] {
    return Array.from(init, (pair): Pair => {
        const parts = typeof pair === "object" && pair !== null && Symbol.iterator in pair ? [...(pair as [])] : [];
        if (parts.length !== 2) {
            throw new TypeError(
                "Failed to construct 'URLSearchParams': Sequence initializer must only contain pair elements",
            );
        }
        return [wellFormed(parts[0]), wellFormed(parts[1])];
    });
}

function pairsFromRecord(init: object): Pair[] {
    const pairs = new Map<string, string>();
    for (const key of Reflect.ownKeys(init)) {
        if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) {
            if (typeof key === "symbol") {
                throw new TypeError("Failed to construct 'URLSearchParams': Cannot convert a Symbol value to a string");
            }
            pairs.set(wellFormed(key), wellFormed((init as Record<string, unknown>)[key]));
        }
    }
    return [...pairs];
}

function pairsFrom(init: unknown): Pair[] {
    if ((typeof init !== "object" && typeof init !== "function") || init === null) {
        return parseUrlencoded(wellFormed(init).replace(/^\?/, ""));
    }
    return Symbol.iterator in init ? pairsFromIterable(init as Iterable<unknown>) : pairsFromRecord(init);
}

/** Strings are made well-formed at the door, so that all pairs can be encoded. */
export class URLSearchParams {
    #pairs: Pair[];
    #onChange: ((query: string) => void) | undefined;

    static {
        reset = (params, query) => {
            params.#pairs = parseUrlencoded(query);
        };
        bind = (params, onChange) => {
            params.#onChange = onChange;
        };
        pairsOf = (params) => params.#pairs;
        isParams = (value): value is URLSearchParams => #pairs in value;
    }

    constructor(init: unknown = "") {
        this.#pairs = init === "" ? [] : pairsFrom(init);
    }

    #changed(): void {
        this.#onChange?.(serialiseUrlencoded(this.#pairs));
    }

    get size(): number {
        return this.#pairs.length;
    }

    append(name: string, value: string): void {
        needArguments("execute 'append' on 'URLSearchParams'", 2, arguments.length);
        this.#pairs.push([wellFormed(name), wellFormed(value)]);
        this.#changed();
    }

    delete(name: string, value?: string): void {
        needArguments("execute 'delete' on 'URLSearchParams'", 1, arguments.length);
        const wanted = wellFormed(name);
        const only = value === undefined ? undefined : wellFormed(value);
        const kept = this.#pairs.filter((pair) => pair[0] !== wanted || (only !== undefined && pair[1] !== only));
        // The list stays the same array, since iterators walk it while it changes.
        this.#pairs.splice(0, this.#pairs.length, ...kept);
        this.#changed();
    }

    get(name: string): string | null {
        needArguments("execute 'get' on 'URLSearchParams'", 1, arguments.length);
        const wanted = wellFormed(name);
        return this.#pairs.find((pair) => pair[0] === wanted)?.[1] ?? null;
    }

    getAll(name: string): string[] {
        needArguments("execute 'getAll' on 'URLSearchParams'", 1, arguments.length);
        const wanted = wellFormed(name);
        return this.#pairs.filter((pair) => pair[0] === wanted).map((pair) => pair[1]);
    }

    has(name: string, value?: string): boolean {
        needArguments("execute 'has' on 'URLSearchParams'", 1, arguments.length);
        const wanted = wellFormed(name);
        const only = value === undefined ? undefined : wellFormed(value);
        return this.#pairs.some((pair) => pair[0] === wanted && (only === undefined || pair[1] === only));
    }

    set(name: string, value: string): void {
        needArguments("execute 'set' on 'URLSearchParams'", 2, arguments.length);
        const wanted = wellFormed(name);
        const first = this.#pairs.findIndex((pair) => pair[0] === wanted);
        if (first < 0) {
            this.#pairs.push([wanted, wellFormed(value)]);
        } else {
            const kept = this.#pairs.filter((pair, at) => at <= first || pair[0] !== wanted);
            kept[first] = [wanted, wellFormed(value)];
            this.#pairs.splice(0, this.#pairs.length, ...kept);
        }
        this.#changed();
    }

    sort(): void {
        this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
        this.#changed();
    }

    toString(): string {
        return serialiseUrlencoded(this.#pairs);
    }
}

export interface URLSearchParams extends PairIteration<string> {}

definePairIteration(URLSearchParams, "URLSearchParams", (params) => (at) => pairsOf(params)[at]);
brand(URLSearchParams, "URLSearchParams");

kinds.params = (value): value is URLSearchParams => typeof value === "object" && value !== null && isParams(value);

/** Parameters that tell `onChange` the new query whenever they change. */
export function boundSearchParams(query: string, onChange: (query: string) => void): URLSearchParams {
    const params = new URLSearchParams();
    reset(params, query);
    bind(params, onChange);
    return params;
}

/** Replaces all pairs by those of a query, without telling the URL they are bound to. */
export function resetSearchParams(params: URLSearchParams, query: string): void {
    reset(params, query);
}
