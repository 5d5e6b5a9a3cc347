// Calls over a channel, in Cap'n Web's messages (capnweb protocol.md): push, resolve, reject, release. One session a
// channel; both ends are alike.
//
//   ["push", ["pipeline", target, path, args?], released?]   calls or reads; args are the encoded list of arguments
//   ["resolve", id, value]  ["reject", id, error]            the push's result; each push has exactly one
//   ["release", id, ...]                                     the sender will not name these any more
//
// Ids of pushes count up from 1 on the side that pushes; the other side's answers carry the same ids. Capabilities that a
// side gives away count down from -1 there. 0 is the bootstrap, whose getEntrypoint is a push without a result. Unlike in
// Cap'n Web every result is sent without being pulled, since workers hardly ever call without waiting; `released` saves
// a message of its own for the ids of earlier pushes. No id is ever used twice, so a stale or a foreign one names nothing:
// it is a ProtocolError, which ends the channel.

import * as F from "../frames";
import { begin, end, extend, type Lease } from "../leases";
import { limitError } from "../limits";
import type { Channel } from "../channel";
import { ask, requestHead } from "../http";
import type { Connection } from "../exchange";
import type { ConnectTarget } from "../sockets";
import { remoteError } from "../thrown";
import type { ByteSource } from "../web/body-source";
import type { Request } from "../web/request";
import type { Response } from "../web/response";
import { decode, type Transferer } from "./decoder";
import {
    BrokenHook, disposeAll, type Arguments, type Disposable, type Hook, type Opened, type Outcome, type Path,
} from "./hook";
import { Import } from "./import";
import { isThenable } from "./members";
import { Answer, ServiceHook, type Service } from "./target";
import {
    checkSize, encodeThrown, makeStubFor, OpenedArguments, ProtocolError, writableFor,
    type Encoded, type Transfer,
} from "./values";

/** Members that one push may name, calls that may be under way, capabilities that one side may hold of the other. */
const PATH_MAX = 64;
const TABLE_MAX = 65536;
export const STUBS_MAX = TABLE_MAX;
/** Answers that may wait for their release to be sent along with something else. */
const RELEASES_MAX = 32;
/** A result beyond this is released at once, so that the other side need not keep it. */
const KEPT_BYTES_MAX = 4096;

function isInteger(value: unknown): value is number {
    return Number.isSafeInteger(value);
}

function tooMany(): Error {
    return new Error("One worker holds too many calls of another.");
}

/** The main export: hands out entrypoints. */
export interface Bootstrap {
    entrypoint(name: string | undefined, props: unknown, cpuMs?: number): Service;
}

export class RpcSession {
    readonly #channel: Channel;
    readonly #bootstrap: Bootstrap;
    /** What the other side may name: by positive ids the answers to its pushes, by negative ones what it was given. */
    readonly #exports = new Map<number, Hook>();
    /** By positive ids our pushes that are not answered, by negative ones what we were given. */
    readonly #imports = new Map<number, Import>();
    #nextPush = 1;
    #nextAnswer = 1;
    #nextExport = -1;
    #held = 0;
    #given = 0;
    #released: number[] = [];
    #broken: BrokenHook | undefined;
    /** What is under way here for the other side, by its id in #exports: its calls, and what their results gave it. */
    readonly #leases = new Map<number, Lease>();

    constructor(channel: Channel, bootstrap: Bootstrap) {
        this.#channel = channel;
        this.#bootstrap = bootstrap;
    }

    /** Stubs of the other side's objects that this side holds. */
    get held(): number {
        return this.#held;
    }

    /** And the other way round. */
    get given(): number {
        return this.#given;
    }

    #send(message: unknown, tail?: Uint8Array): void {
        const text = JSON.stringify(message);
        checkSize(text, tail);
        this.#channel.send(F.RPC, 0, 0, text, tail);
    }

    // --- Capabilities that this side gives ---------------------------------------------------------------------------

    /** Fills in how each transfer is named on this channel. The hooks are the session's from now on. */
    #fill(transfers: Transfer[] | undefined, lease: Lease): void {
        for (const { slot, hook, stream, isWritable } of transfers ?? []) {
            if (isWritable) slot.splice(0, slot.length, "writable", ...this.#name(hook!, lease));
            else if (hook !== undefined) slot.splice(0, slot.length, ...this.#name(hook, lease));
            else if (stream !== undefined) slot.splice(0, slot.length, ...this.#channel.attachStream(stream, lease));
        }
    }

    #name(hook: Hook, lease: Lease): unknown[] {
        const isService = hook.fetch !== undefined;
        if (hook instanceof Import && hook.session === this) {
            // It goes home: whoever gets it takes its own hold, before ours is released.
            void Promise.resolve().then(() => hook.dispose());
            return isService ? ["import", hook.id, "service"] : ["import", hook.id];
        }
        const { stubsMax } = this.#channel;
        if (this.#given >= stubsMax) throw limitError("openStubs", stubsMax, this.#given + 1);
        this.#given++;
        const id = this.#nextExport--;
        this.#exports.set(id, hook);
        if (extend(lease) !== 0) this.#leases.set(id, lease);
        return [isService ? "service" : "export", id];
    }

    /** Names capabilities without giving them up, for what is sent beside RPC messages. */
    fillCopy(transfers: Transfer[] | undefined): void {
        const copies = transfers?.map(({ object, slot, hook }) => ({ object, slot, hook: hook!.dup() }));
        this.#fill(copies, 0);
    }

    /** Takes back what #fill named, since the message was not sent. */
    #unfill(transfers: Transfer[] | undefined): void {
        for (const { slot, hook, stream } of transfers ?? []) {
            const [kind, id] = slot[0] === "writable" ? slot.slice(1) : slot;
            if (kind === "export" || kind === "service") this.#unexport(id as number);
            if (slot.length > 0) continue;
            hook?.dispose();
            stream?.drop(new Error("The message was not sent."));
        }
    }

    #unexport(id: number): void {
        const hook = this.#exports.get(id);
        if (this.#exports.delete(id) && id < 0) {
            this.#given--;
            this.#endLease(id);
        }
        hook?.dispose();
    }

    #endLease(id: number): void {
        const lease = this.#leases.get(id);
        if (lease === undefined) return;
        this.#leases.delete(id);
        end(lease);
    }

    // --- The calling side --------------------------------------------------------------------------------------------

    /** Asks the bootstrap for an entrypoint and returns the id that later calls name. */
    entrypoint(name: string | undefined, props: Encoded | undefined, cpuMs?: number): number {
        this.fillCopy(props?.transfers);
        const args: unknown[] = [name ?? null, props?.head ?? ["undefined"]];
        if (cpuMs !== undefined) args.push(cpuMs);
        this.#send(["push", ["pipeline", 0, ["getEntrypoint"], [args]]], props?.tail);
        return this.#nextPush++;
    }

    /** Calls a method, or without arguments reads a member. Throws at once if the arguments cannot be sent. */
    push(target: number, path: Path, args: Arguments | undefined): Hook {
        if (this.#broken !== undefined) {
            if (args !== undefined) disposeAll(args.open().stubs);
            return this.#broken;
        }
        if (this.#channel.unanswered >= TABLE_MAX / 2) throw tooMany();
        const encoded = args?.encoded();
        const expression: unknown[] = ["pipeline", target, path];
        const message: unknown[] = ["push", expression];
        this.#channel.unanswered++;
        try {
            if (encoded !== undefined) {
                this.#fill(encoded.transfers, 0);
                expression.push(encoded.head);
            }
            if (this.#released.length > 0) message.push(this.#released);
            this.#send(message, encoded?.tail);
        } catch (error) {
            this.#channel.unanswered--;
            this.#unfill(encoded?.transfers);
            throw error;
        }
        this.#released = [];
        const id = this.#nextPush++;
        const result = new Import(this, id, true);
        this.#imports.set(id, result);
        return result;
    }

    /** A request to a service of the other side. */
    fetch(target: number, request: Request): Promise<Response> {
        if (this.#broken !== undefined) return this.#broken.pull() as Promise<never>;
        const head = requestHead(request);
        head.target = target;
        return ask(this.#channel, head, request);
    }

    /** A connection to a service of the other side. */
    async connect(target: number, connect: ConnectTarget, source: ByteSource): Promise<Connection> {
        if (this.#broken !== undefined) await this.#broken.pull();
        return this.#channel.fetch({ target, connect }, { source }).connection;
    }

    /** Gives back a capability. */
    release(id: number): void {
        if (this.#imports.delete(id) && id < 0) this.#held--;
        if (this.#broken === undefined) this.#send(["release", id]);
        this.#channel.onIdle?.();
    }

    #settle(id: unknown, encodedBytes: number, settle: (result: Import) => boolean): void {
        const result = typeof id === "number" && id > 0 ? this.#imports.get(id) : undefined;
        if (result === undefined) throw new ProtocolError("an answer that nobody waits for");
        this.#imports.delete(id as number);
        this.#channel.unanswered--;
        const hasStubs = settle(result);
        this.#released.push(id as number);
        if (hasStubs || encodedBytes > KEPT_BYTES_MAX || this.#released.length >= RELEASES_MAX) {
            this.#send(["release", ...this.#released]);
            this.#released = [];
        }
        this.#channel.onIdle?.();
    }

    // --- Capabilities that this side gets ----------------------------------------------------------------------------

    /** Opens a value that came over this channel, an answer's or a call's, with the tail of its frame, which is nobody else's. */
    open(head: unknown, tail: Uint8Array | undefined, isAnswer: boolean): Opened {
        const stubs: Disposable[] = [];
        const transferer: Transferer = { transfer: (expression) => this.#transfer(expression, stubs, isAnswer) };
        try {
            return { value: decode(head, tail, transferer, true), stubs };
        } catch (error) {
            disposeAll(stubs);
            throw error;
        }
    }

    #transfer(expression: unknown[], stubs: Disposable[], isAnswer: boolean): object {
        const [kind, id] = expression;
        if (kind === "writable") return writableFor(this.#stubHook(expression.slice(1)));
        if (kind === "readable" || kind === "signal") {
            if (!isInteger(id) || id <= 0 || id > 0xffffffff) throw new ProtocolError("a stream without id");
            return this.#channel.openStream(kind, id, isAnswer);
        }
        return makeStubFor(this.#stubHook(expression), stubs);
    }

    #stubHook([kind, id, more]: unknown[]): Hook {
        if (!isInteger(id)) throw new ProtocolError("a stub without id");
        switch (kind) {
            case "export":
            case "service":
                return this.#import(id, kind === "service");
            case "import": {
                const hook = this.#exports.get(id);
                if (hook === undefined || id >= 0) throw new ProtocolError("no such stub");
                if ((more === "service") !== (hook.fetch !== undefined)) throw new ProtocolError("a stub of another kind");
                return hook.dup();
            }
            default:
                throw new ProtocolError("unknown kind of stub");
        }
    }

    transferForEver(expression: unknown[]): object {
        return this.#transfer(expression, [], false);
    }

    #import(id: number, isService: boolean): Import {
        if (id >= 0 || this.#imports.has(id)) throw new ProtocolError("a stub's id that cannot be new");
        if (this.#held >= this.#channel.stubsMax) {
            this.#channel.onTooManyStubs?.(this.#held + 1);
            throw new ProtocolError("too many stubs");
        }
        const hook = new Import(this, id, false);
        if (isService) {
            hook.fetch = (request) => this.fetch(id, request);
            hook.connect = (target, body) => this.connect(id, target, body);
        }
        this.#imports.set(id, hook);
        this.#held++;
        return hook;
    }

    // --- The answering side ------------------------------------------------------------------------------------------

    #push(expression: unknown, released: unknown, tail: Uint8Array | undefined): void {
        if (released !== undefined) this.#release(released);
        if (this.#exports.size >= TABLE_MAX) throw new ProtocolError("too many calls");
        if (!Array.isArray(expression) || expression[0] !== "pipeline") throw new ProtocolError("not a call");
        const [, target, path, argsHead] = expression as unknown[];
        if (!Array.isArray(path) || path.length > PATH_MAX || !path.every((p) => typeof p === "string")) {
            throw new ProtocolError("bad path");
        }
        // Only a list that is all there: a method would be called with as many arguments as an array says that it is long.
        if (argsHead !== undefined && !(Array.isArray(argsHead) && Array.isArray(argsHead[0]))) throw new ProtocolError("bad arguments");
        const opened = argsHead === undefined ? undefined : this.open(argsHead, tail, false);
        const id = this.#nextAnswer++;
        if (target === 0) {
            this.#exports.set(id, this.#open(path as string[], opened?.value as unknown[] | undefined));
            return;
        }
        const hook = this.#exports.get(target as number);
        if (hook === undefined) throw new ProtocolError("no such stub");
        this.#answer(id, hook, path as string[], opened);
    }

    #open(path: string[], args: unknown[] | undefined): Hook {
        if (path.length !== 1 || path[0] !== "getEntrypoint") throw new ProtocolError("no such method");
        const [name, props, cpuMs] = args ?? [];
        if (name !== null && typeof name !== "string") throw new ProtocolError("bad entrypoint");
        if (cpuMs !== undefined && typeof cpuMs !== "number") throw new ProtocolError("bad limit");
        return new ServiceHook(this.#bootstrap.entrypoint(name ?? undefined, props, cpuMs));
    }

    #answer(id: number, hook: Hook, path: string[], opened: Opened | undefined): void {
        const lease = begin();
        if (lease !== 0) this.#leases.set(id, lease);
        let answer: Hook;
        try {
            if (hook.fetch !== undefined) this.#countServiceCall(opened);
            answer = opened === undefined ? hook.get(path) : hook.call(path, new OpenedArguments(opened));
        } catch (error) {
            answer = new BrokenHook(error);
        }
        this.#exports.set(id, answer);
        this.#channel.owed++;
        answer.deliver((outcome) => {
            if (this.#broken !== undefined) return;
            this.#channel.owed--;
            this.#reply(id, answer, outcome);
            if (lease !== 0) this.#endLease(id);
            this.#channel.onIdle?.();
        });
    }

    #countServiceCall(opened: Opened | undefined): void {
        try {
            this.#channel.onServiceCall?.();
        } catch (error) {
            if (opened !== undefined) disposeAll(opened.stubs);
            throw error;
        }
    }

    #reply(id: number, answer: Hook, { encoded, thrown }: Outcome): void {
        if (this.#exports.get(id) !== answer) {
            // Released before it was known: nobody looks at it, but each push has its answer.
            this.#send(["resolve", id, ["undefined"]]);
            return;
        }
        try {
            if (encoded !== undefined) return this.#resolve(id, encoded);
            const { head, tail } = encodeThrown(thrown);
            this.#send(["reject", id, head], tail);
        } catch (error) {
            const { head, tail } = encodeThrown(error);
            this.#send(["reject", id, head], tail);
        }
    }

    #resolve(id: number, { head, tail, transfers }: Encoded): void {
        if (transfers === undefined) return this.#send(["resolve", id, head], tail);
        const given = transfers.map((transfer) => ({ ...transfer, hook: transfer.hook?.dup() }));
        try {
            this.#fill(given, this.#leases.get(id) ?? 0);
            this.#send(["resolve", id, head], tail);
        } catch (error) {
            this.#unfill(given);
            throw error;
        }
    }

    /** Fails the other side's calls that are under way. */
    failOwed(error: Error): void {
        for (const hook of [...this.#exports.values()]) if (hook instanceof Answer) hook.fail(error);
    }

    /** The service that the other side was given under this number. */
    service(id: unknown): Hook & { fetch(request: Request): Promise<Response> } {
        const hook = this.#exports.get(id as number);
        if (hook?.fetch === undefined) throw new ProtocolError("no such service");
        return hook as Hook & { fetch(request: Request): Promise<Response> };
    }

    #release(ids: unknown): void {
        if (!Array.isArray(ids)) throw new ProtocolError("bad release");
        for (const id of ids as unknown[]) {
            if (!this.#exports.has(id as number)) throw new ProtocolError("a release of what is not held");
            this.#unexport(id as number);
        }
    }

    // --- Messages ----------------------------------------------------------------------------------------------------

    take(message: unknown, tail: Uint8Array | undefined): void {
        if (!Array.isArray(message)) throw new ProtocolError("not a message");
        const [kind, first, second] = message as unknown[];
        switch (kind) {
            case "push":
                return this.#push(first, second, tail);
            case "resolve": {
                const opened = this.open(second, tail, true);
                // What was awaited there is none. Here it would be called, and could keep its caller beyond every limit.
                if (isThenable(opened.value)) throw new ProtocolError("a result that is a promise");
                return this.#settle(first, tail?.length ?? 0, (result) => result.resolve(opened));
            }
            case "reject": {
                const { value } = this.open(second, tail, true);
                return this.#settle(first, 0, (result) => result.reject(remoteError(value)));
            }
            case "release":
                return this.#release(message.slice(1));
            default:
                throw new ProtocolError("unknown message");
        }
    }

    /** The channel is gone, and everything that was given or got over it. */
    lost(error: unknown): void {
        if (this.#broken !== undefined) return;
        this.#broken = new BrokenHook(error);
        const given = [...this.#exports.values()];
        this.#exports.clear();
        const waiting = [...this.#imports.values()];
        this.#imports.clear();
        this.#channel.unanswered = this.#channel.owed = this.#held = this.#given = 0;
        for (const result of waiting) result.reject(error);
        for (const hook of given) hook.dispose();
        const leases = [...this.#leases.values()];
        this.#leases.clear();
        leases.forEach(end);
    }
}

