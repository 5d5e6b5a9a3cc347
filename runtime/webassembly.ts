// WebAssembly as workers have it: modules come with the code, never from bytes at run time, and no memory is shared.

import { native } from "./web/host";
import { define } from "./web/lazy";

/** Instances that are made in other threads. */
let pending = 0;

/** Whether something comes that no frame and no timer brings. */
export function isInstantiating(): boolean {
    return pending > 0;
}

const REFUSAL = "Wasm code generation disallowed by embedder";

/** Puts refusing functions in the place of those that compile bytes; modules that were given still instantiate, and
 * where the engine may make the thread that it compiles in, bytes are validated. */
export function restrictWebAssembly(): void {
    const { Module, CompileError, instantiate, validate } = WebAssembly;
    const refuse = (name: string): Error => new CompileError(`WebAssembly.${name}(): ${REFUSAL}`);
    function RefusingModule(): never {
        throw refuse("Module");
    }
    RefusingModule.prototype = Module.prototype;
    Object.defineProperty(RefusingModule, "name", { value: "Module" });
    for (const name of ["imports", "exports", "customSections"] as const) define(RefusingModule, name, Module[name]);
    define(Module.prototype, "constructor", RefusingModule);
    define(WebAssembly, "Module", RefusingModule);
    const instead = {
        compile: (_bytes: unknown) => Promise.reject(refuse("compile")),
        instantiate: async (module: unknown, imports?: object) => {
            if (!(module instanceof Module)) throw refuse("instantiate");
            pending++;
            try {
                return await instantiate(module, imports);
            } finally {
                pending--;
            }
        },
        validate: (bytes: ArrayBuffer | ArrayBufferView) => {
            if (native.threaded()) return validate(bytes);
            throw new CompileError("WebAssembly.validate(): only a worker with a module that names it can validate.");
        },
    };
    for (const [name, f] of Object.entries(instead)) define(WebAssembly, name, f);
    for (const name of ["compileStreaming", "instantiateStreaming"]) Reflect.deleteProperty(WebAssembly, name);
    refuseSharedMemory();
}

/** Whoever makes or exports a memory, its bytes are reached here. */
function refuseSharedMemory(): void {
    const { prototype } = WebAssembly.Memory;
    const unshared = ArrayBuffer.prototype;
    const { apply, getPrototypeOf } = Reflect;
    const guard = (give: () => ArrayBuffer): (() => ArrayBuffer) =>
        function (this: WebAssembly.Memory): ArrayBuffer {
            const buffer = apply(give, this, []);
            if (getPrototypeOf(buffer) === unshared) return buffer;
            throw new TypeError("WebAssembly.Memory: shared memory is not supported.");
        };
    const { get, ...rest } = Object.getOwnPropertyDescriptor(prototype, "buffer")!;
    Object.defineProperty(prototype, "buffer", { ...rest, get: guard(get!) });
    for (const name of ["toFixedLengthBuffer", "toResizableBuffer"]) {
        const give = (prototype as unknown as Record<string, (() => ArrayBuffer) | undefined>)[name];
        if (give !== undefined) define(prototype, name, guard(give));
    }
}
