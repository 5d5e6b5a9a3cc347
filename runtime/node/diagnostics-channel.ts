// node:diagnostics_channel. What is published is in the events of tails, too (runtime/tails). unenv's channels keep no stores and
// trace nothing.

import { hooks } from "../web/host";
import { checkFunction, invalidType } from "./errors";

type Name = string | symbol;
type Subscriber = (message: unknown, name: Name) => void;
type AnyFunction = (...args: unknown[]) => unknown;
type Transform = (message: unknown) => unknown;

/** An AsyncLocalStorage. */
interface Store {
    run(value: unknown, callback: () => unknown): unknown;
}

const channels = new Map<Name, Channel>();

/** A subscriber that throws fails nobody who publishes. */
function tell(subscriber: Subscriber, message: unknown, name: Name): void {
    try {
        subscriber(message, name);
    } catch (error) {
        queueMicrotask(() => {
            throw error;
        });
    }
}

export class Channel {
    readonly name: Name;
    #subscribers: readonly Subscriber[] = [];
    readonly #stores = new Map<Store, Transform | undefined>();

    constructor(name: Name) {
        this.name = name;
    }

    get hasSubscribers(): boolean {
        return this.#subscribers.length > 0 || this.#stores.size > 0;
    }

    subscribe(subscriber: Subscriber): void {
        checkFunction("subscription", subscriber);
        this.#subscribers = [...this.#subscribers, subscriber];
    }

    unsubscribe(subscriber: Subscriber): boolean {
        const at = this.#subscribers.indexOf(subscriber);
        if (at >= 0) this.#subscribers = this.#subscribers.toSpliced(at, 1);
        return at >= 0;
    }

    publish(message: unknown): void {
        for (const subscriber of this.#subscribers) tell(subscriber, message, this.name);
        hooks.publish?.(String(this.name), message);
    }

    bindStore(store: Store, transform?: Transform): void {
        this.#stores.set(store, transform);
    }

    unbindStore(store: Store): boolean {
        return this.#stores.delete(store);
    }

    /** Publishes, and calls the function with the message in the stores that are bound. */
    runStores(message: unknown, callback: AnyFunction, self?: unknown, ...args: unknown[]): unknown {
        let run = (): unknown => {
            this.publish(message);
            return callback.apply(self, args);
        };
        for (const [store, transform] of this.#stores) {
            const inner = run;
            run = () => store.run(transform === undefined ? message : transform(message), inner);
        }
        return run();
    }
}

export function channel(name: Name): Channel {
    const known = channels.get(name);
    if (known !== undefined) return known;
    if (typeof name !== "string" && typeof name !== "symbol") throw invalidType("channel", "of type string or symbol", name);
    const made = new Channel(name);
    channels.set(name, made);
    return made;
}

export function hasSubscribers(name: Name): boolean {
    return channels.get(name)?.hasSubscribers ?? false;
}

export function subscribe(name: Name, subscriber: Subscriber): void {
    channel(name).subscribe(subscriber);
}

export function unsubscribe(name: Name, subscriber: Subscriber): boolean {
    return channel(name).unsubscribe(subscriber);
}

const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
type Events = Record<(typeof EVENTS)[number], Channel>;
type Handlers = Partial<Record<(typeof EVENTS)[number], Subscriber>>;
type Traced = Record<string, unknown>;

/** The five channels of one operation: it starts and ends, goes on later and ends there, or fails. */
export class TracingChannel implements Events {
    declare readonly start: Channel;
    declare readonly end: Channel;
    declare readonly asyncStart: Channel;
    declare readonly asyncEnd: Channel;
    declare readonly error: Channel;

    constructor(nameOrChannels: string | Events) {
        for (const event of EVENTS) {
            const own = typeof nameOrChannels === "string" ? channel(`tracing:${nameOrChannels}:${event}`) : nameOrChannels[event];
            Object.defineProperty(this, event, { value: own, enumerable: true });
        }
    }

    get hasSubscribers(): boolean {
        return EVENTS.some((event) => this[event]?.hasSubscribers);
    }

    subscribe(handlers: Handlers): void {
        for (const event of EVENTS) if (handlers[event]) this[event].subscribe(handlers[event]);
    }

    unsubscribe(handlers: Handlers): boolean {
        return EVENTS.map((event) => !handlers[event] || this[event].unsubscribe(handlers[event])).every(Boolean);
    }

    traceSync(callback: AnyFunction, message: Traced = {}, self?: unknown, ...args: unknown[]): unknown {
        return this.start.runStores(message, () => {
            try {
                return (message.result = callback.apply(self, args));
            } catch (error) {
                this.#failed(message, error);
                throw error;
            } finally {
                this.end.publish(message);
            }
        });
    }

    tracePromise(callback: AnyFunction, message: Traced = {}, self?: unknown, ...args: unknown[]): unknown {
        const settled = <T>(key: "result" | "error", value: T): void => {
            if (key === "error") this.#failed(message, value);
            else message.result = value;
            this.asyncStart.publish(message);
            this.asyncEnd.publish(message);
        };
        return this.start.runStores(message, () => {
            try {
                const promise = Promise.resolve(callback.apply(self, args));
                return promise.then(
                    (value) => (settled("result", value), value),
                    (error: unknown) => {
                        settled("error", error);
                        throw error;
                    },
                );
            } catch (error) {
                this.#failed(message, error);
                throw error;
            } finally {
                this.end.publish(message);
            }
        });
    }

    /** The argument at `position` is the callback that hears of the end; the last if it is -1. */
    traceCallback(callback: AnyFunction, position = -1, message: Traced = {}, self?: unknown, ...args: unknown[]): unknown {
        const done = args.at(position);
        checkFunction("callback", done);
        const traced = this.#hearing(done as AnyFunction, message);
        args.splice(position, 1, traced);
        return this.start.runStores(message, () => {
            try {
                return callback.apply(self, args);
            } catch (error) {
                this.#failed(message, error);
                throw error;
            } finally {
                this.end.publish(message);
            }
        });
    }

    #hearing(done: AnyFunction, message: Traced): AnyFunction {
        const { asyncEnd, asyncStart } = this;
        const failed = (error: unknown): void => this.#failed(message, error);
        return function (this: unknown, ...results: unknown[]): unknown {
            if (results[0]) failed(results[0]);
            else message.result = results[1];
            return asyncStart.runStores(message, () => {
                try {
                    return done.apply(this, results);
                } finally {
                    asyncEnd.publish(message);
                }
            });
        };
    }

    #failed(message: Traced, error: unknown): void {
        message.error = error;
        this.error.publish(message);
    }
}

export function tracingChannel(nameOrChannels: string | Events): TracingChannel {
    return new TracingChannel(nameOrChannels);
}

export default { Channel, TracingChannel, channel, hasSubscribers, subscribe, tracingChannel, unsubscribe };
