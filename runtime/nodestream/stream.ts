// node:stream: readable-stream, with the ways from and to web streams, which it leaves to Node.

import * as readable from "readable-stream/lib/ours/browser.js";

interface Chunks {
    on(event: string, listener: (value: never) => void): this;
    destroy(error?: unknown): void;
    pause(): void;
    resume(): void;
}

interface Sink {
    write(chunk: unknown, done: (error?: Error | null) => void): boolean;
    end(done: () => void): void;
    destroy(error?: unknown): void;
    on(event: string, listener: (value: never) => void): this;
}

type Class = { from(source: unknown, options?: object): unknown; fromWeb: unknown; toWeb: unknown; new (options?: object): object };

const { Duplex, PassThrough, Readable, Stream, Transform, Writable, addAbortSignal, compose, destroy, finished, getDefaultHighWaterMark, isDisturbed, isErrored, isReadable, pipeline, promises, setDefaultHighWaterMark } =
    readable as unknown as Record<string, unknown> & Record<"Duplex" | "Readable" | "Writable", Class>;

Readable.fromWeb = (stream: ReadableStream, options: object = {}): unknown => Readable.from(stream, { objectMode: false, ...options });

Readable.toWeb = (source: Chunks): ReadableStream => {
    source.pause();
    return new ReadableStream({
        start(controller) {
            source.on("data", (chunk: unknown) => {
                controller.enqueue(chunk);
                source.pause();
            });
            source.on("end", () => controller.close());
            source.on("error", (error: Error) => controller.error(error));
            source.pause();
        },
        pull: () => source.resume(),
        cancel: (reason) => source.destroy(reason),
    });
};

Writable.fromWeb = (stream: WritableStream, options: object = {}): unknown => {
    const writer = stream.getWriter();
    const settle = (work: Promise<unknown>, done: (error?: unknown) => void): void => void work.then(() => done(), done);
    return new Writable({
        ...options,
        write: (chunk: unknown, _encoding: string, done: () => void) => settle(writer.write(chunk), done),
        final: (done: () => void) => settle(writer.close(), done),
        destroy: (error: unknown, done: (error: unknown) => void) => settle(error ? writer.abort(error) : Promise.resolve(), () => done(error)),
    });
};

Writable.toWeb = (sink: Sink): WritableStream =>
    new WritableStream({
        start: (controller) => void sink.on("error", (error: Error) => controller.error(error)),
        write: (chunk) => new Promise<void>((resolve, reject) => sink.write(chunk, (error) => (error ? reject(error) : resolve()))),
        close: () => new Promise<void>((resolve) => sink.end(resolve)),
        abort: (reason) => sink.destroy(reason),
    });

export {
    Duplex, PassThrough, Readable, Stream, Transform, Writable, addAbortSignal, compose, destroy, finished, getDefaultHighWaterMark,
    isDisturbed, isErrored, isReadable, pipeline, promises, setDefaultHighWaterMark,
};

/** As in Node, the module is the class of all streams, with all else on it. */
const statics = { Duplex, PassThrough, Readable, Stream, Transform, Writable, addAbortSignal, compose, destroy, finished, isDisturbed, isErrored, isReadable, pipeline };
for (const [name, value] of Object.entries(statics)) {
    Object.defineProperty(Stream, name, { value, writable: true, configurable: true, enumerable: true });
}
export default Stream;
