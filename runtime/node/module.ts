// node:module, for packages that make themselves a require of builtins.

import { load, names } from "./main";

export const builtinModules: readonly string[] = [...names];

export function isBuiltin(name: string): boolean {
    return names.has(name.replace(/^node:/, ""));
}

export function createRequire() {
    return (name: string): unknown => {
        const found = load(name.replace(/^node:/, ""));
        if (found === undefined) throw new Error(`No such module "${name}".`);
        return found.default;
    };
}

export default { builtinModules, isBuiltin, createRequire };
