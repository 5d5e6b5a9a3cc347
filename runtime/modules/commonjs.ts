// CommonJS modules: sloppy functions of (exports, require, module, __filename, __dirname).

import { follower, compileText, scanModule } from "./compile";
import type { ModuleRecord } from "./record";

const PREFIX = "(function(exports,require,module,__filename,__dirname,$mf_im,$mf_a){";

/** Runs the module; `module` stands in its record from the start, so that cycles see what is exported so far. */
export function evaluateCommonJs(
    record: ModuleRecord,
    requireSync: (specifier: string, referrer: ModuleRecord) => unknown,
    dynamicImport: unknown,
): void {
    const scan = scanModule(record, true);
    const run = compileText(record, scan, true, PREFIX, "\n})") as (...args: unknown[]) => void;
    const path = `/${record.name}`;
    const module = { path, exports: {} as unknown };
    record.commonJs = module;
    const require = (specifier: unknown): unknown => requireSync(`${specifier as string}`, record);
    const directory = path.slice(0, path.lastIndexOf("/")) || "/";
    run.call(module.exports, module.exports, require, module, path, directory, dynamicImport, follower?.helpers);
}
