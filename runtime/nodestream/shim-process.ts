// `process`, as readable-stream asks for it: of the real one it wants the next tick, which stands for a task of its own.

import { load } from "../node/main";

const { nextTick } = load("process")!.default as { nextTick: (run: (...args: unknown[]) => void, ...args: unknown[]) => void };
export { nextTick };
export const env = {};
export const stdout = undefined;
export const stderr = undefined;
