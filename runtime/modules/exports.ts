// What a module's exports stand for: the ResolveExport operation of ECMA-262 16.2.1.6.3, reading a resolved binding,
// and namespace objects.

import type { ScanExport } from "../native";
import { errorAt, type EsModule, type ModuleRecord, type Place } from "./record";

/** A name of a module's own, or a whole namespace. */
export interface Resolution {
    module: ModuleRecord;
    /** Undefined for the namespace. */
    local: string | undefined;
    mutable: boolean;
}

function exportOf(module: ModuleRecord, name: string): ScanExport | undefined {
    if (module.exported === undefined) {
        module.exported = new Map();
        for (const entry of module.scan!.exports) module.exported.set(entry.exported, entry);
    }
    return module.exported.get(name);
}

/** Finds what `name` of `module` is; undefined if there is none, "ambiguous" if two stars disagree. */
export function resolveExport(
    module: ModuleRecord,
    name: string,
    seen?: Map<ModuleRecord, Set<string>>,
): Resolution | "ambiguous" | undefined {
    if (module.kind !== "esm") return module.bindings.has(name) ? { module, local: name, mutable: false } : undefined;
    const entry = exportOf(module, name);
    if (entry?.local !== undefined) return { module, local: entry.local, mutable: entry.mutable };
    seen ??= new Map<ModuleRecord, Set<string>>();
    const names = seen.get(module) ?? new Set<string>();
    if (names.has(name)) return undefined;
    seen.set(module, names.add(name));
    if (entry) {
        const from = module.requested[entry.request!]!;
        if (entry.namespace) return { module: from, local: undefined, mutable: false };
        return resolveExport(from, entry.name!, seen);
    }
    if (name === "default") return undefined;
    let found: Resolution | undefined;
    for (const request of module.scan!.stars) {
        const from = module.requested[request]!;
        if (from.kind === "esm" && from.scan!.stars.length === 0 && !exportOf(from, name)) continue;
        const next = resolveExport(from, name, seen);
        if (next === "ambiguous") return next;
        if (next === undefined) continue;
        if (found && (found.module !== next.module || found.local !== next.local)) return "ambiguous";
        found = next;
    }
    return found;
}

/** What an import or a re-export of `module` stands for, `name` undefined for a namespace; throws if there is none. */
export function resolveImport(module: EsModule, request: number, name: string | undefined, place: Place): Resolution {
    const from = module.requested[request]!;
    const { specifier, phase } = module.scan.requests[request]!;
    const fail = (text: string): Error =>
        errorAt(new SyntaxError(text), module.name, module.mapPlace?.(place) ?? place);
    if (phase === "source") {
        // A WebAssembly module's source is its default export as well.
        if (from.kind === "wasm") return { module: from, local: "default", mutable: false };
        throw fail(`Source phase import not available for module: ${from.name}.\n  imported from "${module.name}"`);
    }
    if (name === undefined) return { module: from, local: undefined, mutable: false };
    const resolution = resolveExport(from, name);
    if (resolution === "ambiguous") {
        throw fail(`The requested module '${specifier}' contains conflicting star exports for name '${name}'`);
    }
    if (resolution) return resolution;
    throw fail(`The requested module '${specifier}' does not provide an export named '${name}'`);
}

/** Whether `module` can take the value when it starts: what it depends on has run by then, but for its own cycle. */
export function isFinalFor(module: ModuleRecord, resolution: Resolution): boolean {
    return !module.component!.isCycle && !resolution.mutable;
}

/** Every name that a module exports, stars included. */
function exportedNames(module: ModuleRecord, seen: Set<ModuleRecord>): Set<string> {
    const names = new Set<string>();
    if (seen.has(module)) return names;
    seen.add(module);
    if (module.kind !== "esm") return new Set(module.bindings.keys());
    for (const entry of module.scan!.exports) names.add(entry.exported);
    for (const request of module.scan!.stars) {
        for (const name of exportedNames(module.requested[request]!, seen)) {
            if (name !== "default") names.add(name);
        }
    }
    return names;
}

/** The current value; throws as the engine does if its declaration has not been reached. */
export function readResolution({ module, local }: Resolution): unknown {
    if (local === undefined) return namespaceOf(module);
    const binding = module.bindings.get(local);
    if (binding === undefined) throw new ReferenceError(`Cannot access '${local}' before initialization.`);
    return binding.get ? binding.get() : binding.value;
}

/** The namespace object: names sorted, no prototype, nothing can be added or changed from outside. */
export function namespaceOf(module: ModuleRecord): object {
    if (module.namespace) return module.namespace;
    if (module.kind === "builtin") return (module.namespace = module.content as object);
    const namespace = Object.create(null) as object;
    module.namespace = namespace;
    for (const name of [...exportedNames(module, new Set())].sort()) {
        const resolution = resolveExport(module, name);
        if (resolution === undefined || resolution === "ambiguous") continue;
        const shape = { enumerable: true, configurable: false };
        const isFinal = resolution.local === undefined || (!resolution.mutable && resolution.module.state === "evaluated");
        if (isFinal) {
            Object.defineProperty(namespace, name, { value: readResolution(resolution), writable: false, ...shape });
        } else {
            Object.defineProperty(namespace, name, { get: () => readResolution(resolution), ...shape });
        }
    }
    Object.defineProperty(namespace, Symbol.toStringTag, { value: "Module" });
    return Object.preventExtensions(namespace);
}
