// Calls over a channel, in Cap'n Web's messages (capnweb protocol.md): push, pull, resolve, reject, release, abort.
// One session a channel; both ends are alike. Ids of pushes count up from 1 on the side that pushes, 0 is the
// bootstrap. Today a push is a call ["pipeline", target, path, args] and its result is pulled at once; stubs as values,
// and pipelining on promises, use the same messages and come with the RPC issue.

import * as F from "../frames";
import type { Channel } from "../channel";
import type { Request } from "../web/request";
import type { Response } from "../web/response";
import { checkSize, decode, encode, encodeThrown, ProtocolError } from "./values";

/** Path segments and calls that may be outstanding; a peer that goes beyond loses its channel. */
const PATH_MAX = 64;
const EXPORTS_MAX = 65536;

/** An exported entrypoint. */
export interface Callable {
    call(path: string[], args: unknown[]): unknown;
    /** What a FETCH frame that names this export reaches. */
    fetch(request: Request): Promise<Response>;
}

/** The main export: hands out entrypoints. */
export interface Bootstrap {
    entrypoint(name: string | undefined, props: unknown): Callable;
}

interface Export {
    callable?: Callable;
    result?: Promise<unknown>;
}

export class RpcSession {
    readonly #channel: Channel;
    readonly #bootstrap: Bootstrap;
    readonly #exports = new Map<number, Export>();
    readonly #imports = new Map<number, PromiseWithResolvers<unknown>>();
    #nextImport = 1;
    #nextExport = 1;
    #answering = 0;

    constructor(channel: Channel, bootstrap: Bootstrap) {
        this.#channel = channel;
        this.#bootstrap = bootstrap;
    }

    /** Calls under way in either direction. */
    get pending(): number {
        return this.#imports.size + this.#answering;
    }

    #send(message: unknown, tail?: Uint8Array): void {
        const text = JSON.stringify(message);
        checkSize(text, tail);
        this.#channel.send(F.RPC, 0, 0, text, tail);
    }

    // --- The calling side ----------------------------------------------------------------------------------------

    /** Asks the bootstrap for an entrypoint and returns the id that later calls name. */
    entrypoint(name: string | undefined, props: unknown): number {
        const { head, tail } = encode([name ?? null, props]);
        this.#send(["push", ["pipeline", 0, ["getEntrypoint"], head]], tail);
        return this.#nextImport++;
    }

    /** Calls a method; the promise settles with what comes back. Throws at once if an argument cannot be cloned. */
    call(target: number, path: string[], args: unknown[]): Promise<unknown> {
        const { head, tail } = encode(args);
        this.#send(["push", ["pipeline", target, path, head]], tail);
        const id = this.#nextImport++;
        this.#send(["pull", id]);
        const result = Promise.withResolvers<unknown>();
        this.#imports.set(id, result);
        return result.promise;
    }

    release(id: number): void {
        this.#send(["release", id, 1]);
    }

    #settle(id: unknown): PromiseWithResolvers<unknown> | undefined {
        const waiting = this.#imports.get(id as number);
        this.#imports.delete(id as number);
        if (waiting !== undefined) {
            this.release(id as number);
            this.#channel.onIdle?.();
        }
        return waiting;
    }

    // --- The answering side --------------------------------------------------------------------------------------

    #push(expression: unknown, tail: Uint8Array | undefined): void {
        if (this.#exports.size >= EXPORTS_MAX) throw new ProtocolError("too many calls");
        if (!Array.isArray(expression) || expression[0] !== "pipeline") throw new ProtocolError("not a call");
        const [, target, path, argsHead] = expression as unknown[];
        const args = decode(argsHead, tail);
        if (!Array.isArray(path) || path.length > PATH_MAX || !path.every((p) => typeof p === "string")) {
            throw new ProtocolError("bad path");
        }
        if (!Array.isArray(args)) throw new ProtocolError("bad arguments");
        const id = this.#nextExport++;
        if (target === 0) {
            this.#exports.set(id, { callable: this.#open(path as string[], args) });
            return;
        }
        this.#exports.set(id, { result: this.#run(this.exported(target as number), path as string[], args) });
    }

    #open(path: string[], args: unknown[]): Callable {
        if (path.length !== 1 || path[0] !== "getEntrypoint") throw new ProtocolError("no such method");
        const [name, props] = args;
        if (name !== null && typeof name !== "string") throw new ProtocolError("bad entrypoint");
        return this.#bootstrap.entrypoint(name ?? undefined, props);
    }

    /** The entrypoint that the other side was given under this number; throws if there is none. */
    exported(id: number): Callable {
        const callable = this.#exports.get(id)?.callable;
        if (callable === undefined) throw new ProtocolError("no such stub");
        return callable;
    }

    async #run(callable: Callable, path: string[], args: unknown[]): Promise<unknown> {
        this.#answering++;
        try {
            return await callable.call(path, args);
        } finally {
            this.#answering--;
        }
    }

    #pull(id: number): void {
        const result = this.#exports.get(id)?.result;
        if (result === undefined) throw new ProtocolError("nothing to pull");
        result
            .then((value) => {
                const { head, tail } = encode(value);
                this.#send(["resolve", id, head], tail);
            })
            .catch((thrown: unknown) => {
                const { head, tail } = encodeThrown(thrown);
                this.#send(["reject", id, head], tail);
            })
            .finally(() => this.#channel.onIdle?.());
    }

    // --- Messages ------------------------------------------------------------------------------------------------

    take(message: unknown, tail: Uint8Array | undefined): void {
        if (!Array.isArray(message)) throw new ProtocolError("not a message");
        const [kind, first, second] = message as unknown[];
        switch (kind) {
            case "push":
                return this.#push(first, tail);
            case "pull":
                return this.#pull(first as number);
            case "resolve": {
                const value = decode(second, tail);
                return this.#settle(first)?.resolve(value);
            }
            case "reject": {
                const reason = decode(second, tail);
                return this.#settle(first)?.reject(reason);
            }
            case "release":
                this.#exports.delete(first as number);
                return;
            default:
                throw new ProtocolError("unknown message");
        }
    }

    lost(error: unknown): void {
        const waiting = [...this.#imports.values()];
        this.#imports.clear();
        for (const { reject } of waiting) reject(error);
    }
}
