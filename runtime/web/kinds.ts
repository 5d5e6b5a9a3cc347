// Recognisers of classes that may not be built yet. What is not built has no instances, so each recogniser says no
// until its class's module replaces it. This keeps blobs, forms, search parameters and streams off the request path.

import type { ReadableStream } from "web-streams-polyfill";
import type { Blob } from "./blob";
import type { FormData } from "./formdata";
import type { URLSearchParams } from "./url-search-params";

interface Kinds {
    blob(value: unknown): value is Blob;
    form(value: unknown): value is FormData;
    params(value: unknown): value is URLSearchParams;
    stream(value: unknown): value is ReadableStream;
}

function unknownYet(_value: unknown): boolean {
    return false;
}

/** Each class's module replaces its own recogniser, once, when it is evaluated. */
export const kinds: Kinds = {
    blob: unknownYet as Kinds["blob"],
    form: unknownYet as Kinds["form"],
    params: unknownYet as Kinds["params"],
    stream: unknownYet as Kinds["stream"],
};
