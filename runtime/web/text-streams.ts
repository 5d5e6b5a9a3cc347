// TextEncoderStream and TextDecoderStream: the encoders as transform streams.

import { TransformStream, type ReadableStream, type WritableStream } from "web-streams-polyfill";
import { brand } from "./brand";
import type { BufferSource } from "./bytes";
import { TextDecoder, type TextDecoderOptions } from "./encoding";
import { native } from "./host";

/** Strings in, UTF-8 out. */
export class TextEncoderStream {
    readonly #transform: TransformStream;

    constructor() {
        let lead = "";
        this.#transform = new TransformStream({
            // A pair of surrogates may be split between two chunks; its first half waits for the second.
            transform(chunk, controller) {
                const text = lead + String(chunk);
                const last = text.charCodeAt(text.length - 1);
                const whole = last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
                lead = text.slice(whole.length);
                if (whole.length > 0) {
                    controller.enqueue(native.utf8Encode(whole));
                }
            },
            flush(controller) {
                if (lead !== "") {
                    controller.enqueue(native.utf8Encode(lead));
                }
            },
        });
    }

    get encoding(): string {
        return "utf-8";
    }
    get readable(): ReadableStream {
        return this.#transform.readable;
    }
    get writable(): WritableStream {
        return this.#transform.writable;
    }
}
brand(TextEncoderStream, "TextEncoderStream", ["encoding", "readable", "writable"]);

/** Bytes in, strings out, in any encoding that TextDecoder knows. */
export class TextDecoderStream {
    readonly #decoder: TextDecoder;
    readonly #transform: TransformStream;

    constructor(label: unknown = "utf-8", options: TextDecoderOptions | null = {}) {
        const decoder = new TextDecoder(label, options);
        this.#decoder = decoder;
        this.#transform = new TransformStream({
            transform(chunk, controller) {
                if (chunk === undefined) {
                    throw new TypeError("TextDecoderStream takes chunks that are BufferSource.");
                }
                const text = decoder.decode(chunk as BufferSource, { stream: true });
                if (text !== "") {
                    controller.enqueue(text);
                }
            },
            flush(controller) {
                const text = decoder.decode();
                if (text !== "") {
                    controller.enqueue(text);
                }
            },
        });
    }

    get encoding(): string {
        return this.#decoder.encoding;
    }
    get fatal(): boolean {
        return this.#decoder.fatal;
    }
    get ignoreBOM(): boolean {
        return this.#decoder.ignoreBOM;
    }
    get readable(): ReadableStream {
        return this.#transform.readable;
    }
    get writable(): WritableStream {
        return this.#transform.writable;
    }
}
brand(TextDecoderStream, "TextDecoderStream", ["encoding", "fatal", "ignoreBOM", "readable", "writable"]);
