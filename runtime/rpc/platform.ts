// Objects of the web platform as values: Headers, Blob and File by value; Request and Response with their bodies;
// ReadableStream, WritableStream and AbortSignal by reference. Loaded when the first one is met.
//
//   ["headers", [[name, value], ...]]                ["blob", type, bytes]  ["file", name, lastModified, type, bytes]
//   ["request", url, method, redirect, headers, body?, signal?]
//   ["response", status, statusText, headers, body?]     a body is ["bytes", ...] or ["readable", id] or ["here", n]

import type { Exchange } from "../exchange";
import { AbortController, AbortSignal, onAbort } from "../web/abort";
import { takeBody } from "../web/body";
import { bytesSource, release, type BodyBytes, type ByteSource } from "../web/body-source";
import { Blob, blobBytes, blobFromBytes, File, fileFromBlob } from "../web/blob";
import { DOMException } from "../web/domexception";
import { Headers, wireHeaders, type HeaderList } from "../web/headers";
import { native } from "../web/host";
import { Request, requestFromWire } from "../web/request";
import { Response, responseFromWire } from "../web/response";
import { ReadableStream, streamFromContent, WritableStream } from "../web/streams";
import type { Decoder } from "./decoder";
import { cannotClone, type Encoder } from "./encoder";
import { TargetHook } from "./target";
import type { Hook } from "./hook";
import { OwnArguments, ProtocolError, type StreamEnd } from "./values";

// --- Streams ---------------------------------------------------------------------------------------------------------

/** Bytes of one stream that may be written and not yet taken by the other side. */
const WRITE_BYTES_MAX = 256 * 1024;

class ReadableEnd implements StreamEnd {
    readonly kind = "readable";
    #source: ByteSource | undefined;

    constructor(source: ByteSource) {
        this.#source = source;
    }

    #take(): ByteSource {
        const source = this.#source;
        if (source === undefined) throw new TypeError("The stream was sent already.");
        this.#source = undefined;
        return source;
    }

    attach(exchange: Exchange): void {
        exchange.sendStream(this.#take());
    }

    pass(): object {
        return streamFromContent({ source: this.#take() });
    }

    drop(reason: unknown): void {
        this.#source?.cancel(reason);
        this.#source = undefined;
    }
}

class SignalEnd implements StreamEnd {
    readonly kind = "signal";
    readonly #signal: AbortSignal;

    constructor(signal: AbortSignal) {
        this.#signal = signal;
    }

    /** A stream without bytes, which is given up when the signal aborts. */
    attach(exchange: Exchange): void {
        const forget = onAbort(this.#signal, (reason) => exchange.reset(reason));
        exchange.sendStream({ read: () => new Promise(() => {}), cancel: forget });
    }

    pass(): object {
        return AbortSignal.any([this.#signal]);
    }

    drop(): void {}
}

/** The stream or signal at the receiving end. */
export function openStream(kind: StreamEnd["kind"], exchange: Exchange): object {
    if (kind === "readable") return streamFromContent({ source: exchange.receiveStream() });
    const controller = new AbortController();
    exchange.listeners.push((reason) => controller.abort(abortReason(reason as Error)));
    forgotten.register(controller.signal, exchange);
    return controller.signal;
}

/** An aborted exchange tells name and message only; the usual reasons are DOMExceptions. */
function abortReason(error: Error): Error {
    return ["AbortError", "TimeoutError"].includes(error.name) ? new DOMException(error.message, error.name) : error;
}

/** Signals that nobody can look at any more. */
const forgotten = new FinalizationRegistry<Exchange>((exchange) => exchange.stopIncoming());

/** What the other side calls to write into a stream of this cell; the hook's disposal gives the stream up. */
function writableTarget(stream: WritableStream): object {
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    let isOver = false;
    const target = (bytes: unknown, end?: unknown, reason?: unknown): Promise<void> => {
        if (end === undefined) return writer.write(bytes);
        isOver = true;
        return end === "close" ? writer.close() : writer.abort(reason);
    };
    return Object.assign(target, {
        [Symbol.dispose]() {
            if (!isOver) void writer.abort(new Error("The other side gave the stream up.")).catch(() => {});
        },
    });
}

/** A WritableStream that hands its bytes to the other side, so many at a time. */
export function writableFor(hook: Hook): object {
    const send = (...args: unknown[]): Promise<unknown> => {
        const answer = hook.call([], new OwnArguments(args));
        return answer.pull().finally(() => answer.dispose());
    };
    let underWay = 0;
    let waiting: PromiseWithResolvers<void> | undefined;
    const failed = (error: unknown): void => {
        waiting?.reject(error);
        waiting = undefined;
    };
    return new WritableStream({
        async write(chunk: unknown, controller) {
            const bytes = chunkOf(chunk);
            underWay += bytes.byteLength;
            void send(bytes).then(
                () => {
                    underWay -= bytes.byteLength;
                    if (underWay < WRITE_BYTES_MAX) {
                        waiting?.resolve();
                        waiting = undefined;
                    }
                },
                (error: unknown) => {
                    failed(error);
                    controller.error(error);
                },
            );
            if (underWay >= WRITE_BYTES_MAX) await (waiting ??= Promise.withResolvers()).promise;
        },
        async close() {
            await send(undefined, "close");
            hook.dispose();
        },
        async abort(reason) {
            failed(reason);
            await send(undefined, "abort", reason).catch(() => {});
            hook.dispose();
        },
    });
}

function chunkOf(chunk: unknown): Uint8Array {
    if (typeof chunk === "string") return native.utf8Encode(chunk);
    if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
    if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    throw new TypeError("This WritableStream only accepts bytes: the chunk is no ArrayBuffer, view or string.");
}

// --- Encoding --------------------------------------------------------------------------------------------------------

function checkRpc(encoder: Encoder, type: string): void {
    if (!encoder.isForRpc) throw cannotClone(`${type} can only be serialized for RPC.`);
}

function encodeSource(encoder: Encoder, object: object, source: ByteSource): unknown[] {
    return encoder.transfer({ object, slot: [], stream: new ReadableEnd(source) });
}

function encodeBody(encoder: Encoder, message: Request | Response): unknown[] {
    if (message.bodyUsed) {
        throw new TypeError("Body has already been used. It can only be used once. Use tee() first if you need to read it twice.");
    }
    if (!encoder.isForRpc && message.body !== null) checkRpc(encoder, "ReadableStream");
    const body = takeBody(message);
    if (body === undefined) return [];
    return [body.source ? encodeSource(encoder, message, body.source) : encoder.bytes("Uint8Array", body.bytes!)];
}

function encodeRequest(encoder: Encoder, request: Request): unknown[] {
    const { url, method, redirect } = request;
    const head = ["request", url, method, redirect, wireHeaders(request.headers)];
    return [...head, ...encodeBody(encoder, request)];
}

function encodeResponse(encoder: Encoder, response: Response): unknown[] {
    if (response.webSocket !== null) throw cannotClone("A Response with a WebSocket cannot be serialized.");
    const head = ["response", response.status, response.statusText, wireHeaders(response.headers)];
    return [...head, ...encodeBody(encoder, response)];
}

function encodeBlob(encoder: Encoder, blob: Blob): unknown[] {
    const content = [blob.type, encoder.bytes("Uint8Array", blobBytes(blob))];
    return blob instanceof File ? ["file", blob.name, blob.lastModified, ...content] : ["blob", ...content];
}

function encodeReadable(encoder: Encoder, stream: ReadableStream): unknown[] {
    checkRpc(encoder, "ReadableStream");
    if (stream.locked) throw new TypeError("The ReadableStream has been locked to a reader.");
    const content = release({ stream });
    const source = content.source ?? bytesSource(content.bytes?.slice() ?? native.utf8Encode(content.text ?? ""));
    return encodeSource(encoder, stream, source);
}

function encodeWritable(encoder: Encoder, stream: WritableStream): unknown[] {
    checkRpc(encoder, "WritableStream");
    if (stream.locked) throw new TypeError("The WritableStream has been locked to a writer.");
    return encoder.transfer({ object: stream, slot: [], hook: new TargetHook(writableTarget(stream)), isWritable: true });
}

function encodeSignal(encoder: Encoder, signal: AbortSignal): unknown[] {
    checkRpc(encoder, "AbortSignal");
    if (signal.aborted) return ["aborted", encoder.encode(signal.reason)];
    return encoder.transfer({ object: signal, slot: [], stream: new SignalEnd(signal) });
}

/** The expression for an object of the platform; undefined for any other. */
export function encodePlatform(encoder: Encoder, value: object): unknown[] | undefined {
    if (value instanceof ReadableStream) return encodeReadable(encoder, value);
    if (value instanceof Response) return encodeResponse(encoder, value);
    if (value instanceof Request) return encodeRequest(encoder, value);
    if (value instanceof Headers) return ["headers", wireHeaders(value)];
    if (value instanceof Blob) return encodeBlob(encoder, value);
    if (value instanceof WritableStream) return encodeWritable(encoder, value);
    if (value instanceof AbortSignal) return encodeSignal(encoder, value);
    return undefined;
}

// --- Decoding --------------------------------------------------------------------------------------------------------

/** A worker that builds its own messages may write what Headers would not take, so the list is checked again. */
function headersOf(list: unknown): Headers {
    if (!Array.isArray(list)) throw new ProtocolError("bad headers");
    try {
        return new Headers(list as [string, string][]);
    } catch {
        throw new ProtocolError("bad headers");
    }
}

function listOf(list: unknown): HeaderList {
    return wireHeaders(headersOf(list));
}

function decodeBody(decoder: Decoder, expression: unknown): BodyBytes | undefined {
    if (expression === undefined) return undefined;
    if (!Array.isArray(expression)) throw new ProtocolError("bad body");
    if (expression[0] === "bytes") return decoder.bytes(expression) as Uint8Array;
    const stream = decoder.transfer(expression);
    if (!(stream instanceof ReadableStream)) throw new ProtocolError("bad body");
    // The stream was made a moment ago, and nobody has seen it.
    return release({ stream }).source!;
}

function textOf(value: unknown): string {
    if (typeof value !== "string") throw new ProtocolError("a text was expected");
    return value;
}

function decodeRequest(decoder: Decoder, [, url, method, redirect, headers, body]: unknown[]): Request {
    try {
        // The constructor knows what a method, a URL and a redirect mode may be.
        new Request(textOf(url), { method: textOf(method), redirect: textOf(redirect) } as object);
    } catch (error) {
        throw new ProtocolError(`bad request: ${String(error)}`);
    }
    const list = listOf(headers);
    const made = requestFromWire(method as string, url as string, list, decodeBody(decoder, body), undefined, {
        redirect: redirect as string,
    });
    return made;
}

function decodeResponse(decoder: Decoder, [, status, statusText, headers, body]: unknown[]): Response {
    if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
        throw new ProtocolError("bad status");
    }
    return responseFromWire(status as number, textOf(statusText), listOf(headers), decodeBody(decoder, body));
}

function decodeBytes(decoder: Decoder, expression: unknown): Uint8Array {
    const bytes = decoder.bytes(expression);
    if (!(bytes instanceof Uint8Array)) throw new ProtocolError("bad bytes");
    return bytes;
}

export function decodePlatform(decoder: Decoder, e: unknown[]): object {
    switch (e[0]) {
        case "headers":
            return headersOf(e[1]);
        case "blob":
            return blobFromBytes(decodeBytes(decoder, e[2]), textOf(e[1]));
        case "file": {
            if (typeof e[2] !== "number") throw new ProtocolError("bad file");
            return fileFromBlob(blobFromBytes(decodeBytes(decoder, e[4]), textOf(e[3])), textOf(e[1]), e[2]);
        }
        case "request":
            return decodeRequest(decoder, e);
        case "response":
            return decodeResponse(decoder, e);
        case "aborted":
            return AbortSignal.abort(decoder.decode(e[1]));
        default:
            throw new ProtocolError("unknown kind of value");
    }
}

