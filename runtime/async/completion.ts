// The value of a script that awaits: only a function may await, and a function has no value of its own. So each
// expression that is a statement, outside of functions, notes its value, as the engine does for a script.

import type { Shifts } from "../modules/shifts";
import { apply, childrenOf, parseAwaiting, type Edit, type Tree } from "./edits";

/** Where what stands inside awaits and counts for itself. */
const ITS_OWN = /Function|^StaticBlock$/;

const isAwait = (node: Tree): boolean =>
    node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await === true) || node.kind === "await using";

/** All nodes that are of the script itself. What stands in `finally` has no value, but may await. */
function* nodesOf(node: Tree, counts = true): Generator<[node: Tree, counts: boolean]> {
    yield [node, counts];
    if (ITS_OWN.test(node.type)) return;
    for (const child of childrenOf(node)) yield* nodesOf(child, counts && child !== node.finalizer);
}

/**
 * A script as the body of an async function that leaves the script's value in the variable `name`; undefined if it awaits
 * nothing outside of functions, or if acorn cannot read it so: then the engine is to say what is wrong with it.
 */
export function completing(script: string, name: string): { text: string; shifts: Shifts } | undefined {
    let program: Tree;
    try {
        program = parseAwaiting(script);
    } catch {
        return undefined;
    }
    const edits: Edit[] = [];
    let awaits = false;
    for (const [node, counts] of nodesOf(program)) {
        awaits ||= isAwait(node);
        if (node.type !== "ExpressionStatement" || !counts || node.directive !== undefined) continue;
        const end = script[node.end - 1] === ";" ? node.end - 1 : node.end;
        edits.push({ at: node.start, before: 0, text: `${name}=(` }, { at: end, before: 0, text: ")" });
    }
    return awaits ? apply(script, edits) : undefined;
}
