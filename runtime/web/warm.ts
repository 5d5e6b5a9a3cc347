// What most workers use, used once: run in the zygote, it builds those classes and compiles their code where all cells
// share it; warmMessages() run again in a fresh cell touches the pages that a request will write. Nothing stays behind.

import { lazy } from "./lazy";
import { Request, requestFromWire } from "./request";
import { Response } from "./response";
import { takeBody } from "./body";

declare const require: (path: string) => unknown;

const modules = {
    abort: lazy(() => require("./abort") as typeof import("./abort")),
    blob: lazy(() => require("./blob") as typeof import("./blob")),
    clone: lazy(() => require("./clone") as typeof import("./clone")),
    encoding: lazy(() => require("./encoding") as typeof import("./encoding")),
    format: lazy(() => require("./format") as typeof import("./format")),
    formdata: lazy(() => require("./formdata") as typeof import("./formdata")),
    params: lazy(() => require("./url-search-params") as typeof import("./url-search-params")),
    url: lazy(() => require("./url") as typeof import("./url")),
};

/** Uses requests and responses with plain bodies once: what every worker does. The natives must be bound. */
export function warmMessages(): void {
    const request = requestFromWire("GET", "http://warm/", [["accept", "*/*"]], undefined);
    request.headers.get("accept");
    takeBody(new Request("http://warm/a?b=c", { method: "POST", headers: { a: "b" }, body: "c" }));
    takeBody(Response.json({ a: 1 }, { status: 201 }));
    takeBody(new Response("a", { headers: [["a", "b"]] }).clone());
}

function warmValues(): void {
    const { URL } = modules.url();
    new URL("http://warm/a?b=c").searchParams.get("b");
    new URL("../a", "http://warm/b/c").pathname = "/d e";
    new (modules.params().URLSearchParams)({ a: "b" }).toString();
    new (modules.abort().AbortController)().signal.addEventListener("abort", () => {});
    new (modules.encoding().TextDecoder)().decode(new (modules.encoding().TextEncoder)().encode("a"));
    modules.clone().structuredClone({ a: [1, new Map([["b", new Date(0)]])] });
    modules.format().format(["%s", "a", { b: [1, "c"] }]);
    Reflect.get(globalThis, "console");
    Promise.withResolvers<void>().promise.catch(() => {});
}

function warmBodies(): void {
    const form = new (modules.formdata().FormData)();
    form.append("a", new (modules.blob().Blob)(["b"]), "c");
    takeBody(new Response(form));
    const source = { read: () => Promise.resolve(undefined), cancel() {} };
    const response = requestFromWire("POST", "http://warm/", [], source);
    void response.body!.getReader().read();
}

/** Uses all of the platform that is worth sharing once. The natives must be bound. */
export function warmWeb(): void {
    warmMessages();
    warmValues();
    warmBodies();
}
