// performance: a clock that starts at the Unix epoch, as in Workers, and a small timeline of marks and measures.

import { brand } from "./brand";
import { DOMException } from "./domexception";
import { EventTarget } from "./events";
import { native } from "./host";

const construct = Symbol("construct");

/** How many entries the timeline keeps; the oldest go first. */
const entriesMax = 10_000;

let epochOffset: number | undefined;

/** Milliseconds since the Unix epoch that never go back, whatever becomes of the wall clock after the first call. */
function now(): number {
    epochOffset ??= native.wallTime() - native.monotonicTime();
    return native.monotonicTime() + epochOffset;
}

/** One entry of the timeline, in milliseconds since the Unix epoch. */
export class PerformanceEntry {
    readonly #fields: { name: string; entryType: string; startTime: number; duration: number; detail: unknown };

    constructor(token: unknown, name: string, entryType: string, startTime: number, duration: number, detail: unknown) {
        if (token !== construct) {
            throw new TypeError("Illegal constructor");
        }
        this.#fields = { name, entryType, startTime, duration, detail };
    }
    get name(): string {
        return this.#fields.name;
    }
    get entryType(): string {
        return this.#fields.entryType;
    }
    get startTime(): number {
        return this.#fields.startTime;
    }
    get duration(): number {
        return this.#fields.duration;
    }
    get detail(): unknown {
        return this.#fields.detail;
    }
    toJSON(): object {
        return { ...this.#fields };
    }
}

export class PerformanceMark extends PerformanceEntry {
    constructor(name: string, options: { startTime?: number; detail?: unknown } | null = {}) {
        super(construct, String(name), "mark", options?.startTime ?? now(), 0, options?.detail ?? null);
    }
}

export class PerformanceMeasure extends PerformanceEntry {
    constructor(token: unknown, name: string, start: number, end: number, detail: unknown) {
        super(token, name, "measure", start, end - start, detail);
    }
}

interface MeasureOptions {
    start?: string | number;
    end?: string | number;
    duration?: number;
    detail?: unknown;
}

let timeline: PerformanceEntry[] = [];
let watcher: ((entry: PerformanceEntry) => void) | undefined;

/** Has `watch` called with each entry from now on; see scope/observer.ts. */
export function watchEntries(watch: (entry: PerformanceEntry) => void): void {
    watcher = watch;
}

function add<T extends PerformanceEntry>(entry: T): T {
    if (timeline.length >= entriesMax) {
        timeline = timeline.slice(entriesMax / 2);
    }
    timeline.push(entry);
    watcher?.(entry);
    return entry;
}

/** A point in time given as such or as the name of a mark. */
function timeOf(point: string | number | undefined, otherwise: () => number): number {
    if (point === undefined) {
        return otherwise();
    }
    if (typeof point === "number") {
        return point;
    }
    const mark = timeline.findLast((entry) => entry.entryType === "mark" && entry.name === String(point));
    if (mark === undefined) {
        throw new DOMException(`The mark '${point}' does not exist.`, "SyntaxError");
    }
    return mark.startTime;
}

/** Forgets the entries of a type, or those of one name among them. */
function clear(type: string, name: string | undefined): void {
    timeline = timeline.filter((entry) => entry.entryType !== type || (name !== undefined && entry.name !== name));
}

function sorted(entries: PerformanceEntry[]): PerformanceEntry[] {
    return entries.sort((a, b) => a.startTime - b.startTime);
}

export class Performance extends EventTarget {
    constructor(token?: unknown) {
        if (token !== construct) {
            throw new TypeError("Illegal constructor");
        }
        super();
    }

    get timeOrigin(): number {
        return 0;
    }

    now(): number {
        return now();
    }

    mark(name: string, options?: { startTime?: number; detail?: unknown }): PerformanceMark {
        return add(new PerformanceMark(name, options));
    }

    measure(name: string, options?: string | MeasureOptions, endMark?: string): PerformanceMeasure {
        const { start, end, duration, detail }: MeasureOptions =
            typeof options === "object" && options !== null ? options : { start: options, end: endMark };
        const until =
            end === undefined && duration !== undefined && start !== undefined
                ? timeOf(start, now) + duration
                : timeOf(end, now);
        const since = start === undefined && duration !== undefined ? until - duration : timeOf(start, () => 0);
        return add(new PerformanceMeasure(construct, String(name), since, until, detail ?? null));
    }

    clearMarks(name?: string): void {
        clear("mark", name);
    }

    clearMeasures(name?: string): void {
        clear("measure", name);
    }

    getEntries(): PerformanceEntry[] {
        return sorted([...timeline]);
    }

    getEntriesByType(type: string): PerformanceEntry[] {
        return sorted(timeline.filter((entry) => entry.entryType === type));
    }

    getEntriesByName(name: string, type?: string): PerformanceEntry[] {
        return sorted(
            timeline.filter((entry) => entry.name === name && (type === undefined || entry.entryType === type)),
        );
    }

    // Workers record none of their requests, so there is nothing to clear and no buffer to size.
    clearResourceTimings(): void {}
    setResourceTimingBufferSize(): void {}

    toJSON(): object {
        return { timeOrigin: this.timeOrigin };
    }
}

brand(PerformanceEntry, "PerformanceEntry", ["name", "entryType", "startTime", "duration"]);
brand(PerformanceMark, "PerformanceMark", ["name", "entryType", "startTime", "duration", "detail"]);
brand(PerformanceMeasure, "PerformanceMeasure", ["name", "entryType", "startTime", "duration", "detail"]);
brand(Performance, "Performance", ["timeOrigin"]);

export const performance = new Performance(construct);
