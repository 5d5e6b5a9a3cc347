// A hook for what lives at the other end of a channel: a capability that was given to us, or the result of a push of
// ours. A result that has come is kept here, and calls of what it holds go straight to that.

import type { Request } from "../web/request";
import type { Response } from "../web/response";
import {
    BrokenHook, disposeAll, disposedError, type Arguments, type Hook, type Opened, type Outcome, type Path,
} from "./hook";
import { encode } from "./encoder";
import { follow } from "./members";
import type { RpcSession } from "./session";
import { ownResult } from "./stubs";
import { Answer, hookOf, onward } from "./target";
import { dropEncoded } from "./values";

export class Import implements Hook {
    readonly session: RpcSession;
    readonly id: number;
    readonly #isResult: boolean;
    #opened: Opened | undefined;
    #broken: BrokenHook | undefined;
    #waiting: PromiseWithResolvers<unknown> | undefined;
    #delivered: Outcome | undefined;
    #isTaken = false;
    #holders = 1;
    /** Called when the answer to this push has come, or never will. */
    onSettled?: (outcome: { thrown?: unknown }) => void;
    /** For services. */
    fetch?: (request: Request) => Promise<Response>;

    constructor(session: RpcSession, id: number, isResult: boolean) {
        this.session = session;
        this.id = id;
        this.#isResult = isResult;
    }

    call(path: Path, args: Arguments): Hook {
        if (this.#broken !== undefined) return this.#broken.call(path, args);
        if (this.#opened === undefined) return this.session.push(this.id, path, args);
        const { value, stubs } = args.open();
        return this.#follow(path, value as unknown[], stubs);
    }

    get(path: Path): Hook {
        if (this.#broken !== undefined) return this.#broken;
        return this.#opened === undefined ? this.session.push(this.id, path, undefined) : this.#follow(path, undefined, []);
    }

    #follow(path: Path, args: unknown[] | undefined, stubs: Opened["stubs"]): Hook {
        const { value } = this.#opened!;
        return Answer.to(() => {
            if ((typeof value !== "object" && typeof value !== "function") || value === null) {
                throw new TypeError("Can't pipeline on RPC that did not return an object.");
            }
            return follow(value, path, args, hookOf, onward);
        }, stubs);
    }

    pull(): Promise<unknown> {
        if (!this.#isResult) return this.get([]).pull();
        if (this.#broken !== undefined) return this.#broken.pull();
        this.#isTaken = true;
        if (this.#opened !== undefined) return Promise.resolve(this.#opened.value);
        return (this.#waiting ??= Promise.withResolvers()).promise;
    }

    /** The result goes on to somebody else, and its stubs with it. */
    deliver(to: (outcome: Outcome) => void): void {
        if (this.#delivered !== undefined) return to(this.#delivered);
        this.pull().then(
            (value) => {
                try {
                    this.#delivered ??= { encoded: encode(value, "rpc") };
                } catch (error) {
                    this.#delivered = { thrown: error };
                }
                disposeAll(this.#opened?.stubs ?? []);
                to(this.#delivered);
            },
            (thrown: unknown) => to({ thrown }),
        );
    }

    /** The result has come. Returns whether there are stubs in it. */
    resolve(opened: Opened): boolean {
        this.#opened = opened;
        opened.value = ownResult(opened.value, opened.stubs);
        this.#waiting?.resolve(opened.value);
        this.#waiting = undefined;
        if (this.#holders === 0 && !this.#isTaken) disposeAll(opened.stubs);
        this.onSettled?.({});
        return opened.stubs.length > 0;
    }

    /** It failed, or the channel has ended. */
    reject(reason: unknown): boolean {
        this.#broken = new BrokenHook(reason);
        this.#waiting?.reject(reason);
        this.#waiting = undefined;
        this.onSettled?.({ thrown: reason });
        return false;
    }

    dup(): Hook {
        this.#holders++;
        return this;
    }

    dispose(): void {
        if (--this.#holders !== 0) return;
        if (!this.#isResult) {
            if (this.#broken === undefined) this.session.release(this.id);
            this.#broken = new BrokenHook(disposedError());
            return;
        }
        if (this.#delivered?.encoded) dropEncoded(this.#delivered.encoded);
        // A value that somebody took is theirs, with its stubs.
        if (this.#opened !== undefined && !this.#isTaken) disposeAll(this.#opened.stubs);
    }
}

