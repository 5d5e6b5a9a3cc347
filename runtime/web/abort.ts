// AbortController and AbortSignal. A dependent signal (AbortSignal.any) is held weakly by its sources until somebody
// listens to it, so that a long-lived source does not collect every short-lived signal made from it.

import { brand } from "./brand";
import { DOMException } from "./domexception";
import { defineHandler, dispatchTrusted, Event, EventTarget, type EventListenerLike } from "./events";
import { setTimeout } from "./timers";

const construct = Symbol("construct");

let abort: (signal: AbortSignal, reason: unknown) => void;
let depend: (signal: AbortSignal, sources: Iterable<AbortSignal>) => void;
let run: (signal: AbortSignal, algorithm: (reason: unknown) => void) => () => void;

/** Dead references are swept from a source when it has grown past this many dependents, then past twice as many. */
const sweepFrom = 64;

/** An aborted signal lets go of its sources and dependents. */
export class AbortSignal extends EventTarget {
    #aborted = false;
    #reason: unknown = undefined;
    #algorithms: Set<(reason: unknown) => void> | undefined;
    #sources: Set<AbortSignal> | undefined;
    #dependents: Set<WeakRef<AbortSignal>> | undefined;
    #listenedDependents: Set<AbortSignal> | undefined;
    #sweepAt = sweepFrom;

    static {
        abort = (signal, reason) => signal.#abort(reason);
        depend = (signal, sources) => signal.#depend(sources);
        run = (signal, algorithm) => signal.#run(algorithm);
    }

    constructor(token?: unknown) {
        if (token !== construct) {
            throw new TypeError("Illegal constructor");
        }
        super();
    }

    static abort(reason?: unknown): AbortSignal {
        const signal = new AbortSignal(construct);
        signal.#abort(reason);
        return signal;
    }

    static timeout(milliseconds: number): AbortSignal {
        const delay = Number(milliseconds);
        if (arguments.length === 0 || !(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER)) {
            throw new TypeError("AbortSignal.timeout() needs a number of milliseconds from 0 to 2^53 - 1.");
        }
        const signal = new AbortSignal(construct);
        setTimeout(() => {
            signal.#abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
        }, delay);
        return signal;
    }

    static any(signals: Iterable<AbortSignal>): AbortSignal {
        const signal = new AbortSignal(construct);
        signal.#depend(signals);
        return signal;
    }

    get aborted(): boolean {
        return this.#aborted;
    }

    get reason(): unknown {
        return this.#reason;
    }

    throwIfAborted(): void {
        if (this.#aborted) {
            throw this.#reason;
        }
    }

    override addEventListener(type: string, callback: EventListenerLike | null, options?: unknown): void {
        super.addEventListener(type, callback, options);
        if (String(type) === "abort") {
            this.#stayAlive();
        }
    }

    #run(algorithm: (reason: unknown) => void): () => void {
        this.#algorithms ??= new Set();
        this.#algorithms.add(algorithm);
        this.#stayAlive();
        return () => void this.#algorithms?.delete(algorithm);
    }

    #stayAlive(): void {
        for (const source of this.#sources ?? []) {
            source.#listenedDependents ??= new Set();
            source.#listenedDependents.add(this);
        }
    }

    #depend(signals: Iterable<AbortSignal>): void {
        const given = [...signals];
        if (!given.every((source) => source instanceof AbortSignal)) {
            throw new TypeError("Failed to execute 'any' on 'AbortSignal': Failed to convert value to 'AbortSignal'.");
        }
        const aborted = given.find((source) => source.#aborted);
        if (aborted !== undefined) {
            this.#aborted = true;
            this.#reason = aborted.#reason;
            return;
        }
        this.#sources = new Set();
        // Only signals that are aborted by themselves are sources: a dependent signal stands for its own sources.
        for (const source of given.flatMap((one) => (one.#sources === undefined ? [one] : [...one.#sources]))) {
            this.#sources.add(source);
            source.#addDependent(this);
        }
    }

    #addDependent(signal: AbortSignal): void {
        this.#dependents ??= new Set();
        if (this.#dependents.size >= this.#sweepAt) {
            for (const reference of this.#dependents) {
                if (reference.deref() === undefined) {
                    this.#dependents.delete(reference);
                }
            }
            this.#sweepAt = Math.max(sweepFrom, this.#dependents.size * 2);
        }
        this.#dependents.add(new WeakRef(signal));
    }

    #abort(reason: unknown): void {
        if (this.#aborted) {
            return;
        }
        this.#mark(reason === undefined ? new DOMException("The operation was aborted", "AbortError") : reason);
        const dependents = [...(this.#dependents ?? [])].map((reference) => reference.deref());
        this.#dependents = this.#listenedDependents = undefined;
        const marked = dependents.filter((signal) => signal !== undefined && !signal.#aborted) as AbortSignal[];
        for (const signal of marked) {
            signal.#mark(this.#reason);
        }
        // All are marked before the first listener runs, so that no listener sees half of them aborted.
        for (const signal of [this, ...marked]) {
            signal.#tell();
        }
    }

    #mark(reason: unknown): void {
        this.#aborted = true;
        this.#reason = reason;
        for (const source of this.#sources ?? []) {
            source.#listenedDependents?.delete(this);
        }
        this.#sources = undefined;
    }

    #tell(): void {
        const algorithms = this.#algorithms ?? [];
        this.#algorithms = undefined;
        for (const algorithm of algorithms) {
            algorithm(this.#reason);
        }
        dispatchTrusted(this, new Event("abort"));
    }
}

defineHandler(AbortSignal, "abort");

/** Runs `algorithm` when `signal` aborts (never if it already has). Returns a function that takes it back. */
export function onAbort(signal: AbortSignal, algorithm: (reason: unknown) => void): () => void {
    return run(signal, algorithm);
}

/** A signal that aborts when one of `sources` does, or never if there is none. */
export function dependentSignal(sources: Iterable<AbortSignal>): AbortSignal {
    const signal = new AbortSignal(construct);
    depend(signal, sources);
    return signal;
}

export class AbortController {
    readonly #signal = new AbortSignal(construct);

    get signal(): AbortSignal {
        return this.#signal;
    }

    abort(reason?: unknown): void {
        abort(this.#signal, reason);
    }
}

brand(AbortSignal, "AbortSignal", ["aborted", "reason", "onabort"]);
brand(AbortController, "AbortController", ["signal"]);
