// The worker of a cell: takes LOAD, links and starts its modules, then answers FETCH, RPC and CALL.
// A request that comes before the start has ended waits for it; after a failed start each gets the start's error.

import * as F from "./frames";
import { callBegins, callEnded, callsEnded, mayLog, openBudget } from "./budget";
import type { Asked } from "./capability";
import { onDied, onEvict, onGrant } from "./cells";
import { Channel, type ChannelHandler } from "./channel";
import type { LoadHead } from "./code";
import { compatibility, setOwnExports, watchBackground, workersModule, type ExecutionContext } from "./context";
import { Entrypoints } from "./entrypoint";
import { errorFromHead, type Connection, type Exchange } from "./exchange";
import { setOutbound, type Given } from "./fetch";
import { answerAsk, requestHead } from "./http";
import { begin, end, startLeases } from "./leases";
import { linkWorker } from "./link";
import { EgressOutbound, onNoWayOut, onWayOut, OwnerOutbound, startOutbound } from "./outbound";
import { homeOf, startLoader, WorkerLoader } from "./loader";
import { hasExports, makeExports, ownService } from "./loopback";
import { encode } from "./rpc/encoder";
import { makeService } from "./rpc/stubs";
import { ServiceHook, type Service } from "./rpc/target";
import { lazy } from "./web/lazy";
import { part } from "./parts";
import type { Encoded } from "./rpc/values";
import type { ServiceBinding } from "./services/main";
import type { ScheduledController } from "./scheduled/main";
import type { Said, Trace, Tracer } from "./tails/main";
import { describeThrown, stackOf } from "./thrown";
import { hooks, native } from "./web/host";
import { setTimeout } from "./web/timers";
import { isInstantiating } from "./webassembly";
import type { Response } from "./web/response";

declare const require: (path: string) => unknown;

const capnweb = lazy(() => part<typeof import("./capnweb/main")>("capnweb"));
const services = lazy(() => part<typeof import("./services/main")>("services"));
const tails = lazy(() => part<typeof import("./tails/main")>("tails"));
const scheduled = lazy(() => part<typeof import("./scheduled/main")>("scheduled"));
const executions = lazy(() => require("./execution") as typeof import("./execution"));
const practice = lazy(() => require("./practice") as typeof import("./practice"));

/** The worker, and its end of the channel to whoever loads it. */
export class Worker implements ChannelHandler {
    readonly channel: Channel;
    readonly bootstrap = { entrypoint: (name: string | undefined, props: unknown, cpuMs?: number) => this.#entrypoint(name, props, cpuMs) };
    /** Entrypoints once started; until then the promise of them. */
    #started: Entrypoints | Promise<Entrypoints> | undefined;
    /** `mayfly serve --rpc`: the path, and the stub that clients see there. */
    #rpc: { path: string; main: object } | undefined;
    /** `mayfly serve --test-scheduled`: requests run scheduled events. */
    #isScheduledTested = false;
    /** Somebody is told what happens here. */
    #isTailed = false;
    /** Of a host worker that has tail consumers. */
    #tracer: Tracer | undefined;
    /** A host worker that has no way out itself passes none on. */
    #isClosed = true;
    /** Whether no worker is behind the owner's channel, but clients or a C program. */
    #isOutermost = false;
    /** How many frames had come when bodies were found to be stuck. */
    #takenWhenStuck = -1;
    /** What the owner was asked and has not answered. */
    readonly #asked = new Map<number, PromiseWithResolvers<F.Frame>>();
    /** CALLs that are not answered. */
    readonly #calls = new Set<number>();

    constructor(channelNumber: number) {
        this.channel = new Channel(channelNumber, false, this);
    }

    /** Calls f with the entrypoints, at once where they are there. */
    readonly #whenStarted = <T>(f: (entrypoints: Entrypoints) => T | Promise<T>): T | Promise<T> => {
        const started = this.#started;
        if (started === undefined) throw new Error("No worker has been loaded into this cell.");
        return started instanceof Entrypoints ? f(started) : started.then(f);
    };

    // --- Start -------------------------------------------------------------------------------------------------------

    #load(head: LoadHead, tail: Uint8Array = new Uint8Array(0)): void {
        if (this.#started !== undefined) throw new Error("a cell takes one worker");
        Object.assign(compatibility, { date: head.compatibilityDate, flags: head.compatibilityFlags });
        this.#isClosed = head.outbound === null;
        this.#isOutermost = head.env === undefined;
        setOutbound(this.#outboundOf(head));
        if (native.isHost()) {
            startOutbound(this.channel);
            startLeases();
            startLoader(this.channel, head.compatibilityFlags, head.limits ?? {});
        } else {
            openBudget(head.limits ?? {});
        }
        this.#isTailed = head.isTailed === true || head.tails !== undefined;
        if (this.#isTailed) hooks.publish = (channel, message) => this.#published(channel, message);
        if (head.tails !== undefined) {
            const consumers = head.tails.map((consumer) => this.#binding("tail_consumers", consumer) as object);
            this.#tracer = new (tails().Tracer)(head.name ?? null, consumers);
        }
        const { rpc, crons } = head;
        this.#isScheduledTested = head.testScheduled === true;
        if (rpc !== undefined) {
            this.#rpc = { path: rpc.path, main: makeService(ownService(this.#whenStarted, rpc.entrypoint, undefined)) };
        }
        const env = this.#envOf(head, tail);
        let made: object | undefined; // `lazy` would be a function more that each cell runs once: 6 KiB of its own
        const own = (): object => (made ??= makeExports(() => (this.#started instanceof Entrypoints ? this.#started.names() : []), this.#whenStarted));
        setOwnExports(() => (hasExports(compatibility.date, compatibility.flags) ? own() : undefined));
        const builtins = (name: string): Record<string, unknown> | undefined => {
            if (name === "cloudflare:workers") return workersModule(env, own());
            if (name === "mayfly:execution") {
                const { execution, isExpression } = executions();
                return { execution, isExpression };
            }
            return name === "cloudflare:sockets" ? socketsModule : undefined;
        };
        const starting = linkWorker(head, tail, env, builtins, (name) => this.#askForModule(name)).then(
            (exports) => new Entrypoints(exports, env),
        );
        this.#started = starting;
        starting.then(
            (entrypoints) => {
                this.#started = entrypoints;
                this.channel.send(F.STARTED, 0, 0, "{}");
                if (crons !== undefined && crons.length > 0) scheduled().start(crons, this.#handleScheduled);
                if (head.bindings !== undefined && hasLoader(head.bindings)) practice().startPractice();
            },
            (error: unknown) => this.channel.send(F.STARTED, 0, 0, JSON.stringify({ error: describeThrown(error) })),
        );
    }

    #outboundOf(head: LoadHead): Given {
        if (head.outbound === "egress") return new EgressOutbound(0);
        if (head.outbound === "owner") return new OwnerOutbound(this.channel);
        return head.outbound === "none" ? undefined : null;
    }

    /** A dynamic worker's env was encoded by its loader; any other's consists of plain values and bindings. */
    #envOf(head: LoadHead, tail: Uint8Array): Record<string, unknown> {
        if (head.env !== undefined) {
            const bytes = tail.subarray(tail.length - (head.envBytes ?? 0));
            return this.channel.open(head.env, bytes) as Record<string, unknown>;
        }
        const env: Record<string, unknown> = { ...head.vars };
        for (const [name, binding] of Object.entries(head.bindings ?? {})) env[name] = this.#binding(name, binding);
        return env;
    }

    #binding(name: string, binding: { type: string; [key: string]: unknown }): unknown {
        switch (binding.type) {
            case "loader":
                return new WorkerLoader(
                    homeOf(typeof binding.namespace === "string" ? binding.namespace : `:${name}`, binding.jit !== false),
                    this.#loaderOutbound(binding.way),
                );
            case "outbound":
                return (options: unknown) => narrowedOutbound(binding.way as number, options);
            case "self":
                return makeService(ownService(this.#whenStarted, binding.entrypoint as string | undefined, propsOf(binding)));
            case "service":
                return services().bind(this.channel, binding as unknown as ServiceBinding);
            case "host":
                return this.#capability(name);
            default:
                throw new Error(`The binding ${name} has the unknown type ${binding.type}.`);
        }
    }

    /** What workers get that are loaded without a globalOutbound: the binding's policy, or what the host worker has. */
    #loaderOutbound(way: unknown): Given {
        if (way === null || (way === undefined && this.#isClosed)) return null;
        return new EgressOutbound(typeof way === "number" ? way : 0);
    }

    // --- Calls of the owner ------------------------------------------------------------------------------------------

    fetch(exchange: Exchange, frame: F.Frame): void {
        const { target } = (frame.head ?? {}) as { target?: number };
        exchange.isFromOutside = this.#isOutermost;
        const isPlain = this.#rpc === undefined && !this.#isScheduledTested;
        const service =
            target !== undefined ? this.channel.rpc.service(target) : isPlain ? this.#entrypoint(undefined, undefined) : this.#outside;
        void answerAsk(exchange, frame, service);
    }

    /** Requests to the path of --rpc are capnweb's, those to --test-scheduled's run the scheduled handler. */
    readonly #outside: Service = {
        call: () => undefined,
        connect: (target, body) => this.#entrypoint(undefined, undefined).connect!(target, body),
        fetch: async (request) => {
            const path = pathOf(request.url);
            if (path === this.#rpc?.path) return capnweb().answer(request, this.#rpc.main);
            if (this.#isScheduledTested && scheduled().isOurs(path)) return scheduled().answer(request, this.#handleScheduled);
            return this.#entrypoint(undefined, undefined).fetch(request);
        },
    };

    readonly #handleScheduled = async (controller: ScheduledController, ctx: ExecutionContext): Promise<unknown> => {
        const trace = this.#tracer?.beginScheduled(controller.cron, controller.scheduledTime);
        const run = async (): Promise<unknown> =>
            this.#whenStarted((entrypoints) => entrypoints.handle("scheduled", undefined, controller, ctx));
        const lease = begin();
        try {
            return await (trace === undefined ? run() : this.#trace(trace, run));
        } finally {
            end(lease);
        }
    };

    /** An entrypoint as its owner reaches it, over RPC and by FETCH; found at the first call, a new instance for each. */
    #entrypoint(name: string | undefined, props: unknown, cpuMs?: number): Service {
        return {
            call: (path, args) => this.#run(cpuMs, (entrypoints) => entrypoints.call(name, props, path, args)),
            fetch: async (request) => {
                const fetch = (entrypoints: Entrypoints): Promise<Response> => entrypoints.fetch(name, props, request);
                if (this.#tracer === undefined) return this.#run(cpuMs, fetch);
                return this.#trace(this.#tracer.beginFetch(name, requestHead(request)), () => this.#run(cpuMs, fetch));
            },
            connect: (target, body) => this.#run(cpuMs, (entrypoints) => entrypoints.connect(name, props, target, body)) as Promise<Connection>,
        };
    }

    /** Runs a handler of a host worker that has tail consumers. */
    async #trace<T>(trace: Trace, run: () => T | Promise<T>): Promise<T> {
        try {
            const answer = await run();
            trace.responded(answer);
            return answer;
        } catch (thrown) {
            trace.take({ exception: tails().encodeException(thrown) });
            trace.failed(thrown);
            throw thrown;
        } finally {
            trace.ended();
        }
    }

    /** A call of the owner's: the cell may use so much CPU time for it. */
    #run<T>(cpuMs: number | undefined, f: (entrypoints: Entrypoints) => T | Promise<T>): T | Promise<T> {
        callBegins(cpuMs);
        if (this.#isTailed && this.#tracer === undefined) f = this.#saying(f);
        return cpuMs === undefined ? this.#whenStarted(f) : this.#runLimited(cpuMs, f);
    }

    /** f, and the owner is told what it throws and how much CPU time it used. */
    #saying<T>(f: (entrypoints: Entrypoints) => T | Promise<T>): (entrypoints: Entrypoints) => Promise<T> {
        return async (entrypoints) => {
            const begunMs = native.cpuTime();
            try {
                return await f(entrypoints);
            } catch (thrown) {
                this.#say({ exception: tails().encodeException(thrown) });
                throw thrown;
            } finally {
                this.#say({ cpuMs: Math.round(native.cpuTime() - begunMs) });
            }
        };
    }

    async #runLimited<T>(cpuMs: number, f: (entrypoints: Entrypoints) => T | Promise<T>): Promise<T> {
        try {
            return await this.#whenStarted(f);
        } finally {
            callEnded(cpuMs);
        }
    }

    async #answerCall(id: number, head: unknown): Promise<void> {
        const { entrypoint, props, method, args } = (head ?? {}) as Record<string, unknown>;
        this.#calls.add(id);
        this.channel.owed++;
        try {
            if (typeof method !== "string" || !Array.isArray(args)) {
                throw new TypeError("CALL needs a method and arguments.");
            }
            const name = typeof entrypoint === "string" ? entrypoint : undefined;
            const result: unknown = await this.#run(undefined, (e) => e.callJson(name, props, method, args as unknown[]));
            const text = (JSON.stringify(result) as string | undefined) ?? "null";
            if (this.#endCall(id)) this.channel.send(F.RETURN, 0, id, text);
        } catch (thrown) {
            if (!this.#endCall(id)) return;
            const stack = thrown instanceof Error ? String(thrown.stack ?? "") : "";
            this.channel.send(F.THROW, 0, id, JSON.stringify({ ...describeThrown(thrown), stack }));
        }
    }

    /** Whether it was still to be answered. */
    #endCall(id: number): boolean {
        const isOwed = this.#calls.delete(id);
        if (isOwed) this.channel.owed--;
        return isOwed;
    }

    /** Nothing but the owner can wake this cell. What it waits for here then never comes, unless it has to send more itself.
     * That it may call the worker again is no hope: at Cloudflare that would be another request. */
    stuck(): void {
        const { channel } = this;
        if (this.#asked.size > 0 || isInstantiating()) return;
        const isStarting = this.#started instanceof Promise;
        const stuck = isStarting ? channel.isQuiet && "calls" : channel.stuck;
        if (!stuck) return;
        if (stuck === "bodies" && channel.taken !== this.#takenWhenStuck) {
            this.#takenWhenStuck = channel.taken;
            setTimeout(() => {}, BODY_GRACE_MS); // then this is called again
            return;
        }
        const error = new Error(isStarting ? UNSETTLED : HUNG);
        if (isStarting) {
            this.#started = Promise.reject(error);
            this.#started.catch(() => {});
            channel.send(F.STARTED, 0, 0, JSON.stringify({ error: describeThrown(error) }));
        }
        channel.failOwed(error);
        for (const id of [...this.#calls]) {
            this.#endCall(id);
            channel.send(F.THROW, 0, id, JSON.stringify({ ...describeThrown(error), stack: "" }));
        }
        callsEnded();
    }

    // --- Calls to the owner ------------------------------------------------------------------------------------------

    #ask(type: number, head: string): Asked {
        const id = this.channel.nextId();
        const answer = Promise.withResolvers<F.Frame>();
        this.channel.send(type, 0, id, head);
        this.#asked.set(id, answer);
        return { answer: answer.promise, giveUp: (reason) => this.#giveUp(id, reason) };
    }

    #settle(frame: F.Frame): void {
        const answer = this.#asked.get(frame.id);
        if (answer === undefined) return;
        this.#asked.delete(frame.id);
        if (frame.type === F.THROW) answer.reject(errorFromHead(frame.head));
        else answer.resolve(frame);
    }

    #giveUp(id: number, reason: unknown): void {
        const answer = this.#asked.get(id);
        if (!this.#asked.delete(id)) return;
        this.channel.send(F.RESET, 0, id, JSON.stringify(describeThrown(reason)));
        answer!.reject(reason);
    }

    /** A capability that a C program bound. */
    #capability(binding: string): object {
        const { capability } = require("./capability") as typeof import("./capability");
        return makeService(new ServiceHook(capability(binding, (head) => this.#ask(F.CALL, head))));
    }

    /** A module that LOAD did not bring; only a host worker's owner has more. */
    async #askForModule(name: string): Promise<{ kind: string; bytes: Uint8Array } | undefined> {
        if (!native.isHost()) return undefined;
        const frame = await this.#ask(F.SOURCE, JSON.stringify({ name })).answer;
        const { kind, error } = (frame.head ?? {}) as { kind?: string; error?: string };
        if (error !== undefined) throw new Error(error);
        return kind === undefined ? undefined : { kind, bytes: frame.tail ?? new Uint8Array(0) };
    }

    // --- The owner's channel -----------------------------------------------------------------------------------------

    frame(frame: F.Frame, granted: number | undefined): void {
        switch (frame.type) {
            case F.LOAD:
                return this.#load(frame.head as LoadHead, frame.tail);
            case F.CALL:
                return void this.#answerCall(frame.id, frame.head);
            case F.RETURN:
            case F.THROW:
            case F.SOURCE:
                return this.#settle(frame);
            case F.GRANT:
                return this.#granted(frame, granted!);
            case F.SERVICE:
                return services().onNoService(frame.id, frame.head);
            case F.OUTBOUND:
                return onNoWayOut(frame.head);
            case F.DIED:
                return onDied(frame.id, frame.flags, frame.head);
            case F.EVICT:
                return onEvict(frame.id);
            default:
                throw new Error("unexpected frame");
        }
    }

    #granted({ flags, id }: F.Frame, granted: number): void {
        if (flags & F.WAY_OUT) onWayOut(granted);
        else if (flags & F.SERVICE_END) services().onService(id, granted);
        else if (flags & F.CALLER_END) services().onCaller(granted, this.bootstrap);
        else onGrant(id, granted, flags, this.channel);
    }

    /** A dynamic worker may have changed what the runtime stands on. */
    broken(error: unknown): void {
        if (!native.isHost()) native.abort(JSON.stringify({ failure: String(error) }));
    }

    closed(): void {
        native.exit(0);
    }

    /** Console and uncaught errors go to the owner, and to tails. */
    log(level: string, message: string, args?: readonly unknown[]): void {
        const text = message.slice(0, LOG_CHARACTERS_MAX);
        const encoded = this.#isTailed && args !== undefined ? tails().encodeArguments(args) : undefined;
        if (!this.#maySay(text.length + (encoded?.length ?? 0))) return;
        this.#say(encoded === undefined ? { level, message: text } : { level, message: text, args: JSON.parse(encoded) as unknown });
    }

    report(error: unknown): void {
        const { name, message } = describeThrown(error);
        const text = `Uncaught ${name}: ${message}\n${stackOf(error)}`.trimEnd();
        if (!this.#isTailed) return this.log("error", text);
        if (this.#maySay(text.length)) this.#say({ level: "error", message: text, exception: tails().encodeException(error) });
    }

    /** Something was published on a diagnostics channel; tails get what JSON has of it, within the log limit. */
    #published(channel: string, message: unknown): void {
        const encoded = tails().encodeArguments([channel, message]);
        if (encoded === undefined) return this.#say({ truncated: true });
        if (this.#maySay(encoded.length)) this.#say({ channel, message: (JSON.parse(encoded) as unknown[])[1] });
    }

    /** Whether so much may still be said; where the limit is reached, that is said, once. */
    #maySay(characters: number): boolean {
        const may = mayLog(characters);
        if (typeof may === "string") this.#say({ level: "warn", message: may, truncated: true });
        return may === true;
    }

    #say(said: Said): void {
        if (this.#isTailed) said.at = native.wallTime();
        this.#tracer?.take(said);
        if (said.level !== undefined || this.#tracer === undefined) this.channel.send(F.LOG, 0, 0, JSON.stringify(said));
    }

    /** Work handed to waitUntil goes on, or has ended. */
    background(isBusy: boolean): void {
        if (!native.isHost()) this.channel.send(F.BUSY, isBusy ? 1 : 0, 0, "");
        this.#tracer?.background(isBusy);
    }
}

function hasLoader(bindings: NonNullable<LoadHead["bindings"]>): boolean {
    return Object.values(bindings).some(({ type }) => type === "loader");
}

/** The props that the configuration gives a binding. */
function propsOf({ props }: Record<string, unknown>): Encoded | undefined {
    return typeof props === "string" ? encode(JSON.parse(props), "env") : undefined;
}

/** The path of an absolute URL, without its query. */
function pathOf(url: string): string {
    return url.slice(url.indexOf("/", url.indexOf("//") + 2)).replace(/[?#].*$/s, "");
}
/** The namespace of `cloudflare:sockets`, most of which waits until it is called. */
const sockets = lazy(() => require("./sockets") as typeof import("./sockets"));
const socketsModule = Object.freeze({
    connect: (address: unknown, options?: object) => sockets().connect(address, options),
});

/** env.OUTBOUND({allow}): an outbound for load(), which goes no further than the binding itself. */
function narrowedOutbound(way: number, options: unknown): unknown {
    const { allow } = (options ?? {}) as { allow?: unknown };
    if (options !== undefined && !Array.isArray(allow)) {
        throw new TypeError("An outbound needs {allow: [...]}, a list of rules.");
    }
    const rules = options === undefined ? undefined : (JSON.parse(JSON.stringify(allow)) as unknown[]);
    const outbound = new EgressOutbound(way, rules);
    return makeService(
        new ServiceHook({
            fetch: (request) => outbound.fetch(request),
            connect: (target, body) => outbound.connect(target, body),
            call: ([method]) => Promise.reject(new TypeError(`An outbound has fetch() and no method "${method}".`)),
        }),
    );
}

/** workerd's words. */
const UNSETTLED = "Failed to start Worker:\nUncaught Error: Top-level await in module is unsettled.";
/** A caller that has just got the head of an answer may call the worker again at once, by which more of the body may come. */
const BODY_GRACE_MS = 100;
const HUNG =
    "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never generate " +
    "a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

/** What of one console message reaches the log. */
const LOG_CHARACTERS_MAX = 128 * 1024;

/** The worker of this cell. */
export const worker = new Worker(0);

watchBackground((isBusy) => worker.background(isBusy));
hooks.log = (level, message, args) => worker.log(level, message, args);
hooks.report = (error) => worker.report(error);
