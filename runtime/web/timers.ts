// setTimeout and its kin over one alarm of the cell, native.wake(). Each alarm runs one timer only, so that promise
// reactions run between two timers, as the event loop demands; a timer already due asks for an alarm in the past.

import { wrongType } from "./arguments";
import { brand } from "./brand";
import { reportException } from "./global";
import { hooks, native } from "./host";
import { first, insert, remove, type Timer } from "./timer-heap";
import type { AbortSignal } from "./abort";

type Callback = (...args: unknown[]) => unknown;

/** Delays are 32-bit in the standard; a longer one fires at once there and here waits as long as it can. */
const delayMax = 2 ** 31 - 1;

const timers = new Map<number, Timer>();
let lastId = 0;
let lastOrder = 0;
/** What native.wake() was last told, -1 for no alarm. */
let armedFor = -1;

function arm(): void {
    const at = first()?.at ?? -1;
    // An alarm that comes too early only finds nothing to do; it is cheaper than taking it back each time.
    if (at !== -1 && (armedFor === -1 || at < armedFor)) {
        armedFor = at;
        native.wake(at);
    }
}

function start(name: string, callback: unknown, delay: unknown, repeat: boolean, args: unknown[]): number {
    if (typeof callback !== "function") {
        throw wrongType(`execute '${name}' on 'ServiceWorkerGlobalScope'`, 1, "Function");
    }
    const wanted = Math.trunc(Number(delay));
    const delayMs = wanted > 0 ? Math.min(wanted, delayMax) : 0;
    const run = args.length === 0 ? (callback as () => void) : () => (callback as Callback)(...args);
    const timer: Timer = {
        id: ++lastId,
        at: native.timerTime() + delayMs,
        order: ++lastOrder,
        index: -1,
        // A period of zero would keep the cell busy for ever between two requests.
        period: repeat ? Math.max(delayMs, 1) : -1,
        run: hooks.bind === undefined ? run : hooks.bind(run),
    };
    timers.set(timer.id, timer);
    insert(timer);
    arm();
    return timer.id;
}

function stop(id: unknown): void {
    const timer = timers.get(Number(id));
    if (timer !== undefined) {
        timers.delete(timer.id);
        if (timer.index >= 0) {
            remove(timer);
        }
    }
}

/** Runs the timer that is due first, if one is due, and sets the next alarm. The cell calls it at each alarm. */
export function onTimer(): void {
    armedFor = -1;
    const timer = first();
    if (timer === undefined || timer.at > native.timerTime()) {
        arm();
        return;
    }
    remove(timer);
    if (timer.period < 0) {
        timers.delete(timer.id);
    } else {
        timer.at = native.timerTime() + timer.period;
        timer.order = ++lastOrder;
        insert(timer);
    }
    try {
        timer.run();
    } catch (error) {
        reportException(error);
    }
    hooks.stir?.();
    arm();
}

/** Delays are milliseconds; the number returned is what clearTimeout and clearInterval take. */
export function setTimeout(callback: Callback, delay: number = 0, ...args: unknown[]): number {
    return start("setTimeout", callback, delay, false, args);
}

export function setInterval(callback: Callback, delay: number = 0, ...args: unknown[]): number {
    return start("setInterval", callback, delay, true, args);
}

export function clearTimeout(id?: unknown): void {
    stop(id);
}

export function clearInterval(id?: unknown): void {
    stop(id);
}

let immediateId: (immediate: Immediate) => number;

/** What setImmediate returns, as in Node; nothing here keeps a cell alive: ref() and unref() change only hasRef(). */
export class Immediate {
    readonly #id: number;
    #referenced = true;

    static {
        immediateId = (immediate) => immediate.#id;
    }

    constructor(id: number) {
        this.#id = id;
    }
    ref(): this {
        this.#referenced = true;
        return this;
    }
    unref(): this {
        this.#referenced = false;
        return this;
    }
    hasRef(): boolean {
        return this.#referenced;
    }
}
brand(Immediate, "Immediate");

export function setImmediate(callback: Callback, ...args: unknown[]): Immediate {
    return new Immediate(start("setImmediate", callback, 0, false, args));
}

export function clearImmediate(immediate?: unknown): void {
    if (immediate instanceof Immediate) {
        stop(immediateId(immediate));
    }
}

const settled = Promise.resolve();

/** Runs the callback among promise reactions; what it throws is reported, not a rejection. */
export function queueMicrotask(callback: () => void): void {
    if (typeof callback !== "function") {
        throw wrongType("execute 'queueMicrotask' on 'ServiceWorkerGlobalScope'", 1, "Function");
    }
    void settled.then(() => {
        try {
            callback();
        } catch (error) {
            reportException(error);
        }
    });
}

/** The class of the global `scheduler`. */
export class Scheduler {
    /** Resolves after `delay` milliseconds; rejects with the signal's reason if it aborts before. */
    wait(delay: number, options: { signal?: AbortSignal } = {}): Promise<void> {
        return new Promise((resolve, reject) => {
            const { signal } = options;
            if (signal?.aborted) {
                reject(signal.reason);
                return;
            }
            const onAbort = () => {
                stop(id);
                reject(signal!.reason);
            };
            const id = setTimeout(() => {
                signal?.removeEventListener("abort", onAbort);
                resolve();
            }, delay);
            signal?.addEventListener("abort", onAbort, { once: true });
        });
    }
}
brand(Scheduler, "Scheduler");
