// What the web platform needs from outside: the natives of the cell and two sinks that the runtime sets.
// Nothing here may be called while the bundle is evaluated: the zygote binds the natives first and forks later.

import type { Native } from "../native";

export type Level = "debug" | "error" | "info" | "log" | "warn";

/** Where the platform's output goes; the runtime sets both. */
export interface Hooks {
    /** Receives each formatted console message, and the arguments that it was made of if it was made of some. */
    log(level: Level, message: string, args?: readonly unknown[]): void;
    /** Set where the worker has tails: they are told of what is published on a diagnostics channel. */
    publish?(channel: string, message: unknown): void;
    /** Receives what a callback threw when nobody is left to catch it. */
    report(error: unknown): void;
    /** Set where asynchronous contexts are followed (runtime/async): the function, to be run in today's context. */
    bind?<F extends (...args: never[]) => unknown>(f: F): F;
    /** Likewise: the cell's loop calls into the runtime, in no context. */
    enter?(): void;
    /** Set where somebody wants to know that something runs (runtime/collect.ts): a frame, or after a timer. */
    stir?(): void;
}

/** The natives; undefined until bindNative. */
export let native: Native;

export const hooks: Hooks = {
    log() {},
    report() {},
};

/** Makes the natives known to every module of the web platform; called once, by install. */
export function bindNative(given: Native): void {
    native = given;
}
