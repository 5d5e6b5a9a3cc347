// Cap'n Web for clients outside (`mayfly serve --rpc PATH`): the npm package capnweb answers HTTP batches and WebSockets in
// the host worker's cell, and calls an entrypoint of it through a stub, as any other worker would. A part of its own,
// evaluated at the first such request.

import { newWorkersRpcResponse, RpcStub } from "capnweb";
import { setForeign } from "../rpc/members";
import { takeBody } from "../web/body";
import { concatBytes } from "../web/bytes";
import { Request } from "../web/request";
import { Response } from "../web/response";

setForeign((value) => value instanceof RpcStub);

/** As it is with the classes of this runtime. */
type Answer = (request: Request, main: object) => Promise<Response>;

/** What a client may send in one request, and be answered in one. */
const BATCH_BYTES_MAX = 32 * 1024 * 1024;

/** Answers a request to the RPC path. `main` is the stub of the entrypoint that clients see. */
export async function answer(request: Request, main: object): Promise<Response> {
    if (request.method === "OPTIONS") return preflight();
    const isUpgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    if (isUpgrade || request.method !== "POST") return (newWorkersRpcResponse as unknown as Answer)(request, main);
    const body = await readBatch(request);
    if (body === undefined) return new Response("The batch is too large.", { status: 413 });
    return (newWorkersRpcResponse as unknown as Answer)(new Request(request.url, { method: "POST", body }), main);
}

/** The body, or undefined if it is larger than it may be. */
async function readBatch(request: Request): Promise<Uint8Array | undefined> {
    const source = takeBody(request);
    if (source?.source === undefined) return (source?.bytes?.length ?? 0) > BATCH_BYTES_MAX ? undefined : source?.bytes;
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (let chunk = await source.source.read(); chunk !== undefined; chunk = await source.source.read()) {
        length += chunk.length;
        if (length > BATCH_BYTES_MAX) {
            source.source.cancel();
            return undefined;
        }
        chunks.push(chunk);
    }
    return concatBytes(chunks);
}

/** Browsers ask first when the content type is not a simple one. Credentials are never allowed. */
function preflight(): Response {
    return new Response(null, {
        status: 204,
        headers: { "access-control-allow-origin": "*", "access-control-allow-methods": "POST", "access-control-allow-headers": "content-type" },
    });
}
