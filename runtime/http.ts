// Requests and responses as they travel in FETCH and RESPONSE frames.

import type { Channel } from "./channel";
import { withLength, type Exchange, type OutgoingBody } from "./exchange";
import * as F from "./frames";
import { begin, end } from "./leases";
import type { Frame } from "./frames";
import type { Connect } from "./sockets";
import { lazy } from "./web/lazy";
import { requestFromWire, whenAborted, type Request } from "./web/request";
import { responseFields, responseFromWire, type Response, type ResponseFields } from "./web/response";
import { takeBody } from "./web/body";
import { wireHeaders } from "./web/headers";
import { websockets } from "./web/websockets";
import type { Wire } from "./websocket/wire";

declare const require: (path: string) => unknown;

const encodings = lazy(() => require("./encode-body") as typeof import("./encode-body"));
const sockets = lazy(() => require("./sockets") as typeof import("./sockets"));

export interface RequestHead {
    /** The RPC export of the entrypoint that is meant; none for the default one without props. */
    target?: number;
    method: string;
    url: string;
    headers: [string, string][];
    /** To what leads out alone. What else answers follows nothing, as in Workers: whoever asks over a stub follows. */
    redirect?: string;
}

interface ResponseHead {
    status: number;
    statusText: string;
    headers: [string, string][];
    /** Of a response that was fetched. */
    url?: string;
    redirected?: boolean;
    /** The body is as Content-Encoding says. Between workers others travel as they are, and are encoded for clients. */
    encoded?: boolean;
}

/** What of a URL is said to who is asked: the name and password before its host and its fragment are not, as in HTTP. */
function wireUrl(url: string): string {
    if (!url.includes("#") && !url.includes("@")) return url;
    return url.replace(/#.*/, "").replace(/^([a-z]+:\/\/)[^/?]*@/, "$1");
}

export function requestHead(request: Request): RequestHead {
    return { method: request.method, url: wireUrl(request.url), headers: wireHeaders(request.headers) };
}

function responseHead({ status, statusText, headers, url, redirected, isEncoded }: ResponseFields): ResponseHead {
    const head: ResponseHead = { status, statusText, headers: wireHeaders(headers) };
    if (url !== "") head.url = url;
    if (redirected) head.redirected = true;
    if (isEncoded) head.encoded = true;
    return head;
}

function isHeaderList(value: unknown): value is [string, string][] {
    if (!Array.isArray(value)) return false;
    for (const h of value as unknown[]) {
        if (!Array.isArray(h) || h.length !== 2 || typeof h[0] !== "string" || typeof h[1] !== "string") return false;
    }
    return true;
}

/** Whether a request asks to go on as WebSocket. What follows it is then no body of it. */
export function wantsWebSocket(head: Pick<RequestHead, "method" | "headers">): boolean {
    return (
        head.method === "GET" &&
        head.headers.some(([name, value]) => name.length === 7 && name.toLowerCase() === "upgrade" && value.toLowerCase() === "websocket")
    );
}

export function isRequestHead(value: unknown): value is RequestHead {
    const { method, url, headers } = (value ?? {}) as Partial<RequestHead>;
    return typeof method === "string" && typeof url === "string" && isHeaderList(headers);
}

/** A worker that is asked is told the length that is known, as in workerd; of a body in several frames its sender does. */
function tellLength(headers: [string, string][], length: number): void {
    if (!headers.some(([name]) => name.length === 14 && name.toLowerCase() === "content-length")) headers.push(["content-length", String(length)]);
}

/** The request that a FETCH frame carries; throws if the frame makes no sense. */
export function requestFrom(exchange: Exchange, frame: Frame): Request {
    const { head } = frame;
    if (!isRequestHead(head)) throw new Error("FETCH without method, url or headers");
    const redirect = head.redirect === "follow" ? "follow" : "manual";
    const isUpgrade = (frame.flags & F.FIN) === 0 && wantsWebSocket(head);
    const body = isUpgrade ? undefined : exchange.takeIncoming(frame);
    if (body instanceof Uint8Array && !exchange.isFromOutside) tellLength(head.headers, body.length);
    return requestFromWire(head.method, head.url, head.headers, body, exchange, { redirect });
}

/**
 * The response to an exchange that was begun here for `request`, whose abort gives the exchange up. `wire` is what the
 * request's body comes from where it asked for a WebSocket.
 */
export async function responseFrom(exchange: Exchange, request: Request, wire?: Wire): Promise<Response> {
    whenAborted(request, (reason) => exchange.reset(reason));
    const frame = await exchange.response!.promise;
    const head = (frame.head ?? {}) as Partial<ResponseHead>;
    const { status, statusText, headers } = head;
    if (!Number.isInteger(status) || status! < 100 || status! > 999 || !isHeaderList(headers)) {
        const error = new Error("The other side's response makes no sense.");
        exchange.reset(error);
        throw error;
    }
    if (status === 101 && wire !== undefined) {
        const webSocket = websockets().connectOver(wire, exchange.incoming);
        return responseFromWire(101, "", headers, undefined, { webSocket });
    }
    wire?.cancel();
    const text = typeof statusText === "string" ? statusText : "";
    return responseFromWire(status!, text, headers, exchange.takeIncoming(frame), {
        url: typeof head.url === "string" ? head.url : undefined,
        redirected: head.redirected === true,
        isEncoded: head.encoded === true,
    });
}

/** Sends a request over a channel. `limit` is what its response may bring. */
export function ask(channel: Channel, head: RequestHead, request: Request, begin?: (exchange: Exchange) => void, limit = 0): Promise<Response> {
    const wire = wantsWebSocket(head) ? websockets().clientWire() : undefined;
    const body = wire === undefined ? takeBody(request) : { source: wire };
    const exchange = channel.fetch(head, body);
    if (wire === undefined) exchange.incoming.limit(limit);
    begin?.(exchange);
    return responseFrom(exchange, request, wire);
}

/** Answers an exchange that the other side began, with a request or a connection. */
export function answerAsk(
    exchange: Exchange,
    frame: Frame,
    service: { fetch(request: Request): Promise<Response>; connect?: Connect },
): Promise<void> {
    const lease = begin();
    if (lease !== 0) exchange.whenEnded(() => end(lease));
    if ((frame.head as { connect?: unknown } | undefined)?.connect === undefined) return answerFetch(exchange, frame, service);
    return sockets().answerConnect(exchange, frame, (target, body) => {
        if (service.connect === undefined) throw new Error("This stub has no connect().");
        return service.connect(target, body);
    });
}

/** Sends a response with a body to a client: compressed, where its headers say that it is and nobody has done so yet. */
function sendToClient(exchange: Exchange, fields: ResponseFields, body: NonNullable<OutgoingBody>): void {
    const head = responseHead(fields);
    const coding = fields.isEncoded ? null : fields.headers.get("content-encoding");
    const source = coding === null ? undefined : encodings().encodedSource(coding, body);
    if (source === undefined) exchange.send(F.RESPONSE, head, body);
    else exchange.send(F.RESPONSE, withLength(head, undefined), { source });
}

/** Answers an exchange that the other side began. Throws if its FETCH frame makes no sense. */
async function answerFetch(
    exchange: Exchange,
    frame: Frame,
    service: { fetch(request: Request): Promise<Response> },
): Promise<void> {
    const request = requestFrom(exchange, frame);
    try {
        const response = await service.fetch(request);
        const fields = responseFields(response);
        if (fields.webSocket !== null) {
            const { head, source } = websockets().acceptOver(response, request, exchange.incoming);
            return exchange.send(F.RESPONSE, { ...responseHead(fields), ...head }, { source });
        }
        const body = takeBody(response);
        if (exchange.isFromOutside && body !== undefined) sendToClient(exchange, fields, body);
        else exchange.send(F.RESPONSE, responseHead(fields), body);
    } catch (thrown) {
        exchange.reset(thrown);
    }
}
