// The frames of src/base/frame.h, as the runtime names them. tests/test_frame.c proves that both files agree.

export const READY = 1;
export const LOAD = 2;
export const STARTED = 3;
export const CALL = 4;
export const RETURN = 5;
export const THROW = 6;
export const RPC = 7;
export const FETCH = 8;
export const RESPONSE = 9;
export const DATA = 10;
export const RESET = 11;
export const STOP = 12;
export const WINDOW = 13;
export const LOG = 14;
export const GRANT = 15;
export const CLAIM = 16;
export const TOUCH = 17;
export const EVICT = 18;
export const DIED = 19;
export const SOURCE = 20;
export const RELEASE = 21;
export const BUSY = 22;
export const EXCEEDED = 23;
export const ABORTED = 24;
export const OUTBOUND = 25;
export const SERVICE = 26;
export const WANT = 27;
export const RESTED = 28;

/** FETCH, RESPONSE, DATA: the body ends with this frame. */
export const FIN = 1;
/** FETCH, RESPONSE: there is no body at all. */
export const NOBODY = 2;
/** FETCH: the body is a buffer of the worker's, which a redirect may have sent again. */
export const BUFFER = 8;
/** DATA of a connection: from here on the bytes are TLS's (START_TLS of web/body-source.ts). */
export const TLS = 16;
/** LOAD: the worker is kept under a name. */
export const NAMED = 4;

/** GRANT: what its descriptor is. */
export const WAY_OUT = 1;
export const SERVICE_END = 2;
export const CALLER_END = 4;
export const NO_JIT = 8;
/** GRANT, WANT: a cell whose engine may make threads, as WebAssembly needs it. */
export const THREADS = 16;

/** Bytes of one body that may be under way before the receiver says WINDOW. */
export const WINDOW_BYTES = 256 * 1024;
/** The largest piece of a body that goes into one frame. */
export const CHUNK_BYTES = 64 * 1024;

/** A frame as it arrives: `head` is parsed JSON, `tail` the bytes behind it. */
export interface Frame {
    type: number;
    flags: number;
    id: number;
    head: unknown;
    tail: Uint8Array | undefined;
}
