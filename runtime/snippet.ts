// Snippets for `mayfly run`: a module as any other, or a few statements whose last value is the result, or the body of an
// async function. What has no import and no export is one of the latter two, and becomes a default export that runs it.

import { compileScript } from "./modules/compile";
import { makeRecord, type ModuleRecord } from "./modules/record";
import { native } from "./web/host";
import { define } from "./web/lazy";

type Run = (input: unknown, env: unknown, ctx: unknown) => unknown;

/** Compiles the text as an expression that may await, or as the body of a function that may return. */
function compileFunction(record: ModuleRecord, text: string): Run {
    const parameters = "(async(input,env,ctx)=>";
    try {
        return native.evaluate(`${parameters}(${text}\n))`, record.name) as Run;
    } catch (thrown) {
        if (!(thrown instanceof SyntaxError)) throw thrown;
        record.prefixLength = parameters.length + 1;
        return compileScript(record, `${parameters}{${text}\n})`) as Run;
    }
}

/** Statements first, for their completion value; if that is no script (`return`, `await`), a function. */
function runScript(record: ModuleRecord, text: string): Run {
    return (input, env, ctx) => {
        define(globalThis, "input", input);
        define(globalThis, "env", env);
        let value: unknown;
        try {
            value = native.evaluate(text, record.name);
        } catch (thrown) {
            if (!(thrown instanceof SyntaxError)) throw thrown;
            value = compileFunction(record, text);
        }
        return typeof value === "function" ? (value as Run)(input, env, ctx) : value;
    };
}

/** Whether the source is a module. A `return` outside functions is none, nor is any other source that does not scan. */
function isModuleSource(name: string, source: Uint8Array): boolean {
    try {
        const scan = native.scan(name, source);
        native.discard(scan.handle);
        return scan.requests.length > 0 || scan.exports.length > 0 || scan.importMeta;
    } catch {
        return false;
    }
}

/** Makes the main module of a snippet; `source` is JavaScript, its types stripped if it had any. */
export function snippetModule(name: string, source: Uint8Array, mapPlace: ModuleRecord["mapPlace"]): ModuleRecord {
    const isModule = isModuleSource(name, source);
    const module = makeRecord(name, isModule ? "esm" : "builtin", source, mapPlace);
    if (isModule) return module;
    const text = native.utf8Decode(source, false);
    return Object.assign(module, { content: { default: runScript(module, text) } });
}
