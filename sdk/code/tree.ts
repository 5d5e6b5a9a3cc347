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

/** The names that a pattern binds, in their order. */
export function boundNames(pattern: Node): string[] {
    switch (pattern.type) {
        case "Identifier":
            return [pattern.name as string];
        case "ObjectPattern":
            return (pattern.properties as Node[]).flatMap((property) => boundNames((property.value as Node | undefined) ?? property));
        case "ArrayPattern":
            return (pattern.elements as (Node | null)[]).flatMap((element) => (element ? boundNames(element) : []));
        case "RestElement":
            return boundNames(pattern.argument as Node);
        case "AssignmentPattern":
            return boundNames(pattern.left as Node);
        default:
            return [];
    }
}
