// Ways out. A host worker's cell has a channel to the egress process, which it asks its supervisor for at its first
// fetch(); a policy's number says which one a request falls under. Every other cell hands its requests to its owner.
//
// The requests of a dynamic worker arrive in its owner's cell and go on from there (relay): the owner holds the way out,
// and the worker's cell gets no descriptor, no page and no call more for having one.

import * as F from "./frames";
import { Channel, register } from "./channel";
import { native } from "./web/host";
import { URL } from "./web/url";
import { refusal, type Given, type Outbound, type Tell } from "./fetch";
import { answerAsk, ask, isRequestHead, requestHead, wantsWebSocket, type RequestHead } from "./http";
import type { Connection, Exchange, OutgoingBody } from "./exchange";
import { connectOf, type Fetcher } from "./rpc/stubs";
import type { ConnectTarget } from "./sockets";
import type { ByteSource } from "./web/body-source";
import type { Request } from "./web/request";
import type { Response } from "./web/response";

/** Who leads out follows redirects, too. */
function headOutwards(request: Request): RequestHead {
    return { ...requestHead(request), redirect: request.redirect };
}

/** Behind the owner of this cell. */
export class OwnerOutbound implements Outbound {
    readonly #channel: Channel;

    constructor(channel: Channel) {
        this.#channel = channel;
    }

    fetch(request: Request): Promise<Response> {
        return ask(this.#channel, headOutwards(request), request);
    }

    connect(connect: ConnectTarget, source: ByteSource): Promise<Connection> {
        return Promise.resolve(this.#channel.fetch({ connect }, { source }).connection);
    }
}

// --- The egress process ----------------------------------------------------------------------------------------------

/** The supervisor's channel; set once, when the host worker is loaded. */
let supervisor: Channel;
let egress: Channel | undefined;
/** Who waits for the channel to egress. */
let asked: PromiseWithResolvers<Channel> | undefined;

/** Who wants to know, by the number of their exchange with egress, which tells of each once, at its end. */
const told = new Map<number, (record: object) => void>();

function tellOf(exchange: Exchange, tell: Tell): Exchange {
    if (tell !== undefined) told.set(exchange.id, tell);
    return exchange;
}

function onRecord({ id, head }: F.Frame): void {
    const tell = told.get(id);
    told.delete(id);
    tell?.(head as object);
}

export function startOutbound(channel: Channel): void {
    supervisor = channel;
}

function channelToEgress(): Channel | Promise<Channel> {
    if (egress !== undefined) return egress;
    if (asked === undefined) {
        asked = Promise.withResolvers<Channel>();
        supervisor.send(F.OUTBOUND, 0, 0, "");
    }
    return asked.promise;
}

/** A GRANT frame came that carries the way out. */
export function onWayOut(number: number): void {
    const channel = new Channel(number, true, {
        fetch(exchange) {
            exchange.reset(new Error("Egress asks nothing."));
        },
        frame(frame) {
            if (frame.type !== F.LOG) throw new Error("unexpected frame");
            onRecord(frame);
        },
        closed() {
            if (egress === channel) egress = undefined;
            told.clear();
            channel.lost(new Error("The egress process ended while the request was under way."));
        },
        bootstrap: {
            entrypoint() {
                throw new Error("Egress calls nothing.");
            },
        },
    });
    channel.isWayOut = true;
    register(channel);
    egress = channel;
    asked?.resolve(channel);
    asked = undefined;
}

/** An OUTBOUND frame came: there is no way out. */
export function onNoWayOut(head: unknown): void {
    const { error } = (head ?? {}) as { error?: unknown };
    asked?.reject(new Error(typeof error === "string" ? error : "There is no egress process."));
    asked = undefined;
}

/** A policy of the configuration; with `allow`, rules of the host worker's own that narrow it. */
export class EgressOutbound implements Outbound {
    readonly #way: number;
    readonly #allow: unknown[] | undefined;

    constructor(way: number, allow?: unknown[]) {
        this.#way = way;
        this.#allow = allow;
    }

    #head(head: object, worker: string | undefined, tell: Tell): Record<string, unknown> {
        const all: Record<string, unknown> = { ...head, way: this.#way };
        if (this.#allow !== undefined) all.allow = this.#allow;
        if (worker !== undefined) all.worker = worker;
        if (tell !== undefined) all.tells = true;
        return all;
    }

    async fetch(request: Request, worker?: string, tell?: Tell): Promise<Response> {
        const found = channelToEgress();
        const channel = found instanceof Promise ? await found : found;
        const head = this.#head(headOutwards(request), worker, tell) as unknown as RequestHead;
        return ask(channel, head, request, (exchange) => void tellOf(exchange, tell));
    }

    /** Sends on a worker's request as it came, and its answer likewise: egress judges the one, the worker reads the other. */
    async relay(exchange: Exchange, frame: F.Frame, worker: string | undefined, tell: Tell): Promise<void> {
        const { method, url, headers, redirect } = frame.head as RequestHead;
        const body = outgoing(exchange.takeIncoming(frame), (frame.flags & F.BUFFER) !== 0);
        try {
            const found = channelToEgress();
            const channel = found instanceof Promise ? await found : found;
            if (exchange.aborted) return;
            const onward = tellOf(channel.fetch(this.#head({ method, url, headers, redirect }, worker, tell), body), tell);
            exchange.listeners.push((reason) => onward.reset(reason));
            const answer = await onward.response!.promise;
            exchange.send(F.RESPONSE, answer.head as object, outgoing(onward.takeIncoming(answer)));
        } catch (thrown) {
            exchange.reset(thrown);
        }
    }

    async connect(connect: ConnectTarget, source: ByteSource, worker?: string, tell?: Tell): Promise<Connection> {
        const found = channelToEgress();
        const channel = found instanceof Promise ? await found : found;
        return tellOf(channel.fetch(this.#head({ connect }, worker, tell), { source }), tell).connection;
    }
}

function outgoing(body: Uint8Array | ByteSource | undefined, isBuffer = false): OutgoingBody {
    if (body === undefined) return undefined;
    return body instanceof Uint8Array ? { bytes: body, isBuffer } : { source: body, isBuffer };
}

// --- Dynamic workers -------------------------------------------------------------------------------------------------

/** A stub that its owner named as a worker's way out. Egress sees what the stub asks in its turn, and names the owner. */
export class StubOutbound implements Outbound {
    readonly #stub: Fetcher;

    constructor(stub: Fetcher) {
        this.#stub = stub;
    }

    fetch(request: Request): Promise<Response> {
        return (this.#stub as unknown as Outbound).fetch(request);
    }

    async connect(target: ConnectTarget, body: ByteSource): Promise<Connection> {
        return connectOf(this.#stub)(target, body);
    }
}

/** Tells of a request that a stub answered what egress would, as far as it is known here, when both bodies have ended. */
function recordOf(exchange: Exchange, worker: string | undefined, tell: NonNullable<Tell>): (asked: object, outcome: Promise<object>) => void {
    const began = native.wallTime();
    const ended = new Promise<void>((resolve) => exchange.whenEnded(resolve));
    return async (asked, outcome) => {
        const failed = (error: unknown): object => ({ error: String((error as Error | undefined)?.message ?? error) });
        let found = await outcome.catch(failed);
        await ended;
        if (exchange.aborted) found = { ...found, ...failed(exchange.reason) };
        // As the asking worker sees it: what it sent is what came here.
        const [sentBytes, receivedBytes] = [exchange.incoming.bytes, exchange.sentBytes];
        const [time, ms] = [new Date(began).toISOString(), Math.round(native.wallTime() - began)];
        tell({ time, dynamicWorker: worker, ...asked, ...found, sentBytes, receivedBytes, ms });
    };
}

function partsOf(request: Request): object {
    const { protocol, hostname: host, port, pathname: path } = new URL(request.url);
    const scheme = protocol.slice(0, -1);
    return { method: request.method, scheme, host, port: Number(port) || (scheme === "https" ? 443 : 80), path };
}

/** Answers a request that a dynamic worker made with its global fetch(), or its connect(). */
export async function relay(
    exchange: Exchange,
    frame: F.Frame,
    outbound: Given,
    worker: string | undefined,
    tell: Tell,
): Promise<void> {
    if (outbound === null || outbound === undefined) return exchange.reset(refusal(outbound));
    const { head } = frame;
    const isPlain = isRequestHead(head) && (frame.flags & F.FIN || !wantsWebSocket(head));
    if (outbound instanceof EgressOutbound && isPlain) return outbound.relay(exchange, frame, worker, tell);
    const record = outbound instanceof StubOutbound && tell !== undefined ? recordOf(exchange, worker, tell) : undefined;
    return answerAsk(exchange, frame, {
        fetch(request) {
            const answer = outbound.fetch(request, worker, tell);
            record?.(partsOf(request), answer.then(({ status }) => ({ status })));
            return answer;
        },
        connect(target, body) {
            const made = outbound.connect(target, body, worker, tell);
            const { host, port } = target;
            record?.({ method: "CONNECT", host, port }, made.then(({ opened }) => opened).then(() => ({})));
            return made;
        },
    });
}
