// Where in a worker's source an error happened: module, line and column of the text as it was given.

import { unshift } from "./shifts";
import { exactPlaces, type ModuleRecord, type Place } from "./record";

interface Located extends Place {
    module: string;
}

/** `f@main.js:2:7`, or without the function's name. */
const FRAME = /^(?:.*@)?(.+?):(\d+):(\d+)$/;

/** Where the engine says that an error was made: its own place, then the frames of its stack. */
function* placesOf(thrown: object): Generator<Located> {
    const { sourceURL, line, column, stack } = thrown as Record<string, unknown>;
    if (typeof sourceURL === "string" && typeof line === "number" && typeof column === "number") {
        yield { module: sourceURL, line, column };
    }
    for (const frame of typeof stack === "string" ? stack.split("\n") : []) {
        const [, module, row, at] = FRAME.exec(frame) ?? [];
        if (module !== undefined) yield { module, line: Number(row), column: Number(at) };
    }
}

/** The place in a module's source of a place in the script that was made of it; undefined in what stands in front. */
export function sourcePlace(record: ModuleRecord, { line, column }: Place): Place | undefined {
    let place: Place = { line, column: line === 1 ? column - record.prefixLength : column };
    if (place.column < 1) return undefined;
    for (const shifts of record.shifts?.toReversed() ?? []) place = unshift(shifts, place);
    return record.mapPlace?.(place) ?? place;
}

/** Finds the place of an error that was thrown while modules were compiled or run; it may be anything, or a trap. */
export function locate(thrown: unknown, modules: Map<string, ModuleRecord>): Located | undefined {
    if (typeof thrown !== "object" || thrown === null) return undefined;
    const exact = exactPlaces.get(thrown as Error);
    if (exact) return exact;
    try {
        for (const { module, line, column } of placesOf(thrown)) {
            const record = modules.get(module);
            const place = record && sourcePlace(record, { line, column });
            if (place) return { module, line: place.line, column: place.column };
        }
    } catch {
        // a property that throws
    }
    return undefined;
}
