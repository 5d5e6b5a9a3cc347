// node:stream/consumers: all that a stream gives, as one value.

import { load } from "../node/main";

type Source = AsyncIterable<Uint8Array | string>;

export async function blob(stream: Source): Promise<Blob> {
    const parts: (Uint8Array | string)[] = [];
    for await (const chunk of stream) parts.push(chunk);
    return new Blob(parts as never[]);
}

export async function arrayBuffer(stream: Source): Promise<ArrayBuffer> {
    return (await blob(stream)).arrayBuffer();
}

export async function buffer(stream: Source): Promise<unknown> {
    const { Buffer } = load("buffer") as { Buffer: { from(bytes: ArrayBuffer): unknown } };
    return Buffer.from(await arrayBuffer(stream));
}

export async function text(stream: Source): Promise<string> {
    const decoder = new TextDecoder();
    let all = "";
    for await (const chunk of stream) all += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    return all + decoder.decode();
}

export async function json(stream: Source): Promise<unknown> {
    return JSON.parse(await text(stream));
}

export default { arrayBuffer, blob, buffer, json, text };
