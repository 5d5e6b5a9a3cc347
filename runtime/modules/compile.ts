// Compiling a module's text, and telling where it is wrong.

import { native } from "../web/host";
import { syntaxErrorPlace } from "./locate";
import { errorAt, type ModuleRecord } from "./record";

/** Has the engine compile a module's text; what it throws is a syntax error of that module, whose text `source` is. */
export function compileScript(module: ModuleRecord, source: string | undefined, compile: () => unknown): unknown {
    try {
        return compile();
    } catch (thrown) {
        const error = thrown as Error & { line: number };
        const place = syntaxErrorPlace(error, source ?? native.utf8Decode(module.content as Uint8Array, false));
        throw errorAt(error, module.name, module.mapPlace?.(place) ?? place);
    }
}
