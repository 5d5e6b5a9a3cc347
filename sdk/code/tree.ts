// Looks at syntax trees: what names code has, and where.

import type { Node } from "./parse";

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === "string";

/** Shows each node to `see`, outer ones first; what is inside one for which it returns false is left out. */
export function walk(root: Node, see: (node: Node) => boolean | void): void {
    const open = [root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
        if (see(node) === false) continue;
        for (const inner of Object.values(node).flat().reverse()) if (isNode(inner)) open.push(inner);
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

/** The names that a statement declares. */
export function declaredBy(statement: Node): string[] {
    if (statement.type !== "VariableDeclaration") return boundNames(statement.id as Node);
    return (statement.declarations as Node[]).flatMap(({ id }) => boundNames(id as Node));
}

/** The names that are declared anywhere in the code. */
export function declaredNames(statements: Node[]): string[] {
    const names: string[] = [];
    const see = ({ type, id, local, params, param }: Node): void => {
        if (TYPE.test(type)) return;
        const patterns = [id, local, param, ...((params as Node[] | undefined) ?? [])];
        for (const pattern of patterns) if (pattern) names.push(...boundNames(pattern as Node));
    };
    for (const statement of statements) walk(statement, see);
    return [...new Set(names)];
}

/** Nodes that hold types alone. */
const TYPE = /^TS(?!As|Satisfies|NonNull|Instantiation|TypeAssertion|ParameterProperty|Enum|Module|Export)/;

/** The names that stand for values somewhere in the code. */
export function usedNames(statements: Node[]): Set<string> {
    const names = new Set<string>();
    const see = ({ type, computed, name, object, value }: Node): boolean => {
        if (TYPE.test(type) || type === "ImportDeclaration") return false;
        if (type === "Identifier") names.add(name as string);
        const inner = computed === true ? undefined : /^(?:Optional)?MemberExpression$/.test(type) ? object : type === "ObjectProperty" ? value : undefined;
        if (inner !== undefined) walk(inner as Node, see);
        return inner === undefined;
    };
    for (const statement of statements) walk(statement, see);
    return names;
}
