// Modules that are no JavaScript: one default export, made from bytes. And builtins, which are given as they are.

import { native } from "../web/host";
import { type Kind, type ModuleRecord } from "./record";

/** The bindings of synthetic modules are known before they run, so that imports of them can be linked. */
export function declareExports(module: ModuleRecord): ModuleRecord {
    const kinds: Kind[] = ["text", "data", "json", "wasm"];
    if (kinds.includes(module.kind)) module.bindings.set("default", {});
    if (module.kind === "cjs") module.bindings.set("default", { get: () => module.commonJs?.exports });
    if (module.kind === "builtin") {
        for (const [name, value] of Object.entries(module.content)) module.bindings.set(name, { value });
        module.state = "evaluated";
    }
    return module;
}

/** Makes the default export of a text, data, JSON or WebAssembly module. */
export function evaluateSynthetic(module: ModuleRecord): void {
    module.bindings.set("default", { value: valueOf(module, module.content as Uint8Array) });
}

function valueOf(module: ModuleRecord, bytes: Uint8Array): unknown {
    switch (module.kind) {
        case "data":
            return bytes.slice().buffer;
        case "json":
            return parseJson(module.name, bytes);
        case "wasm":
            return compileWasm(module.name, bytes);
        default:
            return native.utf8Decode(bytes, false);
    }
}

function parseJson(name: string, bytes: Uint8Array): unknown {
    try {
        return JSON.parse(native.utf8Decode(bytes, false));
    } catch (thrown) {
        throw new SyntaxError(`Module "${name}" is not valid JSON: ${(thrown as Error).message}`);
    }
}

/** The real constructors; a worker's own WebAssembly refuses to compile bytes. */
const { Module: WasmModule, CompileError } = WebAssembly;

/** The bytes behind each WebAssembly.Module, so that one can be handed on to another worker. */
export const wasmSources = new WeakMap<WebAssembly.Module, Uint8Array>();

/** Compiles bytes that the runtime vouches for. */
export function compileWasm(name: string, bytes: Uint8Array): WebAssembly.Module {
    if (!native.threaded()) throw new CompileError(`${name} needs WebAssembly, for which this cell has no thread.`);
    try {
        const compiled = new WasmModule(bytes as Uint8Array<ArrayBuffer>);
        wasmSources.set(compiled, bytes);
        return compiled;
    } catch (thrown) {
        const why = (thrown as Error).message.replace(/ \(evaluating .*\)$/, "");
        throw new CompileError(`Module "${name}" is not valid WebAssembly: ${why}`);
    }
}
