// HTMLRewriter: lol-html, which is workerd's own, as the WebAssembly of html-rewriter-wasm. A part of its own, evaluated
// and compiled when a worker first names it.

import { HTMLRewriter as RawRewriter, type DocumentHandlers, type ElementHandlers } from "html-rewriter-wasm";
import { brand } from "../web/brand";
import { native } from "../web/host";
import { Response } from "../web/response";
import { TransformStream } from "../web/streams";

/** Hands the body through the rewriter; one chunk at a time, since a handler may wait in the middle of one. */
function rewriting(make: (sink: (chunk: Uint8Array) => void) => RawRewriter): TransformStream {
    let rewriter: RawRewriter | undefined;
    let enqueue: (chunk: Uint8Array) => void = () => {};
    const free = () => {
        rewriter?.free();
        rewriter = undefined;
    };
    const guarded = async (work: () => Promise<void>) => {
        try {
            await work();
        } catch (error) {
            free();
            throw error;
        }
    };
    return new TransformStream({
        start(controller) {
            enqueue = (chunk) => {
                if (chunk.length > 0) controller.enqueue(chunk.slice());
            };
            rewriter = make((chunk) => enqueue(chunk));
        },
        transform: (chunk) => guarded(() => rewriter!.write(typeof chunk === "string" ? native.utf8Encode(chunk) : (chunk as Uint8Array))),
        async flush() {
            await guarded(() => rewriter!.end());
            free();
        },
        cancel: free,
    });
}

export class HTMLRewriter {
    readonly #elements: [selector: string, handlers: ElementHandlers][] = [];
    readonly #documents: DocumentHandlers[] = [];

    on(selector: unknown, handlers: ElementHandlers): this {
        const text = String(selector);
        // A selector that is none is refused here, as in Workers, and not when the first byte comes.
        const trial = new RawRewriter(() => {});
        try {
            trial.on(text, {});
        } catch (error) {
            throw new TypeError(`Parser error: ${error instanceof Error ? error.message : String(error)}`);
        } finally {
            trial.free();
        }
        this.#elements.push([text, handlers]);
        return this;
    }

    onDocument(handlers: DocumentHandlers): this {
        this.#documents.push(handlers);
        return this;
    }

    transform(response: unknown): Response {
        if (!(response instanceof Response)) throw new TypeError("HTMLRewriter.transform() needs a Response.");
        if (response.body === null) return new Response(null, response);
        const body = response.body.pipeThrough(
            rewriting((sink) => {
                const rewriter = new RawRewriter(sink);
                for (const [selector, handlers] of this.#elements) rewriter.on(selector, handlers);
                for (const handlers of this.#documents) rewriter.onDocument(handlers);
                return rewriter;
            }),
        );
        const rewritten = new Response(body as never, response);
        rewritten.headers.delete("content-length");
        return rewritten;
    }
}
brand(HTMLRewriter, "HTMLRewriter");
