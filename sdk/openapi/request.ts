// From an operation and its input object to an HTTP request, by the document's styles, and from the response to a value.
// Credentials are nobody's business here: whoever sends the request adds them.

import { nearestNames } from "../code/nearest";
import { isObject, list, own, text, type Json } from "../types/schema";
import { isJson, isMultipart, isText, isUrlencoded } from "./media";
import { objectProperties, type Api, type Operation, type Parameter } from "./operations";

const RESPONSE_BYTES_MAX = 32 << 20;
const ERROR_CHARACTERS_MAX = 600;

const scalar = (value: unknown): string =>
    typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

function encode(value: string, allowReserved = false): string {
    return allowReserved ? encodeURI(value).replaceAll("#", "%23") : encodeURIComponent(value);
}

const entriesOf = (value: Json): [string, unknown][] => Object.entries(value).filter(([, inner]) => inner !== undefined);

/** A path or header value by the styles simple, label and matrix. */
function simpleValue({ name, style, explode }: Parameter, value: unknown, escape: (text: string) => string): string {
    const prefix = style === "label" ? "." : style === "matrix" ? `;${name}=` : "";
    if (Array.isArray(value)) {
        const items = value.map((item) => escape(scalar(item)));
        if (!explode) return prefix + items.join(",");
        return style === "matrix" ? items.map((item) => `;${name}=${item}`).join("") : prefix + items.join(style === "label" ? "." : ",");
    }
    if (isObject(value)) {
        const pairs = entriesOf(value).map(([key, inner]) => [escape(key), escape(scalar(inner))]);
        if (!explode) return prefix + pairs.flat().join(",");
        const separator = style === "label" ? "." : style === "matrix" ? ";" : ",";
        return (style === "simple" ? "" : separator) + pairs.map((pair) => pair.join("=")).join(separator);
    }
    return prefix + escape(scalar(value));
}

/** Query parameters as name=value pairs, by the styles form, spaceDelimited, pipeDelimited and deepObject. */
function queryPairs({ name, style, explode, allowReserved, mediaType }: Parameter, value: unknown): string[] {
    const pair = (key: string, inner: unknown): string => `${encode(key)}=${encode(scalar(inner), allowReserved)}`;
    if (mediaType !== undefined) return [`${encode(name)}=${encode(JSON.stringify(value))}`];
    if (Array.isArray(value)) {
        if (explode) return value.map((item) => pair(name, item));
        const separator = { spaceDelimited: "%20", pipeDelimited: "|" }[style] ?? ",";
        return [`${encode(name)}=${value.map((item) => encode(scalar(item), allowReserved)).join(separator)}`];
    }
    if (!isObject(value)) return [pair(name, value)];
    if (style === "deepObject") return entriesOf(value).map(([key, inner]) => pair(`${name}[${key}]`, inner));
    if (explode) return entriesOf(value).map(([key, inner]) => pair(key, inner));
    return [`${encode(name)}=${entriesOf(value).flat().map((part) => encode(scalar(part), allowReserved)).join(",")}`];
}

// --- Path ------------------------------------------------------------------------------------------------------------

/** A path parameter's value as it stands in the path: something, and nothing of it null. */
function pathValue(parameter: Parameter, value: unknown, label: string): string {
    if ([value].flat().some((part) => part === null || part === undefined)) throw new TypeError(`${label}: ${parameter.property} cannot be null`);
    const escape = (part: string): string => encode(part, parameter.allowReserved).replaceAll("?", "%3F");
    const written = simpleValue(parameter, value, escape);
    if (written === "") throw new TypeError(`${label}: ${parameter.property} cannot be empty`);
    return written;
}

/** The path with its values. URLs swallow segments of dots, and the request would go elsewhere. */
function pathOf({ path, parameters }: Operation, given: Json, label: string): string {
    const known = new Map(parameters.filter(({ location }) => location === "path").map((parameter) => [parameter.name, parameter]));
    return path.replace(/(?:\{[^{}]*\}|[^/])+/g, (segment) => {
        const names: string[] = [];
        const written = segment.replace(/\{([^{}]*)\}/g, (placeholder, name: string) => {
            const parameter = known.get(name);
            if (!parameter) return placeholder;
            names.push(parameter.property);
            return pathValue(parameter, given[parameter.property], label);
        });
        const dots = written.split("/").find((part) => /^(?:\.|%2e){1,2}$/i.test(part));
        if (dots !== undefined && names.length > 0) throw new TypeError(`${label}: ${names.join(" and ")} cannot make "${dots}" of a part of the path`);
        return written;
    });
}

// --- Input -----------------------------------------------------------------------------------------------------------

const NAMES_SHOWN_MAX = 30;

/** The property names that an operation's input may have. An open body may have others; only what is near one of these is a mistake. */
function knownNames(api: Api, { parameters, body }: Operation): { names: Set<string>; isOpen: boolean } {
    const names = new Set(parameters.map(({ property }) => property));
    if (body?.property !== undefined) names.add(body.property);
    if (!body || body.property !== undefined) return { names, isOpen: false };
    for (const name of objectProperties(api.document, body.schema) ?? []) names.add(name);
    return { names, isOpen: own(api.document.resolve(body.schema), "additionalProperties") !== false };
}

function listed(names: Set<string>): string {
    const shown = [...names].slice(0, NAMES_SHOWN_MAX);
    if (names.size > shown.length) shown.push(`and ${names.size - shown.length} more`);
    return shown.join(", ") || "nothing";
}

/** Refuses an input that cannot be meant, in words that help to mend it. */
function checkInput(api: Api, operation: Operation, input: Json, label: string): void {
    const missing = operation.parameters.filter(({ property, isRequired }) => isRequired && input[property] === undefined);
    const { names, isOpen } = knownNames(api, operation);
    const unknown = Object.keys(input).filter((name) => !names.has(name) && input[name] !== undefined);
    if (missing.length > 0) {
        const hints = unknown.length > 0 ? `; it was given ${unknown.join(", ")}` : "";
        throw new TypeError(`${label}: missing ${missing.map(({ property }) => property).join(", ")}${hints}`);
    }
    for (const name of unknown) {
        const near = nearestNames(name, names);
        if (near.length > 0) throw new TypeError(`${label} takes no ${name}. Did you mean ${near.join(", ")}?`);
        if (!isOpen) throw new TypeError(`${label} takes no ${name}. It takes ${listed(names)}.`);
    }
}

/** What of the input is the body's: all that is no parameter, or the property that stands for it. */
function bodyValue({ parameters, body }: Operation, input: Json): unknown {
    if (!body) return undefined;
    if (body.property !== undefined) return input[body.property];
    const taken = new Set(parameters.map(({ property }) => property));
    const rest = Object.entries(input).filter(([name]) => !taken.has(name));
    return rest.length > 0 || body.isRequired ? Object.fromEntries(rest) : undefined;
}

function encodeBody(mediaType: string, value: unknown): { body: BodyInit; type?: string } {
    if (isMultipart(mediaType) && isObject(value)) {
        const form = new FormData();
        for (const [name, inner] of entriesOf(value)) {
            for (const item of Array.isArray(inner) ? inner : [inner]) {
                if (item instanceof Uint8Array || item instanceof ArrayBuffer) form.append(name, new Blob([item as BlobPart]), name);
                else form.append(name, scalar(item));
            }
        }
        return { body: form };
    }
    if (isUrlencoded(mediaType) && isObject(value)) {
        const pairs = entriesOf(value).flatMap(([name, inner]) => list(Array.isArray(inner) ? inner : [inner]).map((item) => [name, scalar(item)]));
        return { body: new URLSearchParams(pairs as string[][]).toString(), type: "application/x-www-form-urlencoded" };
    }
    if (isJson(mediaType)) return { body: JSON.stringify(value), type: mediaType };
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) return { body: value as BodyInit, type: mediaType };
    return { body: scalar(value), type: mediaType };
}

// --- Request and response --------------------------------------------------------------------------------------------

/** The base address of an operation: its own servers' first, with the variables' defaults. */
export function serverOf(api: Api, operation: Operation | undefined, documentUrl?: string): string {
    const server = list(operation?.servers)[0] ?? list(own(api.document.root, "servers"))[0];
    const template = text(own(server, "url")) || "/";
    const variables = own(server, "variables");
    const url = template.replace(/\{([^{}]+)\}/g, (_, name: string) => text(own(own(variables, name), "default")));
    const absolute = documentUrl === undefined ? url : new URL(url, documentUrl).href;
    return absolute.replace(/\/+$/, "");
}

/** Makes the request. `label` names the function in errors; `base` is the server's address. */
export function buildRequest(api: Api, operation: Operation, input: unknown, base: string, label: string): Request {
    if (input !== undefined && !isObject(input)) throw new TypeError(`${label} takes one object with named properties.`);
    const given: Json = input ?? {};
    checkInput(api, operation, given, label);
    const headers = new Headers({ accept: "application/json, */*;q=0.5" });
    const query: string[] = [];
    const cookies: string[] = [];
    const path = pathOf(operation, given, label);
    for (const parameter of operation.parameters) {
        const value = given[parameter.property];
        if (value === undefined || value === null || parameter.location === "path") continue;
        if (parameter.location === "query") query.push(...queryPairs(parameter, value));
        else if (parameter.location === "header") headers.set(parameter.name, simpleValue(parameter, value, (t) => t));
        else cookies.push(`${encode(parameter.name)}=${encode(scalar(value))}`);
    }
    if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
    const url = `${base}${path}${query.length > 0 ? `${path.includes("?") ? "&" : "?"}${query.join("&")}` : ""}`;
    const value = bodyValue(operation, given);
    if (value === undefined || /^(?:GET|HEAD)$/.test(operation.method)) return new Request(url, { method: operation.method, headers });
    const { body, type } = encodeBody(operation.body!.mediaType, value);
    if (type !== undefined) headers.set("content-type", type);
    return new Request(url, { method: operation.method, headers, body });
}

async function readBounded(response: Response, label: string): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next && !next.done; next = await reader!.read()) {
        length += next.value.length;
        if (length > RESPONSE_BYTES_MAX) {
            await reader!.cancel();
            throw new Error(`${label}: the response is larger than ${RESPONSE_BYTES_MAX >> 20} MiB`);
        }
        parts.push(next.value);
    }
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
        whole.set(part, offset);
        offset += part.length;
    }
    return whole;
}

/** The text that these bytes are by their content type: UTF-8, unless it names an encoding that is known. */
function decode(bytes: Uint8Array, type: string): string {
    const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1] ?? "utf-8";
    let decoder: TextDecoder;
    try {
        decoder = new TextDecoder(charset);
    } catch {
        decoder = new TextDecoder();
    }
    return decoder.decode(bytes);
}

/** The response's value: JSON, text or bytes; null for none. What is no success is thrown, with what the server said. */
export async function readResponse(response: Response, label: string): Promise<unknown> {
    const bytes = await readBounded(response, label);
    const type = response.headers.get("content-type") ?? "";
    const asText = (): string => decode(bytes, type);
    if (!response.ok) {
        const said = asText().replace(/\s+/g, " ").trim();
        const shown = said.length > ERROR_CHARACTERS_MAX ? `${said.slice(0, ERROR_CHARACTERS_MAX)}…` : said;
        throw new Error(`${label}: HTTP ${response.status}${response.statusText ? ` ${response.statusText}` : ""}${shown ? `: ${shown}` : ""}`);
    }
    if (bytes.length === 0) return null;
    if (isJson(type) || type === "") {
        try {
            return JSON.parse(asText());
        } catch {
            if (type !== "") throw new Error(`${label}: the server said JSON and sent none: ${asText().slice(0, 200)}`);
        }
    }
    return isText(type) || type === "" ? asText() : bytes;
}
