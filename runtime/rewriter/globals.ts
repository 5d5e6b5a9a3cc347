// Takes the place of two globals in html-rewriter-wasm: see node.ts.

import { compileWasm } from "../modules/synthetic";

function Module(bytes: Uint8Array): object {
    return compileWasm("HTMLRewriter", bytes);
}

const engines = (globalThis as unknown as { WebAssembly: { Instance: unknown } }).WebAssembly;
const replacement = { Module, Instance: engines.Instance };

export { replacement as WebAssembly };
export const __dirname = "";
