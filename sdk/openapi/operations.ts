// An OpenAPI 3.0 or 3.1 document as a list of operations that can be called by name. What is wrong in one operation
// costs that operation; what is wrong in all of them is the caller's to report.

import { camelCase, Names } from "../types/names";
import { isObject, list, own, SchemaDocument, text, type Json } from "../types/schema";
import { essenceOf, isJson, isMultipart, isUrlencoded } from "./media";
import type { Style } from "./styles";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** Methods whose requests have no body, by the fetch standard. */
const BODILESS = /^(?:GET|HEAD)$/;

/** Headers that are not an operation's to set: 3.x says so of the first three, the others belong to the transport. */
const IGNORED_HEADERS = /^(?:accept|content-type|authorization|host|content-length|connection|cookie)$/i;

export type Location = "path" | "query" | "header" | "cookie";

/** A parameter; its name is the one on the wire. */
export interface Parameter extends Style {
    /** The name of the property that carries it: another where two share a name. */
    property: string;
    location: Location;
    isRequired: boolean;
    schema: unknown;
    description: string;
    allowReserved: boolean;
}

/** One of the forms in which a body can go over. */
export interface Media {
    mediaType: string;
    schema: unknown;
    encoding: Json;
}

export interface RequestBody extends Media {
    isRequired: boolean;
    /** Whether its properties stand among the parameters, or it is the property of this name. */
    property: string | undefined;
    /** Multipart beside JSON, for bytes. */
    alternative?: Media;
}

export interface Operation {
    name: string;
    /** What it is called in the document, or "METHOD PATH". */
    id: string;
    method: string;
    path: string;
    summary: string;
    description: string;
    tags: string[];
    isDeprecated: boolean;
    parameters: Parameter[];
    body: RequestBody | undefined;
    responses: Json;
    servers: unknown;
}

export interface Api {
    document: SchemaDocument;
    title: string;
    operations: Operation[];
    /** One line for each operation that had to be left out, or for what of it had to be. */
    problems: string[];
}

function parameterOf(document: SchemaDocument, value: unknown): Omit<Parameter, "property"> | undefined {
    const parameter = document.resolve(value);
    const name = text(own(parameter, "name"));
    const location = text(own(parameter, "in")) as Location;
    if (!isObject(parameter) || name === "" || !["path", "query", "header", "cookie"].includes(location)) return undefined;
    if (location === "header" && IGNORED_HEADERS.test(name)) return undefined;
    const content = own(parameter, "content");
    const [mediaType, media] = Object.entries(isObject(content) ? content : {})[0] ?? [undefined, undefined];
    const style = text(own(parameter, "style")) || (location === "query" || location === "cookie" ? "form" : "simple");
    return {
        name,
        location,
        isRequired: location === "path" || own(parameter, "required") === true,
        schema: media === undefined ? own(parameter, "schema") : own(media, "schema"),
        description: text(own(parameter, "description")),
        style,
        explode: typeof own(parameter, "explode") === "boolean" ? parameter.explode === true : style === "form",
        allowReserved: own(parameter, "allowReserved") === true,
        ...(mediaType === undefined ? {} : { mediaType }),
    };
}

/**
 * The parameters of a path and of its operation, which replaces what it names again. What the document forgot to describe of
 * the path is a text, or what it says of a parameter of that name anywhere else: that is where it was meant to stand.
 */
function parametersOf(document: SchemaDocument, path: string, ...lists: unknown[]): Parameter[] {
    const found = new Map<string, Omit<Parameter, "property">>();
    for (const value of lists.flatMap(list)) {
        const parameter = parameterOf(document, value);
        if (parameter) found.set(`${parameter.location} ${parameter.name}`, parameter);
    }
    const forgotten = { isRequired: true, style: "simple", explode: false, allowReserved: false, location: "path" } as const;
    for (const name of forgottenNames(path, (one) => found.has(`path ${one}`))) {
        const key = ["query", "header", "cookie"].map((location) => `${location} ${name}`).find((one) => found.has(one));
        const meant = { schema: { type: "string" }, description: "", ...(key !== undefined && found.get(key)) };
        if (key !== undefined) found.delete(key);
        found.set(`path ${name}`, { ...meant, name, ...forgotten });
    }
    const all = [...found.values()];
    const count = (name: string): number => all.filter((other) => other.name === name).length;
    const property = ({ name, location }: { name: string; location: string }): string =>
        count(name) > 1 && location !== "path" ? `${location}_${name}` : name;
    return all.map((parameter) => ({ ...parameter, property: property(parameter) }));
}

const PROPERTIES_DEPTH_MAX = 10;

/** What is known of the properties of schemas that have been looked at: a document may lead to one in very many ways. */
type Known = Map<Json, Set<string> | undefined>;

/** Names of an object schema's properties, variants and bases included; undefined if it may be anything else. */
export function objectProperties(document: SchemaDocument, value: unknown, known: Known = new Map(), depth = 0): Set<string> | undefined {
    const schema = document.resolve(value);
    if (!isObject(schema) || depth > PROPERTIES_DEPTH_MAX) return undefined;
    if (!known.has(schema)) {
        known.set(schema, undefined); // in case it contains itself
        known.set(schema, propertiesOf(schema, (part) => objectProperties(document, part, known, depth + 1)));
    }
    return known.get(schema);
}

function propertiesOf(schema: Json, inner: (part: unknown) => Set<string> | undefined): Set<string> | undefined {
    const type = own(schema, "type");
    if (type !== undefined && type !== "object") return undefined;
    if (own(schema, "nullable") === true || own(schema, "enum") !== undefined) return undefined;
    const properties = own(schema, "properties");
    const names = new Set(isObject(properties) ? Object.keys(properties) : []);
    let isObjectLike = type === "object" || isObject(properties);
    for (const key of ["allOf", "anyOf", "oneOf"]) {
        const parts = list(own(schema, key)).map(inner);
        // Of bases one object will do; variants all have to be objects, unless the schema is one without them.
        if (key !== "allOf" && !isObjectLike && parts.includes(undefined)) return undefined;
        isObjectLike ||= parts.some((part) => part !== undefined);
        for (const name of parts.flatMap((part) => [...(part ?? [])])) names.add(name);
    }
    const isOpen = own(schema, "additionalProperties") === true || isObject(own(schema, "additionalProperties"));
    return isObjectLike && !(isOpen && names.size === 0) ? names : undefined;
}

function mediaOf(content: Json, mediaType: string): Media {
    const encoding = own(content[mediaType], "encoding");
    return { mediaType, schema: own(content[mediaType], "schema"), encoding: isObject(encoding) ? encoding : {} };
}

/** JSON first, then forms, then whatever is there. */
function preferredMedia(content: Json): string | undefined {
    const types = Object.keys(content);
    const isPlainJson = (type: string): boolean => essenceOf(type) === "application/json";
    return types.find(isPlainJson) ?? types.find(isJson) ?? types.find(isMultipart) ?? types.find(isUrlencoded) ?? types[0];
}

function bodyOf(document: SchemaDocument, value: unknown, parameters: Parameter[]): RequestBody | undefined {
    const body = document.resolve(value);
    const content = own(body, "content");
    const mediaType = isObject(content) ? preferredMedia(content) : undefined;
    if (!isObject(content) || mediaType === undefined) return undefined;
    const media = mediaOf(content, mediaType);
    const multipart = isJson(mediaType) ? Object.keys(content).find(isMultipart) : undefined;
    const taken = new Set(parameters.map(({ property }) => property));
    const canMerge = isJson(mediaType) || isMultipart(mediaType) || isUrlencoded(mediaType);
    const names = canMerge ? objectProperties(document, media.schema) : undefined;
    const isMerged = names !== undefined && names.size > 0 && [...names].every((name) => !taken.has(name));
    return {
        ...media,
        isRequired: own(body, "required") === true,
        property: isMerged ? undefined : taken.has("body") ? "requestBody" : "body",
        ...(multipart !== undefined && { alternative: mediaOf(content, multipart) }),
    };
}

/** Placeholders of a path that no parameter of the path describes. */
function forgottenNames(path: string, isDescribed: (name: string) => boolean): string[] {
    const names = [...path.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!);
    return [...new Set(names)].filter((name) => !isDescribed(name));
}

/** An operation of the document. Its parameters and its body are looked at when somebody asks for them. */
class DocumentOperation implements Operation {
    readonly name: string;
    readonly id: string;
    readonly method: string;
    readonly path: string;
    readonly summary: string;
    readonly description: string;
    readonly tags: string[];
    readonly isDeprecated: boolean;
    readonly responses: Json;
    readonly servers: unknown;
    readonly #document: SchemaDocument;
    readonly #item: Json;
    readonly #value: Json;
    #parameters: Parameter[] | undefined;
    #body: { value: RequestBody | undefined } | undefined;

    constructor(document: SchemaDocument, path: string, item: Json, method: string, names: Names) {
        const value = item[method];
        if (!isObject(value)) throw new TypeError("is not an object");
        const id = text(own(value, "operationId"));
        const responses = own(value, "responses");
        this.#document = document;
        this.#item = item;
        this.#value = value;
        this.name = names.claim(camelCase(id === "" ? `${method} ${path}` : id));
        this.id = id === "" ? `${method.toUpperCase()} ${path}` : id;
        this.method = method.toUpperCase();
        this.path = path;
        this.summary = text(own(value, "summary")) || text(own(item, "summary"));
        this.description = text(own(value, "description")) || text(own(item, "description"));
        this.tags = list(own(value, "tags")).filter((tag) => typeof tag === "string");
        this.isDeprecated = own(value, "deprecated") === true;
        this.responses = isObject(responses) ? responses : {};
        this.servers = own(value, "servers") ?? own(item, "servers");
    }

    get parameters(): Parameter[] {
        if (this.#parameters) return this.#parameters;
        return (this.#parameters = parametersOf(this.#document, this.path, own(this.#item, "parameters"), own(this.#value, "parameters")));
    }

    get body(): RequestBody | undefined {
        const written = BODILESS.test(this.method) ? undefined : own(this.#value, "requestBody");
        this.#body ??= { value: bodyOf(this.#document, written, this.parameters) };
        return this.#body.value;
    }
}

/** Why a reference costs what it stands for; undefined if it leads to something. */
function lostReference(document: SchemaDocument, value: unknown): string | undefined {
    const ref = own(value, "$ref");
    if (typeof ref !== "string" || document.resolve(value) !== undefined) return undefined;
    if (ref.startsWith("#")) return `its $ref ${ref} leads nowhere`;
    return `its $ref ${ref} leads out of the document, which has to be bundled into one`;
}

/** What of an operation cannot be had. */
function problemsOf(document: SchemaDocument, method: string, item: Json, operation: unknown): string[] {
    const problems = [own(item, "parameters"), own(operation, "parameters")].flatMap(list).flatMap((parameter) => {
        const lost = lostReference(document, parameter);
        return lost === undefined ? [] : [`a parameter, for ${lost}`];
    });
    const body = own(operation, "requestBody");
    const lostBody = lostReference(document, body);
    if (BODILESS.test(method) && body !== undefined) problems.push(`its request body, for ${method} requests have none`);
    else if (lostBody !== undefined) problems.push(`its request body, for ${lostBody}`);
    return problems;
}

/** Reads a parsed document. Throws only if it is no OpenAPI 3 document at all. */
export function readOpenApi(root: unknown): Api {
    const version = text(own(root, "openapi"));
    if (own(root, "swagger") !== undefined) throw new Error("This is Swagger 2.0; OpenAPI 3.0 and 3.1 are understood.");
    if (!/^3\.[012]\b/.test(version)) throw new Error("This is no OpenAPI 3 document: it has no `openapi: 3.x`.");
    const document = new SchemaDocument(root);
    const api: Api = { document, title: text(own(own(root, "info"), "title")), operations: [], problems: [] };
    const names = new Names();
    const paths = own(root, "paths");
    for (const [path, value] of Object.entries(isObject(paths) ? paths : {})) {
        const item = document.resolve(value);
        const lost = lostReference(document, value);
        if (lost !== undefined) api.problems.push(`${path}: ${lost}`);
        if (!isObject(item)) continue;
        for (const method of METHODS.filter((name) => Object.hasOwn(item, name))) {
            const label = `${method.toUpperCase()} ${path}`;
            try {
                api.operations.push(new DocumentOperation(document, path, item, method, names));
            } catch (error) {
                api.problems.push(`${label}: ${(error as Error).message}`);
            }
            for (const problem of problemsOf(document, method.toUpperCase(), item, item[method])) api.problems.push(`${label}: ${problem}`);
        }
    }
    return api;
}
