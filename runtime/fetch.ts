// The global fetch(): a worker's way out. Which one it has was decided when it was loaded; what stands behind it is
// somebody else's: the egress process for a host worker, the owner of its cell for any other.

import type { Connection } from "./exchange";
import type { ConnectTarget } from "./sockets";
import type { ByteSource } from "./web/body-source";
import { Request } from "./web/request";
import type { Response } from "./web/response";

declare const require: (path: string) => unknown;

/** Gets what the log of requests says of one, when it has ended. */
export type Tell = ((record: object) => void) | undefined;

/** Where a worker's requests to the world go. */
export interface Outbound {
    /** `worker` is the name of the dynamic worker that asks. */
    fetch(request: Request, worker?: string, tell?: Tell): Promise<Response>;
    /** A TCP connection; `body` is what goes there. */
    connect(target: ConnectTarget, body: ByteSource, worker?: string, tell?: Tell): Promise<Connection>;
}

/** workerd's text: dynamic-workers.md 2. */
const FORBIDDEN =
    "This worker is not permitted to access the internet via global functions like fetch(). It must use capabilities " +
    "(such as bindings in 'env') to talk to the outside world.";

const NOT_GIVEN = "fetch() to the outside is not possible: whoever loaded this worker gave it no way out.";

export type Given = Outbound | null | undefined;

let outbound: Given = null;

export function setOutbound(given: Given): void {
    outbound = given;
}

export function outboundOf(): Given {
    return outbound;
}

/** A worker without a way out: null was given one on purpose. */
export function refusal(given: null | undefined): Error {
    return new Error(given === null ? FORBIDDEN : NOT_GIVEN);
}

export async function fetch(input: unknown, init?: unknown): Promise<Response> {
    const request = input instanceof Request && init === undefined ? input : new Request(input as Request, init as object);
    const { url } = request;
    if (url.startsWith("data:")) return (require("./web/data-url") as typeof import("./web/data-url")).fetchData(request);
    if (!url.startsWith("http:") && !url.startsWith("https:")) throw new TypeError(`Fetch API cannot load: ${url}`);
    if (outbound === null || outbound === undefined) throw refusal(outbound);
    return outbound.fetch(request);
}
