// wrangler.toml. The parser checks the whole file and tells where each piece stands; tables are then put together here.

import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { type Member, type Node, type Place, SyntaxProblem } from "./tree";

type ObjectNode = Extract<Node, { kind: "object" }>;

function placeOf(node: AST.TOMLNode): Place {
    return { line: node.loc.start.line, column: node.loc.start.column + 1 };
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
    return key.type === "TOMLBare" ? key.name : key.value;
}

function scalar(node: AST.TOMLValue): Node {
    const place = placeOf(node);
    switch (node.kind) {
        case "string":
            return { kind: "string", place, value: node.value };
        case "boolean":
            return { kind: "boolean", place, value: node.value };
        case "integer":
        case "float":
            if (!Number.isFinite(node.value)) throw new SyntaxProblem("a number must be finite", place);
            return { kind: "number", place, value: node.value };
        default:
            return { kind: "string", place, value: node.datetime };
    }
}

function toNode(node: AST.TOMLContentNode): Node {
    switch (node.type) {
        case "TOMLArray":
            return { kind: "array", place: placeOf(node), items: node.elements.map(toNode) };
        case "TOMLInlineTable": {
            const table: ObjectNode = { kind: "object", place: placeOf(node), members: [] };
            for (const pair of node.body) addPair(table, pair);
            return table;
        }
        default:
            return scalar(node);
    }
}

function find(table: ObjectNode, name: string): Member | undefined {
    return table.members.find((member) => member.name === name);
}

/** The table that a key leads to from `table`, made on the way where it is missing; the last one of an array. */
function descend(table: ObjectNode, key: AST.TOMLBare | AST.TOMLQuoted): ObjectNode {
    const name = nameOf(key);
    let member = find(table, name);
    if (member === undefined) {
        member = { name, place: placeOf(key), value: { kind: "object", place: placeOf(key), members: [] } };
        table.members.push(member);
    }
    const value = member.value.kind === "array" ? member.value.items.at(-1) : member.value;
    if (value?.kind !== "object") throw new SyntaxProblem(`${name} is not a table`, placeOf(key));
    return value;
}

function addPair(table: ObjectNode, pair: AST.TOMLKeyValue): void {
    const keys = [...pair.key.keys];
    const last = keys.pop()!;
    const owner = keys.reduce(descend, table);
    owner.members.push({ name: nameOf(last), place: placeOf(last), value: toNode(pair.value) });
}

/** The table that a header names, new in its array for [[header]]. */
function openTable(root: ObjectNode, header: AST.TOMLTable): ObjectNode {
    if (header.kind === "standard") return header.key.keys.reduce(descend, root);
    const keys = [...header.key.keys];
    const last = keys.pop()!;
    const owner = keys.reduce(descend, root);
    const name = nameOf(last);
    let member = find(owner, name);
    if (member === undefined) {
        member = { name, place: placeOf(last), value: { kind: "array", place: placeOf(last), items: [] } };
        owner.members.push(member);
    }
    if (member.value.kind !== "array") throw new SyntaxProblem(`${name} is not an array of tables`, placeOf(last));
    const table: ObjectNode = { kind: "object", place: placeOf(header), members: [] };
    member.value.items.push(table);
    return table;
}

export function parseToml(text: string): Node {
    let program: AST.TOMLProgram;
    try {
        program = parseTOML(text, { tomlVersion: "1.0.0" });
    } catch (error) {
        if (!(error instanceof ParseError)) throw error;
        throw new SyntaxProblem(error.message, { line: error.lineNumber, column: error.column + 1 });
    }
    const root: ObjectNode = { kind: "object", place: { line: 1, column: 1 }, members: [] };
    for (const node of program.body[0].body) {
        if (node.type === "TOMLKeyValue") {
            addPair(root, node);
            continue;
        }
        const table = openTable(root, node);
        for (const pair of node.body) addPair(table, pair);
    }
    return root;
}
