// `cloudflare:sockets`: TCP connections, made by whoever has the worker's way out. Bytes travel as the bodies of an
// exchange do. Loaded when a worker first calls connect().

import type { ReadableStream, WritableStream } from "web-streams-polyfill";
import type { Exchange } from "./exchange";
import { outboundOf, refusal } from "./fetch";
import { isBufferSource, viewBytes } from "./web/bytes";
import type { ByteSource } from "./web/body-source";
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
}

/** From the writable side to the wire; a write settles when the wire has taken it. */
class Outgoing implements ByteSource {
    #chunk: { bytes: Uint8Array; taken: () => void } | undefined;
    #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
    #ended = false;
    #writer: PromiseWithResolvers<void> | undefined;

    write(bytes: Uint8Array): Promise<void> {
        if (this.#ended) return Promise.reject(new TypeError("This socket has been closed."));
        if (this.#reader !== undefined) {
            this.#reader.resolve(bytes);
            this.#reader = undefined;
            return Promise.resolve();
        }
        this.#writer = Promise.withResolvers<void>();
        this.#chunk = { bytes, taken: this.#writer.resolve };
        return this.#writer.promise;
    }

    end(): void {
        this.#ended = true;
        this.#reader?.resolve(undefined);
        this.#reader = undefined;
    }

    read(): Promise<Uint8Array | undefined> {
        if (this.#chunk !== undefined) {
            const { bytes, taken } = this.#chunk;
            this.#chunk = undefined;
            taken();
            return Promise.resolve(bytes);
        }
        if (this.#ended) return Promise.resolve(undefined);
        this.#reader = Promise.withResolvers<Uint8Array | undefined>();
        return this.#reader.promise;
    }

    cancel(): void {
        this.#writer?.promise.catch(() => {});
        this.#writer?.reject(new TypeError("This socket has been closed."));
        this.end();
    }
}

/** From the wire to the readable side; the connection may still be under way. */
class Incoming implements ByteSource {
    readonly #source: Promise<ByteSource>;
    readonly #ended: (error?: unknown) => void;

    constructor(source: Promise<ByteSource>, ended: (error?: unknown) => void) {
        this.#source = source;
        this.#ended = ended;
    }

    async read(): Promise<Uint8Array | undefined> {
        try {
            const chunk = await (await this.#source).read();
            if (chunk === undefined) this.#ended();
            return chunk;
        } catch (error) {
            this.#ended(error);
            throw error;
        }
    }

    cancel(reason?: unknown): void {
        void this.#source.then((source) => source.cancel(reason), () => {});
        this.#ended();
    }
}

export class Socket {
    readonly readable: ReadableStream;
    readonly writable: WritableStream;
    readonly opened: Promise<{ remoteAddress: string; localAddress: string }>;
    readonly closed: Promise<void>;
    readonly secureTransport: string;
    readonly upgraded = false;
    readonly #outgoing = new Outgoing();
    readonly #incoming: Incoming;
    readonly #exchange: Promise<Exchange>;

    constructor(target: ConnectTarget, options: SocketOptions) {
        const closed = Promise.withResolvers<void>();
        const outbound = outboundOf();
        this.#exchange = (async () => {
            if (outbound === null || outbound === undefined) throw refusal(outbound);
            if (outbound.connect === undefined) throw new Error("This worker's outbound has no connect().");
            return outbound.connect(target, this.#outgoing);
        })();
        const source = this.#exchange.then(async (exchange) => {
            const frame = await exchange.response!.promise;
            return exchange.takeIncoming(frame) as ByteSource;
        });
        this.#incoming = new Incoming(source, (error) => {
            if (options.allowHalfOpen !== true || error !== undefined) this.#outgoing.cancel();
            if (error === undefined) closed.resolve();
            else closed.reject(error);
        });
        this.secureTransport = options.secureTransport ?? "off";
        this.closed = closed.promise;
        this.opened = source.then(() => ({ remoteAddress: `${target.host}:${target.port}`, localAddress: "" }));
        source.catch((error: unknown) => closed.reject(error));
        this.opened.catch(() => {});
        this.closed.catch(() => {});
        this.readable = streamFromContent({ source: this.#incoming });
        this.writable = new WritableStreamClass({
            write: (chunk: unknown) => {
                if (!isBufferSource(chunk)) {
                    throw new TypeError("This WritableStream only supports writing byte types.");
                }
                return this.#outgoing.write(viewBytes(chunk).slice());
            },
            close: () => this.#outgoing.end(),
            abort: () => this.#outgoing.cancel(),
        });
    }

    /** Ends both directions. */
    async close(): Promise<void> {
        this.#outgoing.cancel();
        this.#incoming.cancel();
        const exchange = await this.#exchange.catch(() => undefined);
        exchange?.reset(new Error("The socket was closed."));
        return this.closed;
    }

    startTls(): never {
        throw new TypeError("startTls() is not supported by this version of mayfly: use secureTransport: 'on'.");
    }
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

export function connect(address: unknown, options: SocketOptions = {}): Socket {
    const { hostname, port } = parseAddress(address);
    if (hostname === "" || !Number.isInteger(port) || port < 1 || port > 65535) {
        throw new TypeError("Specified address could not be parsed.");
    }
    const secure = options.secureTransport ?? "off";
    if (secure !== "off" && secure !== "on" && secure !== "starttls") {
        throw new TypeError(`Unsupported value in secureTransport socket option: ${String(secure)}`);
    }
    return new Socket({ host: hostname, port, tls: secure === "on" }, options);
}
