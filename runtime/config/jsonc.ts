// wrangler.jsonc and wrangler.json: comments and trailing commas are welcome in both, as wrangler has it.

import { parseTree, type Node as JsonNode, type ParseError } from "jsonc-parser";
import { type Member, type Node, type Place, SyntaxProblem } from "./tree";

/** By jsonc-parser's ParseErrorCode, whose const enum a bundler cannot see into. */
const PROBLEMS = [
    "",
    "unexpected symbol",
    "malformed number",
    "expected a key in double quotes",
    "expected a value",
    "expected a colon",
    "expected a comma",
    "expected a closing brace",
    "expected a closing bracket",
    "expected the end of the file",
    "unexpected comment",
    "a comment is not closed",
    "a string is not closed",
    "malformed number",
    "malformed \\u escape",
    "unknown escape sequence",
    "unexpected character",
];

/** Finds lines by binary search in the offsets at which they begin. */
class Lines {
    readonly #starts = [0];

    constructor(text: string) {
        for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
    }

    place(offset: number): Place {
        let low = 0;
        let high = this.#starts.length;
        while (high - low > 1) {
            const middle = (low + high) >> 1;
            if (this.#starts[middle]! <= offset) low = middle;
            else high = middle;
        }
        return { line: low + 1, column: offset - this.#starts[low]! + 1 };
    }
}

function toMember(property: JsonNode, lines: Lines): Member {
    const [name, value] = property.children!;
    return { name: String(name!.value), place: lines.place(name!.offset), value: toNode(value!, lines) };
}

function toNode(node: JsonNode, lines: Lines): Node {
    const place = lines.place(node.offset);
    switch (node.type) {
        case "object":
            return { kind: "object", place, members: (node.children ?? []).map((child) => toMember(child, lines)) };
        case "array":
            return { kind: "array", place, items: (node.children ?? []).map((child) => toNode(child, lines)) };
        case "string":
            return { kind: "string", place, value: node.value as string };
        case "number":
            return { kind: "number", place, value: node.value as number };
        case "boolean":
            return { kind: "boolean", place, value: node.value as boolean };
        default:
            return { kind: "null", place };
    }
}

export function parseJsonc(text: string): Node {
    const lines = new Lines(text);
    const errors: ParseError[] = [];
    const root = parseTree(text, errors, { allowTrailingComma: true });
    const first = errors[0];
    if (first !== undefined) {
        throw new SyntaxProblem(PROBLEMS[first.error] ?? "cannot be read", lines.place(first.offset));
    }
    if (root === undefined) throw new SyntaxProblem("the file is empty", { line: 1, column: 1 });
    return toNode(root, lines);
}
