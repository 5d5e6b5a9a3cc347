// PerformanceObserver over the marks and measures that a worker makes itself; there is nothing else to observe.

import { brand } from "../web/brand";
import { PerformanceEntry, watchEntries } from "../web/performance";
import { setTimeout } from "../web/timers";

const types = Object.freeze(["mark", "measure"]);

function byTime(entries: PerformanceEntry[]): PerformanceEntry[] {
    return entries.toSorted((a, b) => a.startTime - b.startTime);
}

export class PerformanceObserverEntryList {
    readonly #entries: PerformanceEntry[];

    constructor(entries: unknown) {
        if (!(entries instanceof Batch)) throw new TypeError("Illegal constructor");
        this.#entries = byTime(entries.entries);
    }
    getEntries(): PerformanceEntry[] {
        return [...this.#entries];
    }
    getEntriesByType(type: string): PerformanceEntry[] {
        return this.#entries.filter((entry) => entry.entryType === type);
    }
    getEntriesByName(name: string, type?: string): PerformanceEntry[] {
        return this.#entries.filter((entry) => entry.name === name && (type === undefined || entry.entryType === type));
    }
}
brand(PerformanceObserverEntryList, "PerformanceObserverEntryList");

/** What makes a list; no worker can get hold of this class. */
class Batch {
    constructor(readonly entries: PerformanceEntry[]) {}
}

interface ObserveOptions {
    entryTypes?: Iterable<string>;
    type?: string;
    buffered?: boolean;
}

type Callback = (list: PerformanceObserverEntryList, observer: PerformanceObserver, options: object) => void;

let offer: (observer: PerformanceObserver, entry: PerformanceEntry) => void;

const observing = new Set<PerformanceObserver>();
let isWatching = false;

function watch(): void {
    if (isWatching) return;
    isWatching = true;
    watchEntries((entry) => observing.forEach((observer) => offer(observer, entry)));
}

/** Calls back by a task of its own, with all that was recorded until then. */
export class PerformanceObserver {
    readonly #callback: Callback;
    #types: readonly string[] = [];
    #records: PerformanceEntry[] = [];

    static {
        offer = (observer, entry) => observer.#offer(entry);
    }

    constructor(callback: Callback) {
        if (typeof callback !== "function") {
            throw new TypeError("Failed to construct 'PerformanceObserver': parameter 1 is not of type 'Function'.");
        }
        this.#callback = callback;
    }

    static get supportedEntryTypes(): readonly string[] {
        return types;
    }

    #offer(entry: PerformanceEntry): void {
        if (!this.#types.includes(entry.entryType)) return;
        this.#records.push(entry);
        if (this.#records.length === 1) setTimeout(() => this.#deliver(), 0);
    }

    #deliver(): void {
        const records = this.takeRecords();
        if (records.length === 0) return;
        this.#callback.call(this, new PerformanceObserverEntryList(new Batch(records)), this, { droppedEntriesCount: 0 });
    }

    observe(options: ObserveOptions = {}): void {
        const { entryTypes, type, buffered } = options;
        if ((entryTypes === undefined) === (type === undefined)) {
            throw new TypeError("Failed to execute 'observe' on 'PerformanceObserver': either entryTypes or type must be given.");
        }
        watch();
        observing.add(this);
        this.#types = entryTypes === undefined ? [...this.#types, String(type)] : Array.from(entryTypes, String);
        if (buffered && type !== undefined) performance.getEntriesByType(String(type)).forEach((entry) => this.#offer(entry));
    }

    disconnect(): void {
        observing.delete(this);
        this.#types = [];
        this.#records = [];
    }

    takeRecords(): PerformanceEntry[] {
        const records = this.#records;
        this.#records = [];
        return records;
    }
}
brand(PerformanceObserver, "PerformanceObserver");

declare const performance: import("../web/performance").Performance;

/** Workers record none of their requests. */
export class PerformanceResourceTiming extends PerformanceEntry {}
brand(PerformanceResourceTiming, "PerformanceResourceTiming");
