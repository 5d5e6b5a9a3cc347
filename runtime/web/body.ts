// The body that Request and Response share, and the two doors between it and the rest of the runtime: takeBody()
// hands a body to the wire, extractBody() makes one of what a worker gave.

import type { ReadableStream } from "web-streams-polyfill";
import type { Blob } from "./blob";
import {
    checkUnused, contentBytes, contentText, isDisturbed, release, streamOf, teeContent, usedError,
    type ByteSource, type Content,
} from "./body-source";
import { brand } from "./brand";
import { copyBytes, exactBuffer, isBufferSource } from "./bytes";
import type { FormData } from "./formdata";
import type { Headers } from "./headers";
import { native } from "./host";
import { kinds } from "./kinds";
import { lazy } from "./lazy";

export type { BodyBytes, ByteSource } from "./body-source";

declare const require: (path: string) => unknown;

const forms = lazy(() => require("./multipart") as typeof import("./multipart"));
const blobs = lazy(() => require("./blob") as typeof import("./blob"));
const streams = lazy(() => require("./streams") as typeof import("./streams"));

let take: (body: Body) => Content | undefined;
let clone: (body: Body) => Content | undefined;
let spare: (body: Body) => Content | undefined;
let isNull: (body: Body) => boolean;

/** The base class of Request and Response, which is also a global in Workers. */
export abstract class Body {
    #content: Content | undefined;
    #used = false;

    static {
        take = (body) => {
            const content = body.#content;
            if (content === undefined) {
                return undefined;
            }
            if (body.#used) {
                throw usedError();
            }
            if (content.stream === undefined) {
                body.#used = true;
                // The stream that `body` may still be asked for must be one that was read to its end.
                body.#content = {};
                return content;
            }
            checkUnused(content);
            body.#used = true;
            const released = release(content);
            return content.isStream ? { ...released, isStream: true } : released;
        };
        clone = (body) => body.#clone();
        spare = (body) => body.#spare();
        isNull = (body) => body.#content === undefined;
    }

    constructor(content: Content | undefined) {
        this.#content = content;
    }

    abstract get headers(): Headers;

    get body(): ReadableStream | null {
        return this.#content === undefined ? null : streamOf(this.#content);
    }

    get bodyUsed(): boolean {
        return this.#content !== undefined && (this.#used || isDisturbed(this.#content));
    }

    async arrayBuffer(): Promise<ArrayBuffer> {
        return exactBuffer(await this.#bytes());
    }

    async bytes(): Promise<Uint8Array> {
        return this.#bytes();
    }

    async text(): Promise<string> {
        const content = take(this);
        return content === undefined ? "" : contentText(content);
    }

    async json(): Promise<unknown> {
        return JSON.parse(await this.text());
    }

    async blob(): Promise<Blob> {
        const type = this.headers.get("content-type") ?? "";
        return blobs().blobFromBytes(await this.#bytes(), type);
    }

    async formData(): Promise<FormData> {
        const bytes = await this.#bytes();
        return forms().formParser(this.headers.get("content-type"))(bytes);
    }

    async #bytes(): Promise<Uint8Array> {
        const content = take(this);
        return content === undefined ? new Uint8Array(0) : contentBytes(content);
    }

    #clone(): Content | undefined {
        if (this.#content === undefined) {
            return undefined;
        }
        if (this.#used) {
            throw usedError();
        }
        checkUnused(this.#content);
        const [mine, other] = teeContent(this.#content);
        this.#content = mine;
        return other;
    }

    #spare(): Content | undefined {
        const content = this.#content;
        return content === undefined || content.stream !== undefined || content.source !== undefined ? undefined : { ...content };
    }
}
brand(Body as unknown as { prototype: object }, "Body", ["bodyUsed"]);

export type BodyInit = string | ArrayBuffer | ArrayBufferView | Blob | FormData | URLSearchParamsLike | ReadableStream;

type URLSearchParamsLike = { toString(): string };

/** What a worker gave as a body, and the Content-Type that goes with it. Throws if a stream is locked or was read. */
export function extractBody(init: unknown): { content: Content; type: string | undefined } {
    if (typeof init === "string") {
        return { content: { text: init.toWellFormed() }, type: "text/plain;charset=UTF-8" };
    }
    if (isBufferSource(init)) {
        return { content: { bytes: copyBytes(init) }, type: undefined };
    }
    if (kinds.stream(init)) {
        const content = { stream: init, length: streams().promisedLength(init), isStream: true };
        checkUnused(content);
        return { content, type: undefined };
    }
    if (kinds.blob(init)) {
        return { content: { bytes: blobs().blobBytes(init), shared: true }, type: init.type || undefined };
    }
    if (kinds.params(init)) {
        return { content: { text: init.toString() }, type: "application/x-www-form-urlencoded;charset=UTF-8" };
    }
    if (kinds.form(init)) {
        const { bytes, type } = forms().serialiseForm(init);
        return { content: { bytes }, type };
    }
    return { content: { text: String(init).toWellFormed() }, type: "text/plain;charset=UTF-8" };
}

/** Whether the message has a null body. */
export function hasNullBody(message: Body): boolean {
    return isNull(message);
}

/** Takes the content of a message for another message; undefined for a null body. Throws if it was used. */
export function moveContent(message: Body): Content | undefined {
    return take(message);
}

/** A second content with the same bytes; the message keeps its own. Throws if it was used. */
export function cloneContent(message: Body): Content | undefined {
    return clone(message);
}

/** The content of a body that is not a stream, for sending it again, not copied; undefined for any other. */
export function spareContent(message: Body): Content | undefined {
    return spare(message);
}

/**
 * Takes a message's body for the wire and marks it used; undefined for a null body. Throws TypeError if it was used
 * or is locked. A source from the wire that nobody read comes back as that same source.
 */
export function takeBody(message: Body): { bytes?: Uint8Array; source?: ByteSource; length?: number; isBuffer?: boolean } | undefined {
    const content = take(message);
    if (content === undefined) {
        return undefined;
    }
    if (content.source !== undefined) {
        return { source: content.source, length: content.length };
    }
    const bytes = content.bytes ?? native.utf8Encode(content.text ?? "");
    return { bytes, length: bytes.byteLength, isBuffer: !content.isStream };
}
