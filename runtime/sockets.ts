// `cloudflare:sockets`: TCP connections, made by whoever has the worker's way out, and those that a connect handler gets.
// Bytes travel as the bodies of an exchange do. Loaded when a worker first calls connect(), or is called by it.
//
// startTls() keeps the exchange and gives it to a new Socket: START_TLS among the bytes says from where on they are TLS's,
// and comes back among those that arrive when the handshake is done.

import type { ReadableStream, WritableStream } from "web-streams-polyfill";
import type { Connection, Exchange } from "./exchange";
import type { Frame } from "./frames";
import * as F from "./frames";
import { outboundOf, refusal } from "./fetch";
import { isBufferSource, viewBytes } from "./web/bytes";
import { START_TLS, type ByteSource } from "./web/body-source";
import { streamFromContent, WritableStream as WritableStreamClass } from "./web/streams";

export interface SocketAddress {
    hostname: string;
    port: number;
}

interface SocketOptions {
    secureTransport?: "off" | "on" | "starttls";
    allowHalfOpen?: boolean;
}

/** What travels to whoever makes the connection. */
export interface ConnectTarget {
    host: string;
    port: number;
    tls: boolean;
    /** As the caller wrote it. */
    authority: string;
}

/** Makes a connection; `body` is what goes there. */
export type Connect = (target: ConnectTarget, body: ByteSource) => Promise<Connection>;

/** What a socket holds of writes that the wire has not taken; more, and writes wait. */
const WAITING_BYTES_MAX = 64 * 1024;

/** From the writable side to the wire. */
class Outgoing implements ByteSource {
    readonly #chunks: Uint8Array[] = [];
    #waitingBytes = 0;
    #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
    #writer: PromiseWithResolvers<void> | undefined;
    #ended = false;
    /** Why no more can be written. */
    #reason: unknown = new TypeError("This socket has been closed.");
    /** What readers get instead of an end. */
    #error: unknown;

    write(bytes: Uint8Array): Promise<void> {
        if (this.#ended) return Promise.reject(this.#reason);
        this.put(bytes);
        if (this.#waitingBytes <= WAITING_BYTES_MAX) return Promise.resolve();
        this.#writer = Promise.withResolvers<void>();
        return this.#writer.promise;
    }

    /** Without waiting. */
    put(chunk: Uint8Array): void {
        if (this.#reader !== undefined) {
            this.#reader.resolve(chunk);
            this.#reader = undefined;
            return;
        }
        this.#chunks.push(chunk);
        this.#waitingBytes += chunk.length;
    }

    end(): void {
        this.#ended = true;
        this.#reader?.resolve(undefined);
        this.#reader = undefined;
    }

    /** Whoever reads is told that no more comes, and why. */
    fail(error: unknown): void {
        if (this.#ended) return;
        this.#ended = true;
        this.#error = this.#reason = error;
        this.#reader?.reject(error);
        this.#reader = undefined;
    }

    read(): Promise<Uint8Array | undefined> {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
            this.#waitingBytes -= chunk.length;
            if (this.#waitingBytes <= WAITING_BYTES_MAX) this.#writer?.resolve();
            return Promise.resolve(chunk);
        }
        if (this.#error !== undefined) return Promise.reject(this.#error);
        if (this.#ended) return Promise.resolve(undefined);
        this.#reader = Promise.withResolvers<Uint8Array | undefined>();
        return this.#reader.promise;
    }

    /** Nobody takes what is written. */
    cancel(reason: unknown = this.#reason): void {
        if (!this.#ended) this.#reason = reason;
        this.#chunks.length = this.#waitingBytes = 0;
        this.#writer?.promise.catch(() => {});
        this.#writer?.reject(this.#reason);
        this.end();
    }
}

/** From the wire to the readable side; the connection may still be under way. */
class Incoming implements ByteSource {
    readonly #source: Promise<ByteSource>;
    readonly #ended: (error?: unknown) => void;
    #isDetached = false;
    /** A read that was under way when another socket took over; what it brings is that one's. */
    #reading: Promise<Uint8Array | undefined> | undefined;

    constructor(source: Promise<ByteSource>, ended: (error?: unknown) => void) {
        this.#source = source;
        this.#ended = ended;
    }

    async read(): Promise<Uint8Array | undefined> {
        if (this.#isDetached) throw new TypeError(UPGRADED);
        const reading = (this.#reading = this.#source.then((source) => source.read()));
        try {
            const chunk = await reading;
            if (this.#isDetached) throw new TypeError(UPGRADED);
            if (chunk === undefined) this.#ended();
            return chunk;
        } catch (error) {
            if (!this.#isDetached) this.#ended(error);
            throw error;
        } finally {
            if (this.#reading === reading && !this.#isDetached) this.#reading = undefined;
        }
    }

    /** The bytes go on to another socket, once START_TLS has come. Those before it were not protected, and are dropped. */
    detach(): Promise<ByteSource> {
        this.#isDetached = true;
        const isTls = (chunk: Uint8Array | undefined): boolean => {
            if (chunk === undefined) throw new Error("The connection was closed before startTls completed.");
            return chunk === START_TLS;
        };
        return this.#source.then(async (source) => {
            let isDone = this.#reading !== undefined && isTls(await this.#reading);
            while (!isDone) isDone = isTls(await source.read());
            return source;
        });
    }

    cancel(reason?: unknown): void {
        if (this.#isDetached) return;
        void this.#source.then((source) => source.cancel(reason), () => {});
        this.#ended();
    }
}

/** Where a socket's bytes come from and go to. */
interface Ends {
    target: ConnectTarget;
    options: SocketOptions;
    /** Of a connect handler's socket: what its caller asked for. */
    localAddress?: string;
    outgoing: Outgoing;
    source: Promise<ByteSource>;
    /** Gives the connection up. */
    reset: (reason: unknown) => void;
}

/** What reads and writes of a socket get after its startTls(). */
const UPGRADED = "This socket was upgraded by startTls(): its bytes are those of the socket that gave.";

export class Socket {
    readonly readable: ReadableStream;
    readonly writable: WritableStream;
    readonly opened: Promise<{ remoteAddress?: string; localAddress?: string }>;
    readonly closed: Promise<void>;
    readonly secureTransport: string;
    readonly #ends: Ends;
    readonly #incoming: Incoming;
    readonly #closed = Promise.withResolvers<void>();
    #isUpgraded = false;
    #isOver = false;

    constructor(ends: Ends) {
        const { target, options, outgoing, source, localAddress } = ends;
        this.#ends = ends;
        this.#incoming = new Incoming(source, (error) => {
            this.#isOver = true;
            if (options.allowHalfOpen !== true || error !== undefined) outgoing.cancel();
            if (error === undefined) this.#closed.resolve();
            else this.#closed.reject(error);
        });
        this.secureTransport = options.secureTransport ?? "off";
        this.closed = this.#closed.promise;
        const info = localAddress === undefined ? { remoteAddress: target.authority, localAddress: "" } : { localAddress };
        this.opened = source.then(() => info);
        source.catch((error: unknown) => {
            outgoing.cancel(error);
            this.#closed.reject(error);
        });
        this.opened.catch(() => {});
        this.closed.catch(() => {});
        this.readable = streamFromContent({ source: this.#incoming });
        this.writable = new WritableStreamClass({
            write: (chunk: unknown) => {
                if (!isBufferSource(chunk)) {
                    throw new TypeError("This WritableStream only supports writing byte types.");
                }
                if (this.#isUpgraded) throw new TypeError(UPGRADED);
                return outgoing.write(viewBytes(chunk).slice());
            },
            close: () => (this.#isUpgraded ? undefined : outgoing.end()),
            abort: () => (this.#isUpgraded ? undefined : outgoing.cancel()),
        });
    }

    get upgraded(): boolean {
        return this.#isUpgraded;
    }

    /** Ends both directions. */
    close(): Promise<void> {
        if (this.#isUpgraded) return this.closed;
        this.#isOver = true;
        this.#ends.outgoing.cancel();
        this.#incoming.cancel();
        this.#ends.reset(new Error("The socket was closed."));
        return this.closed;
    }

    /** The socket of the same connection with TLS from now on. This one is over; what was written to it goes first. */
    startTls(options?: { expectedServerHostname?: unknown }): Socket {
        if (this.secureTransport === "on") throw new TypeError("Cannot startTls on a TLS socket.");
        if (this.#isOver) throw new TypeError("The connection was closed before startTls could be started.");
        if (this.secureTransport !== "starttls") {
            throw new TypeError("The `secureTransport` socket option must be set to 'starttls' for startTls to be used.");
        }
        if (this.#isUpgraded) {
            throw new TypeError("startTls has already been called on this socket, or the socket was transferred over RPC.");
        }
        if (options?.expectedServerHostname !== undefined) {
            throw new TypeError("The expectedServerHostname option is not currently supported in startTls.");
        }
        this.#isUpgraded = true;
        const { outgoing } = this.#ends;
        outgoing.put(START_TLS);
        const source = this.#incoming.detach();
        this.#closed.resolve();
        return new Socket({ ...this.#ends, options: { ...this.#ends.options, secureTransport: "on" }, source });
    }
}

/** A socket over a connection that somebody makes now. */
function open(target: ConnectTarget, options: SocketOptions, connect: Connect): Socket {
    const outgoing = new Outgoing();
    const connection = (async () => connect(target, outgoing))();
    const source = connection.then(({ opened }) => opened);
    const reset = (reason: unknown): void => void connection.then((made) => made.reset(reason), () => {});
    return new Socket({ target, options, outgoing, source, reset });
}

/** A connection whose other end is a handler of this cell, which is given its socket. */
export function accept(target: ConnectTarget, body: ByteSource, handle: (socket: Socket) => Promise<unknown>): Connection {
    const outgoing = new Outgoing();
    const fail = (reason: unknown): void => {
        outgoing.fail(reason);
        body.cancel(reason);
    };
    const options = { secureTransport: "off", allowHalfOpen: true } as const;
    const read = async (): Promise<Uint8Array | undefined> => {
        const chunk = await body.read();
        if (chunk !== START_TLS) return chunk;
        const error = new TypeError("A connect handler's connection cannot go over to TLS.");
        fail(error);
        throw error;
    };
    const source = Promise.resolve({ read, cancel: (reason?: unknown) => body.cancel(reason) });
    const socket = new Socket({ target, options, localAddress: target.authority, outgoing, source, reset: fail });
    handle(socket).catch(fail);
    return { opened: Promise.resolve(outgoing), reset: fail };
}

/** Answers an exchange that asks for a connection. */
export async function answerConnect(exchange: Exchange, frame: Frame, connect: Connect): Promise<void> {
    try {
        const target = targetOf(frame.head);
        exchange.isConnection = true;
        const connection = await connect(target, exchange.takeIncoming(frame) as ByteSource);
        exchange.listeners.push((reason) => connection.reset(reason));
        const source = await connection.opened;
        exchange.send(F.RESPONSE, { status: 200, statusText: "", headers: [] }, { source });
    } catch (thrown) {
        exchange.reset(thrown);
    }
}

/** The target in a FETCH frame, which may come from anybody. */
function targetOf(head: unknown): ConnectTarget {
    const { host, port, tls, authority } = ((head ?? {}) as { connect?: Partial<ConnectTarget> }).connect ?? {};
    if (typeof host !== "string" || !Number.isInteger(port)) throw new TypeError("Specified address could not be parsed.");
    return { host, port: port!, tls: tls === true, authority: typeof authority === "string" ? authority : `${host}:${port}` };
}

function parseAddress(address: unknown): SocketAddress {
    if (typeof address !== "string") {
        const { hostname, port } = (address ?? {}) as Partial<SocketAddress>;
        return { hostname: String(hostname), port: Number(port) };
    }
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
    if (match === null) throw new TypeError("Specified address could not be parsed.");
    return { hostname: (match[1] ?? match[2])!, port: Number(match[3]) };
}

function readOptions(address: unknown, options: SocketOptions): ConnectTarget {
    const { hostname, port } = parseAddress(address);
    if (hostname === "" || !Number.isInteger(port) || port < 1 || port > 65535) {
        throw new TypeError("Specified address could not be parsed.");
    }
    const secure = options.secureTransport ?? "off";
    if (secure !== "off" && secure !== "on" && secure !== "starttls") {
        throw new TypeError(`Unsupported value in secureTransport socket option: ${String(secure)}`);
    }
    const authority = typeof address === "string" ? address : `${hostname}:${port}`;
    return { host: hostname, port, tls: secure === "on", authority };
}

/** connect() of `cloudflare:sockets`: over the worker's way out. */
export function connect(address: unknown, options: SocketOptions = {}): Socket {
    const outbound = outboundOf();
    return open(readOptions(address, options), options, (target, body) => {
        if (outbound === null || outbound === undefined) throw refusal(outbound);
        return outbound.connect(target, body);
    });
}

/** A stub's own connect(): its connect handler is the other end. */
export function connectTo(connect: Connect | undefined, address: unknown, options: SocketOptions = {}): Socket {
    return open(readOptions(address, options), options, (target, body) => {
        if (connect === undefined) throw new Error("This stub has no connect().");
        return connect(target, body);
    });
}
