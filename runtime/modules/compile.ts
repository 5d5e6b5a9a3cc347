// From a module's source to a function of the engine, and where the source is wrong. What stands around a body:
//
//   plain    (function($mf,$mf_im){"use strict";const a=$mf.i[0];  body  ;return[x,()=>y]})    run once, at full speed
//   cyclic   (function*($mf,$mf_im){"use strict";$mf.e([()=>x]);yield;  body  })    hoisted before any of its cycle runs
//
// with `async` in front where the body awaits. Imports whose value may change are read through $mf.l (live.ts). Where
// asynchronous contexts are followed, bodies are rewritten (runtime/async/rewrite.ts) and find $mf_a.

import type { Scan } from "../native";
import { contexts, typescript } from "../parts";
import { native } from "../web/host";
import { isFinalFor, resolveImport } from "./exports";
import { sourcePlace } from "./locate";
import { errorAt, type Body, type EsModule, type LocalExport, type ModuleRecord, type Place } from "./record";
import type { Shifts } from "./shifts";
import { syntaxErrorPlace } from "./syntax";

declare const require: (path: string) => unknown;

/** Scans a module's source; what is wrong with it is said with its place as given. */
export function scanModule(module: ModuleRecord, isScript: boolean): Scan {
    try {
        return native.scan(module.name, module.content as Uint8Array, isScript);
    } catch (thrown) {
        const { line, column } = thrown as Place;
        if (line === undefined) throw thrown;
        throw errorAt(thrown as Error, module.name, module.mapPlace?.({ line, column }) ?? { line, column });
    }
}

/**
 * Has the engine compile a function's expression that was made of a module's text, whose length in front is the
 * record's prefixLength; what it throws is a syntax error of that module.
 */
export function compileScript(module: ModuleRecord, script: string): unknown {
    try {
        return native.evaluate(script, module.name);
    } catch (thrown) {
        if (!(thrown instanceof SyntaxError)) throw thrown;
        const error = thrown as SyntaxError & { line: number };
        const place = syntaxErrorPlace(error, script, module.name, module.prefixLength);
        throw errorAt(error, module.name, sourcePlace(module, place) ?? { line: 1, column: 1 });
    }
}

/** What makes modules keep asynchronous contexts; see runtime/async. */
export interface Follower {
    rewrite(body: string, isScript: boolean): { text: string; shifts: Shifts } | undefined;
    /** What rewritten modules find under `$mf_a`. */
    helpers: object;
}

/** Undefined until modules are rewritten. */
export let follower: Follower | undefined;

/** From now on modules are rewritten before they are compiled. */
export function rewriteBy(given: Follower): void {
    follower = given;
}

/** Wraps a scanned body, rewritten if that is wanted and the rewriter can read it, and has the engine compile it. */
export function compileText(module: ModuleRecord, scan: Scan, isScript: boolean, prefix: string, suffix: string): unknown {
    const rewritten = follower?.rewrite(native.body(scan.handle), isScript);
    if (rewritten !== undefined) {
        native.discard(scan.handle);
        return compileRewritten(module, rewritten, prefix, suffix, isScript);
    }
    module.prefixLength = prefix.length;
    try {
        return native.compile(scan.handle, prefix, suffix, module.name);
    } catch (thrown) {
        if (!(thrown instanceof SyntaxError)) throw thrown;
        const { handle } = scanModule(module, isScript); // compiling has taken the first
        const text = native.body(handle);
        native.discard(handle);
        return compileRewritten(module, { text }, prefix, suffix, isScript);
    }
}

function lowerUsing(module: ModuleRecord, text: string, isScript: boolean): { text: string; shifts: Shifts; prologue: string } | undefined {
    try {
        return contexts().lowerUsing(text, isScript);
    } catch (thrown) {
        const { message, loc } = thrown as { message: string; loc?: Place };
        if (loc === undefined) throw thrown;
        const column = loc.column + 1 + (loc.line === 1 ? module.prefixLength : 0);
        const error = new SyntaxError(message.replace(/ \(\d+:\d+\)$/, ""));
        throw errorAt(error, module.name, sourcePlace(module, { line: loc.line, column }) ?? { line: 1, column: 1 });
    }
}

/** Where the engine knows no `using`, a body that has it is rewritten once more. */
function compileRewritten(module: ModuleRecord, body: { text: string; shifts?: Shifts }, prefix: string, suffix: string, isScript: boolean): unknown {
    module.prefixLength = prefix.length;
    if (body.shifts !== undefined) (module.shifts ??= []).push(body.shifts);
    try {
        return compileScript(module, prefix + body.text + suffix);
    } catch (thrown) {
        const lowered = body.text.includes("using ") ? lowerUsing(module, body.text, isScript) : undefined;
        if (lowered === undefined) throw thrown;
        return compileRewritten(module, lowered, prefix + lowered.prologue, suffix, isScript);
    }
}

/** A module's exported local names, each once, in the order in which its body hands their values over. */
export function localExports(module: EsModule): LocalExport[] {
    if (module.locals !== undefined) return module.locals;
    const byLocal = new Map<string, LocalExport>();
    for (const { local, mutable } of module.scan.exports) if (local !== undefined) byLocal.set(local, { local, mutable });
    return (module.locals = [...byLocal.values()]);
}

/** Links a module's imports and exports, and compiles it; throws SyntaxError with the place. */
export function compileModule(module: EsModule): Body {
    const { scan } = module;
    const isCycle = module.component!.isCycle;
    const constants: string[] = [];
    const live = new Set<string>();
    for (const entry of scan.exports) {
        if (entry.request !== undefined && !entry.namespace) resolveImport(module, entry.request, entry.name!, entry);
    }
    for (const [index, entry] of scan.imports.entries()) {
        const resolution = resolveImport(module, entry.request, entry.namespace ? undefined : entry.name, entry);
        const isLive = !isFinalFor(module, resolution);
        if (isLive) live.add(entry.local);
        // A live name is declared as well, though never read, since nothing else in the module may be called so.
        constants.push(`${entry.local}=${isLive ? "0" : `$mf.i[${index}]`}`);
    }
    const values: string[] = [];
    for (const { local, mutable } of localExports(module)) values.push(isCycle || mutable ? `()=>${local}` : local);
    const kind = (scan.topLevelAwait ? "async " : "") + (isCycle ? "function*" : "function");
    let prefix = `(${kind}($mf,$mf_im){"use strict";`;
    if (constants.length > 0) prefix += `const ${constants.join(",")};`;
    if (follower !== undefined) prefix += "const $mf_a=$mf.a;";
    if (isCycle) prefix += `$mf.e([${values}]);yield;`;
    const suffix = isCycle || values.length === 0 ? "\n})" : `\n;return[${values}]})`;
    if (live.size === 0) return compileText(module, scan, false, prefix, suffix) as Body;
    const body = rewriteLiveImports(module, live);
    return compileRewritten(module, follower?.rewrite(body, false) ?? { text: body }, prefix, suffix, false) as Body;
}

/** The body with its live imports read through getters. */
function rewriteLiveImports(module: EsModule, live: Set<string>): string {
    const { rewriteLive } = typescript();
    const body = native.body(module.scan.handle);
    native.discard(module.scan.handle);
    try {
        const { text, shifts } = rewriteLive(body, live);
        module.shifts = [shifts];
        return text;
    } catch (thrown) {
        const { message, loc } = thrown as { message: string; loc?: Place };
        if (!loc) throw thrown;
        const error = new SyntaxError(message.replace(/ \(\d+:\d+\)$/, ""));
        throw errorAt(error, module.name, module.mapPlace?.(loc) ?? loc);
    }
}
