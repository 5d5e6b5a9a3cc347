// Places by a source map's mappings, as sucrase makes them: lines stay, columns move.

import type { Place } from "./edits";

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function decodeSegment(segment: string): number[] {
    const fields: number[] = [];
    let value = 0;
    let shift = 0;
    for (const digit of segment) {
        const bits = BASE64.indexOf(digit);
        value |= (bits & 31) << shift;
        shift += 5;
        if (bits & 32) continue;
        fields.push(value & 1 ? -(value >> 1) : value >> 1);
        value = shift = 0;
    }
    return fields;
}

/** Decodes mappings when a place is first asked for. */
export function generatedToSource(mappings: string): (place: Place) => Place {
    let lines: [generated: number, column: number][][] | undefined;
    const decode = (): [number, number][][] => {
        let sourceColumn = 0;
        return mappings.split(";").map((line) => {
            let generated = 0;
            const segments = line.split(",").filter((segment) => segment !== "");
            return segments.map((segment): [number, number] => {
                const fields = decodeSegment(segment);
                generated += fields[0]!;
                sourceColumn += fields[3] ?? 0;
                return [generated, sourceColumn];
            });
        });
    };
    return ({ line, column }) => {
        lines ??= decode();
        const before = (lines[line - 1] ?? []).findLast(([generated]) => generated <= column - 1);
        return before === undefined ? { line, column } : { line, column: before[1] + (column - 1 - before[0]) + 1 };
    };
}
