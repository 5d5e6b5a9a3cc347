// The three tools that a model sees, whatever stands behind them: search, types, execute. What they say of themselves
// stays under a thousand tokens.

import { indent } from "../types/expression";
import { isObject, list, text, type Json } from "../types/schema";
import { propertyKey } from "../types/names";
import type { Catalog, Declaration, Found } from "./catalog";
import { execute, type ExecuteLimits, type Loader, type Medium } from "./execute";

const SOURCES_SHOWN_MAX = 20;
const RESULTS_DEFAULT = 15;
const RESULTS_MAX = 50;
const TYPES_CHARACTERS_MAX = 24_000;
/** Catalogs whose declarations are this short are shown at once, and need no search. */
const SHOWN_AT_ONCE_CHARACTERS_MAX = 1600;
/** So little was found that what was meant may be in a source that is not there. */
const FOUND_FEW = 2;
/** Sources of which a search says why they are not there. */
const MISSING_SHOWN_MAX = 5;
/** Names in a note; more are counted. */
const NAMES_SHOWN_MAX = 40;
/** Unknown names for which one that is near is looked for. */
const UNKNOWN_MAX = 20;

export interface ToolResult {
    content: ({ type: "text"; text: string } | Medium)[];
    isError?: boolean;
}

const result = (words: string, isError = false, media: Medium[] = []): ToolResult => ({
    content: [{ type: "text", text: words }, ...media],
    ...(isError && { isError }),
});

/** Names for a note, as far as somebody reads them. */
function named(names: string[]): string {
    const shown = names.slice(0, NAMES_SHOWN_MAX);
    return names.length > shown.length ? `${shown.join(", ")} and ${names.length - shown.length} more` : shown.join(", ");
}

/** A signature or a type that is longer than all that may be shown: its beginning in a comment, and any value. */
function shortened(text: string, declaration: string, charactersMax: number): string {
    const begin = text.slice(0, Math.max(0, charactersMax)).replaceAll("*/", "* /");
    return `/* Too long to be shown: the beginning of ${text.length} characters\n${begin}… */\n${declaration}`;
}

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
        if (this.#catalog.missing.length > 0) shown.push(`(not available: ${named(this.#catalog.missing)})`);
        return shown.join("\n");
    }

    #executeDescription(): string {
        const rules =
            "Run TypeScript in a fresh sandbox and get its result. Functions are global by namespace: " +
            "await github.reposGet({ owner, repo }). Do all steps in one run: loop, filter, combine, call side by side with " +
            "Promise.all, and return only what you need; images in it are shown. No network, files or state. Example: " +
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

    /** `signal` ends an execution. */
    async call(name: string, args: Json, signal?: AbortSignal): Promise<ToolResult> {
        await this.#refresh();
        switch (name) {
            case "search":
                return this.#search(text(args.query), Number(args.limit ?? RESULTS_DEFAULT));
            case "types":
                return this.#types(args.names);
            case "execute": {
                if (typeof args.code !== "string") return result("execute takes { code: string }.", true);
                const { text: words, isError, media } = await execute(this.#loader, this.#catalog, args.code, this.#limits, signal);
                return result(words, isError, media);
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
            const words = `Nothing is found by these words.${near.length > 0 ? ` Perhaps ${near.join(", ")}?` : ""}`;
            return result([words, ...this.#missingFor(query, true)].join("\n"));
        }
        const lines = found.slice(0, count).map(({ namespace, entry }) => `${namespace}.${entry.name}${entry.summary && `: ${entry.summary}`}`);
        if (found.length > count) lines.push(`(${found.length - count} more; use other words, or limit)`);
        return result([...lines, ...this.#missingFor(query, found.length <= FOUND_FEW)].join("\n"));
    }

    /** Why sources are not there, of those that the query names or of all. */
    #missingFor(query: string, isAll: boolean): string[] {
        const words = query.toLowerCase().split(/[^a-z0-9_]+/);
        const meant = this.#catalog.missing.filter((namespace) => isAll || words.includes(namespace.toLowerCase()));
        return meant.slice(0, MISSING_SHOWN_MAX).map((namespace) => this.#catalog.whyMissing(namespace)!);
    }

    #types(names: unknown): ToolResult {
        const wanted = (typeof names === "string" ? names.split(/[\s,]+/) : list(names)).filter((name) => typeof name === "string" && name !== "");
        if (wanted.length === 0) return result('types takes { names: string[] }, e.g. ["github.reposGet"].', true);
        const found: Found[] = [];
        const types: Declaration[] = [];
        const unknown: string[] = [];
        for (const name of new Set(wanted as string[])) {
            const functions = this.#functions(name);
            const declared = functions.length > 0 ? [] : this.#catalog.sources.flatMap((source) => source.type(name.split(".").at(-1)!));
            if (functions.length + declared.length === 0) unknown.push(name);
            found.push(...functions);
            types.push(...declared);
        }
        const notes = unknown.slice(0, UNKNOWN_MAX).map((name) => {
            const why = this.#catalog.whyMissing(name.split(".")[0]!);
            if (why !== undefined) return `// There is no ${name.slice(0, 100)}: ${why}`;
            const near = this.#catalog.near(name);
            return `// There is no ${name.slice(0, 100)}.${near.length > 0 ? ` Did you mean ${near.join(", ")}?` : ""}`;
        });
        if (unknown.length > notes.length) notes.push(`// Nor are there ${unknown.length - notes.length} more of these names.`);
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
    #declare(found: Found[], more: Declaration[], charactersMax: number): { text: string; isWhole: boolean } {
        const types = new Map(more.map((type) => [type.name, type]));
        const lines: string[] = [];
        const omitted: string[] = [];
        let left = charactersMax;
        let isWhole = true;
        const take = (label: string, words: string, inShort: string): string[] => {
            // What comes first is shown in any case, so that everything can be had by asking for it alone.
            const isFirst = left === charactersMax;
            const fits = words.length + 1 <= left;
            isWhole &&= fits;
            if (!fits && !isFirst) {
                omitted.push(label);
                return [];
            }
            const shown = fits ? words : shortened(words, inShort, left - 500);
            left -= shown.length + 1;
            return [shown];
        };
        for (const source of this.#catalog.sources) {
            const names = [...new Set(found.filter(({ namespace }) => namespace === source.namespace).map(({ entry }) => entry.name))];
            if (names.length === 0) continue;
            const declared = source.declare(names);
            const shown = declared.signatures.flatMap(({ name, text: signature }) =>
                take(`${source.namespace}.${name}`, `  ${indent(signature)}`, `  ${propertyKey(name)}(...args: any[]): Promise<any>;`),
            );
            if (source.unsaid !== undefined && shown.some((signature) => signature.includes("Promise<unknown>"))) lines.push(`// ${source.unsaid}`);
            if (shown.length > 0) lines.push(`declare const ${source.namespace}: {`, ...shown, "};");
            for (const type of declared.types) types.set(type.name, type);
        }
        for (const type of types.values()) lines.push(...take(type.name, type.text, `type ${type.name} = any;`));
        if (omitted.length > 0) lines.push(`// Left out, ask for them by name: ${named(omitted)}`);
        return { text: lines.join("\n"), isWhole };
    }
}

/** Arguments of a call as they came. */
export function argumentsOf(params: unknown): Json {
    return isObject(params) && isObject(params.arguments) ? params.arguments : {};
}
