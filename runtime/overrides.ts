// withEnv() and its like of cloudflare:workers: within a function, and all that it starts, the module's `env` or `exports`
// is another. Only for workers whose modules name one of them: their asynchronous contexts are followed (runtime/async).

import { contexts } from "./parts";

type Namespace = Record<string, unknown>;

const traps = ["get", "has", "set", "deleteProperty", "ownKeys", "defineProperty", "getOwnPropertyDescriptor"] as const;

/** An object that is at each moment what `current` gives. */
function delegate(current: () => object): object {
    const handler: Record<string, unknown> = {};
    for (const trap of traps) {
        const act = Reflect[trap] as (target: object, ...args: unknown[]) => unknown;
        // The receiver would be the proxy, which is nobody's business.
        handler[trap] = (_: object, ...args: unknown[]) => act(current(), ...(trap === "get" ? args.slice(0, 1) : trap === "set" ? args.slice(0, 2) : args));
    }
    return new Proxy({}, handler);
}

/** The namespace of cloudflare:workers with the functions that override, and what they can. */
export function overridable(namespace: Namespace): Namespace {
    const storage = new (contexts().AsyncLocalStorage)<{ env?: object; exports?: object }>();
    const show = (name: "env" | "exports") => delegate(() => storage.getStore()?.[name] ?? (namespace[name] as object));
    const run = (overrides: object, f: () => unknown) => storage.run({ ...storage.getStore(), ...overrides }, f);
    return Object.freeze({
        ...namespace,
        env: show("env"),
        exports: show("exports"),
        withEnv: (env: object, f: () => unknown) => run({ env }, f),
        withExports: (exports: object, f: () => unknown) => run({ exports }, f),
        withEnvAndExports: (env: object, exports: object, f: () => unknown) => run({ env, exports }, f),
    });
}
