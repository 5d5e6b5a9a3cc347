// An OpenAPI document as a source: each operation a function, each call a request.

import { yaml } from "../code/parsers";
import { Declarer } from "../openapi/declare";
import { readOpenApi, type Api, type Operation } from "../openapi/operations";
import { buildRequest, checkedServer, readResponse, serverOf } from "../openapi/request";
import { firstSentence } from "../types/comments";
import type { Names } from "../types/names";
import { closure } from "../types/renderer";
import { checkExpansion, isObject } from "../types/schema";
import type { Declaration, Entry, Source } from "./catalog";

export interface OpenApiOptions {
    namespace: string;
    /** The document's text. */
    text: string;
    /** Where it came from, for servers that are given relative to it. */
    url?: string;
    /** The server to ask instead of the document's. */
    server?: string;
}

/** How a request goes out; the sandboxed code has no part in it. */
export type Send = (request: Request) => Promise<Response>;

export function parseDocument(written: string): unknown {
    const text = written.replace(/^\uFEFF/, "");
    if (/^\s*[{[]/.test(text)) return JSON.parse(text);
    // The core schema makes no dates of text that looks like one.
    const root: unknown = yaml().load(text, { schema: yaml().CORE_SCHEMA });
    checkExpansion(root);
    return root;
}

function entryOf(operation: Operation): Entry {
    const { name, id, method, path, summary, description, tags } = operation;
    return { name, summary: firstSentence(summary || description || `${method} ${path}`, 120), words: `${id} ${path} ${tags.join(" ")} ${description.slice(0, 300)}` };
}

class OpenApiSource implements Source {
    readonly namespace: string;
    readonly title: string;
    readonly entries: Entry[];
    readonly #api: Api;
    readonly #declarer: Declarer;
    readonly #operations: Map<string, Operation>;
    readonly #options: OpenApiOptions;
    readonly #server: string | undefined;
    readonly #send: Send;

    constructor(options: OpenApiOptions, names: Names, send: Send) {
        this.#api = readOpenApi(parseDocument(options.text));
        this.#options = options;
        this.#server = options.server === undefined ? undefined : checkedServer(options.server);
        this.#send = send;
        this.#declarer = new Declarer(this.#api, "brief", names);
        this.#operations = new Map(this.#api.operations.map((operation) => [operation.name, operation]));
        this.namespace = options.namespace;
        this.title = this.#api.title || options.namespace;
        this.entries = this.#api.operations.map(entryOf);
    }

    get problems(): string[] {
        return this.#api.problems;
    }

    /** The address that an operation's path follows; undefined if the document does not say which server that is. */
    #baseOf(operation: Operation): string | undefined {
        const base = this.#server ?? serverOf(this.#api, operation, this.#options.url);
        return /^https?:\/\//.test(base) ? base : undefined;
    }

    /** Why an operation cannot be called, as far as its server goes. */
    get serverProblem(): string | undefined {
        try {
            return this.#api.operations.some((operation) => this.#baseOf(operation) === undefined) ? "its document names no server" : undefined;
        } catch (error) {
            return (error as Error).message;
        }
    }

    #types(pointers: Iterable<string>): Declaration[] {
        return closure(this.#declarer.renderer, pointers).map(({ name, declaration }) => ({ name, text: declaration }));
    }

    declare(names: string[]): { signatures: Declaration[]; types: Declaration[] } {
        const signatures = names.map((name) => this.#declarer.operation(this.#operations.get(name)!));
        return { signatures, types: this.#types(new Set(signatures.flatMap(({ mentions }) => [...mentions]))) };
    }

    type(name: string): Declaration[] {
        const pointer = this.#declarer.renderer.pointerOf(name);
        return pointer === undefined ? [] : this.#types([pointer]);
    }

    async call(name: string, args: unknown[], signal?: AbortSignal): Promise<unknown> {
        const operation = this.#operations.get(name)!;
        const label = `${this.namespace}.${name}`;
        // A second one would be lost without a word.
        if (isObject(args[1])) throw new TypeError(`${label} takes one object with named properties.`);
        const base = this.#baseOf(operation);
        if (base === undefined) throw new Error(`${label}: the document names no server; start mayfly mcp with --server ${this.namespace}=URL`);
        return readResponse(await this.#send(new Request(buildRequest(this.#api, operation, args[0], base, label), { signal: signal ?? null })), label);
    }
}

export function openApiSource(options: OpenApiOptions, names: Names, send: Send): Source & { problems: string[]; serverProblem: string | undefined } {
    return new OpenApiSource(options, names, send);
}
