// The registry of a worker's modules: loads a graph, links it and evaluates it, by ECMA-262 16.2.1.6, as far as it can
// be done with scripts. The scanner (src/cell/module_scan.h) turns a module's text into the body of a strict function;
// what stands around the body is made here:
//
//   plain    (function($mf,$mf_im){"use strict";const a=$mf.i[0];  body  ;return[x,()=>y]})    run once, at full speed
//   cyclic   (function*($mf,$mf_im){"use strict";$mf.e([()=>x]);yield;  body  })    hoisted before any of its cycle runs
//
// with `async` in front where the body awaits. Imports whose value may change are read through $mf.l (live.ts).

import { native } from "../web/host";
import { evaluateCommonJs } from "./commonjs";
import { compileScript } from "./compile";
import { isFinal, namespaceOf, readResolution, resolveExport, type Resolution } from "./exports";
import { locate } from "./locate";
import { errorAt, type Kind, type ModuleRecord } from "./record";
import { moduleUrl, resolveSpecifier } from "./resolve";

/** Makes a record for a name that the worker was not given at first; undefined if there is none. */
export type FindMore = (name: string) => Promise<ModuleRecord | undefined>;

type Import = ModuleRecord & { scan: NonNullable<ModuleRecord["scan"]> };

/** What a body finds under `$mf`. */
interface Frame {
    i: unknown[];
    l: object;
    e(getters: (() => unknown)[]): void;
}

export class Linker {
    readonly #modules = new Map<string, ModuleRecord>();
    readonly #findMore: FindMore;
    /** Components are found once for each graph; a module that was loaded later gets its own pass. */
    readonly #linked = new Set<ModuleRecord>();

    constructor(findMore: FindMore) {
        this.#findMore = findMore;
    }

    add(record: ModuleRecord): void {
        this.#modules.set(record.name, record);
    }

    /** Loads, links and evaluates a module with all it needs; gives its namespace. */
    async import(name: string): Promise<Record<string, unknown>> {
        const module = await this.#require(name, undefined, undefined);
        const loading = this.#load(module);
        if (loading) await loading;
        this.#findComponents(module);
        const evaluating = this.#evaluate(module);
        if (evaluating) await evaluating;
        return namespaceOf(module) as Record<string, unknown>;
    }

    // --- Loading -----------------------------------------------------------------------------------------------------

    #missing(specifier: string, referrer: ModuleRecord | undefined, place: { line: number; column: number } | undefined): Error {
        const from = referrer ? `\n  imported from "${referrer.name}"` : "";
        const error = new Error(`No such module "${specifier}".${from}`);
        return referrer && place ? errorAt(error, referrer.name, place) : error;
    }

    #known(specifier: string, referrer: ModuleRecord | undefined): ModuleRecord | undefined {
        const resolved = referrer ? resolveSpecifier(specifier, referrer.name) : specifier;
        return this.#modules.get(resolved);
    }

    /** The record behind a specifier, at once if it is known. */
    #require(
        specifier: string,
        referrer: ModuleRecord | undefined,
        place: { line: number; column: number } | undefined,
    ): ModuleRecord | Promise<ModuleRecord> {
        const known = this.#known(specifier, referrer);
        if (known) return known;
        const name = referrer ? resolveSpecifier(specifier, referrer.name) : specifier;
        return this.#findMore(name).then((found) => {
            if (found === undefined) throw this.#missing(name, referrer, place);
            const other = this.#modules.get(name);
            if (other) return other;
            this.add(found);
            return found;
        });
    }

    /** Scans a module and all that it requests. Returns a promise only if something had to be asked for. */
    #load(root: ModuleRecord): Promise<void> | undefined {
        const queue = [root];
        const waiting: Promise<void>[] = [];
        for (let module = queue.pop(); module; module = queue.pop()) {
            if (module.state !== "added" || module.kind !== "esm") continue;
            module.state = "loaded";
            const scan = (module.scan = this.#scan(module));
            scan.requests.forEach((request, index) => {
                const found = this.#require(request.specifier, module, request);
                if (found instanceof Promise) {
                    waiting.push(
                        found.then((record) => {
                            module!.requested[index] = record;
                            return this.#load(record);
                        }),
                    );
                } else {
                    module!.requested[index] = found;
                    queue.push(found);
                }
            });
        }
        return waiting.length > 0 ? Promise.all(waiting).then(() => undefined) : undefined;
    }

    #scan(module: ModuleRecord): NonNullable<ModuleRecord["scan"]> {
        try {
            return native.scan(module.name, module.content as Uint8Array);
        } catch (thrown) {
            const { line, column } = thrown as { line?: number; column?: number };
            if (line === undefined) throw thrown;
            const place = { line, column: column! };
            throw errorAt(thrown as Error, module.name, module.mapPlace?.(place) ?? place);
        }
    }

    // --- Cycles ------------------------------------------------------------------------------------------------------

    /** Tarjan's algorithm, without recursion, since a hostile graph may be deep. */
    #findComponents(root: ModuleRecord): void {
        const index = new Map<ModuleRecord, number>();
        const low = new Map<ModuleRecord, number>();
        const open: ModuleRecord[] = [];
        const isOpen = new Set<ModuleRecord>();
        const walk: { module: ModuleRecord; next: number }[] = [];
        const enter = (module: ModuleRecord): void => {
            index.set(module, index.size);
            low.set(module, index.get(module)!);
            open.push(module);
            isOpen.add(module);
            walk.push({ module, next: 0 });
        };
        if (!this.#linked.has(root)) enter(root);
        while (walk.length > 0) {
            const step = walk.at(-1)!;
            const { module } = step;
            const child = module.requested[step.next++];
            if (child) {
                if (this.#linked.has(child)) continue;
                if (!index.has(child)) enter(child);
                else if (isOpen.has(child)) low.set(module, Math.min(low.get(module)!, index.get(child)!));
                continue;
            }
            walk.pop();
            const parent = walk.at(-1)?.module;
            if (parent) low.set(parent, Math.min(low.get(parent)!, low.get(module)!));
            if (low.get(module) === index.get(module)) this.#closeComponent(module, open, isOpen);
        }
    }

    #closeComponent(root: ModuleRecord, open: ModuleRecord[], isOpen: Set<ModuleRecord>): void {
        const members = open.splice(open.indexOf(root));
        const isCycle = members.length > 1 || root.requested.includes(root);
        const component = { members, isCycle, isHoisted: false };
        for (const member of members) {
            member.component = component;
            isOpen.delete(member);
            this.#linked.add(member);
        }
    }

    // --- Compiling ---------------------------------------------------------------------------------------------------

    #resolveImport(module: Import, entry: Import["scan"]["imports"][number]): Resolution {
        const from = module.requested[entry.request]!;
        if (entry.namespace || module.scan.requests[entry.request]!.phase === "source") {
            return entry.namespace ? { module: from, local: undefined, mutable: false } : sourceOf(from);
        }
        const resolution = resolveExport(from, entry.name);
        if (resolution !== undefined && resolution !== "ambiguous") return resolution;
        const specifier = module.scan.requests[entry.request]!.specifier;
        const text =
            resolution === "ambiguous"
                ? `The requested module '${specifier}' contains conflicting star exports for name '${entry.name}'`
                : `The requested module '${specifier}' does not provide an export named '${entry.name}'`;
        throw errorAt(new SyntaxError(text), module.name, entry);
    }

    /** Every re-export must stand for something, too. */
    #checkExports(module: Import): void {
        for (const entry of module.scan.exports) {
            if (entry.local === undefined && !entry.namespace) {
                this.#resolveImport(module, { ...entry, request: entry.request!, name: entry.name!, local: "" });
            }
        }
    }

    #compile(module: Import): (frame: Frame, dynamicImport: unknown) => unknown {
        const { scan, component } = module;
        const constants: string[] = [];
        const live = new Set<string>();
        this.#checkExports(module);
        scan.imports.forEach((entry, index) => {
            const resolution = this.#resolveImport(module, entry);
            if (component.isCycle || !isFinal(resolution)) live.add(entry.local);
            else constants.push(`${entry.local}=$mf.i[${index}]`);
        });
        const getters = localExports(scan).map(({ local }) => `()=>${local}`);
        const kind = (scan.topLevelAwait ? "async " : "") + (component.isCycle ? "function*" : "function");
        let prefix = `(${kind}($mf,$mf_im){"use strict";`;
        if (constants.length > 0) prefix += `const ${constants.join(",")};`;
        if (component.isCycle) prefix += `$mf.e([${getters}]);yield;`;
        const values = localExports(scan).map(({ local, mutable }) => (mutable ? `()=>${local}` : local));
        const suffix = component.isCycle || values.length === 0 ? "\n})" : `\n;return[${values}]})`;
        module.prefixLength = prefix.length;
        if (live.size > 0) {
            const { rewriteLive } = require("./live") as typeof import("./live");
            const body = rewriteLive(native.body(scan.handle), live);
            native.discard(scan.handle);
            return compileScript(module, undefined, () => native.evaluate(prefix + body + suffix, module.name)) as never;
        }
        return compileScript(module, undefined, () => native.compile(scan.handle, prefix, suffix, module.name)) as never;
    }

    #frame(module: Import): Frame {
        const live = Object.create(null) as object;
        const values = module.scan.imports.map((entry) => {
            const resolution = this.#resolveImport(module, entry);
            if (!module.component.isCycle && isFinal(resolution)) return readResolution(resolution);
            Object.defineProperty(live, entry.local, { get: () => readResolution(resolution) });
            return undefined;
        });
        return {
            i: values,
            l: live,
            e: (getters) => {
                localExports(module.scan).forEach(({ local }, index) => {
                    module.bindings.set(local, { get: getters[index]! });
                });
            },
        };
    }

    #dynamicImport(module: ModuleRecord): unknown {
        const importNow = async (specifier: unknown): Promise<unknown> => {
            const name = resolveSpecifier(String(specifier), module.name);
            if (!this.#modules.has(name)) {
                const found = await this.#findMore(name);
                if (found === undefined) throw this.#missing(name, module, undefined);
                this.add(found);
            }
            return this.import(name);
        };
        return Object.assign((specifier: unknown) => importNow(specifier), {
            meta: { url: moduleUrl(module.name) },
            source: async (specifier: unknown) => {
                const namespace = (await importNow(specifier)) as { default?: unknown };
                return namespace.default;
            },
        });
    }

    // --- Evaluating --------------------------------------------------------------------------------------------------

    /** Evaluates a module after all that it requests. Returns a promise if it has to wait for something. */
    #evaluate(module: ModuleRecord): Promise<void> | undefined {
        if (module.state === "failed") throw module.error;
        if (module.state === "evaluated" || module.state === "evaluating") return module.promise;
        module.state = "evaluating";
        try {
            if (module.component.isCycle) this.#hoist(module.component.members as Import[]);
            const waiting: Promise<void>[] = [];
            for (const requested of module.requested) {
                // Within a cycle, one that has begun is not waited for: it may be waiting for this one.
                if (requested.component === module.component && requested.state !== "loaded") continue;
                const pending = this.#evaluate(requested);
                if (pending) waiting.push(pending);
            }
            const pending = waiting.length > 0 ? Promise.all(waiting).then(() => this.#run(module)) : this.#run(module);
            if (pending) {
                module.promise = pending.then(
                    () => this.#finish(module),
                    (error: unknown) => this.#fail(module, error),
                );
                return module.promise;
            }
            this.#finish(module);
            return undefined;
        } catch (error) {
            return this.#fail(module, error);
        }
    }

    #finish(module: ModuleRecord): void {
        module.state = "evaluated";
        module.promise = undefined;
    }

    #fail(module: ModuleRecord, error: unknown): never {
        module.state = "failed";
        module.error = error;
        throw error;
    }

    /** Compiles all members of a cycle and runs each up to its hoisted functions. */
    #hoist(members: Import[]): void {
        const { component } = members[0]!;
        if (component.isHoisted) return;
        component.isHoisted = true;
        for (const member of members) {
            const make = this.#compile(member);
            member.run = make.call(undefined, this.#frame(member), this.#dynamicImport(member)) as Generator;
        }
        for (const member of members) void member.run!.next();
    }

    #run(module: ModuleRecord): Promise<void> | undefined {
        if (module.kind !== "esm") {
            evaluateSynthetic(module, (specifier, referrer) => this.#requireSync(specifier, referrer));
            return undefined;
        }
        if (module.run) {
            const result = module.run.next() as unknown;
            return result instanceof Promise ? result.then(() => undefined) : undefined;
        }
        const esm = module as Import;
        const make = this.#compile(esm);
        const result = make.call(undefined, this.#frame(esm), this.#dynamicImport(module));
        if (result instanceof Promise) return result.then((values) => bindValues(esm, values));
        bindValues(esm, result);
        return undefined;
    }

    /** require(): everything that it reaches must be there and must not wait. */
    #requireSync(specifier: string, referrer: ModuleRecord): unknown {
        const module = this.#known(specifier, referrer);
        if (module === undefined) throw this.#missing(specifier, referrer, undefined);
        if (module.kind === "cjs" && module.state === "evaluating") return module.exports!.exports;
        if (this.#load(module)) throw new Error(`require("${specifier}") needs a module that is not there yet.`);
        this.#findComponents(module);
        if (this.#evaluate(module)) throw new Error(`require("${specifier}") cannot wait for a module that awaits.`);
        if (module.kind === "cjs") return module.exports!.exports;
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

declare const require: (path: string) => unknown;

function localExports(scan: Import["scan"]): { local: string; mutable: boolean }[] {
    const byLocal = new Map<string, { local: string; mutable: boolean }>();
    for (const { local, mutable } of scan.exports) if (local !== undefined) byLocal.set(local, { local, mutable });
    return [...byLocal.values()];
}

function bindValues(module: Import, values: unknown): void {
    localExports(module.scan).forEach(({ local, mutable }, index) => {
        const value = (values as unknown[])[index];
        module.bindings.set(local, mutable ? { get: value as () => unknown } : { value });
    });
}

/** `import source x from "y.wasm"`: the module itself, which is the default export as well. */
function sourceOf(module: ModuleRecord): Resolution {
    if (module.kind !== "wasm") throw new SyntaxError(`Source phase import is not available for "${module.name}".`);
    return { module, local: "default", mutable: false };
}

/** Modules that are no JavaScript, or CommonJS: their exports are made rather than declared. */
function evaluateSynthetic(module: ModuleRecord, requireSync: (specifier: string, referrer: ModuleRecord) => unknown): void {
    const bytes = module.content as Uint8Array;
    switch (module.kind) {
        case "text":
            return void module.bindings.set("default", { value: native.utf8Decode(bytes, false) });
        case "data":
            return void module.bindings.set("default", { value: bytes.slice().buffer });
        case "json":
            return void module.bindings.set("default", { value: parseJson(module) });
        case "wasm":
            return void module.bindings.set("default", { value: compileWasm(module) });
        case "cjs":
            evaluateCommonJs(module, requireSync);
            return void module.bindings.set("default", { value: module.exports!.exports });
    }
}

function parseJson(module: ModuleRecord): unknown {
    try {
        return JSON.parse(native.utf8Decode(module.content as Uint8Array, false));
    } catch (thrown) {
        throw new SyntaxError(`Module "${module.name}" is not valid JSON: ${(thrown as Error).message}`);
    }
}

/** The real constructor; a worker's own WebAssembly refuses to compile bytes. */
const { Module: WasmModule } = WebAssembly;

/** The bytes behind each WebAssembly.Module, so that one can be handed on to another worker. */
export const wasmSources = new WeakMap<WebAssembly.Module, Uint8Array>();

function compileWasm(module: ModuleRecord): WebAssembly.Module {
    try {
        const compiled = new WasmModule(module.content as Uint8Array);
        wasmSources.set(compiled, module.content as Uint8Array);
        return compiled;
    } catch (thrown) {
        throw new Error(`Module "${module.name}" is not valid WebAssembly: ${(thrown as Error).message}`);
    }
}

/** The bindings of synthetic modules are known before they run, so that imports of them can be linked. */
export function declareExports(module: ModuleRecord): ModuleRecord {
    const kinds: Kind[] = ["cjs", "text", "data", "json", "wasm"];
    if (kinds.includes(module.kind)) module.bindings.set("default", {});
    if (module.kind === "builtin") {
        for (const [name, value] of Object.entries(module.content)) module.bindings.set(name, { value });
        module.state = "evaluated";
    }
    return module;
}

