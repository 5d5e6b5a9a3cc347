// WebAssembly as workers have it: modules come with the code, never from bytes at run time.

import { define } from "./web/lazy";

const REFUSAL = "Wasm code generation disallowed by embedder";

/** Puts refusing functions in the place of those that compile bytes; modules that were given still instantiate. */
export function restrictWebAssembly(): void {
    const { Module, CompileError, instantiate } = WebAssembly;
    const refuse = (name: string): Error => new CompileError(`WebAssembly.${name}(): ${REFUSAL}`);
    function RefusingModule(): never {
        throw refuse("Module");
    }
    RefusingModule.prototype = Module.prototype;
    Object.defineProperty(RefusingModule, "name", { value: "Module" });
    for (const name of ["imports", "exports", "customSections"] as const) define(RefusingModule, name, Module[name]);
    define(Module.prototype, "constructor", RefusingModule);
    define(WebAssembly, "Module", RefusingModule);
    define(WebAssembly, "compile", () => Promise.reject(refuse("compile")));
    define(WebAssembly, "instantiate", (module: unknown, imports?: object) =>
        module instanceof Module ? instantiate(module, imports) : Promise.reject(refuse("instantiate")),
    );
    for (const name of ["compileStreaming", "instantiateStreaming"]) Reflect.deleteProperty(WebAssembly, name);
}
