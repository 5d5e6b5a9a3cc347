// Redirects that a stub answers with, as the Fetch Standard follows them. Egress follows those of what leaves through it.
// Evaluated at the first request over a stub.

import type { Hook } from "./rpc/hook";
import { hasNullBody, spareContent } from "./web/body";
import type { Content } from "./web/body-source";
import { Headers } from "./web/headers";
import { Request } from "./web/request";
import { isRedirect, markRedirected, type Response } from "./web/response";
import { URL } from "./web/url";

const REDIRECTS_MAX = 20;

const ABOUT_BODY = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
const CREDENTIALS = ["authorization", "cookie"];

function locationOf(response: Response, from: string): URL {
    const location = URL.parse(response.headers.get("location")!, from);
    if (location === null || !/^https?:$/.test(location.protocol)) {
        throw new TypeError("Invalid Location header; unable to follow redirect.");
    }
    location.hash = "";
    return location;
}

/** The request that a redirect asks for. `content` is the body of the one before, where it can be sent again. */
function nextRequest(request: Request, content: Content | undefined, response: Response): Request {
    const { method, cf, signal } = request;
    const { status } = response;
    const location = locationOf(response, request.url);
    const headers = new Headers(request.headers);
    if (location.origin !== new URL(request.url).origin) CREDENTIALS.forEach((name) => headers.delete(name));
    if (status === 303 ? method !== "GET" && method !== "HEAD" : status <= 302 && method === "POST") {
        ABOUT_BODY.forEach((name) => headers.delete(name));
        return new Request(location, { headers, cf, signal });
    }
    if (content === undefined && !hasNullBody(request)) {
        throw new TypeError(
            "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect " +
                "requiring the body to be retransmitted. To avoid this error in the future, construct this request from a " +
                "buffer-like body initializer.",
        );
    }
    return new Request(location, { method, headers, body: content?.text ?? content?.bytes, cf, signal });
}

/** Goes on from the first redirect to what stands at the end. */
async function follow(request: Request, content: Content | undefined, response: Response, hook: Hook): Promise<Response> {
    const urls = [request.url];
    do {
        if (urls.length > REDIRECTS_MAX) throw new TypeError(`Too many redirects.${urls.join(", ")}`);
        const next = nextRequest(request, content, response);
        void response.body?.cancel();
        urls.push(next.url);
        request = next;
        response = await hook.fetch!(next);
    } while (isRedirect(response));
    markRedirected(response, request.url);
    return response;
}

/** Sends a request over a stub, and on to where its answer says. */
export async function fetchFollowing(request: Request, hook: Hook): Promise<Response> {
    const content = spareContent(request);
    const response = await hook.fetch!(request);
    return isRedirect(response) ? follow(request, content, response, hook) : response;
}
