// From an operation and its input object to an HTTP request, by the document's styles, and from the response to a value.
// Credentials are nobody's business here: whoever sends the request adds them.

import { nearestNames } from "../code/nearest";
import { list, own, text, type Json } from "../types/schema";
import { encodeBody, hasBinary } from "./bodies";
import { isJson, isText } from "./media";
import { objectProperties, type Api, type Operation, type Parameter } from "./operations";
import { scalar, simpleValue, styledPairs } from "./styles";
import { isPlainObject, plainValue, Spot } from "./values";

const RESPONSE_BYTES_MAX = 32 << 20;
const ERROR_CHARACTERS_MAX = 600;

function encode(value: string, allowReserved = false): string {
    return allowReserved ? encodeURI(value).replaceAll("#", "%23") : encodeURIComponent(value);
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
function pathOf({ path, parameters }: Operation, values: Map<Parameter, unknown>, label: string): string {
    const known = new Map(parameters.filter(({ location }) => location === "path").map((parameter) => [parameter.name, parameter]));
    return path.replace(/(?:\{[^{}]*\}|[^/])+/g, (segment) => {
        const names: string[] = [];
        const written = segment.replace(/\{([^{}]*)\}/g, (placeholder, name: string) => {
            const parameter = known.get(name);
            if (!parameter) return placeholder;
            names.push(parameter.property);
            return pathValue(parameter, values.get(parameter), label);
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
    for (const schema of [body.schema, body.alternative?.schema]) {
        for (const name of objectProperties(api.document, schema) ?? []) names.add(name);
    }
    return { names, isOpen: own(api.document.resolve(body.schema), "additionalProperties") !== false };
}

function listed(names: Set<string>): string {
    const shown = [...names].slice(0, NAMES_SHOWN_MAX);
    if (names.size > shown.length) shown.push(`and ${names.size - shown.length} more`);
    return shown.join(", ") || "nothing";
}

/** What clients of others put a body into, whose properties stand among the others here. */
const WRAPPERS = /^(?:body|data|json|payload|requestBody)$/;

/** Whether a name holds the whole body, where none of its properties stands where it should. */
function isWrapped({ parameters }: Operation, names: Set<string>, input: Json, name: string): boolean {
    const outside = new Set(parameters.map(({ property }) => property));
    return WRAPPERS.test(name) && isPlainObject(input[name]) && !Object.keys(input).some((other) => names.has(other) && !outside.has(other));
}

/** Refuses an input that cannot be meant, in words that help to mend it. */
function checkInput(api: Api, operation: Operation, input: Json, label: string): void {
    const missing = operation.parameters.filter(({ property, isRequired }) => isRequired && own(input, property) === undefined);
    const { names, isOpen } = knownNames(api, operation);
    const unknown = Object.keys(input).filter((name) => !names.has(name) && input[name] !== undefined);
    if (missing.length > 0) {
        const hints = unknown.length > 0 ? `; it was given ${unknown.join(", ")}` : "";
        throw new TypeError(`${label}: missing ${missing.map(({ property }) => property).join(", ")}${hints}`);
    }
    for (const name of unknown) {
        const near = nearestNames(name, names);
        if (near.length > 0) throw new TypeError(`${label} takes no ${name}. Did you mean ${near.join(", ")}?`);
        if (!isOpen || isWrapped(operation, names, input, name)) throw new TypeError(`${label} takes no ${name}. It takes ${listed(names)}.`);
    }
}

/** What of the input is the body's: all that is no parameter, or the property that stands for it. */
function bodyValue({ parameters, body }: Operation, input: Json): unknown {
    if (!body) return undefined;
    if (body.property !== undefined) return own(input, body.property);
    const taken = new Set(parameters.map(({ property }) => property));
    const rest = Object.entries(input).filter(([name]) => !taken.has(name));
    return rest.length > 0 || body.isRequired ? Object.fromEntries(rest) : undefined;
}

/** The body as what it goes over; multipart where bytes are given that JSON cannot carry. */
function encodedBody(api: Api, operation: Operation, input: Json, label: string): ReturnType<typeof encodeBody> | undefined {
    const { body } = operation;
    const value = bodyValue(operation, input);
    if (!body || value === undefined) return undefined;
    const media = body.alternative && hasBinary(value) ? body.alternative : body;
    return encodeBody(media, value, new Spot(api.document, () => media.schema, label, () => body.property ?? ""));
}

/** A list for a query's one text (`labels`, separated by commas), which its style would send as several of them. */
function oneText(api: Api, { location, schema, mediaType }: Parameter, value: unknown): unknown {
    const isOne = Array.isArray(value) && location === "query" && mediaType === undefined && own(api.document.resolve(schema), "type") === "string";
    return isOne ? value.filter((item) => item !== null).map(scalar).join(",") : value;
}

/** The values of the parameters that are given. */
function parameterValues(api: Api, { parameters }: Operation, input: Json, label: string): Map<Parameter, unknown> {
    const values = new Map<Parameter, unknown>();
    for (const parameter of parameters) {
        const value = own(input, parameter.property);
        if (value === undefined) continue;
        const plain = plainValue(value, new Spot(api.document, () => parameter.schema, label, () => parameter.property));
        values.set(parameter, oneText(api, parameter, plain));
    }
    return values;
}

// --- Request and response --------------------------------------------------------------------------------------------

/** The base address of an operation: its own servers' first, with the variables' defaults. */
export function serverOf(api: Api, operation: Operation | undefined, documentUrl?: string): string {
    const server = list(operation?.servers)[0] ?? list(own(api.document.root, "servers"))[0];
    const template = text(own(server, "url")) || "/";
    const variables = own(server, "variables");
    const url = template.replace(/\{([^{}]+)\}/g, (_, name: string) => text(own(own(variables, name), "default")));
    const absolute = documentUrl === undefined ? url : new URL(url, documentUrl).href;
    return checkedServer(absolute);
}

/** The address of a server that paths can be put behind. */
export function checkedServer(address: string): string {
    if (/[?#]/.test(address)) throw new TypeError(`the server's address ${address} has a query or a fragment, behind which no path can stand`);
    return address.replace(/\/+$/, "");
}

function setHeader(headers: Headers, parameter: Parameter, value: unknown, label: string): void {
    try {
        headers.set(parameter.name, simpleValue(parameter, value, (text) => text));
    } catch {
        throw new TypeError(`${label}: ${parameter.property} cannot be sent as a header: it has line ends or letters beyond Latin-1`);
    }
}

/** Makes the request. `label` names the function in errors; `base` is the server's address. */
export function buildRequest(api: Api, operation: Operation, input: unknown, base: string, label: string): Request {
    if (input !== undefined && !isPlainObject(input)) throw new TypeError(`${label} takes one object with named properties.`);
    const given: Json = input ?? {};
    checkInput(api, operation, given, label);
    const headers = new Headers({ accept: "application/json, */*;q=0.5" });
    const query: string[] = [];
    const cookies: string[] = [];
    const values = parameterValues(api, operation, given, label);
    const path = pathOf(operation, values, label);
    for (const [parameter, value] of values) {
        const { location, allowReserved } = parameter;
        if (value === null) continue;
        if (location === "query") query.push(...styledPairs(parameter, value, (text) => encode(text, allowReserved), encode));
        else if (location === "header") setHeader(headers, parameter, value, label);
        else if (location === "cookie") cookies.push(...styledPairs(parameter, value, encode));
    }
    if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
    const url = `${base}${path}${query.length > 0 ? `${path.includes("?") ? "&" : "?"}${query.join("&")}` : ""}`;
    const content = encodedBody(api, operation, given, label);
    if (content !== undefined) headers.set("content-type", content.type);
    return new Request(url, { method: operation.method, headers, ...(content && { body: content.body }) });
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
        const error = new Error(`${label}: HTTP ${response.status}${response.statusText ? ` ${response.statusText}` : ""}${shown ? `: ${shown}` : ""}`);
        throw Object.assign(error, { status: response.status }); // as clients that a model knows have it
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
