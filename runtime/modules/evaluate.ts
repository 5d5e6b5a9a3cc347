// Evaluates linked modules, by ECMA-262 16.2.1.6.1.3: each once, after all that it requests, synchronously unless
// something awaits. What failed fails for ever with the same error.

import { evaluateCommonJs } from "./commonjs";
import { compileModule, follower, localExports } from "./compile";
import { isFinalFor, readResolution, resolveImport } from "./exports";
import type { EsModule, ModuleRecord } from "./record";
import { evaluateSynthetic } from "./synthetic";

/** The identifier that a body declares for an anonymous default export; MODULE_DEFAULT in module_scan.h. */
const DEFAULT = "$mf_df";

/** What modules can do while they run. */
export interface Surroundings {
    requireSync(specifier: string, referrer: ModuleRecord): unknown;
    /** The function that stands for `import` in the module. */
    dynamicImport(module: ModuleRecord): unknown;
}

/** What a body finds under `$mf`: values of its imports, getters of the live ones, and where getters are left. */
interface Frame {
    i: unknown[];
    l: object;
    e(getters: (() => unknown)[]): void;
    a?: object;
}

/** Evaluates a module. Returns a promise if it has to wait for something; throws or rejects with what failed. */
export function evaluate(module: ModuleRecord, around: Surroundings): Promise<void> | undefined {
    if (module.state === "failed") throw module.error;
    if (module.state === "evaluated" || module.state === "evaluating") return module.promise;
    module.state = "evaluating";
    try {
        if (module.component!.isCycle) hoist(module.component!.members as EsModule[], around);
        const waiting = module.requested.length > 0 ? evaluateRequested(module, around) : [];
        const pending = waiting.length > 0 ? Promise.all(waiting).then(() => run(module, around)) : run(module, around);
        if (pending) return wait(module, pending);
        module.state = "evaluated";
        return undefined;
    } catch (error) {
        return fail(module, error);
    }
}

function wait(module: ModuleRecord, pending: Promise<void>): Promise<void> {
    const done = (): void => {
        module.state = "evaluated";
        module.promise = undefined;
    };
    module.promise = pending.then(done, (error: unknown) => fail(module, error));
    module.promise.catch(() => {}); // whoever imports it gets the error, now or later
    return module.promise;
}

function evaluateRequested(module: ModuleRecord, around: Surroundings): Promise<void>[] {
    const waiting: Promise<void>[] = [];
    for (const requested of module.requested) {
        // Within a cycle, one that has begun is not waited for: it may be waiting for this one.
        if (requested.component === module.component && requested.state !== "loaded") continue;
        const pending = evaluate(requested, around);
        if (pending) waiting.push(pending);
    }
    return waiting;
}

function fail(module: ModuleRecord, error: unknown): never {
    module.state = "failed";
    module.error = error;
    module.promise = undefined;
    throw error;
}

/** Runs each member of a cycle up to its hoisted functions. */
function hoist(members: EsModule[], around: Surroundings): void {
    const component = members[0]!.component!;
    if (component.isHoisted) return;
    component.isHoisted = true;
    for (const member of members) member.run = start(member, around) as Generator;
    for (const member of members) void member.run!.next();
}

function start(module: EsModule, around: Surroundings): unknown {
    const { dynamicImport, importMeta } = module.scan;
    const imports = dynamicImport || importMeta ? around.dynamicImport(module) : undefined;
    module.body ??= compileModule(module); // not yet, if linking failed before it, and it is imported again
    return module.body.call(undefined, frameOf(module), imports);
}

function frameOf(module: EsModule): Frame {
    const live = Object.create(null) as object;
    const values = module.scan.imports.map((entry) => {
        const resolution = resolveImport(module, entry.request, entry.namespace ? undefined : entry.name, entry);
        if (isFinalFor(module, resolution)) return readResolution(resolution);
        Object.defineProperty(live, entry.local, { get: () => readResolution(resolution) });
        return undefined;
    });
    const e = (getters: (() => unknown)[]): void =>
        localExports(module).forEach(({ local }, index) => module.bindings.set(local, { get: getters[index]! }));
    return { i: values, l: live, e, a: follower?.helpers };
}

function run(module: ModuleRecord, around: Surroundings): Promise<void> | undefined {
    if (module.kind === "cjs") {
        evaluateCommonJs(module, (specifier, referrer) => around.requireSync(specifier, referrer), around.dynamicImport(module));
        return undefined;
    }
    if (module.kind !== "esm") {
        evaluateSynthetic(module);
        return undefined;
    }
    const esm = module as EsModule;
    const result = esm.run ? (esm.run.next() as unknown) : start(esm, around);
    if (result instanceof Promise) return result.then((values) => bind(esm, values));
    bind(esm, result);
    return undefined;
}

/** Takes the values that a plain body returned; a cyclic one left getters before. */
function bind(module: EsModule, values: unknown): void {
    let index = 0;
    for (const { local, mutable } of localExports(module)) {
        if (!module.run) {
            const value = (values as unknown[])[index++];
            module.bindings.set(local, mutable ? { get: value as () => unknown } : { value });
        }
        if (local === DEFAULT) nameDefault(readResolution({ module, local, mutable }));
    }
}

/** An anonymous function or class that is exported as default is called "default", not as the body calls it. */
function nameDefault(value: unknown): void {
    if (typeof value !== "function") return;
    const name = Object.getOwnPropertyDescriptor(value, "name");
    if (name?.value === DEFAULT) Object.defineProperty(value, "name", { ...name, value: "default" });
}
