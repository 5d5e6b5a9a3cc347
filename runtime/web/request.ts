// Request, as Workers have it. Its URL is parsed only when it comes from a worker: from the wire it is absolute and
// serialised already.

import type { AbortSignal } from "./abort";
import { Body, cloneContent, extractBody, hasNullBody, moveContent, type BodyInit } from "./body";
import { contentFromWire, type BodyBytes, type Content } from "./body-source";
import { brand } from "./brand";
import { addDefault, Headers, headersFromWire, wireHeaders, type HeaderList, type HeadersInit } from "./headers";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

const aborts = lazy(() => require("./abort") as typeof import("./abort"));
const urls = lazy(() => require("./url") as typeof import("./url"));

export interface RequestInit {
    method?: string;
    headers?: HeadersInit;
    body?: BodyInit | null;
    redirect?: string;
    signal?: AbortSignal | null;
    cf?: unknown;
    cache?: string;
    integrity?: string;
    keepalive?: boolean;
    duplex?: "half";
}

interface Fields {
    method: string;
    url: string;
    headers: Headers;
    redirect: string;
    signal: AbortSignal | undefined;
    /** Stands for a signal until somebody asks for one. */
    aborting: Aborting | undefined;
    cf: unknown;
    cache: string | undefined;
    integrity: string;
    keepalive: boolean;
}

/** A request whose parts are known to be valid; no worker can get hold of this class. */
class Parts {
    constructor(
        readonly fields: Fields,
        readonly content: Content | undefined,
    ) {}
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const forbiddenMethods = new Set(["CONNECT", "TRACE", "TRACK"]);

function normaliseMethod(method: unknown): string {
    const upper = String(method).toUpperCase();
    if (!token.test(upper) || forbiddenMethods.has(upper)) {
        throw new TypeError(`Invalid HTTP method string: ${method}`);
    }
    return upper;
}

function checkRedirect(redirect: unknown): string {
    if (redirect !== "follow" && redirect !== "manual") {
        throw new TypeError(
            'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it ' +
                "does not make sense at the edge; use \"manual\" and check the response status code).",
        );
    }
    return redirect;
}

const cacheModes = new Set(["default", "no-store", "reload", "no-cache", "force-cache"]);

function checkCache(cache: unknown): string {
    if (!cacheModes.has(cache as string)) {
        throw new TypeError(`Unsupported cache mode: ${String(cache)}`);
    }
    return cache as string;
}

function fieldsFromUrl(input: unknown): Fields {
    const text = String(input);
    const url = urls().parseHref(text);
    if (url === undefined) {
        throw new TypeError(`Invalid URL: ${text}`);
    }
    return {
        method: "GET",
        url,
        headers: new Headers(),
        redirect: "follow",
        signal: undefined,
        aborting: undefined,
        cf: undefined,
        cache: undefined,
        integrity: "",
        keepalive: false,
    };
}

function copyHeaders(headers: Headers): Headers {
    return headersFromWire(wireHeaders(headers).map(([name, value]) => [name, value]), false);
}

/** Overwrites what `init` sets, in place. */
function applyInit(fields: Fields, init: RequestInit): void {
    if (init.method !== undefined) {
        fields.method = normaliseMethod(init.method);
    }
    if (init.headers !== undefined && init.headers !== null) {
        fields.headers = new Headers(init.headers);
    }
    if (init.redirect !== undefined) {
        fields.redirect = checkRedirect(init.redirect);
    }
    if (init.signal === null) {
        fields.signal = undefined;
    } else if (init.signal !== undefined) {
        if (!(init.signal instanceof aborts().AbortSignal)) {
            throw new TypeError("Failed to construct 'Request': member signal is not of type AbortSignal.");
        }
        fields.signal = init.signal;
    }
    fields.cf = init.cf ?? fields.cf;
    fields.cache = init.cache === undefined ? fields.cache : checkCache(init.cache);
    fields.integrity = init.integrity === undefined ? fields.integrity : String(init.integrity);
    fields.keepalive = init.keepalive === undefined ? fields.keepalive : !!init.keepalive;
}

function checkMayHaveBody(method: string): void {
    if (method === "GET" || method === "HEAD") {
        throw new TypeError("Request with a GET or HEAD method cannot have a body.");
    }
}

function contentFromInit(fields: Fields, body: unknown): Content {
    checkMayHaveBody(fields.method);
    const { content, type } = extractBody(body);
    if (type !== undefined) {
        addDefault(fields.headers, "content-type", type);
    }
    return content;
}

let fieldsOf: (request: Request) => Fields;

function partsFrom(input: unknown, init: RequestInit): Parts {
    const from = input instanceof Request ? input : undefined;
    const fields = from === undefined ? fieldsFromUrl(input) : { ...fieldsOf(from) };
    if (from !== undefined) {
        fields.headers = copyHeaders(fields.headers);
    }
    applyInit(fields, init);
    if (init.body !== undefined && init.body !== null) {
        return new Parts(fields, contentFromInit(fields, init.body));
    }
    // A null body in init drops the body of the request that this one is made from.
    if (from === undefined || init.body === null || hasNullBody(from)) {
        return new Parts(fields, undefined);
    }
    checkMayHaveBody(fields.method);
    return new Parts(fields, moveContent(from));
}

/** Throws TypeError for a wrong URL, method, redirect, signal, header or body. */
export class Request extends Body {
    readonly #fields: Fields;
    #signal: AbortSignal | undefined;

    static {
        fieldsOf = (request) => request.#fields;
    }

    constructor(input: string | Request | { toString(): string } | Parts, init?: RequestInit | null) {
        const parts = input instanceof Parts ? input : partsFrom(input, init ?? {});
        super(parts.content);
        this.#fields = parts.fields;
    }

    get method(): string {
        return this.#fields.method;
    }
    get url(): string {
        return this.#fields.url;
    }
    get headers(): Headers {
        return this.#fields.headers;
    }
    get redirect(): string {
        return this.#fields.redirect;
    }
    /** Follows the signal that the request was made with; never aborts if there was none. */
    get signal(): AbortSignal {
        const given = (this.#fields.signal ??= signalOf(this.#fields.aborting));
        return (this.#signal ??= aborts().dependentSignal(given === undefined ? [] : [given]));
    }
    get cf(): unknown {
        return this.#fields.cf;
    }
    get cache(): string | undefined {
        return this.#fields.cache;
    }
    get integrity(): string {
        return this.#fields.integrity;
    }
    get keepalive(): boolean {
        return this.#fields.keepalive;
    }

    clone(): Request {
        const fields = { ...this.#fields, headers: copyHeaders(this.#fields.headers) };
        return new Request(new Parts(fields, cloneContent(this)));
    }
}
brand(Request, "Request", ["method", "url", "headers", "redirect", "cf", "bodyUsed"]);

/** Where a request on the wire learns that it was given up. */
export interface Aborting {
    readonly aborted: boolean;
    readonly reason: unknown;
    readonly listeners: ((reason: unknown) => void)[];
}

function signalOf(aborting: Aborting | undefined): AbortSignal | undefined {
    if (aborting === undefined) return undefined;
    const controller = new (aborts().AbortController)();
    if (aborting.aborted) controller.abort(aborting.reason);
    else aborting.listeners.push((reason) => controller.abort(reason));
    return controller.signal;
}

/** What a request from the wire may carry besides its head and body. */
export interface RequestExtra {
    redirect?: string;
    cf?: unknown;
    /** What the body's length is, where the sender said so. */
    length?: number;
}

/** A request from the wire: trusted, not validated, with immutable headers. The list is kept, not copied. */
export function requestFromWire(
    method: string,
    url: string,
    headers: HeaderList,
    body: BodyBytes | undefined,
    aborting?: Aborting,
    extra: RequestExtra = {},
): Request {
    const fields: Fields = {
        method,
        url,
        headers: headersFromWire(headers, true),
        redirect: extra.redirect ?? "follow",
        signal: undefined,
        aborting,
        cf: extra.cf,
        cache: undefined,
        integrity: "",
        keepalive: false,
    };
    return new Request(new Parts(fields, body === undefined ? undefined : contentFromWire(body, extra.length)));
}

/** Calls `listener` when the request is given up by whoever made it; costs nothing until then. */
export function whenAborted(request: Request, listener: (reason: unknown) => void): void {
    const { signal, aborting } = fieldsOf(request);
    if (signal === undefined) {
        if (aborting?.aborted) listener(aborting.reason);
        else aborting?.listeners.push(listener);
    } else if (signal.aborted) {
        listener(signal.reason);
    } else {
        signal.addEventListener("abort", () => listener(signal.reason));
    }
}
