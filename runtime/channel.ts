// A channel as the runtime sees it: frames in, frames out, the exchanges and the RPC session that live on it.
// The C side (src/cell/channel.c) has already checked that a frame's type may come from this peer.

import * as F from "./frames";
import { end, extend, type Lease } from "./leases";
import { Exchange, type OutgoingBody, type Role } from "./exchange";
import { decode } from "./rpc/decoder";
import { RpcSession, STUBS_MAX, type Bootstrap } from "./rpc/session";
import { ProtocolError, type StreamEnd } from "./rpc/values";
import { hooks, native } from "./web/host";

/** What a channel's owner does with the frames that are no exchange's and no RPC message. */
export interface ChannelHandler {
    /** The other side asks: a FETCH frame and the exchange to answer it on. */
    fetch(exchange: Exchange, frame: F.Frame): void;
    /** Any other frame. */
    frame(frame: F.Frame, granted: number | undefined): void;
    /** A frame could not be taken; closed() follows. */
    broken?(error: unknown): void;
    /** The other side closed, or broke the protocol. */
    closed(): void;
    /** What RPC calls from the other side reach. */
    bootstrap: Bootstrap;
}

declare const require: (path: string) => unknown;

/** What a stream fails with that a call gave, when nothing more can come of it; workerd's words. */
const DISCONNECTED = "ReadableStream received over RPC disconnected prematurely.";

/** Requests and streams of a dynamic worker that may be under way; each may fill a window. */
const EXCHANGES_MAX = 1024;

export class Channel {
    readonly number: number;
    readonly #handler: ChannelHandler;
    readonly #exchanges = new Map<number, Exchange>();
    #awaited = 0;
    /** Pushes of this side that are not answered; what the other side asked that is not, to the last byte of a body or stream. */
    unanswered = 0;
    owed = 0;
    /** Frames that came. */
    taken = 0;
    #rpc: RpcSession | undefined;
    readonly #isOwner: boolean;
    #nextId: number;
    #open = true;
    /** No worker answers there, but egress. */
    isWayOut = false;
    /** Called when an exchange or call has ended; the loader counts what is under way by it. */
    onIdle: (() => void) | undefined;
    /** Called when the other side calls a service that it was given; what it throws is the call's answer. */
    onServiceCall: (() => void) | undefined;
    /** How many stubs of its own either side may have at the other, and what happens when the other side has more. */
    stubsMax = STUBS_MAX;
    onTooManyStubs: ((used: number) => void) | undefined;

    /** The owner of a cell takes even ids, the cell odd ones. */
    constructor(number: number, isOwner: boolean, handler: ChannelHandler) {
        this.number = number;
        this.#isOwner = isOwner;
        this.#nextId = isOwner ? 2 : 1;
        this.#handler = handler;
    }

    get isOpen(): boolean {
        return this.#open;
    }

    /** Exchanges and calls of this side that are under way and that somebody waits for, and streams that answers brought:
     * the rest of a request that was answered is not among them. */
    get active(): number {
        return this.#awaited + this.unanswered;
    }

    /** Calls of this side that are under way; counted when asked for, which is seldom. */
    get calls(): number {
        let calls = this.unanswered;
        for (const exchange of this.#exchanges.values()) if (exchange.isAsking) calls++;
        return calls;
    }

    /** No exchange of either side is under way. */
    get isEmpty(): boolean {
        return this.#exchanges.size === 0;
    }

    /** Gives up what the other side asked for: the call has ended in which it did. */
    endAsked(): void {
        if (this.isEmpty) return;
        const error = new Error("Requests and connections end with the call that made them.");
        for (const exchange of [...this.#exchanges.values()]) if (exchange.isAnswering) exchange.reset(error);
    }

    /** The other side has nothing to answer, and nothing to call but the worker anew. */
    get isQuiet(): boolean {
        return this.active === 0 && (this.#rpc?.given ?? 0) === 0;
    }

    /** Whether the other side waits for what nothing can bring about: no byte is to come, and there is room for those that go out.
     * For calls among it, or for the rest of bodies and streams alone. */
    get stuck(): "calls" | "bodies" | undefined {
        if (this.owed === 0 || !this.isQuiet) return undefined;
        let bodies = 0;
        for (const exchange of this.#exchanges.values()) {
            if (!exchange.isStuck) return undefined;
            if (!exchange.isUnanswered) bodies++;
        }
        return bodies === this.owed ? "bodies" : "calls";
    }

    /** Fails what the other side waits for. */
    failOwed(error: Error): void {
        for (const exchange of [...this.#exchanges.values()]) exchange.reset(exchange.isAnswering ? error : new Error(DISCONNECTED));
        this.#rpc?.failOwed(error);
    }

    /** Stubs of the other side's objects that are held here. */
    get held(): number {
        return this.#rpc?.held ?? 0;
    }

    send(type: number, flags: number, id: number, head: string, tail?: Uint8Array): void {
        if (this.#open) native.send(this.number, type, flags, id, head, tail, this.owed > 0 && this.#awaited + this.unanswered === 0);
    }

    nextId(): number {
        const id = this.#nextId;
        this.#nextId = (id + 2) >>> 0;
        return id;
    }

    get rpc(): RpcSession {
        return (this.#rpc ??= new RpcSession(this, this.#handler.bootstrap));
    }

    /** A value that came over this channel beside RPC messages; its stubs live as long as the channel. */
    open(head: unknown, tail: Uint8Array): unknown {
        return decode(head, tail, { transfer: (expression) => this.rpc.transferForEver(expression) });
    }

    /** Begins an exchange: sends FETCH, and answers with the exchange, whose `response` settles. */
    fetch(head: object, body: OutgoingBody): Exchange {
        const exchange = this.#begin(this.nextId(), "asks");
        exchange.send(F.FETCH, head, body);
        return exchange;
    }

    // --- Streams that RPC messages name ------------------------------------------------------------------------------

    /** Gives a stream a number on this channel; returns the expression that names it. A call that it is of holds `lease`. */
    attachStream(stream: StreamEnd, lease: Lease): unknown[] {
        const exchange = this.#begin(this.nextId(), "sends", false);
        if (extend(lease) !== 0) exchange.whenEnded(() => end(lease));
        if (stream.kind === "readable") this.#owe(exchange);
        stream.attach(exchange);
        return [stream.kind, exchange.id];
    }

    /** The stream that a message names, which may be an answer. */
    openStream(kind: StreamEnd["kind"], id: number, isAnswer: boolean): object {
        this.#checkNew(id);
        const { openStream } = require("./rpc/platform") as typeof import("./rpc/platform");
        return openStream(kind, this.#begin(id, "receives", isAnswer && kind === "readable"));
    }

    /** The other side's ids are even or odd, as ours are not, and a cell that is not trusted has so many at most. */
    #checkNew(id: number): void {
        if ((id & 1) === (this.#nextId & 1) || this.#exchanges.has(id)) throw new ProtocolError("exchange id in use");
        if (this.#isOwner && this.#exchanges.size >= EXCHANGES_MAX) throw new ProtocolError("too many exchanges");
    }

    /** What is only sent, waits for what may never come, or is the other side's to wait for, keeps nobody. */
    #begin(id: number, role: Role, isAwaited = true): Exchange {
        const exchange = new Exchange(this, id, role, isAwaited);
        this.#exchanges.set(id, exchange);
        if (isAwaited) this.#awaited++;
        if (role === "answers") this.#owe(exchange);
        return exchange;
    }

    #owe(exchange: Exchange): void {
        exchange.owes = true;
        this.owed++;
    }

    /** An exchange has its answer: nobody waits for it any more. Each exchange tells once. */
    answered(): void {
        this.#awaited--;
        this.onIdle?.();
    }

    /** An exchange has ended in both directions. */
    forget(exchange: Exchange): void {
        this.#exchanges.delete(exchange.id);
    }

    take(frame: F.Frame, granted: number | undefined): void {
        this.taken++;
        switch (frame.type) {
            case F.FETCH: {
                this.#checkNew(frame.id);
                this.#handler.fetch(this.#begin(frame.id, "answers", false), frame);
                break;
            }
            case F.RESPONSE:
            case F.DATA:
            case F.RESET:
            case F.STOP:
            case F.WINDOW:
                // A frame for an exchange that has ended here was under way when it did.
                this.#exchanges.get(frame.id)?.take(frame);
                break;
            case F.RPC:
                this.rpc.take(frame.head, frame.tail);
                break;
            default:
                this.#handler.frame(frame, granted);
        }
    }

    /** Closes this side; what is queued is still sent. */
    close(): void {
        if (!this.#open) return;
        this.#open = false;
        native.close(this.number);
    }

    /** A frame made no sense, or there was none to be made of it here. */
    broken(error: unknown): void {
        this.#handler.broken?.(error);
        this.close();
    }

    /** The C side says that the channel is gone. */
    closed(): void {
        this.#open = false;
        this.#handler.closed();
    }

    /** Fails everything that waits for the other side. */
    lost(error: unknown): void {
        for (const exchange of [...this.#exchanges.values()]) exchange.lost(error);
        this.#rpc?.lost(error);
    }
}

const channels = new Map<number, Channel>();

export function register(channel: Channel): void {
    channels.set(channel.number, channel);
}

export function unregister(channel: Channel): void {
    channels.delete(channel.number);
}

/** native.handlers.frame */
export function onFrame(
    number: number,
    type: number,
    flags: number,
    id: number,
    head: unknown,
    tail: Uint8Array | undefined,
    granted: number | undefined,
): void {
    const channel = channels.get(number);
    if (channel === undefined) return;
    hooks.enter?.();
    hooks.stir?.();
    try {
        channel.take({ type, flags, id, head, tail }, granted);
    } catch (error) {
        if (!channel.isOpen) return; // given up in the middle of the frame, for a reason that was told
        // Whatever the reason, the peer's bytes made no sense: the channel ends.
        hooks.log("error", `A channel ends: frame ${type} of exchange ${id}: ${String(error)}`);
        channel.broken(error);
        onClosed(number);
    }
}

/** native.handlers.closed */
export function onClosed(number: number): void {
    const channel = channels.get(number);
    if (channel === undefined) return;
    hooks.enter?.();
    hooks.stir?.();
    channels.delete(number);
    channel.closed();
}
