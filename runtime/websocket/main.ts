// WebSocket and WebSocketPair as Workers have them, and how they meet the wire: a response with one end of a pair is
// answered over its exchange, a request for an upgrade gives a WebSocket. A part of its own.

import { isBufferSource, viewBytes } from "../web/bytes";
import { blobBytes, blobFromBytes, Blob } from "../web/blob";
import { structuredClone } from "../web/clone";
import { defaultBinaryType } from "../context";
import { brand } from "../web/brand";
import { DOMException } from "../web/domexception";
import { CloseEvent, defineHandler, dispatchTrusted, ErrorEvent, Event, EventTarget, MessageEvent, type EventListenerLike } from "../web/events";
import type { ByteSource } from "../web/body-source";
import { native } from "../web/host";
import type { Request } from "../web/request";
import type { Response } from "../web/response";
import { setTimeout } from "../web/timers";
import { Wire, type Data, type Receiver } from "./wire";

/** Globals that are a worker's own, and may not be built yet. */
declare const URL: { parse(url: string): { href: string; protocol: string; hash: string } | null };
declare function queueMicrotask(callback: () => void): void;
declare function fetch(url: string, init: object): Promise<Response>;

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
const REASON_BYTES_MAX = 123;
/** Reserved by RFC 6455. Of the others a server needs more than a browser, and Workers send them all. */
const CODES_NEVER_SENT = [1004, 1005, 1006, 1015];
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Where what a socket sends goes. */
interface Link {
    /** Bytes that were sent and have not gone. */
    pending(): number;
    send(data: string | Uint8Array): void;
    close(code: number | undefined, reason: string): void;
    /** Somebody listens to the socket, which lives as long as the connection from now on; the first one that is told of leads to others. */
    keep?(socket: WebSocket): void;
}

let receiverOf: (socket: WebSocket) => Receiver;
let join: (socket: WebSocket, link: Link, state: number) => void;
let take: (socket: WebSocket, receiver: Receiver) => Link;
let answersItself: (socket: WebSocket) => boolean;

const nobody: Receiver = { message: () => {}, closed: () => {} };

type Happening = (receiver: Receiver) => void;

const unconnected = Symbol("unconnected");

export class WebSocket extends EventTarget {
    #state = CONNECTING;
    #link: Link | undefined;
    /** What came before somebody listened; undefined once accept() was called. */
    #early: Happening[] | undefined = [];
    /** Who takes what comes: the socket's own events, or a wire that the platform tied it to. */
    #receiver: Receiver;
    #isTaken = false;
    /** The connection ended without a word. */
    #isLost = false;
    /** The worker answers a close itself; and has yet to. */
    #allowsHalfOpen = false;
    #isHalfOpen = false;
    #url: string | null = null;
    #protocol = "";
    #binaryType = defaultBinaryType();
    #attachment: unknown = null;

    static {
        receiverOf = (socket) => ({
            message: (data) => socket.#happen((receiver) => receiver.message(data)),
            closed: (code, reason, clean) => socket.#happen((receiver) => receiver.closed(code, reason, clean)),
        });
        join = (socket, link, state) => {
            socket.#link = link;
            socket.#state = state;
        };
        answersItself = (socket) => socket.#allowsHalfOpen;
        take = (socket, receiver) => {
            if (socket.#isTaken || socket.#early === undefined) {
                throw new TypeError("Can't return WebSocket in a Response after calling accept() or using it already.");
            }
            socket.#isTaken = true;
            socket.#receiver = receiver;
            socket.#link!.keep?.(socket);
            socket.#release();
            return socket.#link!;
        };
    }

    constructor(url: unknown, protocols: unknown = []) {
        super();
        this.#receiver = {
            message: (data) => void dispatchTrusted(this, new MessageEvent("message", { data: this.#shown(data) })),
            closed: (code, reason, wasClean) => {
                this.#isHalfOpen = this.#allowsHalfOpen && wasClean && this.#state === OPEN;
                this.#state = this.#isHalfOpen ? CLOSING : CLOSED;
                this.#isLost = !wasClean;
                dispatchTrusted(this, new CloseEvent("close", { code, reason, wasClean }));
            },
        };
        if (url !== unconnected) this.#connect(url, protocols);
    }

    #shown(data: Data): Data | Blob {
        return typeof data === "string" || this.#binaryType === "arraybuffer" ? data : blobFromBytes(new Uint8Array(data), "");
    }

    #happen(event: Happening): void {
        if (this.#early !== undefined) this.#early.push(event);
        else event(this.#receiver);
    }

    #release(): void {
        const early = this.#early ?? [];
        this.#early = undefined;
        for (const event of early) event(this.#receiver);
    }

    #connect(url: unknown, protocols: unknown): void {
        const parsed = URL.parse(String(url));
        if (parsed === null) throw new DOMException("WebSocket Constructor: The url is invalid.", "SyntaxError");
        parsed.protocol = parsed.protocol.replace(/^ws/, "http");
        if (!/^https?:$/.test(parsed.protocol) || parsed.hash !== "") {
            throw new DOMException("WebSocket Constructor: The url scheme must be ws, wss, http or https, and it has no fragment.", "SyntaxError");
        }
        const list = typeof protocols === "string" ? [protocols] : Array.from(protocols as Iterable<unknown>, String);
        if (new Set(list.map((name) => name.toLowerCase())).size !== list.length || !list.every((name) => /^[!#$%&'*+\-.^_`|~\w]+$/.test(name))) {
            throw new DOMException("WebSocket Constructor: The protocols must be different tokens.", "SyntaxError");
        }
        this.#url = parsed.href.replace(/^http/, "ws");
        const headers: Record<string, string> = { upgrade: "websocket" };
        if (list.length > 0) headers["sec-websocket-protocol"] = list.join(", ");
        void this.#open(parsed.href, headers);
    }

    async #open(url: string, headers: Record<string, string>): Promise<void> {
        try {
            const response = await fetch(url, { headers });
            const remote = response.webSocket as WebSocket | null;
            if (remote === null) throw new Error(`The server answered ${response.status} and opened no WebSocket.`);
            if (this.#state === CLOSING) {
                take(remote, nobody).close(undefined, "");
                throw new Error("The WebSocket was closed before it was open.");
            }
            this.#protocol = response.headers.get("sec-websocket-protocol") ?? "";
            this.#early = undefined;
            join(this, take(remote, this.#receiver), OPEN);
            dispatchTrusted(this, new Event("open"));
        } catch (error) {
            this.#early = undefined;
            this.#state = CLOSED;
            dispatchTrusted(this, new ErrorEvent("error", { error, message: String(error) }));
            this.#receiver.closed(1006, "", false);
        }
    }

    /**
     * Workers only: events come from now on. With allowHalfOpen the other side's close is not answered before close() is
     * called (https://developers.cloudflare.com/workers/runtime-apis/websockets/); over a connection, its frame is.
     */
    accept(options?: { allowHalfOpen?: unknown }): void {
        if (this.#isTaken) throw new TypeError("Can't accept() a WebSocket that was already used in a Response.");
        if (this.#early === undefined) return;
        this.#allowsHalfOpen = Boolean(options?.allowHalfOpen);
        this.#state = this.#state === CONNECTING ? OPEN : this.#state;
        setTimeout(() => this.#release(), 0);
    }

    override addEventListener(type: string, callback: EventListenerLike | null, options?: unknown): void {
        super.addEventListener(type, callback, options);
        this.#link?.keep?.(this);
    }

    #requireAccepted(): void {
        if (this.#early === undefined || this.#url !== null || this.#state !== CONNECTING) return;
        throw new TypeError("You must call accept() on this WebSocket before sending messages.");
    }

    send(data: unknown): void {
        this.#requireAccepted();
        if (this.#state === CONNECTING) throw new DOMException("The WebSocket is not open yet.", "InvalidStateError");
        if (this.#isLost) return;
        if (this.#state > OPEN && !this.#isHalfOpen) throw new TypeError("Can't call WebSocket send() after close().");
        if (data instanceof Blob) this.#link!.send(blobBytes(data));
        else this.#link!.send(isBufferSource(data) ? viewBytes(data).slice() : String(data).toWellFormed());
    }

    close(code?: unknown, reason?: unknown): void {
        const number = code === undefined ? undefined : Math.trunc(Number(code)) || 0;
        if (number !== undefined && (number < 1000 || number > 4999 || CODES_NEVER_SENT.includes(number))) {
            throw new DOMException(`Invalid WebSocket close code: ${number}.`, "InvalidAccessError");
        }
        if (number === undefined && reason !== undefined) {
            throw new DOMException("If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError");
        }
        const text = reason === undefined ? "" : String(reason).toWellFormed();
        if (native.utf8Length(text) > REASON_BYTES_MAX) {
            throw new DOMException("WebSocket close reason must not exceed 123 bytes when encoded as UTF-8.", "SyntaxError");
        }
        this.#requireAccepted();
        if (this.#state >= CLOSING && !this.#isHalfOpen) return;
        this.#state = this.#isHalfOpen ? CLOSED : CLOSING;
        this.#isHalfOpen = false;
        this.#link?.close(number, text);
    }

    get readyState(): number {
        return this.#state;
    }
    get url(): string | null {
        return this.#url;
    }
    get protocol(): string {
        return this.#protocol;
    }
    get extensions(): string {
        return "";
    }
    get bufferedAmount(): number {
        return this.#link?.pending() ?? 0;
    }
    get binaryType(): "arraybuffer" | "blob" {
        return this.#binaryType;
    }
    set binaryType(type: unknown) {
        if (type === "arraybuffer" || type === "blob") this.#binaryType = type;
    }

    /** Workers only: a value that stays with the socket, as a Durable Object keeps one while it hibernates. */
    serializeAttachment(value: unknown): void {
        this.#attachment = structuredClone(value);
    }
    deserializeAttachment(): unknown {
        return structuredClone(this.#attachment);
    }
}
for (const [value, name] of ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].entries()) {
    for (const key of [name, `READY_STATE_${name}`]) {
        Object.defineProperty(WebSocket, key, { value, enumerable: true });
        Object.defineProperty(WebSocket.prototype, key, { value, enumerable: true });
    }
}
for (const type of ["open", "message", "close", "error"]) defineHandler(WebSocket, type);
brand(WebSocket, "WebSocket", ["readyState", "url", "protocol", "extensions"]);

const dataOf = (data: string | Uint8Array): Data => (typeof data === "string" ? data : (data.slice().buffer as ArrayBuffer));

/** Two sockets, each the other's peer. */
export class WebSocketPair {
    readonly 0: WebSocket;
    readonly 1: WebSocket;

    constructor() {
        const sockets = [new WebSocket(unconnected), new WebSocket(unconnected)] as const;
        const closed = new Set<WebSocket>();
        const linkTo = (own: WebSocket, peer: WebSocket): Link => ({
            pending: () => 0,
            send: (data) => queueMicrotask(() => receiverOf(peer).message(dataOf(data))),
            close: (code = 1005, reason) => {
                if (closed.has(own)) return;
                closed.add(own);
                queueMicrotask(() => {
                    receiverOf(peer).closed(code, reason, code !== 1006);
                    // The peer's part of the handshake is done for it.
                    if (closed.has(peer) || answersItself(peer)) return;
                    closed.add(peer);
                    receiverOf(own).closed(code, reason, code !== 1006);
                });
            },
        });
        join(sockets[0], linkTo(sockets[0], sockets[1]), CONNECTING);
        join(sockets[1], linkTo(sockets[1], sockets[0]), CONNECTING);
        this[0] = sockets[0];
        this[1] = sockets[1];
    }

    *[Symbol.iterator](): IterableIterator<WebSocket> {
        yield this[0];
        yield this[1];
    }
}
brand(WebSocketPair, "WebSocketPair");

// --- The wire --------------------------------------------------------------------------------------------------------

/** The client's side of a connection that is being asked for; its bytes are the request's body. */
export function clientWire(): Wire {
    return new Wire(false);
}

/** The socket of a response 101 that came over `wire`. */
export function connectOver(wire: Wire, incoming: ByteSource): WebSocket {
    const socket = new WebSocket(unconnected);
    join(socket, wireLink(wire), CONNECTING);
    const own = new WeakRef(socket);
    const receiver = (): Receiver => {
        const alive = own.deref();
        return alive === undefined ? nobody : receiverOf(alive);
    };
    wire.run(incoming, {
        message: (data) => receiver().message(data),
        closed: (code, reason, wasClean) => receiver().closed(code, reason, wasClean),
    });
    unheard.register(socket, wire);
    return socket;
}

/** Ends connections whose sockets nobody has and nobody listens to. */
const unheard = new FinalizationRegistry<Wire>((wire) => wire.drop());

function wireLink(wire: Wire): Link {
    return { pending: () => wire.pending, send: (data) => void wire.send(data), close: (code, reason) => wire.close(code, reason), keep: (socket) => void (wire.kept ??= socket) };
}

/** Ties the socket of a response to the exchange that asked for it. What the head gets more, and the answer's bytes. */
export function acceptOver(
    response: Response,
    request: Request,
    incoming: ByteSource,
): { head: { headers: [string, string][] }; source: ByteSource } {
    const key = request.headers.get("sec-websocket-key");
    const wire = new Wire(true);
    const link = take(response.webSocket as WebSocket, {
        message: (data) => void wire.send(typeof data === "string" ? data : new Uint8Array(data)),
        closed: (code, reason) => wire.close(code, reason),
    });
    wire.run(incoming, {
        message: (data) => link.send(typeof data === "string" ? data : new Uint8Array(data)),
        closed: (code, reason) => link.close(code, reason),
    });
    // A response that was fetched brings the handshake of its own connection.
    const headers = [...response.headers].filter(([name]) => name !== "sec-websocket-accept");
    if (key !== null) headers.push(["sec-websocket-accept", acceptValue(key)]);
    return { head: { headers }, source: wire };
}

function acceptValue(key: string): string {
    const digest = native.crypto("digest", "SHA-1", native.utf8Encode(key + GUID)) as Uint8Array;
    return (digest as unknown as { toBase64(): string }).toBase64();
}
