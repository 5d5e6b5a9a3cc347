// `abort-controller`, as readable-stream asks for it: the worker's own.

const { AbortController, AbortSignal } = globalThis;
export { AbortController, AbortSignal };
