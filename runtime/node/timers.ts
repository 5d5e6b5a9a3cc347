// node:timers: the worker's own, whose timeouts are objects here even where the globals give numbers.

import { setInterval, setTimeout, Timeout } from "../web/timeout";
import * as promises from "./timers-promises";

export const { clearTimeout, clearInterval, queueMicrotask } = globalThis;
const immediate = globalThis as unknown as { setImmediate: unknown; clearImmediate: unknown };
export const { setImmediate, clearImmediate } = immediate;
export { promises, setInterval, setTimeout, Timeout };

/** The old way to start a timer's time anew. */
export function active(timeout?: Timeout): void {
    timeout?.refresh();
}

export default { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, promises, active };
