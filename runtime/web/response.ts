// Response, as Workers have it: statuses 200 to 599 from a worker, anything from the wire.

import { Body, cloneContent, extractBody, type BodyInit } from "./body";
import { contentFromWire, type BodyBytes, type Content } from "./body-source";
import { brand } from "./brand";
import { addDefault, Headers, headersFromWire, wireHeaders, type HeaderList, type HeadersInit } from "./headers";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

const urls = lazy(() => require("./url") as typeof import("./url"));

export interface ResponseInit {
    status?: number;
    statusText?: string;
    headers?: HeadersInit;
    cf?: unknown;
    webSocket?: unknown;
    encodeBody?: string;
}

/** What a response holds of its own. */
export interface ResponseFields {
    status: number;
    statusText: string;
    headers: Headers;
    type: "default" | "error";
    url: string;
    redirected: boolean;
    cf: unknown;
    webSocket: unknown;
    /** The body is as Content-Encoding says already; any other is not yet. */
    isEncoded: boolean;
}

/** A response whose parts are known to be valid; no worker can get hold of this class. */
class Parts {
    constructor(
        readonly fields: ResponseFields,
        readonly content: Content | undefined,
    ) {}
}

function newFields(status: number, statusText: string, headers: Headers): ResponseFields {
    return {
        status,
        statusText,
        headers,
        type: "default",
        url: "",
        redirected: false,
        cf: undefined,
        webSocket: null,
        isEncoded: false,
    };
}

const nullBodyStatuses = new Set([101, 204, 205, 304]);
const NO_BODY = "Response with null body status (101, 204, 205, or 304) cannot have a body.";
/** A response's fields at once: its getters are for workers, and each would cost a cell pages. */
export let responseFields: (response: Response) => ResponseFields;

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const reasonPhrase = /^[\t\x20-\x7e\x80-\xff]*$/;

function fieldsFrom(init: ResponseInit): ResponseFields {
    if (typeof init !== "object") {
        throw new TypeError("Failed to construct 'Response': The provided value is not of type 'ResponseInit'.");
    }
    const status = init.status === undefined ? 200 : Math.trunc(Number(init.status)) & 0xffff;
    const webSocket = init.webSocket ?? null;
    if (webSocket !== null && status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
    if (webSocket === null && (status < 200 || status > 599)) {
        throw new RangeError("Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
    }
    const statusText = init.statusText === undefined ? "" : String(init.statusText);
    if (statusText !== "" && !reasonPhrase.test(statusText)) {
        throw new TypeError("Invalid statusText.");
    }
    const fields = newFields(status, statusText, new Headers(init.headers ?? undefined));
    fields.cf = init.cf;
    fields.webSocket = webSocket;
    if (init instanceof Response) fields.isEncoded = responseFields(init).isEncoded;
    else if (init.encodeBody !== undefined) fields.isEncoded = isManual(init.encodeBody);
    return fields;
}

function isManual(encodeBody: unknown): boolean {
    if (encodeBody !== "automatic" && encodeBody !== "manual") throw new TypeError(`encodeBody: unexpected value: ${String(encodeBody)}`);
    return encodeBody === "manual";
}

function partsFrom(body: unknown, init: ResponseInit): Parts {
    const fields = fieldsFrom(init);
    if (body === null || body === undefined) {
        return new Parts(fields, undefined);
    }
    const { content, type } = extractBody(body);
    if (nullBodyStatuses.has(fields.status)) {
        if (content.text === "" || content.bytes?.byteLength === 0) return new Parts(fields, undefined);
        throw new TypeError(NO_BODY);
    }
    if (type !== undefined) {
        addDefault(fields.headers, "content-type", type);
    }
    return new Parts(fields, content);
}

/** Throws RangeError for a wrong status and TypeError for anything else that is wrong. */
export class Response extends Body {
    readonly #fields: ResponseFields;

    static {
        responseFields = (response) => response.#fields;
    }

    constructor(body?: BodyInit | Parts | null, init?: ResponseInit | null) {
        const parts = body instanceof Parts ? body : partsFrom(body, init ?? {});
        super(parts.content);
        this.#fields = parts.fields;
    }

    static error(): Response {
        const fields = newFields(0, "", headersFromWire([], true));
        fields.type = "error";
        return new Response(new Parts(fields, undefined));
    }

    static json(data: unknown, init?: ResponseInit | null): Response {
        const text = JSON.stringify(data);
        if (text === undefined) {
            throw new TypeError("Failed to execute 'json' on 'Response': The data is not JSON serializable.");
        }
        const fields = fieldsFrom(init ?? {});
        if (nullBodyStatuses.has(fields.status)) throw new TypeError(NO_BODY);
        addDefault(fields.headers, "content-type", "application/json");
        return new Response(new Parts(fields, { text }));
    }

    static redirect(url: unknown, status: number = 302): Response {
        const location = urls().parseHref(String(url));
        if (location === undefined) {
            throw new TypeError(`Unable to parse URL: ${url}`);
        }
        const code = Number(status);
        if (!redirectStatuses.has(code)) {
            throw new RangeError(`The redirect status ${status} is not one of 301, 302, 303, 307, or 308.`);
        }
        return new Response(new Parts(newFields(code, "", headersFromWire([["location", location]], true)), undefined));
    }

    get type(): string {
        return this.#fields.type;
    }
    get url(): string {
        return this.#fields.url;
    }
    get redirected(): boolean {
        return this.#fields.redirected;
    }
    get status(): number {
        return this.#fields.status;
    }
    get ok(): boolean {
        return this.#fields.status >= 200 && this.#fields.status <= 299;
    }
    get statusText(): string {
        return this.#fields.statusText;
    }
    get headers(): Headers {
        return this.#fields.headers;
    }
    get cf(): unknown {
        return this.#fields.cf;
    }
    get webSocket(): unknown {
        return this.#fields.webSocket;
    }

    clone(): Response {
        if (this.#fields.webSocket !== null) {
            throw new TypeError("Cannot clone a response to a WebSocket handshake.");
        }
        const list = wireHeaders(this.#fields.headers).map(([name, value]): [string, string] => [name, value]);
        const fields = { ...this.#fields, headers: headersFromWire(list, false) };
        return new Response(new Parts(fields, cloneContent(this)));
    }
}
brand(Response, "Response", ["status", "statusText", "headers", "ok", "bodyUsed", "redirected", "type", "url"]);

/** Whether a response says where to go on. */
export function isRedirect(response: Response): boolean {
    return redirectStatuses.has(response.status) && response.headers.has("location");
}

/** For a response at the end of redirects, which led to `url`. */
export function markRedirected(response: Response, url: string): void {
    Object.assign(responseFields(response), { url, redirected: true });
}

/** What only a response that was fetched has. */
export interface ResponseExtra {
    /** Where it came from at last. */
    url?: string;
    redirected?: boolean;
    cf?: unknown;
    webSocket?: unknown;
    isEncoded?: boolean;
    /** What the body's length is, where the sender said so. */
    length?: number;
}

/** A response from the wire: trusted, not validated, with immutable headers. The list is kept, not copied. */
export function responseFromWire(
    status: number,
    statusText: string,
    headers: HeaderList,
    body: BodyBytes | undefined,
    extra: ResponseExtra = {},
): Response {
    const fields = newFields(status, statusText, headersFromWire(headers, true));
    fields.url = extra.url ?? "";
    fields.redirected = extra.redirected ?? false;
    fields.cf = extra.cf;
    fields.webSocket = extra.webSocket ?? null;
    fields.isEncoded = extra.isEncoded ?? false;
    return new Response(new Parts(fields, body === undefined ? undefined : contentFromWire(body, extra.length)));
}
