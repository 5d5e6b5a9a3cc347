// MessageChannel and MessagePort within one cell. A message is cloned when it is posted and delivered by a task of its
// own. A part, evaluated when a worker first names one of the classes.

import { needArguments } from "../web/arguments";
import { brand } from "../web/brand";
import { cloneWithTransfer, transferables } from "../web/clone";
import { DOMException } from "../web/domexception";
import { defineHandler, dispatchTrusted, Event, EventTarget, MessageEvent, type EventListenerLike } from "../web/events";
import { setTimeout } from "../web/timers";

const construct = Symbol("construct");

interface Message {
    data: unknown;
    ports: unknown[];
}

/** What outlives a port that is transferred: its queue, and the other end's. */
interface End {
    queue: Message[];
    port: MessagePort | undefined;
    started: boolean;
    closed: boolean;
    other: End | undefined;
}

let endOf: (port: MessagePort) => End | undefined;
let detach: (port: MessagePort) => End;

/** Each message takes a turn of its own, in order. */
function schedule(end: End): void {
    setTimeout(() => {
        const { port } = end;
        if (port === undefined || !end.started || end.closed) return;
        const message = end.queue.shift();
        if (message !== undefined) dispatchTrusted(port, new MessageEvent("message", message));
    }, 0);
}

export class MessagePort extends EventTarget {
    #end: End | undefined;

    static {
        endOf = (port) => port.#end;
        detach = (port) => {
            const end = port.#end!;
            port.#end = undefined;
            end.port = undefined;
            end.started = false;
            return end;
        };
    }

    constructor(token?: unknown, end?: End) {
        if (token !== construct) throw new TypeError("Illegal constructor");
        super();
        this.#end = end;
        if (end !== undefined) end.port = this;
    }

    postMessage(message: unknown, options?: unknown): void {
        needArguments("execute 'postMessage' on 'MessagePort'", 1, arguments.length);
        const transfer =
            typeof options === "object" && options !== null && !(Symbol.iterator in options)
                ? (options as { transfer?: unknown }).transfer
                : options;
        if (Array.isArray(transfer) && transfer.includes(this)) {
            throw new DOMException("A port cannot be sent through itself.", "DataCloneError");
        }
        const { value, ports } = cloneWithTransfer(message, transfer);
        const other = this.#end?.other;
        if (other === undefined || other.closed) return;
        other.queue.push({ data: value, ports });
        if (other.started) schedule(other);
    }

    start(): void {
        const end = this.#end;
        if (end === undefined || end.started) return;
        end.started = true;
        for (let i = 0; i < end.queue.length; i++) schedule(end);
    }

    close(): void {
        const end = this.#end;
        if (end === undefined || end.closed) return;
        end.closed = true;
        const { other } = end;
        end.other = undefined;
        if (other === undefined) return;
        other.other = undefined;
        setTimeout(() => {
            if (other.port !== undefined) dispatchTrusted(other.port, new Event("close"));
        }, 0);
    }

    override addEventListener(type: string, callback: EventListenerLike | null, options?: unknown): void {
        super.addEventListener(type, callback, options);
    }
}
defineHandler(MessagePort, "message");
defineHandler(MessagePort, "messageerror");
defineHandler(MessagePort, "close");
brand(MessagePort, "MessagePort");

// Setting onmessage starts a port; adding a listener does not.
const onmessage = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage")!;
Object.defineProperty(MessagePort.prototype, "onmessage", {
    ...onmessage,
    set(this: MessagePort, handler: unknown) {
        onmessage.set!.call(this, handler);
        this.start();
    },
});

transferables.isPort = (value): value is MessagePort => value instanceof MessagePort;
transferables.isDetached = (port) => endOf(port as MessagePort) === undefined;
transferables.move = (port) => {
    const end = detach(port as MessagePort);
    return new MessagePort(construct, end);
};

export class MessageChannel {
    readonly port1: MessagePort;
    readonly port2: MessagePort;

    constructor() {
        const make = (): End => ({ queue: [], port: undefined, started: false, closed: false, other: undefined });
        const [one, two] = [make(), make()];
        one.other = two;
        two.other = one;
        this.port1 = new MessagePort(construct, one);
        this.port2 = new MessagePort(construct, two);
    }
}
brand(MessageChannel, "MessageChannel", ["port1", "port2"]);
