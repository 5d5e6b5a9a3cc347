// URL over the strings of its parts: parsed the short way where that is certain, by the full parser elsewhere.

import { needArguments } from "./arguments";
import { brand } from "./brand";
import { lazy } from "./lazy";
import { editPlain, parsePlain, resolvePlain, withQuery, type Parts } from "./url-parts";
import { boundSearchParams, resetSearchParams, URLSearchParams } from "./url-search-params";

declare const require: (path: string) => unknown;

const machine = lazy(() => require("./url-machine") as typeof import("./url-machine"));

function parseParts(input: string, base?: Parts): Parts | undefined {
    const plain = parsePlain(input) ?? (base && resolvePlain(input, base));
    if (plain !== undefined) {
        return plain;
    }
    const record = machine().parseRecord(input, base?.href);
    return record === null ? undefined : machine().partsOf(record);
}

let partsOf: (value: object) => Parts | undefined;

/** Those of a URL that would turn into its own href. */
function ownParts(base: unknown): Parts | undefined {
    if (typeof base !== "object" || base === null || (base as { toString: unknown }).toString !== toString || Symbol.toPrimitive in base) {
        return undefined;
    }
    return partsOf(base);
}

/** Parses `input` against `base`, both as a worker gave them; undefined if either is no URL. */
function parse(input: unknown, base: unknown): Parts | undefined {
    const text = String(input).toWellFormed();
    if (base === undefined) {
        return parseParts(text);
    }
    const baseParts = ownParts(base) ?? parseParts(String(base).toWellFormed());
    return baseParts && parseParts(text, baseParts);
}

/** The serialised form of an absolute URL, or undefined if it is none. */
export function parseHref(input: string): string | undefined {
    return parseParts(input.toWellFormed())?.href;
}

/** Parts that are known to be valid; no worker can get hold of this class. */
class Parsed {
    constructor(readonly parts: Parts) {}
}

/** Holds no record of the parser: every edit starts from the serialised URL, which parses to the same again. */
export class URL {
    #parts: Parts;
    #params: URLSearchParams | undefined;

    static {
        partsOf = (value) => (#parts in value ? value.#parts : undefined);
    }

    constructor(url: unknown, base?: unknown) {
        needArguments("construct 'URL'", 1, arguments.length);
        const parts = url instanceof Parsed ? url.parts : parse(url, base);
        if (parts === undefined) {
            throw new TypeError("Invalid URL string.");
        }
        this.#parts = parts;
    }

    static canParse(url: unknown, base?: unknown): boolean {
        return parse(url, base) !== undefined;
    }

    static parse(url: unknown, base?: unknown): URL | null {
        const parts = parse(url, base);
        return parts === undefined ? null : new URL(new Parsed(parts));
    }

    static createObjectURL(_object: unknown): never {
        throw new Error("URL.createObjectURL() is not implemented");
    }

    static revokeObjectURL(_url: unknown): never {
        throw new Error("URL.revokeObjectURL() is not implemented");
    }

    #edit(component: string, value: unknown): void {
        const text = String(value).toWellFormed();
        this.#parts = editPlain(this.#parts, component, text) ?? machine().edit(this.#parts.href, component, text);
    }

    #resetParams(): void {
        if (this.#params !== undefined) {
            resetSearchParams(this.#params, this.#parts.search.slice(1));
        }
    }

    get href(): string {
        return this.#parts.href;
    }
    set href(value: unknown) {
        const parts = parse(value, undefined);
        if (parts === undefined) {
            throw new TypeError("Invalid URL string.");
        }
        this.#parts = parts;
        this.#resetParams();
    }
    get origin(): string {
        return this.#parts.origin;
    }
    get protocol(): string {
        return this.#parts.protocol;
    }
    set protocol(value: unknown) {
        this.#edit("protocol", value);
    }
    get username(): string {
        return this.#parts.username;
    }
    set username(value: unknown) {
        this.#edit("username", value);
    }
    get password(): string {
        return this.#parts.password;
    }
    set password(value: unknown) {
        this.#edit("password", value);
    }
    get host(): string {
        const { hostname, port } = this.#parts;
        return port === "" ? hostname : `${hostname}:${port}`;
    }
    set host(value: unknown) {
        this.#edit("host", value);
    }
    get hostname(): string {
        return this.#parts.hostname;
    }
    set hostname(value: unknown) {
        this.#edit("hostname", value);
    }
    get port(): string {
        return this.#parts.port;
    }
    set port(value: unknown) {
        this.#edit("port", value);
    }
    get pathname(): string {
        return this.#parts.pathname;
    }
    set pathname(value: unknown) {
        this.#edit("pathname", value);
    }
    get search(): string {
        return this.#parts.search;
    }
    set search(value: unknown) {
        this.#edit("search", value);
        this.#resetParams();
    }
    get hash(): string {
        return this.#parts.hash;
    }
    set hash(value: unknown) {
        this.#edit("hash", value);
    }

    get searchParams(): URLSearchParams {
        return (this.#params ??= boundSearchParams(this.#parts.search.slice(1), (query) => {
            this.#parts = withQuery(this.#parts, query === "" ? null : query);
        }));
    }

    toString(): string {
        return this.#parts.href;
    }

    toJSON(): string {
        return this.#parts.href;
    }
}
const { toString } = URL.prototype;
brand(URL, "URL", ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname",
    "search", "searchParams", "hash"]);
