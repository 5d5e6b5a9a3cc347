// CommonJS modules: sloppy functions of (exports, require, module, __filename, __dirname).

import { native } from "../web/host";
import { compileScript } from "./compile";
import type { ModuleRecord } from "./record";

const PREFIX = "(function(exports,require,module,__filename,__dirname){";

/** Runs the module; `module.exports` stands in its record from the start, so that cycles see what is there so far. */
export function evaluateCommonJs(
    module: ModuleRecord,
    requireSync: (specifier: string, referrer: ModuleRecord) => unknown,
): void {
    const source = native.utf8Decode(module.content as Uint8Array, false).replace(/^#!/, "//");
    module.prefixLength = PREFIX.length;
    const text = `${PREFIX}${source}\n})`;
    const run = compileScript(module, undefined, () => native.evaluate(text, module.name)) as (...args: unknown[]) => void;
    module.exports = { exports: {} };
    const require = (specifier: unknown): unknown => requireSync(String(specifier), module);
    const directory = module.name.split("/").slice(0, -1).join("/");
    run.call(module.exports.exports, module.exports.exports, require, module.exports, module.name, directory);
}
