// One WebSocket connection over two streams of bytes: the protocol is the natives' (src/cell/websocket.c), the bytes are
// an exchange's bodies. What arrives goes to a receiver, what is sent comes out as a ByteSource.

import type { ByteSource } from "../web/body-source";
import { native } from "../web/host";

export type Data = string | ArrayBuffer;

/** Who wants to know what the other side says. `closed` comes once, and last. */
export interface Receiver {
    message(data: Data): void;
    closed(code: number, reason: string, wasClean: boolean): void;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;

/** A close without a status, a connection that was lost, and one without TLS: codes that are never sent. */
const NO_STATUS = 1005;
const ABNORMAL = 1006;
const NO_TLS = 1015;

export class Wire implements ByteSource {
    readonly #number: number;
    readonly #chunks: Uint8Array[] = [];
    #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;
    #receiver: Receiver | undefined;
    #incoming: ByteSource | undefined;
    #isOver = false;
    /** Who is told by the receiver, while that is to live as long as this. */
    kept: object | undefined;
    /** A close was sent. */
    #isClosing = false;

    constructor(isServer: boolean) {
        const number = native.socket("open", isServer);
        if (number === undefined) throw new Error("Too many WebSockets are open.");
        this.#number = number;
    }

    /** Begins to read; once. */
    run(incoming: ByteSource, receiver: Receiver): void {
        this.#receiver = receiver;
        this.#incoming = incoming;
        void this.#pump(incoming);
    }

    async #pump(incoming: ByteSource): Promise<void> {
        try {
            for (let chunk = await incoming.read(); chunk !== undefined && !this.#isOver; chunk = await incoming.read()) {
                native.socket("give", this.#number, chunk);
                this.#deliver();
                this.#flush();
            }
        } catch {
            // The connection was lost: the same as its end.
        }
        this.#end(ABNORMAL, "", false);
    }

    #deliver(): void {
        for (let message = native.socket("next", this.#number); message !== undefined && !this.#isOver; ) {
            const [kind, payload] = [message[0], message.subarray(1)];
            if (kind === TEXT) this.#receiver?.message(native.utf8Decode(payload, false));
            else if (kind === BINARY) this.#receiver?.message(payload.slice().buffer as ArrayBuffer);
            else if (kind === CLOSE) this.#closeReceived(payload);
            message = this.#isOver ? undefined : native.socket("next", this.#number);
        }
    }

    #closeReceived(payload: Uint8Array): void {
        const code = payload.length >= 2 ? payload[0]! * 256 + payload[1]! : NO_STATUS;
        const receiver = this.#receiver;
        this.#receiver = undefined;
        receiver?.closed(code, native.utf8Decode(payload.subarray(2), false), true);
    }

    /** Bytes that nobody has read yet. */
    get pending(): number {
        return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    }

    /** False when the connection takes no more. */
    send(data: string | Uint8Array): boolean {
        if (this.#isOver) return false;
        const isText = typeof data === "string";
        const taken = native.socket("put", this.#number, isText ? TEXT : BINARY, isText ? native.utf8Encode(data) : data);
        this.#flush();
        return taken;
    }

    /** Says so, with any code that a receiver may be told. */
    close(code: number | undefined, reason: string): void {
        if (code === ABNORMAL || code === NO_TLS) return this.#end(ABNORMAL, "", false);
        if (this.#isOver) return;
        if (code === NO_STATUS) code = undefined;
        const text = native.utf8Encode(reason);
        const payload = new Uint8Array(code === undefined ? 0 : 2 + text.length);
        if (code !== undefined) {
            payload.set([code >> 8, code & 255]);
            payload.set(text, 2);
        }
        this.#isClosing = true;
        native.socket("put", this.#number, CLOSE, payload);
        this.#flush();
    }

    /** Nobody is there any more. What was sent still goes. */
    drop(): void {
        this.#end(ABNORMAL, "", false);
        this.#incoming?.cancel();
    }

    #flush(): void {
        const bytes = native.socket("take", this.#number);
        if (bytes !== undefined) {
            if (this.#waiting === undefined) this.#chunks.push(bytes);
            else this.#waiting.resolve(bytes);
            this.#waiting = undefined;
        }
        if (native.socket("ended", this.#number)) this.#end(ABNORMAL, "", false);
    }

    /** Without a word, as a connection ends that is lost; what was sent before still goes. */
    #end(code: number, reason: string, wasClean: boolean): void {
        if (this.#isOver) return;
        this.#isOver = true;
        native.socket("close", this.#number);
        if (this.#waiting !== undefined) {
            this.#waiting.resolve(undefined);
            this.#incoming?.cancel();
        }
        const receiver = this.#receiver;
        this.#receiver = undefined;
        receiver?.closed(code, reason, wasClean);
        this.kept = undefined;
    }

    // --- What is sent, as a source -----------------------------------------------------------------------------------

    read(): Promise<Uint8Array | undefined> {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) return Promise.resolve(chunk);
        if (this.#isOver) {
            // Not before the last word has gone: the connection ends with what comes in.
            this.#incoming?.cancel();
            return Promise.resolve(undefined);
        }
        this.#waiting = Promise.withResolvers();
        return this.#waiting.promise;
    }

    /** The other side reads no more. If that is because it got our close, its own is still under way. */
    cancel(): void {
        if (!this.#isClosing || this.#isOver) this.drop();
    }
}
