// Snippets for `mayfly run`: a module as any other, or a few statements whose last value is the result, or the body of an
// async function. What has no import and no export is one of the latter two, and becomes a default export that runs it.

import { compileScript } from "./modules/compile";
import { makeRecord, type ModuleRecord } from "./modules/record";
import { contexts } from "./parts";
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

/**
 * What awaits outside of functions: an expression, or statements whose last value is the result. Undefined for what does
 * not. This is decided by a parser and not by trying: without such an await, `await (f())` is the call of a function.
 */
function compileAwaiting(record: ModuleRecord, text: string): Run | undefined {
    const completed = /\bawait\b/.test(text) ? contexts().completing(text, "$mf_v") : undefined;
    if (completed === undefined) return undefined;
    // Statements get a function of their own, so that they may declare the names of the parameters.
    const head = "((input,env,ctx)=>(async($mf_v)=>{";
    for (const script of [`(async(input,env,ctx)=>(${text}\n))`, `${head}${completed.text}\n;return $mf_v})())`]) {
        try {
            return native.evaluate(script, record.name) as Run;
        } catch (thrown) {
            if (!(thrown instanceof SyntaxError)) throw thrown;
        }
    }
    return undefined; // such as a script with a variable of the name `await`
}

/**
 * Statements, for their completion value; what is no script (`return`, an object) is a function. The engine's parser says
 * so beforehand: a SyntaxError may as well come of JSON.parse, and nothing must run twice.
 */
function evaluateScript(record: ModuleRecord, text: string): unknown {
    return native.isScript(text) ? native.evaluate(text, record.name) : compileFunction(record, text);
}

/** A result that is a function is called, as a module's default export would be. */
function runScript(record: ModuleRecord, text: string): Run {
    return (input, env, ctx) => {
        const finish = (value: unknown): unknown => (typeof value === "function" ? (value as Run)(input, env, ctx) : value);
        define(globalThis, "input", input);
        define(globalThis, "env", env);
        const awaiting = compileAwaiting(record, text);
        return awaiting ? (awaiting(input, env, ctx) as Promise<unknown>).then(finish) : finish(evaluateScript(record, text));
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
