// `ctx.exports` and `exports` of cloudflare:workers: a worker's stubs of its own entrypoints. Called with {props} one
// gives a stub that carries them: whoever gets that can call the entrypoint and never see the props.

import { ExecutionContext } from "./context";
import type { Entrypoints } from "./entrypoint";
import { begin, end } from "./leases";
import { encode } from "./rpc/encoder";
import { makeLoopback, makeService, type Fetcher } from "./rpc/stubs";
import { ServiceHook } from "./rpc/target";
import { openHere, type Encoded } from "./rpc/values";
import { native } from "./web/host";
import { Request } from "./web/request";

/** workerd's text: dynamic-workers.md 1.5. */
export const DYNAMIC_UNTRANSFERABLE =
    "Entrypoints to dynamically-loaded workers cannot be transferred to other Workers, because the system does not know " +
    "how to reload this Worker from scratch. Instead, have the parent Worker expose an entrypoint which constructs the " +
    "dynamic worker and forwards to it.";

/** When Cloudflare made ctx.exports the default. */
const EXPORTS_DATE = "2025-11-17";

export type WhenStarted = <T>(f: (entrypoints: Entrypoints) => T | Promise<T>) => T | Promise<T>;

export function hasExports(date: string | undefined, flags: readonly string[]): boolean {
    if (flags.includes("disable_ctx_exports")) return false;
    return flags.includes("enable_ctx_exports") || date === undefined || date >= EXPORTS_DATE;
}

/** An entrypoint of this cell's worker. Each call gets props of its own. */
export function ownService(whenStarted: WhenStarted, name: string | undefined, props: Encoded | undefined): ServiceHook {
    const open = (): unknown => (props === undefined ? undefined : openHere(props).value);
    return new ServiceHook(
        {
            call: (path, args) => whenStarted((entrypoints) => entrypoints.call(name, open(), path, args)),
            fetch: async (request) =>
                whenStarted((entrypoints) => entrypoints.fetch(name, open(), new Request(request, { redirect: "manual" }))),
            connect: async (target, body) => whenStarted((entrypoints) => entrypoints.connect(name, open(), target, body)),
            tail: async (events) => {
                const lease = begin();
                try {
                    return await whenStarted((entrypoints) => entrypoints.handle("tail", name, events, new ExecutionContext(open())));
                } finally {
                    end(lease);
                }
            },
        },
        native.isHost() ? undefined : DYNAMIC_UNTRANSFERABLE,
    );
}

function bind(whenStarted: WhenStarted, name: string, options: unknown): Fetcher {
    if (typeof options !== "object" || options === null) {
        throw new TypeError(
            "Failed to execute '(called as function)' on 'LoopbackServiceStub': parameter 1 is not of type 'Options'.",
        );
    }
    const { props } = options as { props?: unknown };
    const encoded = props === undefined ? undefined : encode(props, "env");
    return makeService(ownService(whenStarted, name, encoded));
}

/** The stubs by name, made when one of them is first asked for. */
export function makeExports(names: () => string[], whenStarted: WhenStarted): object {
    const made: Record<string, unknown> = {};
    let isFilled = false;
    const fill = (): Record<string, unknown> => {
        if (isFilled) return made;
        for (const name of names()) {
            const stub = makeLoopback(ownService(whenStarted, name, undefined), (options) => bind(whenStarted, name, options));
            Object.defineProperty(made, name, { value: stub, enumerable: true, configurable: true, writable: true });
        }
        isFilled = true;
        return made;
    };
    return new Proxy(made, {
        get: (_, name) => Reflect.get(fill(), name) as unknown,
        has: (_, name) => Reflect.has(fill(), name),
        ownKeys: () => Reflect.ownKeys(fill()),
        getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(fill(), name),
    });
}

