// Bodies of responses compressed for a client, as their Content-Encoding says. Evaluated at the first.

import type { OutgoingBody } from "./exchange";
import { bytesSource, type ByteSource } from "./web/body-source";
import { native } from "./web/host";

/** Those that Workers encode; a body with any other is sent as it is. */
const FORMATS: Record<string, string> = { gzip: "gzip", br: "brotli" };

function compress(source: ByteSource, codec: number): ByteSource {
    let isOpen = true;
    let hasEnded = false;
    const close = (): void => {
        if (isOpen) native.codec("close", codec);
        isOpen = false;
    };
    return {
        async read() {
            try {
                while (isOpen) {
                    const piece = native.codec("take", codec)!;
                    if (piece.length > 0) return piece;
                    if (hasEnded) break;
                    const chunk = await source.read();
                    hasEnded = chunk === undefined;
                    if (isOpen) native.codec("give", codec, chunk);
                }
                close();
                return undefined;
            } catch (error) {
                close();
                throw error;
            }
        },
        cancel(reason) {
            close();
            source.cancel(reason);
        },
    };
}

/** Undefined for a body that is sent as it is. */
export function encodedSource(coding: string, body: NonNullable<OutgoingBody>): ByteSource | undefined {
    const format = FORMATS[coding.toLowerCase()];
    if (format === undefined) return undefined;
    const codec = native.codec("open", format, false);
    if (codec === undefined) throw new Error("Too many responses are compressed at once.");
    return compress(body.source ?? bytesSource(body.bytes!), codec);
}
