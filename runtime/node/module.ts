// node:module, for packages that make themselves a require of builtins.

import { load, names, prefixed } from "./main";

export const builtinModules: readonly string[] = [...names].filter((name) => !prefixed.has(name));

export function isBuiltin(name: string): boolean {
    const bare = name.replace(/^node:/, "");
    return names.has(bare) && (bare !== name || !prefixed.has(bare));
}

export function createRequire() {
    return (name: string): unknown => {
        const found = load(name.replace(/^node:/, ""));
        if (found === undefined) throw new Error(`No such module "${name}".`);
        return found.default;
    };
}

export default { builtinModules, isBuiltin, createRequire };
