// What stands between a worker's handlers and html-rewriter-wasm, which takes nothing but strings, and which a promise
// that rejects would leave in the middle of a chunk for ever.

import { Comment, Doctype, DocumentEnd, Element, EndTag, TextChunk } from "html-rewriter-wasm";
import { wrongType } from "../web/arguments";
import { brand } from "../web/brand";
import { Response } from "../web/response";
import { ReadableStream } from "../web/streams";

export type Handler = (token: object) => unknown;
export type Handlers = Record<string, Handler>;

type Method = (this: object, ...args: unknown[]) => unknown;

/** Content that was given while other content before it was still read. */
interface Insertion {
    method: Method;
    text: string | Promise<string>;
    options: unknown;
}

const insertions = new WeakMap<object, Insertion[]>();
const runs = new WeakMap<object, Run>();

/** One document on its way through the rewriter. */
export class Run {
    failure: { error: unknown } | undefined;

    /** The first failure counts; handlers that come after it are not called. */
    fail(error: unknown): void {
        this.failure ??= { error: error instanceof Error ? error : new Error(String(error)) };
    }

    guardAll(handlers: Handlers): Handlers {
        return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, this.guard(handler)]));
    }

    /** The handler as the library gets it: never fails, and has ended when everything that it inserts is there. */
    guard(handler: Handler): Handler {
        return (token) => {
            if (this.failure !== undefined) return;
            runs.set(token, this);
            try {
                const result = handler(token);
                const mayWait = typeof result === "object" && result !== null && "then" in result;
                if (mayWait || insertions.has(token)) return this.#settle(token, result);
            } catch (error) {
                this.fail(error);
            }
            runs.delete(token);
        };
    }

    async #settle(token: object, result: unknown): Promise<void> {
        try {
            await result;
            for (const { method, text, options } of insertions.get(token) ?? []) method.call(token, await text, options);
        } catch (error) {
            this.fail(error);
        }
        runs.delete(token);
    }
}

/** A string, which a symbol has none of. */
const toText = (value: unknown) => `${value as string}`;

/** Only the content of elements and text can come from a stream, as in Workers. */
function textOf(content: unknown, token: object): string | Promise<string> {
    const isResponse = content instanceof Response;
    if (!isResponse && !(content instanceof ReadableStream)) return toText(content);
    if (token instanceof Comment || token instanceof DocumentEnd) {
        throw new TypeError(
            "Replacing content in HTML comments using a ReadableStream or Response object is not implemented. You must provide a string.",
        );
    }
    if (!runs.has(token)) {
        throw new TypeError(
            "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.",
        );
    }
    return (isResponse ? content : new Response(content as never)).text();
}

function inserting(method: Method): Method {
    return function (content, options) {
        const queue = insertions.get(this);
        const text = textOf(content, this);
        if (queue === undefined && typeof text === "string") return method.call(this, text, options);
        if (text instanceof Promise) text.catch(() => {}); // whoever inserts it will hear of it
        const insertion = { method, text, options };
        if (queue === undefined) insertions.set(this, [insertion]);
        else queue.push(insertion);
        return this;
    };
}

const converting = (method: Method): Method =>
    function (...args) {
        return method.apply(this, args.map(toText));
    };

/** What is done to the library's methods: how many arguments they need, of what type, and who converts them. */
const mends = new Map<string, { wanted: number; type: string; mend: (method: Method) => Method }>();
for (const name of ["before", "after", "replace", "append", "prepend", "setInnerContent"]) {
    mends.set(name, { wanted: 1, type: "string or JsReadableStream or Response", mend: inserting });
}
for (const name of ["getAttribute", "hasAttribute", "removeAttribute", "setAttribute"]) {
    mends.set(name, { wanted: name === "setAttribute" ? 2 : 1, type: "string", mend: converting });
}

for (const [name, { prototype }] of Object.entries({ Comment, DocumentEnd, Element, EndTag, TextChunk })) {
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        const mend = mends.get(key);
        if (property.set !== undefined) {
            property.set = converting(property.set as Method);
        } else if (mend !== undefined) {
            const mended = mend.mend(property.value as Method);
            property.value = function (this: object, ...args: unknown[]) {
                if (args.length < mend.wanted) throw wrongType(`execute '${key}' on '${name}'`, args.length + 1, mend.type);
                return mended.apply(this, args);
            };
        } else {
            continue;
        }
        Object.defineProperty(prototype, key, property);
    }
}

const { onEndTag } = Element.prototype as unknown as { onEndTag: (handler: Handler) => void };
Object.defineProperty(Element.prototype, "onEndTag", {
    value(this: Element, handler: unknown) {
        if (typeof handler !== "function") throw wrongType("execute 'onEndTag' on 'Element'", 1, "function");
        onEndTag.call(this, runs.get(this)!.guard((token) => (handler as Handler)(token)));
    },
});

for (const [name, type] of Object.entries({ Comment, Doctype, DocumentEnd, Element, EndTag, TextChunk })) {
    brand(type as unknown as { prototype: object }, name === "TextChunk" ? "Text" : name);
}
