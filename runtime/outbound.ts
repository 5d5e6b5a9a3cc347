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
import { takeBody } from "./web/body";
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

    async fetch(request: Request, worker?: string): Promise<Response> {
        const found = channelToEgress();
        const channel = found instanceof Promise ? await found : found;
        const head: Record<string, unknown> = { ...requestHead(request), way: this.#way };
        if (this.#allow !== undefined) head.allow = this.#allow;
        if (worker !== undefined) head.worker = worker;
        return responseFrom(channel.fetch(head, takeBody(request)), request);
    }
}

// --- Dynamic workers -------------------------------------------------------------------------------------------------

/** Answers a request that a dynamic worker made with its global fetch(). */
export async function relay(exchange: Exchange, frame: F.Frame, outbound: Given, worker: string | undefined): Promise<void> {
    try {
        if (outbound === null || outbound === undefined) throw refusal(outbound);
        const request = requestFrom(exchange, frame);
        const response = await (outbound instanceof EgressOutbound ? outbound.fetch(request, worker) : outbound.fetch(request));
        exchange.send(F.RESPONSE, responseHead(response), takeBody(response));
    } catch (thrown) {
        exchange.reset(thrown);
    }
}
