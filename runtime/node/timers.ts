// node:timers: the worker's own.

import * as promises from "./timers-promises";

export const { setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask } = globalThis;
const immediate = globalThis as unknown as { setImmediate: unknown; clearImmediate: unknown };
export const { setImmediate, clearImmediate } = immediate;
export { promises };
export default { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, promises };
