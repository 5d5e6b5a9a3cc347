// HTMLRewriter: lol-html, which is workerd's own, as the WebAssembly of html-rewriter-wasm. A part of its own, evaluated
// and compiled when a worker first names it.

import { HTMLRewriter as RawRewriter } from "html-rewriter-wasm";
import { brand } from "../web/brand";
import { native } from "../web/host";
import { Response } from "../web/response";
import { TransformStream } from "../web/streams";
import { Run, type Handler, type Handlers } from "./handlers";

/** Hands the body through the rewriter; one chunk at a time, since a handler may wait in the middle of one. */
function rewriting(make: (run: Run, sink: (chunk: Uint8Array) => void) => RawRewriter): TransformStream {
    const run = new Run();
    let rewriter: RawRewriter | undefined;
    let isBusy = false;
    const free = () => {
        rewriter?.free();
        rewriter = undefined;
    };
    const step = async (work: () => Promise<void>) => {
        isBusy = true;
        await work().catch((error: unknown) => run.fail(error));
        isBusy = false;
        if (run.failure === undefined) return;
        free();
        throw run.failure.error;
    };
    return new TransformStream({
        start(controller) {
            rewriter = make(run, (chunk) => {
                if (chunk.length > 0 && run.failure === undefined) controller.enqueue(chunk.slice());
            });
        },
        transform: (chunk) => step(() => rewriter!.write(typeof chunk === "string" ? native.utf8Encode(chunk) : (chunk as Uint8Array))),
        async flush() {
            await step(() => rewriter!.end());
            free();
        },
        cancel(reason) {
            run.fail(reason);
            if (!isBusy) free();
        },
    });
}

const elementHandlers = ["element", "comments", "text"];
const documentHandlers = ["doctype", "comments", "text", "end"];

/** The handlers that an object has by these names; they are read once. */
function readHandlers(dictionary: string, names: readonly string[], given: unknown): Handlers {
    const handlers: Handlers = {};
    for (const name of names) {
        const handler = (given as Record<string, unknown> | null | undefined)?.[name];
        if (handler === undefined) continue;
        if (typeof handler !== "function") {
            throw new TypeError(
                `Incorrect type for the '${name}' field on '${dictionary}': the provided value is not of type 'function'.`,
            );
        }
        handlers[name] = (token) => (handler as Handler).call(given, token);
    }
    return handlers;
}

export class HTMLRewriter {
    readonly #elements: [selector: string, handlers: Handlers][] = [];
    readonly #documents: Handlers[] = [];

    on(selector: unknown, handlers: unknown): this {
        const text = String(selector);
        // A selector that is none is refused here, as in Workers, and not when the first byte comes.
        const trial = new RawRewriter(() => {});
        try {
            trial.on(text, {});
        } finally {
            trial.free();
        }
        this.#elements.push([text, readHandlers("ElementContentHandlers", elementHandlers, handlers)]);
        return this;
    }

    onDocument(handlers: unknown): this {
        this.#documents.push(readHandlers("DocumentContentHandlers", documentHandlers, handlers));
        return this;
    }

    transform(response: unknown): Response {
        if (!(response instanceof Response)) throw new TypeError("HTMLRewriter.transform() needs a Response.");
        if (response.body === null) return new Response(null, response);
        const body = response.body.pipeThrough(
            rewriting((run, sink) => {
                const rewriter = new RawRewriter(sink);
                for (const [selector, handlers] of this.#elements) rewriter.on(selector, run.guardAll(handlers));
                for (const handlers of this.#documents) rewriter.onDocument(run.guardAll(handlers));
                return rewriter;
            }),
        );
        const rewritten = new Response(body as never, response);
        rewritten.headers.delete("content-length");
        return rewritten;
    }
}
brand(HTMLRewriter, "HTMLRewriter");
