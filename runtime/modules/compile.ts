// From a module's source to a function of the engine, and where the source is wrong. What stands around a body:
//
//   plain    (function($mf,$mf_im){"use strict";const a=$mf.i[0];  body  ;return[x,()=>y]})    run once, at full speed
//   cyclic   (function*($mf,$mf_im){"use strict";$mf.e([()=>x]);yield;  body  })    hoisted before any of its cycle runs
//
// with `async` in front where the body awaits. Imports whose value may change are read through $mf.l (live.ts).

import type { Scan } from "../native";
import { native } from "../web/host";
import { isFinalFor, resolveImport } from "./exports";
import { sourcePlace } from "./locate";
import { errorAt, type Body, type EsModule, type ModuleRecord, type Place } from "./record";
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
export function compileScript(module: ModuleRecord, script: () => string, compile?: () => unknown): unknown {
    try {
        return compile ? compile() : native.evaluate(script(), module.name);
    } catch (thrown) {
        if (!(thrown instanceof SyntaxError)) throw thrown;
        const error = thrown as SyntaxError & { line: number };
        const place = syntaxErrorPlace(error, script(), module.name, module.prefixLength);
        throw errorAt(error, module.name, sourcePlace(module, place) ?? { line: 1, column: 1 });
    }
}

/** Wraps a scanned body and has the engine compile it. */
export function compileBody(module: ModuleRecord, scan: Scan, isScript: boolean, prefix: string, suffix: string): unknown {
    module.prefixLength = prefix.length;
    const script = (): string => {
        const { handle } = scanModule(module, isScript); // compiling has taken the first
        const text = prefix + native.body(handle) + suffix;
        native.discard(handle);
        return text;
    };
    return compileScript(module, script, () => native.compile(scan.handle, prefix, suffix, module.name));
}

/** A module's exported local names, each once, in the order in which its body hands their values over. */
export function localExports(scan: Scan): { local: string; mutable: boolean }[] {
    const byLocal = new Map<string, { local: string; mutable: boolean }>();
    for (const { local, mutable } of scan.exports) if (local !== undefined) byLocal.set(local, { local, mutable });
    return [...byLocal.values()];
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
    scan.imports.forEach((entry, index) => {
        const resolution = resolveImport(module, entry.request, entry.namespace ? undefined : entry.name, entry);
        const isLive = !isFinalFor(module, resolution);
        if (isLive) live.add(entry.local);
        // A live name is declared as well, though never read, since nothing else in the module may be called so.
        constants.push(`${entry.local}=${isLive ? "0" : `$mf.i[${index}]`}`);
    });
    const locals = localExports(scan);
    const getters = locals.map(({ local }) => `()=>${local}`);
    const values = locals.map(({ local, mutable }) => (mutable ? `()=>${local}` : local));
    const kind = (scan.topLevelAwait ? "async " : "") + (isCycle ? "function*" : "function");
    let prefix = `(${kind}($mf,$mf_im){"use strict";`;
    if (constants.length > 0) prefix += `const ${constants.join(",")};`;
    if (isCycle) prefix += `$mf.e([${getters}]);yield;`;
    const suffix = isCycle || values.length === 0 ? "\n})" : `\n;return[${values}]})`;
    if (live.size === 0) return compileBody(module, scan, false, prefix, suffix) as Body;
    const script = prefix + rewrite(module, live) + suffix;
    module.prefixLength = prefix.length;
    return compileScript(module, () => script) as Body;
}

/** The body with its live imports read through getters. */
function rewrite(module: EsModule, live: Set<string>): string {
    const { rewriteLive } = require("./live") as typeof import("./live");
    const body = native.body(module.scan.handle);
    native.discard(module.scan.handle);
    try {
        const { text, shifts } = rewriteLive(body, live);
        module.shifts = shifts;
        return text;
    } catch (thrown) {
        const { message, loc } = thrown as { message: string; loc?: Place };
        if (!loc) throw thrown;
        const error = new SyntaxError(message.replace(/ \(\d+:\d+\)$/, ""));
        throw errorAt(error, module.name, module.mapPlace?.(loc) ?? loc);
    }
}
