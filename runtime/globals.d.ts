// Globals that the engine has and TypeScript's ECMAScript libraries do not declare.

declare namespace WebAssembly {
    class Module {
        constructor(bytes: ArrayBuffer | ArrayBufferView);
    }
}
