// Where the rewriting of a body (live.ts, runtime/async/rewrite.ts) moved columns, and the way back.

import type { Place } from "./record";

/** By line: at which column of the source a name was replaced, how long it was, and how long it is now. */
export type Shifts = Map<number, { column: number; before: number; after: number }[]>;

/** The place in the body of a place in the rewritten text. */
export function unshift(shifts: Shifts, { line, column }: Place): Place {
    let moved = 0;
    for (const shift of shifts.get(line) ?? []) {
        const start = shift.column + moved;
        if (column < start) break;
        if (column < start + shift.after) return { line, column: shift.column };
        moved += shift.after - shift.before;
    }
    return { line, column: column - moved };
}
