// A configuration file as values that know where they stand: what both parsers give, and all that the schema sees.

/** 1-based; columns count UTF-16 units. */
export interface Place {
    line: number;
    column: number;
}

export interface Member {
    name: string;
    /** Where the name stands. */
    place: Place;
    value: Node;
}

export type Node = { place: Place } & (
    | { kind: "object"; members: Member[] }
    | { kind: "array"; items: Node[] }
    | { kind: "string"; value: string }
    | { kind: "number"; value: number }
    | { kind: "boolean"; value: boolean }
    | { kind: "null" }
);

/** The file cannot be read at all. */
export class SyntaxProblem extends Error {
    readonly place: Place;

    constructor(message: string, place: Place) {
        super(message);
        this.place = place;
    }
}

/** The plain value; objects have no prototype, so that no name in a file means anything to JavaScript. */
export function toValue(node: Node): unknown {
    switch (node.kind) {
        case "object": {
            const object = Object.create(null) as Record<string, unknown>;
            for (const { name, value } of node.members) object[name] = toValue(value);
            return object;
        }
        case "array":
            return node.items.map(toValue);
        case "null":
            return null;
        default:
            return node.value;
    }
}
