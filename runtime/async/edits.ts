// What rewrites the text of a module shares: acorn's tree of it, and text put in where lines stay.

import { parse, type Node } from "acorn";
import type { Shifts } from "../modules/shifts";

/** Replaces `before` characters. */
export interface Edit {
    at: number;
    before: number;
    text: string;
}

/** Nodes as acorn makes them; which fields each has is ESTree's affair. */
export type Tree = Node & Record<string, unknown>;

const LINE_BREAK = /\r\n|[\n\r\u2028\u2029]/g;

/** The body of a module, as the scanner left it; throws acorn's SyntaxError, whose `loc` has columns from 0. */
export function parseBody(body: string, isScript: boolean): Tree {
    return parse(body, {
        ecmaVersion: "latest",
        sourceType: isScript ? "script" : "module",
        allowReturnOutsideFunction: true,
        allowHashBang: true,
    }) as Node as Tree;
}

/** A script that may await outside of functions, where `await` is no name then; throws as parseBody does. */
export function parseAwaiting(script: string): Tree {
    return parse(script, {
        ecmaVersion: "latest",
        sourceType: "script",
        allowReturnOutsideFunction: true,
        allowAwaitOutsideFunction: true,
        allowHashBang: true,
    }) as Node as Tree;
}

export function* childrenOf(node: Tree): Generator<Tree> {
    for (const value of Object.values(node)) {
        for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
            if (typeof (child as Tree | null | undefined)?.type === "string") yield child as Tree;
        }
    }
}

/** The text with its edits, which stand in the order of their places. */
export function apply(body: string, edits: Edit[]): { text: string; shifts: Shifts } {
    const shifts: Shifts = new Map();
    const parts: string[] = [];
    const breaks = body.matchAll(LINE_BREAK);
    let next = breaks.next();
    let line = 1;
    let lineStart = 0;
    let from = 0;
    for (const { at, before, text } of edits) {
        for (; !next.done && next.value.index < at; next = breaks.next()) {
            line++;
            lineStart = next.value.index + next.value[0].length;
        }
        const moved = shifts.get(line) ?? [];
        moved.push({ column: at - lineStart + 1, before, after: text.length });
        shifts.set(line, moved);
        parts.push(body.slice(from, at), text);
        from = at + before;
    }
    parts.push(body.slice(from));
    return { text: parts.join(""), shifts };
}
