// Headers over the plain list in which they travel: [name, value] pairs in wire order and wire spelling. Names are
// folded to lower case when they are compared or listed, not when they arrive, so that a request which only passes
// through costs nothing.

import { wrongType } from "./arguments";
import { brand } from "./brand";
import { definePairIteration, type PairIteration } from "./pair-iterator";

export type HeaderList = [name: string, value: string][];
export type HeadersInit = Headers | Iterable<Iterable<string>> | Record<string, string>;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const notValue = /[\0\r\n]|[^\0-\xff]/;
const edgeSpace = /^[\t\n\r ]+|[\t\n\r ]+$/g;

/** The list as it travels; Set-Cookie headers stay apart. The caller must not change it. */
export let wireHeaders: (headers: Headers) => HeaderList;
/** Headers over a trusted list, which is kept and not copied. */
export let headersFromWire: (list: HeaderList, immutable: boolean) => Headers;
let walk: (headers: Headers) => (at: number) => [string, string] | undefined;

function checkName(name: unknown): string {
    const text = `${name as string}`; // which throws TypeError for a symbol
    if (!token.test(text)) {
        throw new TypeError("Invalid header name.");
    }
    return text;
}

function checkValue(value: unknown): string {
    const text = `${value as string}`;
    const first = text.charCodeAt(0);
    const last = text.charCodeAt(text.length - 1);
    const trimmed = first <= 0x20 || last <= 0x20 ? text.replace(edgeSpace, "") : text;
    if (notValue.test(trimmed)) {
        throw new TypeError("Invalid header value.");
    }
    return trimmed;
}

function needStrings(method: string, wanted: number, given: number): void {
    if (given < wanted) throw wrongType(`execute '${method}' on 'Headers'`, given + 1, "string");
}

/** `lower` is in lower case; names mostly differ in length or in their last letter. */
function sameName(name: string, lower: string): boolean {
    const last = name.length - 1;
    return (
        name === lower ||
        (last === lower.length - 1 &&
            (name.charCodeAt(last) | 0x20) === (lower.charCodeAt(last) | 0x20) &&
            name.toLowerCase() === lower)
    );
}

function indexOf(list: HeaderList, lower: string, from = 0): number {
    for (let at = from; at < list.length; at++) {
        if (sameName(list[at]![0], lower)) {
            return at;
        }
    }
    return -1;
}

/** Checks names and values that a worker gives; what came from the wire was checked there. */
export class Headers {
    #list: HeaderList = [];
    #immutable = false;

    static {
        wireHeaders = (headers) => headers.#list;
        walk = (headers) => headers.#walk();
        headersFromWire = (list, immutable) => {
            const headers = new Headers();
            headers.#list = list;
            headers.#immutable = immutable;
            return headers;
        };
    }

    constructor(init?: HeadersInit) {
        if (init !== undefined) {
            this.#fill(init);
        }
    }

    #fill(init: HeadersInit): void {
        if (typeof init !== "object" && typeof init !== "function") {
            throw new TypeError("Failed to construct 'Headers': The provided value is not of type 'HeadersInit'.");
        }
        if (init === null) {
            throw new TypeError("Failed to construct 'Headers': The provided value is not of type 'HeadersInit'.");
        }
        if (#list in init && Headers.prototype[Symbol.iterator] === init[Symbol.iterator]) {
            this.#list = init.#list.map(([name, value]) => [name, value]);
        } else if (typeof (init as Iterable<unknown>)[Symbol.iterator] === "function") {
            this.#fillPairs(init as Iterable<Iterable<string>>);
        } else {
            for (const key of Reflect.ownKeys(init)) {
                if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) {
                    const name = checkName(key);
                    this.append(name, (init as Record<string, string>)[name]!);
                }
            }
        }
    }

    #fillPairs(pairs: Iterable<Iterable<string>>): void {
        for (const pair of pairs) {
            const parts = typeof pair === "object" && pair !== null ? [...pair] : [];
            if (parts.length !== 2) {
                throw new TypeError("Failed to construct 'Headers': A sequence must only contain pairs of strings.");
            }
            this.append(parts[0]!, parts[1]!);
        }
    }

    #checkMutable(): void {
        if (this.#immutable) {
            throw new TypeError("Can't modify immutable headers.");
        }
    }

    append(name: string, value: string): void {
        needStrings("append", 2, arguments.length);
        const pair: [string, string] = [checkName(name), checkValue(value)];
        this.#checkMutable();
        this.#list.push(pair);
    }

    delete(name: string): void {
        needStrings("delete", 1, arguments.length);
        const lower = checkName(name).toLowerCase();
        this.#checkMutable();
        this.#list = this.#list.filter((pair) => !sameName(pair[0], lower));
    }

    get(name: string): string | null {
        needStrings("get", 1, arguments.length);
        const lower = checkName(name).toLowerCase();
        let found: string | null = null;
        for (const pair of this.#list) {
            if (sameName(pair[0], lower)) {
                found = found === null ? pair[1] : `${found}, ${pair[1]}`;
            }
        }
        return found;
    }

    /** An old Workers method, for the one header whose values cannot be joined. */
    getAll(name: string): string[] {
        needStrings("getAll", 1, arguments.length);
        if (String(name).toLowerCase() !== "set-cookie") {
            throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
        }
        return this.getSetCookie();
    }

    getSetCookie(): string[] {
        return this.#list.filter((pair) => sameName(pair[0], "set-cookie")).map((pair) => pair[1]);
    }

    has(name: string): boolean {
        needStrings("has", 1, arguments.length);
        const lower = checkName(name).toLowerCase();
        return indexOf(this.#list, lower) >= 0;
    }

    set(name: string, value: string): void {
        needStrings("set", 2, arguments.length);
        const pair: [string, string] = [checkName(name), checkValue(value)];
        this.#checkMutable();
        const lower = pair[0].toLowerCase();
        const index = indexOf(this.#list, lower);
        if (index < 0) {
            this.#list.push(pair);
            return;
        }
        const isAlone = indexOf(this.#list, lower, index + 1) < 0;
        // A new list, so that iterators notice.
        this.#list = isAlone ? this.#list.slice() : this.#list.filter((other, at) => at <= index || !sameName(other[0], lower));
        this.#list[index] = pair;
    }

    /** Lower-case names in order, values of one name joined; each Set-Cookie stays an entry of its own. */
    #sorted(): HeaderList {
        const joined = new Map<string, string>();
        const cookies: HeaderList = [];
        for (const [name, value] of this.#list) {
            const lower = name.toLowerCase();
            if (lower === "set-cookie") {
                cookies.push([lower, value]);
            } else {
                const before = joined.get(lower);
                joined.set(lower, before === undefined ? value : `${before}, ${value}`);
            }
        }
        const all = [...joined, ...cookies];
        return all.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    }

    /** The list may change meanwhile; the same position is then one of the list as it is by then. */
    #walk(): (at: number) => [string, string] | undefined {
        let seen: HeaderList | undefined;
        let length = 0;
        let sorted: HeaderList = [];
        return (at) => {
            if (seen !== this.#list || length !== this.#list.length) {
                seen = this.#list;
                length = seen.length;
                sorted = this.#sorted();
            }
            return sorted[at];
        };
    }
}

export interface Headers extends PairIteration<string> {}

definePairIteration(Headers, "Headers", walk);
brand(Headers, "Headers");

/** Appends a header whose name and value are known to be valid, unless one of that name is there. */
export function addDefault(headers: Headers, lowerName: string, value: string): void {
    const list = wireHeaders(headers);
    if (indexOf(list, lowerName) < 0) {
        list.push([lowerName, value]);
    }
}
