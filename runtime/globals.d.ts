// Globals that the engine has and TypeScript's ECMAScript libraries do not declare.

declare namespace WebAssembly {
    class Module {
        constructor(bytes: ArrayBuffer | ArrayBufferView);
        static imports(module: Module): unknown[];
        static exports(module: Module): unknown[];
        static customSections(module: Module, name: string): ArrayBuffer[];
    }
    class Memory {
        readonly buffer: ArrayBuffer;
    }
    class CompileError extends Error {}
    function instantiate(module: Module, imports?: object): Promise<unknown>;
    function validate(bytes: ArrayBuffer | ArrayBufferView): boolean;
}

/** A descriptor that inherits nothing: a worker may have put `get` or `set` into Object.prototype. */
interface PropertyDescriptor {
    __proto__?: null;
}
