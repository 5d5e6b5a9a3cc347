// Looks at syntax trees.

import type { Node } from "./parse";

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === "string";

/** Shows each node to `see`, outer ones first; what is inside one for which it returns false is left out. */
export function walk(node: Node, see: (node: Node) => boolean | void): void {
    if (see(node) === false) return;
    for (const value of Object.values(node)) {
        if (isNode(value)) walk(value, see);
        else if (Array.isArray(value)) for (const item of value) if (isNode(item)) walk(item, see);
    }
}
