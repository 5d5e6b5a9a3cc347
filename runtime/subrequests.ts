// What one dynamic worker asks of the world outside its cell, counted by its owner. Runs in host workers' cells.
//
// Requests that wait for their answer's head are `connections` at most for each call under way; further ones wait for
// their turn, as at Cloudflare, where code that asks for a hundred things at once is usual. Connections made by connect()
// are as many, counted by themselves: one that is too many cannot wait, since those before it may stay open for ever, and
// is refused. All end with the last call under way (loader.ts).

import type { Exchange } from "./exchange";
import { limitError, limitOf, type LimitName, type Limits, type SomeLimits } from "./limits";

/** Requests that may wait for their turn; channel.ts bounds what is under way in all. */
const QUEUE_MAX = 512;

interface Waiting {
    exchange: Exchange;
    send: () => Promise<void>;
}

/** The worker that asks. */
export interface Asking {
    readonly limits: Limits;
    /** Calls of it that are under way. */
    readonly calls: number;
}

export class SubRequests {
    readonly #asking: Asking;
    /** Requests since the last call began. */
    #made = 0;
    /** Requests that were sent onward and have no answer's head yet. */
    #open = 0;
    readonly #connections = new Set<Exchange>();
    #queue: Waiting[] = [];
    /** Limits of the calls under way that have some of their own; mostly none. */
    readonly #ofCalls: SomeLimits[] = [];

    constructor(asking: Asking) {
        this.#asking = asking;
    }

    /** A call begins. */
    callBegins(): void {
        this.#made = 0;
    }

    /** The call that began has limits of its own, until the function that this returns is called. */
    limitCall(limits: SomeLimits): () => void {
        this.#ofCalls.push(limits);
        return () => void this.#ofCalls.splice(this.#ofCalls.indexOf(limits), 1);
    }

    #limit(name: LimitName): number {
        const { limits } = this.#asking;
        return Math.min(...[undefined, ...this.#ofCalls].map((call) => limitOf(name, limits, call) || Infinity));
    }

    /** Counts a request of any kind, or throws. */
    count(): void {
        const max = this.#limit("subRequests");
        if (++this.#made > max) throw limitError("subRequests", max, this.#made);
    }

    /** Sends a request onward, now or when it is its turn; `send` settles when its answer has a head. */
    request(exchange: Exchange, send: () => Promise<void>): void {
        const max = this.#limit("connections");
        if (this.#open < max || this.#open < max * this.#asking.calls) return this.#send(send);
        if (this.#queue.length >= QUEUE_MAX) {
            return exchange.reset(limitError("connections", max, this.#open + this.#queue.length + 1));
        }
        this.#queue.push({ exchange, send });
    }

    /** Makes a connection, which counts until it has ended in both directions. */
    connect(exchange: Exchange, send: () => Promise<void>): void {
        const max = this.#limit("connections");
        const open = this.#connections.size;
        if (open >= max && open >= max * this.#asking.calls) {
            return exchange.reset(limitError("connections", max, open + 1));
        }
        this.#connections.add(exchange);
        exchange.whenEnded(() => void this.#connections.delete(exchange));
        void send();
    }

    #send(send: () => Promise<void>): void {
        this.#open++;
        const ended = (): void => this.#ended();
        send().then(ended, ended);
    }

    #ended(): void {
        this.#open--;
        let next = this.#queue.shift();
        while (next?.exchange.aborted) next = this.#queue.shift();
        if (next !== undefined) this.#send(next.send);
    }
}
