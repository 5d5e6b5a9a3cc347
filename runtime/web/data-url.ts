// fetch() of data: URLs, after the Fetch Standard's "data: URL processor". It asks nobody, so that a worker without a way
// out has it too. Loaded when there is one.

import type { Request } from "./request";
import { responseFromWire, type Response } from "./response";
import { percentDecode } from "./urlencoded";
import { latin1Decode } from "./bytes";

interface Base64 {
    fromBase64(text: string, options: { lastChunkHandling: "loose" }): Uint8Array;
}

const essence = /^[!#$%&'*+\-.^_`|~\w]+\/[!#$%&'*+\-.^_`|~\w]+\s*(?:;|$)/;

function decodeBase64(bytes: Uint8Array): Uint8Array {
    try {
        return (Uint8Array as unknown as Base64).fromBase64(latin1Decode(bytes), { lastChunkHandling: "loose" });
    } catch {
        throw new TypeError("fetch() of a data: URL failed: its base64 is not valid");
    }
}

/** Throws TypeError for a URL that is not valid. */
export function fetchData(request: Request): Response {
    const { url } = request;
    const data = url.slice("data:".length).split("#", 1)[0]!;
    const comma = data.indexOf(",");
    if (comma < 0) throw new TypeError("fetch() of a data: URL failed: it has no comma");
    const bytes = percentDecode(data.slice(comma + 1));
    const given = data.slice(0, comma).trim();
    const bare = given.replace(/; *base64$/i, "");
    const full = bare.startsWith(";") ? `text/plain${bare}` : bare;
    const type = essence.test(full) ? full : "text/plain;charset=US-ASCII";
    const body = bare === given ? bytes : decodeBase64(bytes);
    return responseFromWire(200, "OK", [["content-type", type]], request.method === "HEAD" ? undefined : body, { url });
}
