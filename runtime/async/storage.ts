// AsyncLocalStorage, as Node has it. AsyncResource stands in runtime/node, for it needs nothing of this.

import { bind, enter, now } from "./frames";

const functionNeeded = (value: unknown): TypeError =>
    Object.assign(new TypeError(`The "fn" argument must be of type function. Received ${value === null ? "null" : typeof value}`), {
        code: "ERR_INVALID_ARG_TYPE",
    });

export class AsyncLocalStorage<T> {
    readonly name: string;
    readonly #default: T | undefined;
    #disabled = false;

    /** The function, run in the context of now. */
    static bind<F extends (...args: never[]) => unknown>(f: F): F {
        if (typeof f !== "function") throw functionNeeded(f);
        return Object.defineProperty(bind(f), "length", { value: f.length });
    }

    /** Runs functions in the context of now. */
    static snapshot(): <R>(f: (...args: unknown[]) => R, ...args: unknown[]) => R {
        return bind((f, ...args) => f(...args)) as <R>(f: (...args: unknown[]) => R, ...args: unknown[]) => R;
    }

    constructor(options: { defaultValue?: T; name?: string } = {}) {
        this.#default = options.defaultValue;
        this.name = options.name === undefined ? "" : String(options.name);
    }

    getStore(): T | undefined {
        const frame = now();
        return this.#disabled || !frame.has(this) ? this.#default : (frame.get(this) as T | undefined);
    }

    enterWith(store: T): void {
        this.#disabled = false;
        enter(new Map(now()).set(this, store));
    }

    run<R>(store: T, f: (...args: unknown[]) => R, ...args: unknown[]): R {
        const before = now();
        this.enterWith(store);
        const inside = now();
        try {
            return f(...args);
        } finally {
            this.#restore(before, inside);
        }
    }

    /** What else was entered meanwhile stays. */
    #restore(before: ReturnType<typeof now>, inside: ReturnType<typeof now>): void {
        if (now() === inside) return enter(before);
        const rest = new Map(now());
        if (before.has(this)) rest.set(this, before.get(this));
        else rest.delete(this);
        enter(rest);
    }

    exit<R>(f: (...args: unknown[]) => R, ...args: unknown[]): R {
        return this.run(undefined as T, f, ...args);
    }

    /** Nothing is stored until the next run() or enterWith(). */
    disable(): void {
        this.#disabled = true;
    }
}
