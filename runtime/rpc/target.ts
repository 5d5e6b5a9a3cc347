// Hooks for what lives in this cell: functions, RpcTargets, entrypoints, and the answers to calls of them.
//
// An Answer goes through: running --> settled (value encoded, or thrown) --> gone (nobody holds it).
// The stubs in a call's arguments end when it has settled; those in its result are the answer's until it is gone.

import type { Connect } from "../sockets";
import type { Request } from "../web/request";
import type { Response } from "../web/response";
import {
    BrokenHook, DeferredHook, disposeAll, disposedError, PassingHook,
    type Arguments, type Disposable, type Hook, type Opened, type Outcome, type Path,
} from "./hook";
import { encode } from "./encoder";
import { follow, type Onward } from "./members";
import { stateOf } from "./state";
import { dropEncoded, makeStubFor, openHere, OwnArguments, type Encoded } from "./values";

/** A stub that a value holds. */
function hookOf(value: unknown): Hook | undefined {
    if (typeof value !== "function" && (typeof value !== "object" || value === null)) return undefined;
    const state = stateOf(value);
    if (state === undefined) return undefined;
    return state.isDisposed ? new BrokenHook(disposedError()) : state.hook;
}

/** Hands a call on to whoever a stub stands for; gives the promise of its result. */
const onward: Onward = (hook, rest, args) => {
    if (args === undefined && rest.length === 0) return makeStubFor(hook.dup(), []);
    const answer = args === undefined ? hook.get(rest) : hook.call(rest, new OwnArguments(args));
    return answer.pull();
};

export class Answer implements Hook {
    #outcome: Outcome | undefined;
    #value: unknown;
    #waiting: (() => void)[] | undefined;
    #stubs: Disposable[];
    #holders = 1;
    /** Whether the stubs in the result are a caller's in this cell. */
    #isTaken = false;

    private constructor(stubs: Disposable[]) {
        this.#stubs = stubs;
    }

    /** The answer to a call: what `run` returns or throws. `stubs` are disposed of when that is known. */
    static to(run: () => unknown, stubs: Disposable[] = []): Answer {
        const answer = new Answer(stubs);
        try {
            const result = run();
            if (isThenable(result)) {
                Promise.resolve(result).then(
                    (value) => answer.#resolve(value),
                    (error: unknown) => answer.#settle({ thrown: error }),
                );
            } else {
                answer.#resolve(result);
            }
        } catch (error) {
            answer.#settle({ thrown: error });
        }
        return answer;
    }

    #resolve(value: unknown): void {
        let encoded: Encoded;
        try {
            encoded = encode(value, "rpc");
        } catch (error) {
            return this.#settle({ thrown: error });
        }
        // Stubs in a result change hands.
        for (const { object } of encoded.transfers ?? []) {
            if (stateOf(object)?.kind === "stub") (object as Disposable)[Symbol.dispose]();
        }
        this.#value = value;
        this.#settle({ encoded });
    }

    /** It waits for what will never come. */
    fail(error: Error): void {
        if (this.#outcome === undefined) this.#settle({ thrown: error });
    }

    #settle(outcome: Outcome): void {
        if (this.#outcome !== undefined) return; // it was failed
        this.#outcome = outcome;
        disposeAll(this.#stubs);
        this.#stubs = [];
        const waiting = this.#waiting;
        this.#waiting = undefined;
        waiting?.forEach((f) => f());
        if (this.#holders === 0) this.#drop();
    }

    deliver(to: (outcome: Outcome) => void): void {
        if (this.#outcome !== undefined) to(this.#outcome);
        else (this.#waiting ??= []).push(() => to(this.#outcome!));
    }

    pull(): Promise<unknown> {
        return new Promise((resolve, reject) => {
            this.deliver(({ encoded, thrown }) => {
                if (encoded === undefined) return reject(thrownHere(thrown));
                try {
                    const { value, stubs } = openHere(encoded, !this.#isTaken);
                    this.#isTaken = true;
                    resolve(ownResult(value, stubs));
                } catch (error) {
                    reject(error);
                }
            });
        });
    }

    #then(f: (outcome: Outcome) => Hook): Hook {
        if (this.#outcome !== undefined) return f(this.#outcome);
        return new DeferredHook(new Promise((resolve) => this.deliver((outcome) => resolve(f(outcome)))));
    }

    #follow(path: Path, { value, stubs }: Opened, args: unknown[] | undefined): Hook {
        return this.#then((outcome) => {
            if (outcome.encoded === undefined) {
                disposeAll(stubs);
                return new BrokenHook(outcome.thrown);
            }
            const transfers = outcome.encoded.transfers;
            const lookup = (member: unknown): Hook | undefined =>
                transfers?.find(({ object, hook }) => object === member && hook !== undefined)?.hook ?? hookOf(member);
            return Answer.to(() => follow(this.#value, path, args && (value as unknown[]), lookup, onward), stubs);
        });
    }

    call(path: Path, args: Arguments): Hook {
        const opened = args.open();
        return this.#follow(path, opened, opened.value as unknown[]);
    }

    get(path: Path): Hook {
        return this.#follow(path, { value: undefined, stubs: [] }, undefined);
    }

    dup(): Hook {
        this.#holders++;
        return this;
    }

    dispose(): void {
        if (--this.#holders === 0 && this.#outcome !== undefined) this.#drop();
    }

    #drop(): void {
        if (this.#outcome?.encoded && !this.#isTaken) dropEncoded(this.#outcome.encoded);
        this.#outcome = { thrown: disposedError() };
        this.#value = undefined;
    }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
    return (
        ((typeof value === "object" && value !== null) || typeof value === "function") &&
        typeof (value as { then?: unknown }).then === "function"
    );
}

let ownResult: (value: unknown, stubs: Disposable[]) => unknown;
let thrownHere: (thrown: unknown) => unknown;

/** Set by stubs.ts, which needs this file. */
export function setResultMakers(own: typeof ownResult, thrown: typeof thrownHere): void {
    ownResult = own;
    thrownHere = thrown;
}

/** A function or RpcTarget that was passed by reference; each time it is passed makes one. */
export class TargetHook extends PassingHook {
    readonly #target: object;
    #holders = 1;

    constructor(target: object) {
        super();
        this.#target = target;
    }

    #lookup = (value: unknown): Hook | undefined => (value === this.#target ? undefined : hookOf(value));

    call(path: Path, args: Arguments): Hook {
        const { value, stubs } = args.open();
        return Answer.to(() => follow(this.#target, path, value as unknown[], this.#lookup, onward), stubs);
    }

    get(path: Path): Hook {
        return Answer.to(() => follow(this.#target, path, undefined, this.#lookup, onward));
    }

    override dup(): Hook {
        this.#holders++;
        return this;
    }

    override dispose(): void {
        if (--this.#holders !== 0) return;
        // Nobody is left to call it: its own disposer hears of that, but not in the middle of whatever dropped it.
        void Promise.resolve().then(() => (this.#target as Partial<Disposable>)[Symbol.dispose]?.());
    }
}

/** An entrypoint of a worker in this cell, or a capability of a program: it lives as long as the cell. */
export interface Service {
    /** Calls what a path leads to; without arguments reads it. */
    call(path: Path, args: unknown[] | undefined): unknown;
    fetch(request: Request): Promise<Response>;
    connect?: Connect;
    tail?(events: readonly object[]): unknown;
}

export class ServiceHook extends PassingHook {
    readonly #service: Service;
    readonly untransferable: string | undefined;
    readonly connect: Hook["connect"];
    readonly tail: Hook["tail"];

    constructor(service: Service, untransferable?: string) {
        super();
        this.#service = service;
        this.connect = service.connect;
        this.tail = service.tail;
        this.untransferable = untransferable;
    }

    call(path: Path, args: Arguments): Hook {
        const { value, stubs } = args.open();
        return Answer.to(() => this.#service.call(path, value as unknown[]), stubs);
    }

    get(path: Path): Hook {
        return Answer.to(() => this.#service.call(path, undefined));
    }

    fetch(request: Request): Promise<Response> {
        return this.#service.fetch(request);
    }
}

export { hookOf, onward };
