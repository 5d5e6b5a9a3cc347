// Where the bytes of a body come from, and what a message holds of them until somebody asks: text that is not yet
// encoded, bytes, a source on the wire, or a stream that a worker made. Streams are touched only when there is one.

import type { ReadableStream } from "web-streams-polyfill";
import { concatBytes, isBufferSource, viewBytes } from "./bytes";
import { native } from "./host";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

/** Among the bytes of a connection: from here on they are TLS's. Never a chunk of anything else. */
export const START_TLS = new Uint8Array(0);

/** Bytes that arrive in pieces. `read` gives undefined at the end; at most one read is outstanding. */
export interface ByteSource {
    /** A piece belongs to the reader, with the whole buffer that it fills. */
    read(): Promise<Uint8Array | undefined>;
    /** Read for the worker whose stream it is: text is no bytes then, as in Workers, which encode it where it leaves the worker. */
    readOwn?(): Promise<Uint8Array | undefined>;
    cancel(reason?: unknown): void;
}

export type BodyBytes = Uint8Array | ByteSource;

/** Exactly one of text, bytes and source is set, or none when a worker's own stream is the body. */
export interface Content {
    text?: string;
    bytes?: Uint8Array;
    /** The bytes are also held by somebody else and must be copied before a worker gets them. */
    shared?: boolean;
    source?: ByteSource;
    /** A stream gave it, of a worker's or from the wire, so there is no buffer that could be sent again. */
    isStream?: boolean;
    /** Length in bytes of a source or stream, where it was promised. */
    length?: number;
    /** The stream that stands for this body, once `body` was read or a stream was given. */
    stream?: ReadableStream;
}

const streams = lazy(() => require("./streams") as typeof import("./streams"));

const usedText =
    "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const lockedText = "This ReadableStream is currently locked to a reader.";

/** What reading a body a second time throws, in the words of Workers. */
export function usedError(): TypeError {
    return new TypeError(usedText);
}

/** What a message from the wire holds; bytes are kept, not copied. */
export function contentFromWire(body: BodyBytes, length?: number): Content {
    return body instanceof Uint8Array ? { bytes: body, isStream: true } : { source: body, length };
}

/** Whether somebody has read from the body's stream, or cancelled it. */
export function isDisturbed(content: Content): boolean {
    return content.stream !== undefined && streams().isDisturbed(content.stream);
}

/** Throws unless the content can still be taken whole. */
export function checkUnused(content: Content): void {
    if (content.stream === undefined) {
        return;
    }
    if (streams().isDisturbed(content.stream)) {
        throw usedError();
    }
    if (content.stream.locked) {
        throw new TypeError(lockedText);
    }
}

/** The stream that stands for this content, made at the first call. */
export function streamOf(content: Content): ReadableStream {
    return (content.stream ??= streams().streamFromContent(content));
}

/**
 * Takes the content out of reach of the worker: its stream, if any, is locked. A stream that the platform made and
 * nobody read is undone, so that what it was made of comes back as it was.
 */
export function release(content: Content): Content {
    return content.stream === undefined ? content : streams().releaseStream(content.stream);
}

/** One chunk of a worker's stream as bytes; anything else is an error, as in Workers. */
export function chunkBytes(chunk: unknown): Uint8Array {
    if (!isBufferSource(chunk)) {
        throw new TypeError("This ReadableStream did not return bytes.");
    }
    return viewBytes(chunk);
}

async function readAll(source: ByteSource): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    const read = () => source.readOwn?.() ?? source.read();
    for (let chunk = await read(); chunk !== undefined; chunk = await read()) {
        chunks.push(chunk);
    }
    return concatBytes(chunks);
}

/** All bytes of a released content, in memory that the caller may give away. */
export async function contentBytes(content: Content): Promise<Uint8Array> {
    if (content.bytes !== undefined) {
        return content.shared ? content.bytes.slice() : content.bytes;
    }
    return content.source === undefined ? native.utf8Encode(content.text ?? "") : readAll(content.source);
}

/** All of a released content decoded as UTF-8, without its byte order mark. */
export async function contentText(content: Content): Promise<string> {
    let { text } = content;
    if (text === undefined) {
        text = native.utf8Decode(content.bytes ?? (await readAll(content.source!)), false);
    }
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Two contents with the bytes of one, which the caller gives up. */
export function teeContent(content: Content): [Content, Content] {
    if (content.stream === undefined && content.source === undefined) {
        const shared = { ...content, shared: true };
        return [shared, { ...shared }];
    }
    const [first, second] = streams().teeStream(streamOf(content));
    return [
        { stream: first, length: content.length },
        { stream: second, length: content.length },
    ];
}

/** All the bytes as one chunk. */
export function bytesSource(bytes: Uint8Array): ByteSource {
    let rest: Uint8Array | undefined = bytes;
    return {
        read() {
            const chunk = rest;
            rest = undefined;
            return Promise.resolve(chunk);
        },
        cancel() {
            rest = undefined;
        },
    };
}
