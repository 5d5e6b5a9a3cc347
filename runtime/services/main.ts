// Service bindings to other host workers. A host worker's cell asks its supervisor for a channel to another's at its first
// call; both ends are the cells' own from then on, and the supervisor sees nothing of what crosses. When one of the cells
// ends, so does the channel, with all stubs that came over it; the next call asks anew.
//
// A part of host workers' cells: what is here finds its way into no dynamic worker's.

import { register, Channel } from "../channel";
import * as F from "../frames";
import { answerAsk, ask, requestHead } from "../http";
import { encode } from "../rpc/encoder";
import { DeferredHook, PassingHook, type Arguments, type Hook, type Path } from "../rpc/hook";
import type { Bootstrap } from "../rpc/session";
import { makeService, type Fetcher } from "../rpc/stubs";
import type { Encoded } from "../rpc/values";
import type { Request } from "../web/request";
import type { Response } from "../web/response";

/** A channel between two host workers, as either end sees it. */
function open(number: number, isCaller: boolean, bootstrap: Bootstrap, closed: (channel: Channel) => void): Channel {
    const channel = new Channel(number, isCaller, {
        fetch: (exchange, frame) => {
            const { target } = (frame.head ?? {}) as { target?: unknown };
            void answerAsk(exchange, frame, channel.rpc.service(target));
        },
        frame() {
            throw new Error("unexpected frame");
        },
        closed: () => closed(channel),
        bootstrap,
    });
    register(channel);
    return channel;
}

const nothing: Bootstrap = {
    entrypoint() {
        throw new Error("A service calls nothing that it was not given.");
    },
};

/** Another host worker. */
class Peer {
    readonly #supervisor: Channel;
    readonly #number: number;
    readonly #name: string;
    #channel: Channel | undefined;
    #asked: PromiseWithResolvers<Channel> | undefined;

    constructor(supervisor: Channel, number: number, name: string) {
        this.#supervisor = supervisor;
        this.#number = number;
        this.#name = name;
    }

    /** The channel at once where it is there, so that a call costs no turn of the event loop. */
    channel(): Channel | Promise<Channel> {
        if (this.#channel !== undefined) return this.#channel;
        if (this.#asked === undefined) {
            this.#asked = Promise.withResolvers<Channel>();
            this.#supervisor.send(F.SERVICE, 0, this.#number, "");
        }
        return this.#asked.promise;
    }

    granted(number: number): void {
        this.#channel = open(number, true, nothing, (channel) => {
            if (this.#channel === channel) this.#channel = undefined;
            channel.lost(new Error(`The service ${JSON.stringify(this.#name)} ended while the call was under way.`));
        });
        this.#asked?.resolve(this.#channel);
        this.#asked = undefined;
    }

    refused(reason: string): void {
        this.#asked?.reject(new Error(`${reason} (${this.#name})`));
        this.#asked = undefined;
    }
}

/** An entrypoint of another host worker, with the props that the configuration gives it; it lives as long as this cell. */
class PeerHook extends PassingHook {
    readonly #peer: Peer;
    readonly #name: string | undefined;
    readonly #props: Encoded | undefined;
    /** The export that the entrypoint has on a channel. */
    #export: { channel: Channel; number: number } | undefined;

    constructor(peer: Peer, name: string | undefined, props: Encoded | undefined) {
        super();
        this.#peer = peer;
        this.#name = name;
        this.#props = props;
    }

    #numberOn(channel: Channel): number {
        if (this.#export?.channel !== channel) {
            this.#export = { channel, number: channel.rpc.entrypoint(this.#name, this.#props) };
        }
        return this.#export.number;
    }

    #push(path: Path, args: Arguments | undefined): Hook {
        const push = (channel: Channel): Hook => channel.rpc.push(this.#numberOn(channel), path, args);
        const found = this.#peer.channel();
        return found instanceof Promise ? new DeferredHook(found.then(push)) : push(found);
    }

    async fetch(request: Request): Promise<Response> {
        const found = this.#peer.channel();
        const channel = found instanceof Promise ? await found : found;
        const head = requestHead(request);
        head.target = this.#numberOn(channel);
        return ask(channel, head, request);
    }

    call(path: Path, args: Arguments): Hook {
        return this.#push(path, args);
    }

    get(path: Path): Hook {
        return this.#push(path, undefined);
    }
}

/** A service binding as the configuration has it. */
export interface ServiceBinding {
    worker: number;
    service: string;
    entrypoint?: string;
    props?: string;
}

const peers = new Map<number, Peer>();

/** The stub of a service binding. */
export function bind(supervisor: Channel, { worker, service, entrypoint, props }: ServiceBinding): Fetcher {
    let peer = peers.get(worker);
    if (peer === undefined) peers.set(worker, (peer = new Peer(supervisor, worker, service)));
    const encoded = props === undefined ? undefined : encode(JSON.parse(props), "env");
    return makeService(new PeerHook(peer, entrypoint, encoded));
}

/** A GRANT frame came that carries the channel to the host worker of this number. */
export function onService(worker: number, channelNumber: number): void {
    peers.get(worker)?.granted(channelNumber);
}

/** A SERVICE frame came: that host worker cannot be called now. */
export function onNoService(worker: number, head: unknown): void {
    const { error } = (head ?? {}) as { error?: unknown };
    peers.get(worker)?.refused(typeof error === "string" ? error : "The service cannot be reached.");
}

/** A GRANT frame came that carries a channel on which another host worker calls this one. */
export function onCaller(channelNumber: number, bootstrap: Bootstrap): void {
    open(channelNumber, false, bootstrap, (channel) => {
        channel.lost(new Error("The host worker that this came from has ended."));
    });
}
