// The registry of a worker's modules: loads a graph, links it and evaluates it, by ECMA-262 16.2.1.6, as far as it can
// be done with scripts. The scanner (src/cell/module_scan.h) takes imports and exports out of a module's text;
// compile.ts makes a function of it, exports.ts finds what names stand for, evaluate.ts runs everything in order.

import { compileModule, scanModule } from "./compile";
import { findComponents } from "./components";
import { evaluate, type Surroundings } from "./evaluate";
import { namespaceOf, readResolution } from "./exports";
import { locate } from "./locate";
import { errorAt, type EsModule, type Kind, type ModuleRecord, type Place } from "./record";
import { candidates, moduleUrl, normalName, typescriptNames } from "./resolve";

/** Makes a record for a name that the worker was not given at first; undefined if there is none. */
export type FindMore = (name: string) => Promise<ModuleRecord | undefined>;

/** Makes a record for a builtin module when it is first named; undefined if there is none of that name. */
export type FindBuiltin = (name: string) => ModuleRecord | undefined;

/** What `with { type }` asks for, as kinds of modules. */
const ATTRIBUTE_KINDS: Record<string, Kind | undefined> = { json: "json", text: "text", bytes: "data" };

export class Linker implements Surroundings {
    readonly #modules = new Map<string, ModuleRecord>();
    readonly #findMore: FindMore;
    readonly #findBuiltin: FindBuiltin;
    readonly #nodeHint: string | undefined;
    #main: ModuleRecord | undefined;

    /** `nodeHint` says what to do about modules of Node.js, if there are none. */
    constructor(findMore: FindMore, findBuiltin: FindBuiltin = () => undefined, nodeHint?: string) {
        this.#findMore = findMore;
        this.#findBuiltin = findBuiltin;
        this.#nodeHint = nodeHint;
    }

    add(record: ModuleRecord): void {
        this.#modules.set(record.name, record);
        const normal = normalName(record.name);
        if (!this.#modules.has(normal)) this.#modules.set(normal, record);
    }

    /** Loads, links and evaluates the main module with all it needs; gives its namespace. */
    async import(name: string): Promise<Record<string, unknown>> {
        const found = this.#modules.get(name) ?? this.#find([name, normalName(name)]);
        const module = found instanceof Promise ? await found : found;
        if (module === undefined) throw new Error(`No such module "${name}".`);
        this.#main ??= module;
        return this.#run(module);
    }

    async #run(module: ModuleRecord): Promise<Record<string, unknown>> {
        const loading = this.#load(module);
        if (loading) await loading;
        this.#link(module);
        const evaluating = evaluate(module, this);
        if (evaluating) await evaluating;
        return namespaceOf(module) as Record<string, unknown>;
    }

    // --- Resolving ---------------------------------------------------------------------------------------------------

    /** The module of one of these names: the first that is there, or else the first that can be found, also among `others`. */
    #find(names: string[], others: string[] = []): ModuleRecord | undefined | Promise<ModuleRecord | undefined> {
        return this.#findHere(names) ?? this.#findAmong([...names, ...others]);
    }

    /** Among what is there already, and the builtins. */
    #findHere(names: string[]): ModuleRecord | undefined {
        for (const name of names) {
            const known = this.#modules.get(name);
            if (known) return known;
        }
        const builtin = this.#findBuiltin(names.at(-1)!);
        if (builtin) this.#modules.set(builtin.name, builtin);
        return builtin;
    }

    async #findAmong(names: string[]): Promise<ModuleRecord | undefined> {
        for (const name of names) {
            const found = this.#modules.has(name) ? undefined : await this.#findMore(name);
            const other = this.#modules.get(name);
            if (other) return other;
            if (found) this.add(found);
            if (found) return found;
        }
        return undefined;
    }

    /** The names that `specifier` may have; throws if it has none. */
    #names(specifier: string, referrer: ModuleRecord, place?: Place): string[] {
        const names = candidates(specifier, referrer.name);
        if (names.length > 0) return names;
        const from = place ? `\n  imported from "${referrer.name}".` : "";
        throw this.#errorAt(new TypeError(`Invalid module specifier "${specifier}".${from}`), referrer, place);
    }

    #missing(name: string, referrer: ModuleRecord, place?: Place): Error {
        const from = place ? `\n  imported from "${referrer.name}"` : "";
        const hint = name.startsWith("node:") && this.#nodeHint !== undefined ? `\n  ${this.#nodeHint}` : "";
        return this.#errorAt(new Error(`No such module "${name}".${from}${hint}`), referrer, place);
    }

    #errorAt(error: Error, module: ModuleRecord, place: Place | undefined): Error {
        return place ? errorAt(error, module.name, module.mapPlace?.(place) ?? place) : error;
    }

    #checkType(type: string | undefined, module: ModuleRecord, referrer: ModuleRecord, place?: Place): void {
        if (type === undefined) return;
        const kind = ATTRIBUTE_KINDS[type];
        if (kind === module.kind) return;
        const text = kind
            ? `Module "${module.name}" is not of type "${type}".`
            : `Import attribute type "${type}" is not supported.`;
        throw this.#errorAt(new TypeError(text), referrer, place);
    }

    // --- Loading -----------------------------------------------------------------------------------------------------

    /** Scans a module and all below it. Returns a promise only if something had to be asked for. */
    #load(root: ModuleRecord): Promise<void> | undefined {
        const waiting = [];
        const reached = new Set([root]);
        for (const module of reached) {
            if (module.kind !== "esm" || (module.state !== "added" && module.state !== "loaded")) continue;
            if (module.state === "added") this.#resolveRequests(module);
            if (module.loading) waiting.push(module.loading);
            else for (const requested of module.requested) reached.add(requested);
        }
        return waiting.length > 0 ? Promise.all(waiting).then(() => this.#load(root)) : undefined;
    }

    /** Scans a module and finds what it requests. One that fails stays as it was, to fail again when asked again. */
    #resolveRequests(module: ModuleRecord): void {
        const scan = (module.scan ??= scanModule(module, false));
        const waiting: Promise<void>[] = [];
        scan.requests.forEach((request, index) => {
            const names = this.#names(request.specifier, module, request);
            const take = (found: ModuleRecord | undefined): void => {
                if (found === undefined) throw this.#missing(names[0]!, module, request);
                this.#checkType(request.type, found, module, request);
                module.requested[index] = found;
            };
            const found = this.#find(names, typescriptNames(request.specifier, names[0]!, module.name));
            if (found instanceof Promise) waiting.push(found.then(take));
            else take(found);
        });
        module.state = "loaded";
        if (waiting.length === 0) return;
        const settle = (state: "added" | "loaded"): void => {
            module.loading = undefined;
            module.state = state;
        };
        module.loading = Promise.all(waiting).then(
            () => settle("loaded"),
            (error: unknown) => {
                settle("added");
                throw error;
            },
        );
    }

    // --- Linking and running -----------------------------------------------------------------------------------------

    /** Compiles all that is new, so that nothing runs in a graph with a fault in its syntax or its names. */
    #link(root: ModuleRecord): void {
        for (const module of findComponents(root)) {
            if (module.kind !== "esm") continue;
            try {
                module.body ??= compileModule(module as EsModule);
            } catch (error) {
                module.state = "failed";
                module.error = error;
                throw error;
            }
        }
    }

    dynamicImport(module: ModuleRecord): unknown {
        const load = async (specifier: unknown, options: unknown): Promise<ModuleRecord> => {
            const text = `${specifier as string}`;
            const names = this.#names(text, module);
            const found = await this.#find(names, typescriptNames(text, names[0]!, module.name));
            if (found === undefined) throw this.#missing(names[0]!, module);
            const type = (options as { with?: { type?: unknown } } | undefined)?.with?.type;
            this.#checkType(type === undefined ? undefined : `${type as string}`, found, module);
            return found;
        };
        const source = async (specifier: unknown): Promise<unknown> => {
            const found = await load(specifier, undefined);
            if (found.kind !== "wasm") throw new SyntaxError(`Source phase import not available for module: ${found.name}.`);
            await this.#run(found);
            return readResolution({ module: found, local: "default", mutable: false });
        };
        const meta: unknown = Object.assign(Object.create(null) as object, {
            main: module === this.#main,
            url: moduleUrl(module.name),
        });
        const importNow = async (specifier: unknown, options: unknown): Promise<unknown> =>
            this.#run(await load(specifier, options));
        return Object.assign((specifier: unknown, options?: unknown) => importNow(specifier, options), { meta, source });
    }

    /** require(): everything that it reaches must be there and must not wait. */
    requireSync(specifier: string, referrer: ModuleRecord): unknown {
        const names = this.#names(specifier, referrer);
        const module = this.#findHere(names);
        if (module === undefined) throw this.#missing(names[0]!, referrer);
        if (module.kind === "cjs" && module.state === "evaluating") return module.commonJs!.exports;
        if (this.#load(module)) throw new Error(`require("${specifier}") needs a module that is not there yet.`);
        this.#link(module);
        if (evaluate(module, this)) throw new Error("Top-level await in module is not permitted at this time.");
        return module.kind === "esm" || module.kind === "builtin"
            ? namespaceOf(module)
            : readResolution({ module, local: "default", mutable: false });
    }

    // --- Errors ------------------------------------------------------------------------------------------------------

    /** ` at MODULE:LINE:COLUMN` of a thrown error, if it can be told. */
    place(thrown: unknown): string | undefined {
        const found = locate(thrown, this.#modules);
        return found && `${found.module}:${found.line}:${found.column}`;
    }
}
