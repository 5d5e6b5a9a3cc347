// Values as they cross a channel: JSON in Cap'n Web's expressions, extended by what structured clone has and Cap'n Web
// lacks (Map, Set, RegExp, cycles, -0, boxed primitives, views), with bytes beside the JSON instead of base64 in it.
//
//   [[a, b]]            an array                     ["bytes", kind, offset, length]  a view or buffer in the tail
//   ["array", length, [key, v, ...]]                 one with holes or further properties
//   {k: v}              an object                    ["map", [k, v, ...]] ["set", [v, ...]] ["regexp", source, flags]
//   ["undefined"] ["nan"] ["inf"] ["-inf"] ["-0"]    ["date", ms|null] ["bigint", text] ["boxed", value]
//   ["error", name, message, {own}, "DOMException"?]  ["ref", n]  the n-th container met so far, in writing order
//   ["export", id]      a function, RpcTarget or stub that the sender answers; ["service", id] the same with fetch()
//   ["import", id]      one that the receiver gave to the sender, and gets back; ["import", id, "service"]
//   ["readable", id] ["signal", id]  a stream, an AbortSignal: exchange `id` of the channel; ["writable", "export", id]
//   ["request", ...] ["response", ...] ["headers", ...] ["blob", ...] ["file", ...]  see platform.ts
//
// An encoded value does not know which channel it will take: what stands for capabilities and streams is a transfer,
// whose expression the session fills in. The encoder is in encoder.ts, the decoder in decoder.ts.

import type { Exchange } from "../exchange";
import { describeThrown } from "../thrown";
import { native } from "../web/host";
import { decode } from "./decoder";
import { encode } from "./encoder";
import type { Arguments, Hook, Opened } from "./hook";

declare const require: (path: string) => unknown;

/** Nesting that either side accepts. */
export const DEPTH_MAX = 256;

/** What of a value does not travel in the message itself. The session fills `slot`, a part of the encoded head. */
export interface Transfer {
    /** What stands in the value. */
    object: object;
    slot: unknown[];
    /** For capabilities. */
    hook?: Hook;
    /** The hook is one end of a WritableStream. */
    isWritable?: boolean;
    /** For streams: begins to move the bytes. Exactly one of the two is called, once. */
    stream?: StreamEnd;
}

/** This cell's end of a stream or signal that a message carries; see platform.ts. One of its methods counts, once. */
export interface StreamEnd {
    readonly kind: "readable" | "signal";
    /** Sends over a channel what the stream gives. */
    attach(exchange: Exchange): void;
    /** Gives it to the same cell. */
    pass(): object;
    /** The message will not be sent. */
    drop(reason: unknown): void;
}

export interface Encoded {
    head: unknown;
    tail: Uint8Array | undefined;
    /** None for plain values. */
    transfers: Transfer[] | undefined;
}

/** A message that no honest peer sends. */
export class ProtocolError extends Error {
    override name = "ProtocolError";
}

/** Sets an own property, also one with the name __proto__. */
export function put(target: Record<string, unknown>, key: string, value: unknown): void {
    if (key === "__proto__") {
        Object.defineProperty(target, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
    } else {
        target[key] = value;
    }
}

/** Cloudflare's limit for one message, and its words for going beyond. */
const MESSAGE_BYTES_MAX = 32 * 1024 * 1024;
let messageBytesMax = MESSAGE_BYTES_MAX;

/** Lowers what this cell's messages may weigh. */
export function limitMessages(bytes: number): void {
    messageBytesMax = Math.min(bytes, MESSAGE_BYTES_MAX);
}

/** Throws if the value is too large to be sent; `text` is its JSON. */
export function checkSize(text: string, tail: Uint8Array | undefined): void {
    // Only a long text can be too long in UTF-8, so that short ones are not measured.
    const bytes = (text.length * 3 > messageBytesMax ? native.utf8Length(text) : text.length) + (tail?.length ?? 0);
    if (bytes <= messageBytesMax) return;
    const max = messageBytesMax === MESSAGE_BYTES_MAX ? "32MiB" : `${messageBytesMax} bytes`;
    throw new Error(
        `Serialized RPC arguments or return values are limited to ${max}, but the size of this value was: ${bytes} bytes.`,
    );
}

/** The error as it travels: anything that was thrown becomes one with a name and a message. */
export function encodeThrown(thrown: unknown): Encoded {
    try {
        return encode(thrown, "plain");
    } catch {
        const { name, message } = describeThrown(thrown);
        return encode(Object.defineProperty(new Error(message), "name", { __proto__: null, value: name }), "plain");
    }
}

/** Lets go of what an encoded value holds. */
export function dropEncoded({ transfers }: Encoded): void {
    for (const { hook, stream } of transfers ?? []) {
        hook?.dispose();
        stream?.drop(new Error("The call that carried the stream was not made."));
    }
}

/** Opens a value in the cell that encoded it; with `isTaken` it may be the last time, and its hooks change hands. */
export function openHere({ head, tail, transfers }: Encoded, isTaken = false): Opened {
    const stubs: Opened["stubs"] = [];
    if (tail !== undefined) checkSize("", tail); // text is not measured where it need not be written
    transfers?.forEach(({ slot }, i) => slot.splice(0, slot.length, "here", i));
    const value = decode(head, tail, {
        transfer(expression) {
            const { hook, stream, isWritable } = transfers![expression[1] as number]!;
            if (stream !== undefined) return stream.pass();
            if (isWritable) return writableFor(isTaken ? hook! : hook!.dup());
            return stubFor(isTaken ? hook! : hook!.dup(), stubs);
        },
    });
    return { value, stubs };
}

/** A WritableStream that writes to one of another cell. */
export function writableFor(hook: Hook): object {
    return (require("./platform") as typeof import("./platform")).writableFor(hook);
}

let stubFor: (hook: Hook, stubs: Opened["stubs"]) => object;

/** Set by stubs.ts, which needs this file. */
export function setStubMaker(make: typeof stubFor): void {
    stubFor = make;
}

export function makeStubFor(hook: Hook, stubs: Opened["stubs"]): object {
    return stubFor(hook, stubs);
}

/** Arguments that a worker of this cell passes. */
export class OwnArguments implements Arguments {
    readonly #encoded: Encoded;

    constructor(values: unknown[]) {
        this.#encoded = encode(values, "rpc");
    }

    open(): Opened {
        return openHere(this.#encoded, true);
    }

    encoded(): Encoded {
        return this.#encoded;
    }
}

/** Arguments that came over a channel. */
export class OpenedArguments implements Arguments {
    readonly #opened: Opened;

    constructor(opened: Opened) {
        this.#opened = opened;
    }

    open(): Opened {
        return this.#opened;
    }

    /** Something that came from one channel goes out on another. */
    encoded(): Encoded {
        const encoded = encode(this.#opened.value, "rpc");
        for (const stub of this.#opened.stubs) stub[Symbol.dispose]();
        return encoded;
    }
}
