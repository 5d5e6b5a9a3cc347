// The three tools that a model sees, whatever stands behind them: search, types, execute. What they say of themselves
// stays under a thousand tokens.

import { indent } from "../types/expression";
import { isObject, list, text, type Json } from "../types/schema";
import type { Catalog, Found } from "./catalog";
import { execute, type ExecuteLimits, type Loader } from "./execute";

const SOURCES_SHOWN_MAX = 20;
const RESULTS_DEFAULT = 15;
const RESULTS_MAX = 50;
const TYPES_CHARACTERS_MAX = 24_000;
/** Catalogs whose declarations are this short are shown at once, and need no search. */
const SHOWN_AT_ONCE_CHARACTERS_MAX = 1600;
const NAMES_MAX = 50;

export interface ToolResult {
    content: { type: "text"; text: string }[];
    isError?: boolean;
}

const result = (words: string, isError = false): ToolResult => ({
    content: [{ type: "text", text: words }],
    ...(isError && { isError }),
});

export class Tools {
    readonly #catalog: Catalog;
    readonly #loader: Loader;
    readonly #limits: ExecuteLimits;
    readonly #refresh: () => Promise<void>;

    /** `refresh` looks for sources that could not be reached. */
    constructor(catalog: Catalog, loader: Loader, limits: ExecuteLimits, refresh: () => Promise<void>) {
        this.#catalog = catalog;
        this.#loader = loader;
        this.#limits = limits;
        this.#refresh = refresh;
    }

    // --- What they say of themselves ---------------------------------------------------------------------------------

    async definitions(): Promise<Json[]> {
        await this.#refresh();
        const query = { type: "string", description: "Words, e.g. \"create issue comment\"" };
        const names = { type: "array", items: { type: "string" }, description: "Functions (github.reposGet) or types (FullRepository)" };
        const code = { type: "string", description: "TypeScript" };
        const object = (properties: Json, required: string[]): Json => ({ type: "object", properties, required });
        return [
            {
                name: "search",
                description: `Find functions by words, best first. There are:\n${this.#overview()}`,
                inputSchema: object({ query, limit: { type: "number" } }, ["query"]),
            },
            {
                name: "types",
                description: "TypeScript declarations of functions and of the types they use. Read them before calling a function.",
                inputSchema: object({ names }, ["names"]),
            },
            { name: "execute", description: this.#executeDescription(), inputSchema: object({ code }, ["code"]) },
        ];
    }

    #overview(): string {
        const { sources } = this.#catalog;
        const shown = sources.slice(0, SOURCES_SHOWN_MAX).map(({ namespace, title, entries }) => `${namespace}: ${title.slice(0, 60)} (${entries.length})`);
        if (sources.length > shown.length) shown.push(`and ${sources.length - shown.length} more`);
        return shown.join("\n");
    }

    #executeDescription(): string {
        const rules =
            "Run TypeScript in a fresh sandbox and get its result. Functions are global by namespace: " +
            "await github.reposGet({ owner, repo }). Do all steps in one run: loop, filter, combine, call side by side with " +
            "Promise.all, and return only what you need. No network, files or state. Example: " +
            "const items = await ns.list({}); return items.filter((x) => x.open).map((x) => x.id);";
        const declarations = this.#allDeclarations();
        return declarations === undefined ? rules : `${rules}\n\n${declarations}`;
    }

    /** All declarations, if they are few. */
    #allDeclarations(): string | undefined {
        const count = this.#catalog.sources.reduce((sum, { entries }) => sum + entries.length, 0);
        if (count === 0 || count > 40) return undefined;
        const found = this.#catalog.sources.flatMap(({ namespace, entries }) => entries.map((entry) => ({ namespace, entry })));
        const { text: all, isWhole } = this.#declare(found, [], SHOWN_AT_ONCE_CHARACTERS_MAX);
        return isWhole ? all : undefined;
    }

    // --- What they do ------------------------------------------------------------------------------------------------

    async call(name: string, args: Json): Promise<ToolResult> {
        await this.#refresh();
        switch (name) {
            case "search":
                return this.#search(text(args.query), Number(args.limit ?? RESULTS_DEFAULT));
            case "types":
                return this.#types(args.names);
            case "execute": {
                if (typeof args.code !== "string") return result("execute takes { code: string }.", true);
                const { text: words, isError } = await execute(this.#loader, this.#catalog, args.code, this.#limits);
                return result(words, isError);
            }
            default:
                return result(`There is no tool ${name}: use search, types or execute.`, true);
        }
    }

    #search(query: string, limit: number): ToolResult {
        if (query.trim() === "") return result(`search takes { query: string }. There are:\n${this.#overview()}`, true);
        const found = this.#catalog.search(query.slice(0, 1000));
        const count = Math.min(Math.max(1, Math.floor(limit) || RESULTS_DEFAULT), RESULTS_MAX);
        if (found.length === 0) {
            const near = this.#catalog.near(query.trim());
            return result(`Nothing is found by these words.${near.length > 0 ? ` Perhaps ${near.join(", ")}?` : ""}`);
        }
        const lines = found.slice(0, count).map(({ namespace, entry }) => `${namespace}.${entry.name}${entry.summary && `: ${entry.summary}`}`);
        if (found.length > count) lines.push(`(${found.length - count} more; use other words, or limit)`);
        return result(lines.join("\n"));
    }

    #types(names: unknown): ToolResult {
        const wanted = (typeof names === "string" ? names.split(/[\s,]+/) : list(names)).filter((name) => typeof name === "string" && name !== "");
        if (wanted.length === 0) return result('types takes { names: string[] }, e.g. ["github.reposGet"].', true);
        const found: Found[] = [];
        const types: string[] = [];
        const unknown: string[] = [];
        for (const name of (wanted as string[]).slice(0, NAMES_MAX)) {
            const functions = this.#functions(name);
            const named = functions.length > 0 ? [] : this.#catalog.sources.flatMap((source) => source.type(name.split(".").at(-1)!));
            if (functions.length + named.length === 0) unknown.push(name);
            found.push(...functions);
            types.push(...named);
        }
        const notes = unknown.map((name) => {
            const near = this.#catalog.near(name);
            return `// There is no ${name}.${near.length > 0 ? ` Did you mean ${near.join(", ")}?` : ""}`;
        });
        const { text: declared } = this.#declare(found, types, TYPES_CHARACTERS_MAX);
        return result([...notes, declared].filter((part) => part !== "").join("\n"), found.length + types.length === 0);
    }

    /** The functions that a name means: one, all of a namespace (`github.*`), or those of that name anywhere. */
    #functions(name: string): Found[] {
        const dot = name.indexOf(".");
        const [namespace, own] = dot < 0 ? [undefined, name] : [name.slice(0, dot), name.slice(dot + 1)];
        return this.#catalog.sources
            .filter((source) => namespace === undefined || source.namespace === namespace)
            .flatMap((source) => source.entries.filter((entry) => own === "*" || entry.name === own).map((entry) => ({ namespace: source.namespace, entry })));
    }

    /** Signatures first, then types, nearest first, as far as they fit. */
    #declare(found: Found[], more: string[], charactersMax: number): { text: string; isWhole: boolean } {
        const blocks: string[] = [];
        const types = new Set(more);
        for (const source of this.#catalog.sources) {
            const names = [...new Set(found.filter(({ namespace }) => namespace === source.namespace).map(({ entry }) => entry.name))];
            if (names.length === 0) continue;
            const declared = source.declare(names);
            blocks.push(`declare const ${source.namespace}: {`, ...declared.signatures.map((signature) => `  ${indent(signature)}`), "};");
            for (const type of declared.types) types.add(type);
        }
        const lines: string[] = [];
        const omitted: string[] = [];
        let length = 0;
        for (const part of [...blocks, ...types]) {
            length += part.length + 1;
            if (length <= charactersMax || lines.length === 0) lines.push(part);
            else omitted.push(/^type (\w+)/.exec(part)?.[1] ?? "…");
        }
        if (omitted.length > 0) lines.push(`// Left out, ask for them by name: ${omitted.slice(0, 40).join(", ")}${omitted.length > 40 ? ", …" : ""}`);
        return { text: lines.join("\n"), isWhole: omitted.length === 0 };
    }
}

/** Arguments of a call as they came. */
export function argumentsOf(params: unknown): Json {
    return isObject(params) && isObject(params.arguments) ? params.arguments : {};
}
