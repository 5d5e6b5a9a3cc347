// Places by a source map's mappings, as sucrase makes them: lines stay, columns move.

import { decode, type SourceMapMappings } from "@jridgewell/sourcemap-codec";
import type { Place } from "./edits";

/** Decodes mappings when a place is first asked for. */
export function generatedToSource(mappings: string): (place: Place) => Place {
    let lines: SourceMapMappings | undefined;
    return ({ line, column }) => {
        lines ??= decode(mappings);
        const before = (lines[line - 1] ?? []).findLast(([generated]) => generated <= column - 1);
        return before === undefined || before.length === 1 ? { line, column } : { line, column: before[3] + (column - 1 - before[0]) + 1 };
    };
}
