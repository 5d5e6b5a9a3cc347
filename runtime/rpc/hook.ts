// What stands behind a stub: something that can be called, read and let go, here or at the other end of a channel.
// Everything that crosses goes through values.ts, also between two parts of one cell, so that a call within a cell means
// the same as one between two.
//
// Ownership: a hook counts its holders; dup() adds one, dispose() takes one away. Whoever is given a hook owns it.

import type { Request } from "../web/request";
import type { Response } from "../web/response";
import type { Connect } from "../sockets";
import type { Encoded } from "./values";

/** Names of members, from the outside in. */
export type Path = readonly string[];

/** The arguments of one call. One of open() and encoded() is called, once. */
export interface Arguments {
    /** As values for whoever is called in this cell. The stubs within end with the call. */
    open(): Opened;
    /** As they are sent on. */
    encoded(): Encoded;
}

export interface Opened {
    value: unknown;
    stubs: Disposable[];
}

export interface Disposable {
    [Symbol.dispose](): void;
}

/** How a call has ended. What is encoded stays the hook's. */
export type Outcome = { encoded: Encoded; thrown?: undefined } | { encoded?: undefined; thrown: unknown };

export interface Hook {
    /** Calls what `path` leads to. Never throws for what the callee does; throws if the arguments cannot be sent. */
    call(path: Path, args: Arguments): Hook;
    /** Reads what `path` leads to. */
    get(path: Path): Hook;
    /** The value, whose stubs belong to the caller. */
    pull(): Promise<unknown>;
    /** Calls `to` once, as soon as it is known how this has ended. */
    deliver(to: (outcome: Outcome) => void): void;
    dup(): Hook;
    dispose(): void;
    /** Services take requests besides calls. */
    fetch?(request: Request): Promise<Response>;
    /** A connection whose other end is the service's connect handler. */
    connect?: Connect;
    /** Services of this cell take tail events as they are, without a copy. */
    tail?(events: readonly object[]): unknown;
    /** Why a service cannot be handed on. */
    readonly untransferable?: string;
}

/** What passes on what it is asked: nobody pulls it but by reading, and it lives as long as its cell. */
export abstract class PassingHook implements Hook {
    abstract call(path: Path, args: Arguments): Hook;
    abstract get(path: Path): Hook;

    pull(): Promise<unknown> {
        return this.get([]).pull();
    }

    deliver(to: (outcome: Outcome) => void): void {
        this.get([]).deliver(to);
    }

    dup(): Hook {
        return this;
    }

    dispose(): void {}
}

export function disposedError(): Error {
    return new Error("RPC stub used after being disposed.");
}

export function disposeAll(list: Iterable<Disposable>): void {
    for (const one of list) one[Symbol.dispose]();
}

/** Something that failed: whatever is asked of it fails alike. */
export class BrokenHook implements Hook {
    readonly #reason: unknown;

    constructor(reason: unknown) {
        this.#reason = reason;
    }

    call(_path: Path, args: Arguments): Hook {
        disposeAll(args.open().stubs);
        return this;
    }

    get(): Hook {
        return this;
    }

    pull(): Promise<unknown> {
        return Promise.reject(this.#reason);
    }

    deliver(to: (outcome: Outcome) => void): void {
        to({ thrown: this.#reason });
    }

    dup(): Hook {
        return this;
    }

    dispose(): void {}
}

/** A hook that will be known later. Calls made meanwhile keep their order. */
export class DeferredHook implements Hook {
    readonly #promise: Promise<Hook>;
    #known: Hook | undefined;
    #holders = 1;

    constructor(promise: Promise<Hook>) {
        this.#promise = promise.catch((error: unknown) => new BrokenHook(error));
        void this.#promise.then((hook) => {
            this.#known = hook;
            if (this.#holders === 0) hook.dispose();
        });
    }

    #later(f: (hook: Hook) => Hook): Hook {
        return this.#known === undefined ? new DeferredHook(this.#promise.then(f)) : f(this.#known);
    }

    call(path: Path, args: Arguments): Hook {
        return this.#later((hook) => hook.call(path, args));
    }

    get(path: Path): Hook {
        return this.#later((hook) => hook.get(path));
    }

    async pull(): Promise<unknown> {
        return (await this.#promise).pull();
    }

    deliver(to: (outcome: Outcome) => void): void {
        if (this.#known !== undefined) this.#known.deliver(to);
        else void this.#promise.then((hook) => hook.deliver(to));
    }

    dup(): Hook {
        this.#holders++;
        return this;
    }

    dispose(): void {
        if (--this.#holders === 0) this.#known?.dispose();
    }
}
