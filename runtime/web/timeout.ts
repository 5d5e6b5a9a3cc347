// Timers as Node has them: setTimeout and setInterval give an object. Loaded when a worker with Node's globals first sets one.

import { clearTimeout, setInterval as startInterval, setTimeout as startTimeout } from "./timers";

type Callback = (...args: unknown[]) => unknown;

/** What setTimeout and setInterval return; nothing here keeps a cell alive: ref() and unref() change only hasRef(). */
export class Timeout {
    readonly #start: () => number;
    #id: number;
    #referenced = true;

    /** `start` sets the timer and gives its number; it is called again by refresh(). */
    constructor(start: () => number) {
        this.#start = start;
        this.#id = start();
    }

    /** Waits from now on, once more if it ran or was cleared before, as at Cloudflare. */
    refresh(): this {
        clearTimeout(this.#id);
        this.#id = this.#start();
        return this;
    }

    unref(): this {
        this.#referenced = false;
        return this;
    }

    ref(): this {
        this.#referenced = true;
        return this;
    }

    hasRef(): boolean {
        return this.#referenced;
    }

    close(): this {
        clearTimeout(this.#id);
        return this;
    }

    [Symbol.dispose](): void {
        clearTimeout(this.#id);
    }

    /** Its number, which clearTimeout and clearInterval take as well. */
    [Symbol.toPrimitive](): number {
        return this.#id;
    }
}

function checkCallback(callback: unknown): void {
    if (typeof callback === "function") return;
    const error = new TypeError(`The "callback" argument must be of type function. Received ${callback === null ? "null" : `type ${typeof callback}`}`);
    throw Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" });
}

/** Methods, which keep their names where the bundler has others of the same. */
export const { setTimeout, setInterval } = {
    setTimeout(callback: Callback, delay?: number, ...args: unknown[]): Timeout {
        checkCallback(callback);
        return new Timeout(() => startTimeout(callback, delay, ...args));
    },
    setInterval(callback: Callback, delay?: number, ...args: unknown[]): Timeout {
        checkCallback(callback);
        return new Timeout(() => startInterval(callback, delay, ...args));
    },
};
