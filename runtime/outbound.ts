// Ways out. A host worker's cell has a channel to the egress process, which it asks its supervisor for at its first
// fetch(); a policy's number says which one a request falls under. Every other cell hands its requests to its owner.
//
// The requests of a dynamic worker arrive in its owner's cell and go on from there (relay): the owner holds the way out,
// and the worker's cell gets no descriptor, no page and no call more for having one.

import * as F from "./frames";
import { Channel, register } from "./channel";
import { refusal, type Given, type Outbound } from "./fetch";
import { requestFrom, requestHead, responseFrom, responseHead } from "./http";
import type { Exchange } from "./exchange";
import type { ConnectTarget } from "./sockets";
import { takeBody } from "./web/body";
import type { ByteSource } from "./web/body-source";
import type { Request } from "./web/request";
import type { Response } from "./web/response";

/** Behind the owner of this cell. */
export class OwnerOutbound implements Outbound {
    readonly #channel: Channel;

    constructor(channel: Channel) {
        this.#channel = channel;
    }

    fetch(request: Request): Promise<Response> {
        return responseFrom(this.#channel.fetch(requestHead(request), takeBody(request)), request);
    }

    connect(connect: ConnectTarget, source: ByteSource): Promise<Exchange> {
        return Promise.resolve(this.#channel.fetch({ connect }, { source }));
    }
}

// --- The egress process ----------------------------------------------------------------------------------------------

/** The supervisor's channel; set once, when the host worker is loaded. */
let supervisor: Channel;
let egress: Channel | undefined;
/** Who waits for the channel to egress. */
let asked: PromiseWithResolvers<Channel> | undefined;

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
        frame() {
            throw new Error("unexpected frame");
        },
        closed() {
            if (egress === channel) egress = undefined;
            channel.lost(new Error("The egress process ended while the request was under way."));
        },
        bootstrap: {
            entrypoint() {
                throw new Error("Egress calls nothing.");
            },
        },
    });
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

    #head(head: object, worker: string | undefined): Record<string, unknown> {
        const all: Record<string, unknown> = { ...head, way: this.#way };
        if (this.#allow !== undefined) all.allow = this.#allow;
        if (worker !== undefined) all.worker = worker;
        return all;
    }

    async fetch(request: Request, worker?: string): Promise<Response> {
        const found = channelToEgress();
        const channel = found instanceof Promise ? await found : found;
        return responseFrom(channel.fetch(this.#head(requestHead(request), worker), takeBody(request)), request);
    }

    async connect(connect: ConnectTarget, source: ByteSource, worker?: string): Promise<Exchange> {
        const found = channelToEgress();
        const channel = found instanceof Promise ? await found : found;
        return channel.fetch(this.#head({ connect }, worker), { source });
    }
}

// --- Dynamic workers -------------------------------------------------------------------------------------------------

/** Answers a request that a dynamic worker made with its global fetch(). */
export async function relay(exchange: Exchange, frame: F.Frame, outbound: Given, worker: string | undefined): Promise<void> {
    try {
        if (outbound === null || outbound === undefined) throw refusal(outbound);
        const { connect } = (frame.head ?? {}) as { connect?: ConnectTarget };
        if (connect !== undefined) return await relayConnection(exchange, frame, outbound, connect, worker);
        const request = requestFrom(exchange, frame);
        const response = await (outbound instanceof EgressOutbound ? outbound.fetch(request, worker) : outbound.fetch(request));
        exchange.send(F.RESPONSE, responseHead(response), takeBody(response));
    } catch (thrown) {
        exchange.reset(thrown);
    }
}

async function relayConnection(
    exchange: Exchange,
    frame: F.Frame,
    outbound: Outbound,
    connect: ConnectTarget,
    worker: string | undefined,
): Promise<void> {
    if (!(outbound instanceof EgressOutbound)) throw new Error("This worker's outbound has no connect().");
    const onward = await outbound.connect(connect, exchange.takeIncoming(frame) as ByteSource, worker);
    exchange.listeners.push((reason) => onward.reset(reason));
    const answer = await onward.response!.promise;
    const head = { status: 200, statusText: "", headers: [] };
    exchange.send(F.RESPONSE, head, { source: onward.takeIncoming(answer) as ByteSource });
}
