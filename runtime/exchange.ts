// One FETCH and its RESPONSE: two bodies that stream in opposite directions, each with a window. Used at both ends. A stream
// that an RPC message names is an exchange with one direction.
//
// Invariant: each direction ends exactly once, by FIN, RESET (from the sender) or STOP (from the receiver); when both
// have ended, or the channel is lost, the exchange is gone from its channel's table.

import * as F from "./frames";
import type { Channel } from "./channel";
import { limitError } from "./limits";
import { describeThrown, remoteError, stackOf, withoutPlace } from "./thrown";
import { bytesSource, START_TLS, type ByteSource } from "./web/body-source";

/** A TCP connection, or what stands for one: its bytes once it is open, and how it is given up. */
export interface Connection {
    opened: Promise<ByteSource>;
    reset(reason: unknown): void;
}

/** What takeBody gives: nothing, bytes, or a source. */
export type OutgoingBody = { bytes?: Uint8Array; source?: ByteSource; length?: number; isBuffer?: boolean } | undefined;

/** What reading a request's body throws once it was answered without that; Cloudflare's words. */
const ANSWERED = "Can't read from request stream after response has been sent.";

/** The receiving direction: frames push, the consumer reads. */
export class IncomingBody implements ByteSource {
    readonly #exchange: Exchange;
    readonly #chunks: Uint8Array[] = [];
    #queuedBytes = 0;
    #consumedBytes = 0;
    /** Nothing comes any more. */
    hasEnded = false;
    #error: unknown;
    #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;
    /** What has come, as far as it was taken. */
    bytes = 0;
    #bytesMax = Infinity;
    /** Whether somebody began to read. */
    isTouched = false;

    constructor(exchange: Exchange) {
        this.#exchange = exchange;
    }

    /** What may come in all; 0 is no limit. */
    limit(bytesMax: number): void {
        if (bytesMax > 0) this.#bytesMax = bytesMax;
    }

    /** Counts bytes that came; false, and the exchange is given up, when they are too many. */
    weigh(bytes: number): boolean {
        this.bytes += bytes;
        if (this.bytes <= this.#bytesMax) return true;
        this.#exchange.reset(limitError("responseBytes", this.#bytesMax, this.bytes));
        return false;
    }

    push(chunk: Uint8Array): void {
        if (this.hasEnded || !this.weigh(chunk.length)) return;
        if (this.#waiting) {
            this.#waiting.resolve(chunk);
            this.#waiting = undefined;
            this.#consumed(chunk.length);
            return;
        }
        this.#queuedBytes += chunk.length;
        if (this.#queuedBytes > F.WINDOW_BYTES + F.CHUNK_BYTES) throw new Error("window exceeded");
        this.#chunks.push(chunk);
    }

    end(): void {
        if (this.hasEnded) return;
        this.hasEnded = true;
        this.#waiting?.resolve(undefined);
        this.#waiting = undefined;
    }

    fail(error: unknown): void {
        if (this.hasEnded) return;
        this.hasEnded = true;
        this.#error = error;
        this.#waiting?.reject(error);
        this.#waiting = undefined;
    }

    /** Windows are opened in halves, so that small reads do not each cost a frame. */
    #consumed(bytes: number): void {
        this.#consumedBytes += bytes;
        if (this.#consumedBytes >= F.WINDOW_BYTES / 2 && !this.hasEnded) {
            this.#exchange.openWindow(this.#consumedBytes);
            this.#consumedBytes = 0;
        }
    }

    read(): Promise<Uint8Array | undefined> {
        this.isTouched = true;
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
            this.#queuedBytes -= chunk.length;
            this.#consumed(chunk.length);
            return Promise.resolve(chunk);
        }
        if (this.#error !== undefined) return Promise.reject(this.#error);
        if (this.hasEnded) return Promise.resolve(undefined);
        this.#waiting = Promise.withResolvers();
        return this.#waiting.promise;
    }

    cancel(): void {
        if (this.hasEnded) return;
        this.end();
        this.#chunks.length = 0;
        this.#exchange.stopIncoming();
    }

    /** Nobody began to read, it has not ended, and it is too late now. */
    refuse(error: unknown): void {
        this.fail(error);
        this.#chunks.length = 0;
        this.#exchange.stopIncoming();
    }
}

/** What a message holds of an incoming body: when the message is collected unread, the sender is told to stop. */
class BodyHandle implements ByteSource {
    readonly #body: IncomingBody;

    constructor(body: IncomingBody) {
        this.#body = body;
        unread.register(this, body);
    }

    read(): Promise<Uint8Array | undefined> {
        return this.#body.read();
    }

    cancel(): void {
        this.#body.cancel();
    }
}

const unread = new FinalizationRegistry<IncomingBody>((body) => body.cancel());

/** What begins a message; that of a connection has no headers. */
export interface MessageHead {
    headers?: [string, string][];
}

/** The same head for a body of another length, or of none that is known. */
export function withLength<T extends MessageHead>(head: T, length: number | undefined): T {
    const headers = (head.headers ?? []).filter(([name]) => name.toLowerCase() !== "content-length");
    if (length !== undefined) headers.push(["content-length", String(length)]);
    return { ...head, headers };
}

/** Who begins with FETCH and who answers it; who sends a stream and who receives it. */
export type Role = "asks" | "answers" | "sends" | "receives";

export class Exchange {
    readonly #channel: Channel;
    readonly #role: Role;
    readonly #isAwaited: boolean;
    readonly id: number;
    readonly incoming = new IncomingBody(this);
    /** Settles with the RESPONSE frame at the end that asked. */
    readonly response: PromiseWithResolvers<F.Frame> | undefined;
    /** Whether the exchange was given up, why, and who wants to know. */
    aborted = false;
    reason: unknown;
    readonly listeners: ((reason: unknown) => void)[] = [];
    /** Its bodies are the bytes of a connection, which may go over to TLS. */
    isConnection = false;
    /** No worker asks, but a client: errors say where they were thrown, for the log, and bodies are encoded. */
    isFromOutside = false;
    /** Of the body that goes out, as far as it has gone; incoming.bytes is the other's. */
    sentBytes = 0;
    /** Called when the last byte of the answer has come, or never will. */
    onAnswered: (() => void) | undefined;
    /** Called when both directions have ended. */
    #watchers: (() => void)[] | undefined;
    #outgoingSource: ByteSource | undefined;
    /** The other side waits for the head. */
    isUnanswered: boolean;
    /** It waits for the last byte of the body, or of a stream that it was given; counted in the channel's `owed`. */
    owes = false;
    #outgoingDone = false;
    #incomingDone = false;
    #credit = F.WINDOW_BYTES;
    #creditWaiting: (() => void) | undefined;

    constructor(channel: Channel, id: number, role: Role, isAwaited: boolean) {
        this.#channel = channel;
        this.id = id;
        this.#role = role;
        this.#isAwaited = isAwaited;
        this.isUnanswered = role === "answers";
        if (role === "asks") this.response = Promise.withResolvers();
        if (role === "receives") this.#outgoingDone = true;
        if (role === "sends") {
            this.incoming.end();
            this.#incomingDone = true;
        }
    }

    /** Has `ended` called when both directions have ended. */
    whenEnded(ended: () => void): void {
        (this.#watchers ??= []).push(ended);
    }

    /** Whether this side asked and waits for the answer. */
    get isAsking(): boolean {
        return this.#role === "asks" && !this.#incomingDone;
    }

    /** Whether the other side asked, and the exchange is under way. */
    get isAnswering(): boolean {
        return this.#role === "answers";
    }

    /** All of the request has come but its abort, which nobody waits for; what is to be sent comes from this cell, and has room. */
    get isStuck(): boolean {
        const isWaiting = this.isUnanswered || (this.#outgoingSource !== undefined && this.#creditWaiting === undefined);
        return this.owes && isWaiting && this.#incomingDone && this.listeners.length === 0;
    }

    // --- Sending -----------------------------------------------------------------------------------------------------

    /** Sends FETCH or RESPONSE with the body behind it. Small bodies travel in the same frame; the heads of others tell their
     * length, where it is known or was promised. */
    send(type: number, head: object, body: OutgoingBody): void {
        if (this.#outgoingDone) return body?.source?.cancel(this.reason);
        this.isUnanswered = false;
        const buffer = type === F.FETCH && body?.isBuffer ? F.BUFFER : 0;
        const isWhole = body === undefined || (body.bytes !== undefined && body.bytes.length <= F.CHUNK_BYTES);
        if (isWhole) this.#pay();
        if (body === undefined) {
            this.#channel.send(type, F.FIN | F.NOBODY, this.id, JSON.stringify(head));
            this.#endOutgoing();
        } else if (isWhole) {
            this.sentBytes = body.bytes!.length;
            this.#channel.send(type, F.FIN | buffer, this.id, JSON.stringify(head), body.bytes);
            this.#endOutgoing();
        } else {
            this.#channel.send(type, buffer, this.id, JSON.stringify(body.length === undefined ? head : withLength(head, body.length)));
            this.#outgoingSource = body.source ?? bytesSource(body.bytes!);
            void this.#pump(this.#outgoingSource);
        }
    }

    /** Sends a stream that a message has named. */
    sendStream(source: ByteSource): void {
        this.#outgoingSource = source;
        void this.#pump(source);
    }

    /** What arrives of a stream that a message named. */
    receiveStream(): ByteSource {
        return new BodyHandle(this.incoming);
    }

    async #pump(source: ByteSource): Promise<void> {
        try {
            for (;;) {
                const chunk = await source.read();
                if (this.#outgoingDone) return;
                if (chunk === undefined) break;
                if (chunk === START_TLS) this.#channel.send(F.DATA, F.TLS, this.id, "");
                for (let from = 0; from < chunk.length; ) {
                    if (this.#credit <= 0) {
                        await new Promise<void>((resolve) => (this.#creditWaiting = resolve));
                    }
                    if (this.#outgoingDone) return;
                    const to = Math.min(chunk.length, from + F.CHUNK_BYTES, from + this.#credit);
                    this.#channel.send(F.DATA, 0, this.id, "", chunk.subarray(from, to));
                    this.#credit -= to - from;
                    this.sentBytes += to - from;
                    from = to;
                }
            }
            this.#pay();
            this.#channel.send(F.DATA, F.FIN, this.id, "");
            this.#endOutgoing();
        } catch (error) {
            this.reset(error);
        }
    }

    /** The last byte goes out with the next frame: before that, or the cell would look whether it is stuck, which most never do. */
    #pay(): void {
        if (this.owes) this.#channel.owed--;
        this.owes = false;
    }

    #endOutgoing(): void {
        if (this.#outgoingDone) return;
        this.#outgoingDone = true;
        this.#pay();
        this.#outgoingSource = undefined;
        this.#creditWaiting?.();
        if (this.#role === "answers" && !this.incoming.isTouched && !this.incoming.hasEnded) this.incoming.refuse(new TypeError(ANSWERED));
        this.#settle(this.#role === "answers" || this.#role === "sends");
    }

    #endIncoming(): void {
        if (this.#incomingDone) return;
        this.#incomingDone = true;
        this.#settle(this.#role === "asks" || this.#role === "receives");
    }

    /** One direction has ended; the answer if `isAnswer`. */
    #settle(isAnswer: boolean): void {
        if (this.#outgoingDone && this.#incomingDone) {
            this.#channel.forget(this);
            this.#watchers?.forEach((ended) => ended());
        }
        if (!isAnswer) return;
        this.onAnswered?.();
        if (this.#isAwaited) this.#channel.answered();
    }

    /** Gives up: tells the other side why, and ends both directions. */
    reset(error: unknown): void {
        if (this.#outgoingDone && this.#incomingDone) return;
        const head = this.isFromOutside ? { ...describeThrown(error), stack: stackOf(error) } : describeThrown(error);
        this.#channel.send(F.RESET, 0, this.id, JSON.stringify(head));
        this.#end(error);
    }

    openWindow(bytes: number): void {
        const payload = new Uint8Array(4);
        new DataView(payload.buffer).setUint32(0, bytes, true);
        this.#channel.send(F.WINDOW, 0, this.id, "", payload);
    }

    /** The receiver wants no more of what comes. */
    stopIncoming(): void {
        this.#channel.send(F.STOP, 0, this.id, "");
        this.#endIncoming();
    }

    // --- Receiving ---------------------------------------------------------------------------------------------------

    /** What was asked for is a connection. */
    get connection(): Connection {
        this.isConnection = true;
        const opened = this.response!.promise.then((frame) => this.takeIncoming(frame) as ByteSource);
        opened.catch(() => {});
        return { opened, reset: (reason) => this.reset(reason) };
    }

    /** The body that came with FETCH or RESPONSE; undefined for none. */
    takeIncoming(frame: F.Frame): Uint8Array | ByteSource | undefined {
        const done = (frame.flags & F.FIN) !== 0;
        if (done) {
            if (this.#role === "answers" && frame.tail !== undefined) this.incoming.weigh(frame.tail.length); // a RESPONSE's was weighed when it came
            this.incoming.end();
            this.#endIncoming();
            return frame.flags & F.NOBODY ? undefined : (frame.tail ?? new Uint8Array(0));
        }
        if (frame.tail !== undefined) this.incoming.push(frame.tail);
        return new BodyHandle(this.incoming);
    }

    /** Takes a frame that belongs to this exchange; throws if it makes no sense here. */
    take(frame: F.Frame): void {
        switch (frame.type) {
            case F.RESPONSE:
                if (this.response === undefined) throw new Error("RESPONSE to an exchange that did not ask");
                if (frame.flags & F.FIN && !this.incoming.weigh(frame.tail?.length ?? 0)) break;
                this.response.resolve(frame);
                break;
            case F.DATA:
                if (this.isConnection && frame.flags & F.TLS) this.incoming.push(START_TLS);
                else if (frame.tail !== undefined) this.incoming.push(frame.tail);
                if (frame.flags & F.FIN) {
                    this.incoming.end();
                    this.#endIncoming();
                }
                break;
            case F.WINDOW:
                this.#addCredit(frame.tail);
                break;
            case F.STOP: {
                const source = this.#outgoingSource;
                this.#endOutgoing();
                source?.cancel();
                break;
            }
            case F.RESET:
                this.#end(this.#errorFrom(frame));
                break;
        }
    }

    /** What a worker threw that was asked is another's; what egress met is not, nor is why a request was given up. */
    #errorFrom({ head }: F.Frame): Error {
        const error = errorFromHead(head);
        return this.response === undefined || this.#channel.isWayOut ? error : remoteError(error);
    }

    #addCredit(payload: Uint8Array | undefined): void {
        if (payload?.length !== 4) throw new Error("WINDOW needs 4 bytes");
        this.#credit += new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
        if (this.#credit > 0x7fffffff) throw new Error("window too large");
        const resume = this.#creditWaiting;
        this.#creditWaiting = undefined;
        resume?.();
    }

    #end(error: unknown): void {
        if (this.aborted) return;
        this.aborted = true;
        this.reason = error;
        this.isUnanswered = false;
        const source = this.#outgoingSource;
        this.response?.reject(error);
        this.response?.promise.catch(() => {});
        this.incoming.fail(error);
        this.#endOutgoing();
        this.#endIncoming();
        source?.cancel(error);
        for (const listener of this.listeners.splice(0)) listener(error);
    }

    /** The channel is lost. */
    lost(error: unknown): void {
        this.#end(error);
    }
}

const ERROR_CLASSES: Record<string, new (message: string) => Error> = {
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
};

/** The error that a RESET or THROW frame names. */
export function errorFromHead(head: unknown): Error {
    const { name, message } = (typeof head === "object" && head !== null ? head : {}) as Record<string, unknown>;
    const text = typeof message === "string" ? message : "The exchange was given up.";
    const error = new (typeof name === "string" && Object.hasOwn(ERROR_CLASSES, name) ? ERROR_CLASSES[name]! : Error)(
        text,
    );
    if (typeof name === "string" && error.name !== name) {
        Object.defineProperty(error, "name", { __proto__: null, value: name, writable: true, configurable: true, enumerable: false });
    }
    return withoutPlace(error);
}
