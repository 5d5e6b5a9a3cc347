// node:timers/promises.

interface Options {
    signal?: AbortSignal;
}

export function setTimeout<T>(delay = 1, value?: T, { signal }: Options = {}): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const timer = globalThis.setTimeout(() => resolve(value), delay);
        signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(signal.reason);
        });
    });
}

export function setImmediate<T>(value?: T, options?: Options): Promise<T | undefined> {
    return setTimeout(0, value, options);
}

export async function* setInterval<T>(delay = 1, value?: T, options?: Options): AsyncGenerator<T | undefined> {
    for (;;) yield await setTimeout(delay, value, options);
}

export const scheduler = { wait: (delay: number, options?: Options) => setTimeout(delay, undefined, options), yield: () => setImmediate() };
export default { setTimeout, setImmediate, setInterval, scheduler };
