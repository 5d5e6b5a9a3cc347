// The asynchronous context: what AsyncLocalStorage holds for the code that runs now. The engine has no notion of it, so
// it is saved and restored by whoever starts code: reactions and timers (platform.ts), what follows an `await`
// (rewrite.ts, with the helpers below), AsyncResource (by hooks.bind), and the cell's loop, which starts from nothing.
//
// Invariant: code that runs has set `current` itself or was called by code that did. What a job of the engine's leaves
// behind is never read, since the next one sets its own.

import { hooks } from "../web/host";

/** Values by storage; never changed once it is current. */
export type Frame = ReadonlyMap<object, unknown>;

const NOTHING: Frame = new Map();

let current = NOTHING;

export function now(): Frame {
    return current;
}

export function enter(frame: Frame): void {
    current = frame;
}

/** Sets the context back to nothing, when the cell's loop calls. */
export function leave(): void {
    current = NOTHING;
}

/** Calls f within a context, for code that nothing of the worker's called: afterwards there is none. */
export function runAlone<T>(frame: Frame, f: (...args: unknown[]) => T, self: unknown, args: unknown[]): T {
    current = frame;
    try {
        return Reflect.apply(f, self, args);
    } finally {
        current = NOTHING;
    }
}

/** A function that runs in today's context, whoever calls it. */
export function bind<F extends (...args: never[]) => unknown>(f: F): F {
    const frame = current;
    return function (this: unknown, ...args: unknown[]): unknown {
        const before = current;
        current = frame;
        try {
            return Reflect.apply(f, this, args);
        } finally {
            current = before;
        }
    } as unknown as F;
}

// --- Promises ----------------------------------------------------------------------------------------------------------

type Then = (this: unknown, ...args: unknown[]) => unknown;

const { then: nativeThen } = Promise.prototype;
const staticResolve = Promise.resolve as (value?: unknown) => unknown;
const nativeResolve = staticResolve.bind(Promise) as (value: unknown) => Promise<unknown>;

function within(frame: Frame, reaction: unknown): unknown {
    if (typeof reaction !== "function") return reaction;
    return (value: unknown) => runAlone(frame, () => guard((reaction as (value: unknown) => unknown)(value)), undefined, []);
}

/** What replaces Promise.prototype.then: reactions run in the context in which they were added. */
function then(this: unknown, onFulfilled: unknown, onRejected: unknown): unknown {
    return Reflect.apply(nativeThen, this, [within(current, onFulfilled), within(current, onRejected)]);
}

/**
 * The value, or what stands for it if it is an object with a `then` of its own: the engine calls that later, in a job,
 * and it shall find the context of now.
 */
export function guard(value: unknown): unknown {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) return value;
    const method = (value as { then?: unknown }).then;
    if (typeof method !== "function" || (method === then && value instanceof Promise)) return value;
    const frame = current;
    return { then: (...settle: unknown[]) => runAlone(frame, method as Then, value, settle) };
}

/** Promise.resolve(), which also stands between Promise.all() and its kin and what they are given. */
function resolve(this: unknown, value?: unknown): unknown {
    return Reflect.apply(staticResolve, this, [guard(value)]);
}

// --- What rewritten code calls -------------------------------------------------------------------------------------------

let awaited: unknown;

/** What walks an iterable for `for await` and `yield*`, and gives the context back when the engine looks at each result. */
class Following {
    /** As of the last call: what follows the loop goes on with it, however it was left. */
    frame = current;
    readonly #inner: Iterator<unknown> | AsyncIterator<unknown>;
    readonly #next: (...args: unknown[]) => unknown;
    readonly #isSync: boolean;

    constructor(iterable: Record<symbol, unknown>) {
        const asynchronous = iterable[Symbol.asyncIterator] ?? undefined;
        const make = asynchronous ?? iterable[Symbol.iterator];
        if (typeof make !== "function") throw new TypeError("The object is not async iterable");
        this.#isSync = asynchronous === undefined;
        this.#inner = Reflect.apply(make, iterable, []) as Iterator<unknown>;
        if (Object(this.#inner) !== this.#inner) throw new TypeError("The iterator is not an object");
        this.#next = this.#inner.next as (...args: unknown[]) => unknown;
    }

    [Symbol.asyncIterator](): this {
        return this;
    }

    next(value: unknown): unknown {
        return this.#call(this.#next, value);
    }

    return(value: unknown): unknown {
        const method = this.#inner.return as ((...args: unknown[]) => unknown) | undefined;
        this.frame = current;
        return method == null ? nativeResolve({ done: true, value }) : this.#call(method, value);
    }

    throw(error: unknown): unknown {
        const method = this.#inner.throw as ((...args: unknown[]) => unknown) | undefined;
        if (method != null) return this.#call(method, error);
        const refuse = (): never => {
            throw new TypeError("The iterator has no throw method");
        };
        return Reflect.apply(nativeThen, nativeResolve(this.return(undefined)), [refuse]);
    }

    #call(method: (...args: unknown[]) => unknown, argument: unknown): unknown {
        const frame = (this.frame = current);
        const called = Reflect.apply(method, this.#inner, [argument]);
        const answer = this.#isSync ? awaitValue(called as IteratorResult<unknown>) : nativeResolve(guard(called));
        return Reflect.apply(nativeThen, answer, [(result: IteratorResult<unknown>) => restoring(frame, result)]);
    }
}

function awaitValue(result: IteratorResult<unknown>): Promise<unknown> {
    const { done } = result;
    return Reflect.apply(nativeThen, nativeResolve(guard(result.value)), [(value: unknown) => ({ done, value })]) as Promise<unknown>;
}

/** An iterator's result; asking it whether it is the last, as the engine does first, sets the context. */
function restoring(frame: Frame, result: IteratorResult<unknown>): unknown {
    if (Object(result) !== result) throw new TypeError(`Iterator result ${String(result)} is not an object`);
    return {
        get done() {
            current = frame;
            return result.done;
        },
        get value() {
            return result.value;
        },
    };
}

/** `$mf_a` in rewritten modules; see rewrite.ts. */
export const helpers = Object.freeze({
    /** In front of an await: takes what is awaited, gives the context. */
    s(value: unknown): Frame {
        awaited = guard(value);
        return current;
    },
    /** What is awaited. */
    v(): unknown {
        const value = awaited;
        awaited = undefined;
        return value;
    },
    /** Behind an await: goes on in the context. */
    r(frame: Frame, value: unknown): unknown {
        current = frame;
        return value;
    },
    /** Where a try caught, or a loop ended. */
    c(saved: Frame | Following): void {
        current = saved instanceof Following ? saved.frame : saved;
    },
    g: guard,
    i: (iterable: unknown) => new Following(iterable as Record<symbol, unknown>),
    k: (_following: unknown, value: unknown) => value,
});

/** Promises keep contexts from now on, and so does what uses hooks.bind. */
export function followPromises(): void {
    Object.defineProperty(resolve, "length", { value: 1 });
    Object.defineProperty(Promise.prototype, "then", { value: then, writable: true, configurable: true });
    Object.defineProperty(Promise, "resolve", { value: resolve, writable: true, configurable: true });
    hooks.enter = leave;
    hooks.bind = bind;
}
