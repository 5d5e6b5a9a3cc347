// node:events: unenv's EventEmitter, with the statics that Node has on the class and in the module.

import * as unenv from "unenv/node/events";

export const { EventEmitter, EventEmitterAsyncResource, addAbortListener, getEventListeners, getMaxListeners, on, once } = unenv;
export const { captureRejectionSymbol, captureRejections, errorMonitor, defaultMaxListeners, usingDomains } = unenv;

interface Emitter {
    setMaxListeners(n: number): unknown;
    listenerCount(name: string | symbol): number;
}

export function setMaxListeners(n: number = defaultMaxListeners, ...emitters: Emitter[]): void {
    for (const emitter of emitters) emitter.setMaxListeners?.(n);
}

export function listenerCount(emitter: Emitter, name: string | symbol): number {
    return emitter.listenerCount(name);
}

const statics = {
    EventEmitter, EventEmitterAsyncResource, addAbortListener, getEventListeners, getMaxListeners, on, once,
    captureRejectionSymbol, errorMonitor, usingDomains, setMaxListeners, listenerCount, defaultMaxListeners,
};
for (const [name, value] of Object.entries(statics)) {
    Object.defineProperty(EventEmitter, name, { value, writable: true, configurable: true });
}
export default EventEmitter;
