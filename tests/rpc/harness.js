// Real channels and sessions of the runtime, bundled into a worker of its own: what a channel sends goes into a list, and
// what it is sent is whatever a case says. The other end is thus as hostile as it likes, in either role.

import { Channel, onFrame, register } from "../../runtime/channel.ts";
import { follow } from "../../runtime/rpc/members.ts";
import { hookOf, onward } from "../../runtime/rpc/target.ts";
import { bindNative, hooks } from "../../runtime/web/host.ts";
import * as F from "../../runtime/frames.ts";
import { RpcTarget } from "../../runtime/context.ts";
import { OwnArguments } from "../../runtime/rpc/values.ts";
import { Response } from "../../runtime/web/response.ts";
import { ReadableStream } from "../../runtime/web/streams.ts";

export { F, OwnArguments, RpcTarget };

const ends = new Map();
let nextNumber = 1;

/** Why channels ended, as the runtime's log says it. */
export const log = [];

bindNative({
    send(number, type, flags, id, head, tail) {
        ends.get(number)?.sent.push({ type, flags, id, head: head === "" ? undefined : JSON.parse(head), tail: tail && new Uint8Array(tail) });
        return 0;
    },
    close(number) {
        ends.get(number).isClosed = true;
        ends.delete(number);
    },
    utf8Length: (text) => new TextEncoder().encode(text).length,
    utf8Encode: (text) => new TextEncoder().encode(text),
    utf8Decode: (bytes) => new TextDecoder().decode(bytes),
    monotonicTime: () => performance.now(),
    wallTime: () => Date.now(),
    wake() {},
});
hooks.log = (level, message) => log.push(message);

/** Lets everything happen that needs no more from outside. */
export async function settle() {
    for (let i = 0; i < 30; i++) await null;
}

export class Victim extends RpcTarget {
    calls = [];
    own = "hidden";
    echo(value) {
        this.calls.push("echo");
        return value;
    }
    never() {
        return new Promise(() => {});
    }
    call(f, ...args) {
        return f(...args);
    }
    make() {
        return new Victim();
    }
    keep(stub) {
        this.kept = stub.dup();
    }
    async collect(stream) {
        let text = "";
        for await (const chunk of stream) text += new TextDecoder().decode(chunk);
        return text;
    }
    give() {
        return new ReadableStream({ type: "bytes", pull: () => new Promise(() => {}) });
    }
    get value() {
        return { deep: 1 };
    }
    fail() {
        throw new RangeError("victim");
    }
}

/** One honest end of a channel; the case is the other. */
export class End {
    sent = [];
    isClosed = false;
    victim = new Victim();

    constructor(isOwner = true) {
        this.number = nextNumber++;
        ends.set(this.number, this);
        const service = {
            call: (path, args) => follow(this.victim, path, args, hookOf, onward),
            fetch: async () => new Response("fetched"),
        };
        this.channel = new Channel(this.number, isOwner, {
            fetch: (exchange) => exchange.reset(new Error("refused")),
            frame: () => {},
            closed: () => this.channel.lost(new Error("The channel has ended.")),
            bootstrap: { entrypoint: () => service },
        });
        register(this.channel);
    }

    /** A frame arrives, as JSON makes it. */
    frame(type, flags, id, head, tail) {
        onFrame(this.number, type, flags, id, head === undefined ? undefined : JSON.parse(JSON.stringify(head)), tail);
    }

    say(...messages) {
        for (const message of messages) this.frame(F.RPC, 0, 0, message);
        return this;
    }

    /** Opens the victim's entrypoint as number 1 of the other side. */
    open() {
        return this.say(["push", ["pipeline", 0, ["getEntrypoint"], [[null, ["undefined"]]]]]);
    }

    /** A call of the victim. */
    call(method, ...args) {
        return this.say(["push", ["pipeline", 1, [method], [args]]]);
    }

    /** Calls under way in either direction. */
    get pending() {
        return this.channel.unanswered + this.channel.owed;
    }

    answers() {
        return this.sent.filter(({ type }) => type === F.RPC).map(({ head }) => head);
    }
}

/** Every case is [name, async body]; a body that throws has failed. */
export async function runCases(cases) {
    const passed = [];
    const failures = [];
    for (const [name, body] of cases) {
        try {
            await body();
            passed.push(name);
        } catch (error) {
            failures.push(`${name}: ${error}`);
        }
    }
    return { passed, failures };
}

export function equal(got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`expected ${b}, got ${a}`);
}
