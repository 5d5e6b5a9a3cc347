// What a module's exports stand for: the ResolveExport operation of ECMA-262 16.2.1.6.3, reading a resolved binding,
// and namespace objects.

import type { Binding, ModuleRecord } from "./record";

/** A name of a module's own, or a whole namespace. */
export interface Resolution {
    module: ModuleRecord;
    /** Undefined for the namespace. */
    local: string | undefined;
    mutable: boolean;
}

/** Finds what `name` of `module` is; undefined if there is none, "ambiguous" if two stars disagree. */
export function resolveExport(
    module: ModuleRecord,
    name: string,
    seen: Map<ModuleRecord, Set<string>> = new Map(),
): Resolution | "ambiguous" | undefined {
    if (module.kind !== "esm") return module.bindings.has(name) ? { module, local: name, mutable: false } : undefined;
    const names = seen.get(module) ?? new Set<string>();
    if (names.has(name)) return undefined;
    seen.set(module, names.add(name));
    const scan = module.scan!;
    for (const entry of scan.exports) {
        if (entry.exported !== name) continue;
        if (entry.local !== undefined) return { module, local: entry.local, mutable: entry.mutable };
        const from = module.requested[entry.request!]!;
        if (entry.namespace) return { module: from, local: undefined, mutable: false };
        return resolveExport(from, entry.name!, seen);
    }
    if (name === "default") return undefined;
    let found: Resolution | undefined;
    for (const request of scan.stars) {
        const next = resolveExport(module.requested[request]!, name, seen);
        if (next === "ambiguous") return next;
        if (next === undefined) continue;
        if (found && (found.module !== next.module || found.local !== next.local)) return "ambiguous";
        found = next;
    }
    return found;
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

function read(binding: Binding | undefined): unknown {
    return binding?.get ? binding.get() : binding?.value;
}

/** The current value; throws as the engine does if its declaration has not been reached. */
export function readResolution({ module, local }: Resolution): unknown {
    if (local === undefined) return namespaceOf(module);
    const binding = module.bindings.get(local);
    if (binding === undefined) throw new ReferenceError(`Cannot access '${local}' before initialization.`);
    return read(binding);
}

/** Whether the value can be taken now, once and for all. */
export function isFinal({ module, local, mutable }: Resolution): boolean {
    return local === undefined || (!mutable && module.state === "evaluated");
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
        if (isFinal(resolution)) {
            Object.defineProperty(namespace, name, { value: readResolution(resolution), writable: false, ...shape });
        } else {
            Object.defineProperty(namespace, name, { get: () => readResolution(resolution), ...shape });
        }
    }
    Object.defineProperty(namespace, Symbol.toStringTag, { value: "Module" });
    return Object.preventExtensions(namespace);
}
