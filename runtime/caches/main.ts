// caches: responses kept in the cell's memory under a byte budget, the least recently used going first. A part of its
// own, evaluated when a worker first names it. What may be kept and for how long is Cache-Control's to say.

import { brand } from "../web/brand";
import { Request } from "../web/request";
import { Response, responseFields } from "../web/response";

const BUDGET_BYTES = 16 * 1024 * 1024;

interface Entry {
    status: number;
    statusText: string;
    headers: [string, string][];
    isEncoded: boolean;
    body: Uint8Array;
    storedMs: number;
    freshMs: number;
}

const construct = Symbol("construct");

/** All caches of the cell, in one order of use: keys are the cache's name and the URL. */
const entries = new Map<string, Entry>();
let usedBytes = 0;

function forget(key: string): boolean {
    const entry = entries.get(key);
    if (entry === undefined) return false;
    usedBytes -= entry.body.length;
    return entries.delete(key);
}

function keep(key: string, entry: Entry): void {
    forget(key);
    if (entry.body.length > BUDGET_BYTES) return;
    entries.set(key, entry);
    usedBytes += entry.body.length;
    for (const oldest of entries.keys()) {
        if (usedBytes <= BUDGET_BYTES) return;
        forget(oldest);
    }
}

/** The directives of Cache-Control, lower case; a directive without a value has an empty one. */
function directives(headers: Headers): Map<string, string> {
    const list = (headers.get("cache-control") ?? "").split(",").map((part) => part.trim().toLowerCase());
    return new Map(list.filter(Boolean).map((part) => [part.split("=")[0]!.trim(), (part.split("=")[1] ?? "").replaceAll('"', "").trim()]));
}

type Headers = Response["headers"];

/** How long a response stays fresh; undefined if it must not be kept. */
function freshMs(headers: Headers): number | undefined {
    const rules = directives(headers);
    if (rules.has("no-store") || rules.has("private") || rules.has("no-cache")) return undefined;
    // With Set-Cookie only what says that its cookies are no part of it.
    if (headers.has("set-cookie") && !/set-cookie/.test(rules.get("private") ?? "")) return undefined;
    const seconds = Number(rules.get("s-maxage") ?? rules.get("max-age") ?? Number.NaN);
    if (!Number.isNaN(seconds)) return seconds > 0 ? seconds * 1000 : undefined;
    const expires = headers.get("expires");
    if (expires === null) return Number.POSITIVE_INFINITY;
    const left = Date.parse(expires) - Date.now();
    return left > 0 ? left : undefined;
}

const toRequest = (input: unknown) => (input instanceof Request ? input : new Request(input as Request));

function withoutHash(url: string): string {
    const at = url.indexOf("#");
    return at < 0 ? url : url.slice(0, at);
}

export class Cache {
    readonly #name: string;

    constructor(token?: unknown, name = "") {
        if (token !== construct) throw new TypeError("Illegal constructor");
        this.#name = name;
    }

    #key(request: Request): string {
        return `${this.#name}\n${withoutHash(request.url)}`;
    }

    async put(input: unknown, response: unknown): Promise<void> {
        const request = toRequest(input);
        if (!(response instanceof Response)) throw new TypeError("Cache.put() needs a Response.");
        if (request.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
        if (response.status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
        if (/(^|,)\s*\*\s*(,|$)/.test(response.headers.get("vary") ?? "")) {
            throw new TypeError("Cannot cache response with 'Vary: *' header.");
        }
        const fresh = freshMs(response.headers);
        const body = new Uint8Array(await response.arrayBuffer());
        if (fresh === undefined) return;
        const { status, statusText, isEncoded } = responseFields(response);
        const [headers, storedMs] = [[...response.headers], Date.now()];
        keep(this.#key(request), { status, statusText, headers, isEncoded, body, storedMs, freshMs: fresh });
    }

    async match(input: unknown, options?: { ignoreMethod?: boolean }): Promise<Response | undefined> {
        const request = toRequest(input);
        if (request.method !== "GET" && !options?.ignoreMethod) return undefined;
        const key = this.#key(request);
        const entry = entries.get(key);
        if (entry === undefined) return undefined;
        const ageMs = Date.now() - entry.storedMs;
        if (ageMs >= entry.freshMs) {
            forget(key);
            return undefined;
        }
        entries.delete(key);
        entries.set(key, entry);
        return answer(entry, request, ageMs);
    }

    async delete(input: unknown, options?: { ignoreMethod?: boolean }): Promise<boolean> {
        const request = toRequest(input);
        return (request.method === "GET" || !!options?.ignoreMethod) && forget(this.#key(request));
    }

    /** A request for each response that is kept. */
    async keys(): Promise<Request[]> {
        const prefix = `${this.#name}\n`;
        return [...entries.keys()].filter((key) => key.startsWith(prefix)).map((key) => new Request(key.slice(prefix.length)));
    }
}
brand(Cache, "Cache");

const strong = (tag: string) => tag.replace(/^W\//, "");

/** Whether a request asks for nothing but what has changed, and a response with these headers has not. */
function isKnown(asked: Headers, kept: Headers): boolean {
    const known = asked.get("if-none-match");
    if (known !== null) {
        const tag = kept.get("etag");
        const tags = known.match(/(?:W\/)?"[^"]*"|[^\s,]+/g) ?? [];
        return tag !== null && tags.some((one) => one === "*" || strong(one) === strong(tag));
    }
    return Date.parse(kept.get("last-modified") ?? "") <= Date.parse(asked.get("if-modified-since") ?? "");
}

/** The first byte that a Range header asks for and the one behind the last; undefined if it is none, or of several ranges. */
function rangeOf(asked: Headers, length: number): [from: number, to: number] | undefined {
    const [, first, last] = /^\s*bytes=(\d*)-(\d*)\s*$/i.exec(asked.get("range") ?? "") ?? [];
    if (first === undefined || last === undefined || first + last === "") return undefined;
    if (first === "") return [Math.max(0, length - Number(last)), Number(last) === 0 ? 0 : length];
    if (last !== "" && Number(last) < Number(first)) return undefined;
    return [Number(first), last === "" ? length : Math.min(length, Number(last) + 1)];
}

/** A kept response for a request that may be conditional, or for a part of it. */
function answer(entry: Entry, request: Request, ageMs: number): Response {
    const { status, statusText, body } = entry;
    const headers = new Response(null, { headers: entry.headers }).headers;
    headers.set("cf-cache-status", "HIT");
    headers.set("age", String(Math.floor(ageMs / 1000)));
    const encodeBody = entry.isEncoded ? "manual" : "automatic";
    if (isKnown(request.headers, headers)) return new Response(null, { status: 304, headers });
    const range = status === 200 && headers.has("content-length") ? rangeOf(request.headers, body.length) : undefined;
    if (range === undefined) {
        const nullBody = [101, 204, 205, 304].includes(status);
        return new Response(nullBody ? null : body.slice(), { status, statusText, headers, encodeBody });
    }
    const [from, to] = range;
    const isWithin = from < to;
    headers.set("content-range", isWithin ? `bytes ${from}-${to - 1}/${body.length}` : `bytes */${body.length}`);
    headers.set("content-length", String(isWithin ? to - from : 0));
    return new Response(isWithin ? body.slice(from, to) : "", { status: isWithin ? 206 : 416, headers, encodeBody });
}

export class CacheStorage {
    readonly #caches = new Map<string, Cache>();
    readonly default = new Cache(construct, "default");

    constructor(token?: unknown) {
        if (token !== construct) throw new TypeError("Illegal constructor");
    }

    async open(name: unknown): Promise<Cache> {
        const known = this.#caches.get(String(name)) ?? new Cache(construct, `:${String(name)}`);
        this.#caches.set(String(name), known);
        return known;
    }

    async has(name: unknown): Promise<boolean> {
        return this.#caches.has(String(name));
    }

    async keys(): Promise<string[]> {
        return [...this.#caches.keys()];
    }

    async delete(name: unknown): Promise<boolean> {
        for (const key of [...entries.keys()]) {
            if (key.startsWith(`:${String(name)}\n`)) forget(key);
        }
        return this.#caches.delete(String(name));
    }

    /** The first response among the caches that were opened by a name; the default cache is none of them. */
    async match(input: unknown, options?: { ignoreMethod?: boolean; cacheName?: string }): Promise<Response | undefined> {
        for (const [name, cache] of this.#caches) {
            const isAsked = options?.cacheName === undefined || options.cacheName === name;
            const response = isAsked ? await cache.match(input, options) : undefined;
            if (response !== undefined) return response;
        }
        return undefined;
    }
}
brand(CacheStorage, "CacheStorage");

export const caches = new CacheStorage(construct);
