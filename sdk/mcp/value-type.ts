// The type of a value that is written out, for what a declaration says by `typeof`: tables of names, mostly.

import type { Node } from "../code/parse";
import { propertyKey } from "../types/names";

const node = (value: unknown): Node | undefined => value as Node | undefined;
const nodes = (value: unknown): (Node | null)[] => value as (Node | null)[];

/** Types of what is not written out itself. */
export interface Others {
    /** The text of a part of the file. */
    textOf(part: Node): string;
    /** The type that an expression is said to have. */
    annotated(type: Node): string;
    /** The type of what a name stands for. */
    named(name: string): string;
}

const PLAIN: Record<string, string> = { StringLiteral: "string", NumericLiteral: "number", BooleanLiteral: "boolean", TemplateLiteral: "string", BigIntLiteral: "bigint" };

/** The type of a literal; undefined if it is none. */
export const typeOfLiteral = (expression: Node): string | undefined => PLAIN[expression.type];

function typeOfObject(expression: Node, others: Others, isConst: boolean): string {
    const members = nodes(expression.properties).map((property): string | undefined => {
        if (property === null || property.type === "SpreadElement" || property.computed === true) return undefined;
        const key = node(property.key)!;
        const type = property.type === "ObjectProperty" ? typeOfExpression(node(property.value)!, others, isConst) : "any";
        return `${isConst ? "readonly " : ""}${propertyKey(String(key.name ?? key.value))}: ${type}`;
    });
    return members.includes(undefined) ? "any" : `{ ${members.join("; ")} }`;
}

function typeOfArray(expression: Node, others: Others, isConst: boolean): string {
    const elements = nodes(expression.elements);
    if (elements.some((element) => element === null || element.type === "SpreadElement")) return "any";
    const types = elements.map((element) => typeOfExpression(element!, others, isConst));
    if (isConst) return `(readonly [${types.join(", ")}])`;
    return types.length === 0 ? "any[]" : `(${[...new Set(types)].join(" | ")})[]`;
}

/** The type of an expression, `any` where that is not to be seen; `isConst` where it is `as const`. Can stand anywhere. */
export function typeOfExpression(expression: Node, others: Others, isConst = false): string {
    const inner = node(expression.expression);
    switch (expression.type) {
        case "TSAsExpression": {
            const type = node(expression.typeAnnotation)!;
            return others.textOf(type) === "const" ? typeOfExpression(inner!, others, true) : `(${others.annotated(type)})`;
        }
        case "TSSatisfiesExpression":
        case "ParenthesizedExpression":
            return typeOfExpression(inner!, others, isConst);
        case "ObjectExpression":
            return typeOfObject(expression, others, isConst);
        case "ArrayExpression":
            return typeOfArray(expression, others, isConst);
        case "NullLiteral":
            return "null";
        case "Identifier":
            return expression.name === "undefined" ? "undefined" : others.named(String(expression.name));
        case "UnaryExpression":
            return isConst && expression.operator === "-" ? `(${others.textOf(expression)})` : expression.operator === "-" ? "number" : "any";
        default: {
            const plain = typeOfLiteral(expression);
            return plain !== undefined && isConst && expression.type !== "TemplateLiteral" ? others.textOf(expression) : (plain ?? "any");
        }
    }
}
