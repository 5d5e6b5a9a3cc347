// What the cell's C side (src/cell/natives.c) offers to the runtime. The object is handed to the runtime's bundle
// once, as its only argument, and is never reachable from a worker.

/** One import request of a scanned module; positions are 1-based, columns in UTF-16 units. */
export interface ScanRequest {
    specifier: string;
    line: number;
    column: number;
    type?: string;
    phase?: "source";
}

/** `import * as local` has `namespace`. */
export interface ScanImport {
    request: number;
    namespace?: boolean;
    name: string;
    local: string;
    line: number;
    column: number;
}

/** A local export has `local`; a re-export has `request`, and `name` or `namespace`. */
export interface ScanExport {
    exported: string;
    line: number;
    column: number;
    namespace?: boolean;
    local?: string;
    request?: number;
    name?: string;
    mutable: boolean;
}

export interface Scan {
    /** Names the scanned source in later calls; the C side keeps the rewritten body under it. */
    handle: number;
    requests: ScanRequest[];
    imports: ScanImport[];
    exports: ScanExport[];
    stars: number[];
    topLevelAwait: boolean;
    importMeta: boolean;
    dynamicImport: boolean;
}

/** A frame's payload as JavaScript sees it: `head` is parsed JSON, `tail` the bytes behind it. */
export type FrameHandler = (
    channel: number,
    type: number,
    flags: number,
    id: number,
    head: unknown,
    tail: Uint8Array | undefined,
    granted: number | undefined,
) => void;

export interface Native {
    /** Scans an ES module, or a script (see module_scan_script); throws SyntaxError with `line` and `column`. */
    scan(name: string, source: string | Uint8Array, isScript?: boolean): Scan;
    /** The rewritten body of a scanned module as text. */
    body(handle: number): string;
    /** Evaluates prefix + body + suffix as a script named `url` and returns its value; frees the handle. */
    compile(handle: number, prefix: string, suffix: string, url: string): unknown;
    /** Frees the handle of a scan that will not be compiled. */
    discard(handle: number): void;
    /** Whether the text of a module has these words anywhere. */
    mentions(source: Uint8Array, words: string): boolean;
    /** Evaluates a script named `url`, first line 1, and returns its value. */
    evaluate(source: string, url: string): unknown;
    /** Whether a text is a script, by its syntax; nothing of it runs. */
    isScript(source: string): boolean;

    /** CPU time of this process in milliseconds. For the owner's accounts only: no worker may see a clock as fine. */
    cpuTime(): number;

    /** Evaluates a part of the runtime and returns its function; see runtime/parts.ts. */
    part(name: string): unknown;
    /** Runs an operation of src/cell/crypto.c; undefined where it fails. */
    crypto(operation: string, ...args: (string | number | Uint8Array)[]): Uint8Array | number | boolean | undefined;
    /** Runs an operation of src/cell/compression.c. */
    codec(operation: "open", format: string, decodes: boolean, strength?: number): number | undefined;
    codec(operation: "left", number: number): number | undefined;
    codec(operation: "crc32", bytes: Uint8Array, before: number): number;
    codec(operation: "give", number: number, bytes?: Uint8Array): void;
    codec(operation: "take", number: number): Uint8Array | undefined;
    codec(operation: "close", number: number): void;

    /** Runs an operation of src/cell/websocket.c. */
    socket(operation: "open", isServer: boolean): number | undefined;
    socket(operation: "give", number: number, bytes: Uint8Array): void;
    socket(operation: "next" | "take", number: number): Uint8Array | undefined;
    socket(operation: "put", number: number, kind: number, payload: Uint8Array): boolean;
    socket(operation: "ended", number: number): boolean;
    socket(operation: "close", number: number): void;

    utf8Encode(text: string): Uint8Array;
    /** Decodes UTF-8; invalid sequences become U+FFFD, or with `fatal` throw TypeError. A leading BOM stays. */
    utf8Decode(bytes: ArrayBuffer | ArrayBufferView, fatal: boolean): string;
    /** Number of UTF-8 bytes of `text` (lone surrogates count as U+FFFD). */
    utf8Length(text: string): number;
    /** Fills the view with bytes from the kernel's generator. */
    random(view: ArrayBufferView): void;

    /** Milliseconds since the Unix epoch, with fraction, as of when the cell last got something to do. */
    wallTime(): number;
    /** Milliseconds of a clock that never goes back, likewise. */
    monotonicTime(): number;
    /** The same clock as it is now: for timers, and nothing that a worker can see. */
    timerTime(): number;
    /** Asks for one `onTimer` call at `at` (timerTime scale); replaces what was asked before; -1 for none. */
    wake(at: number): void;

    /** Queues a frame on a channel; `head` is JSON text ("" for none). Returns bytes queued and unsent, or -1 if closed. With
     * `mayBeStuck` the owner has answers to come that wait for nothing that is known of: see `stuck`. */
    send(
        channel: number, type: number, flags: number, id: number, head: string, tail?: ArrayBuffer | ArrayBufferView, mayBeStuck?: boolean,
    ): number;
    /** Closes a channel; what is queued is sent first. */
    close(channel: number): void;
    /** Registers the runtime's entry points; called once, before the zygote forks. */
    handlers(handlers: {
        frame: FrameHandler;
        closed(channel: number): void;
        timer(): void;
        /** Some times in the zygote, and once in its trainee; see rehearsal.ts. */
        warm(isZygote: boolean): void;
        /** Something came from the owner or was sent to it, and now nothing but the owner can wake this cell. */
        stuck(): void;
        rejection(promise: Promise<unknown>, reason: unknown): void;
    }): void;
    /** False if the other end of a channel is gone, even if that has not been read yet. */
    isAlive(channel: number): boolean;
    /** Ends the cell at once with this exit status (0 to 255). */
    exit(status: number): never;
    /** Asks the engine to collect garbage soon, all of it or what was made since the last time; used where stubs hold processes. */
    collect(isFull: boolean): void;
    /** Ends the process; its owner gets this JSON text as its last words. */
    abort(head: string): void;
    /** Says that the engine is about to make a thread of its own, as WebAssembly does. */
    threaded(): boolean;
    /** Forbids eval and new Function with this message. */
    forbidEval(message: string): void;
    /** True in a cell that runs a host worker. */
    isHost(): boolean;
    /** What this cell may use from now on; 0 is no limit. */
    budget(cpuMs: number, memoryMb: number): void;
    /** A call begins, for which the cell may use so much CPU time from now on. */
    callBegins(cpuMs: number): void;
}
