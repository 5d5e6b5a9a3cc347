// node:events: unenv's EventEmitter, with the statics that Node has on the class and in the module.

// From inside unenv, mended: see mends-events.sed.
import * as unenv from "unenv/node/internal/events/events";
import { AsyncResource } from "./async-resource";

const Unenv = unenv._EventEmitter;

/** A function, as in Node, so that old packages can call it on what they make: unenv's is a class. */
export const EventEmitter = function (this: object | undefined, options?: object): object | undefined {
    const made = Reflect.construct(Unenv, [options], new.target ?? Unenv) as object;
    if (new.target !== undefined) return made;
    Object.assign(this!, made);
    return undefined;
} as unknown as typeof Unenv;
const { length: _length, name: _name, prototype, ...inherited } = Object.getOwnPropertyDescriptors(Unenv);
Object.defineProperty(EventEmitter, "name", { value: "EventEmitter" });
EventEmitter.prototype = prototype.value as typeof Unenv.prototype;
Object.defineProperties(EventEmitter, inherited);
/** In Node these are one function each; unenv's call each other, which never ends where a subclass has it that way, too. */
for (const [name, same] of [["on", "addListener"], ["off", "removeListener"]] as const) {
    const value = Object.getOwnPropertyDescriptor(EventEmitter.prototype, same)!.value as unknown;
    Object.defineProperty(EventEmitter.prototype, name, { value, writable: true, configurable: true });
}
Object.defineProperty(EventEmitter.prototype, "constructor", { value: EventEmitter, writable: true, configurable: true });

export const { addAbortListener, getEventListeners, getMaxListeners, on, once } = unenv;
export const { captureRejectionSymbol, defaultMaxListeners, errorMonitor, usingDomains } = Unenv;
export const captureRejections = false;

interface Emitter {
    setMaxListeners(n: number): unknown;
    listenerCount(name: string | symbol): number;
}

export function setMaxListeners(n: number = defaultMaxListeners, ...emitters: Emitter[]): void {
    if (emitters.length === 0) Unenv.defaultMaxListeners = n;
    for (const emitter of emitters) emitter.setMaxListeners?.(n);
}

export function listenerCount(emitter: Emitter, name: string | symbol): number {
    return emitter.listenerCount(name);
}

type Base = new (options?: object) => { emit(event: string | symbol, ...args: unknown[]): boolean };

/** Its listeners run in the context in which it was made. unenv's writes into Array.prototype. */
export class EventEmitterAsyncResource extends (EventEmitter as unknown as Base) {
    readonly asyncResource: AsyncResource & { readonly eventEmitter: EventEmitterAsyncResource };

    constructor(options?: string | { name?: string }) {
        super(typeof options === "string" ? undefined : options);
        const name = typeof options === "string" ? options : (options?.name ?? new.target.name);
        this.asyncResource = Object.assign(new AsyncResource(name), { eventEmitter: this });
    }

    override emit(event: string | symbol, ...args: unknown[]): boolean {
        return this.asyncResource.runInAsyncScope(super.emit as () => unknown, this, event, ...args) as boolean;
    }

    emitDestroy(): void {
        this.asyncResource.emitDestroy();
    }

    get asyncId(): number {
        return this.asyncResource.asyncId();
    }

    get triggerAsyncId(): number {
        return this.asyncResource.triggerAsyncId();
    }
}

const statics = {
    EventEmitter, EventEmitterAsyncResource, addAbortListener, getEventListeners, getMaxListeners, on, once,
    captureRejectionSymbol, errorMonitor, usingDomains, setMaxListeners, listenerCount,
};
for (const [name, value] of Object.entries(statics)) {
    Object.defineProperty(EventEmitter, name, { value, writable: true, configurable: true });
}
export default EventEmitter;
