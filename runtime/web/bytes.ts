// Small helpers on byte arrays, shared by bodies, blobs, forms and decoders.

export type BufferSource = ArrayBuffer | ArrayBufferView;

/** Whether the value is an ArrayBuffer or a view of one. */
export function isBufferSource(value: unknown): value is BufferSource {
    return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** The bytes of a buffer or view, not copied. */
export function viewBytes(source: BufferSource): Uint8Array {
    if (source instanceof Uint8Array) {
        return source;
    }
    return ArrayBuffer.isView(source)
        ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
        : new Uint8Array(source);
}

/** The bytes of a buffer or view in memory of their own. */
export function copyBytes(source: BufferSource): Uint8Array<ArrayBuffer> {
    return new Uint8Array(viewBytes(source));
}

/** One array with the bytes of all parts, in order; a single part is returned as it is. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
    if (parts.length === 1) {
        return parts[0]!;
    }
    let size = 0;
    for (const part of parts) {
        size += part.byteLength;
    }
    const all = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
        all.set(part, at);
        at += part.byteLength;
    }
    return all;
}

/** An ArrayBuffer with exactly these bytes: their own buffer where they fill it, else a copy. */
export function exactBuffer(bytes: Uint8Array): ArrayBuffer {
    const buffer = bytes.buffer as ArrayBuffer;
    return bytes.byteLength === buffer.byteLength ? buffer : (bytes.slice().buffer as ArrayBuffer);
}

const latin1Step = 8192;

/** The string whose UTF-16 units are the bytes. */
export function latin1Decode(bytes: Uint8Array): string {
    let text = "";
    for (let at = 0; at < bytes.length; at += latin1Step) {
        text += String.fromCharCode.apply(null, bytes.subarray(at, at + latin1Step) as unknown as number[]);
    }
    return text;
}
