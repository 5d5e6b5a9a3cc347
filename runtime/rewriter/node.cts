// What html-rewriter-wasm asks of Node, which it was made for: assertions, the text codecs of `util`, and its compiled
// module. One CommonJS module stands for all of them, since `assert` is a function that is called.

declare const module: { exports: unknown };
declare const require: (path: string) => unknown;

{
    const { native } = require("../web/host") as typeof import("../web/host");
    const { compileWasm } = require("../modules/synthetic") as typeof import("../modules/synthetic");
    const { TextDecoder, TextEncoder } = globalThis as unknown as Record<string, unknown>;
    const assert = (value: unknown): void => {
        if (!value) throw new Error("HTMLRewriter: an assertion failed");
    };
    module.exports = Object.assign(assert, {
        strictEqual: (a: unknown, b: unknown) => assert(Object.is(a, b)),
        compile: () => compileWasm("HTMLRewriter", native.part("rewriter.wasm") as Uint8Array),
        TextDecoder,
        TextEncoder,
    });
}
