// What a worker extends and is handed: WorkerEntrypoint, RpcTarget, the execution context, and the module
// `cloudflare:workers` that offers them.

import { define } from "./web/lazy";
import { hooks } from "./web/host";

/** The third parameter of a handler, and `this.ctx` of an entrypoint. */
export class ExecutionContext {
    readonly props: unknown;

    constructor(props: unknown) {
        this.props = props ?? {};
    }

    /** Work that outlives the response. Its failure is reported, since nobody waits for it. */
    waitUntil(promise: unknown): void {
        waitUntil(promise);
    }

    passThroughOnException(): void {
        // There is no origin server behind a worker here, so there is nothing to pass through to.
    }
}

export class WorkerEntrypoint {
    protected readonly ctx: ExecutionContext;
    protected readonly env: unknown;

    constructor(ctx: ExecutionContext, env: unknown) {
        this.ctx = ctx;
        this.env = env;
    }
}

export class RpcTarget {}

const background = new Set<Promise<unknown>>();

function waitUntil(promise: unknown): void {
    const done = Promise.resolve(promise)
        .catch((error: unknown) => hooks.report(error))
        .finally(() => background.delete(done));
    background.add(done);
}

/** Whether work handed to waitUntil is still going on. */
export function hasBackgroundWork(): boolean {
    return background.size > 0;
}

/** The namespace of `cloudflare:workers`; `env` is that of the worker in this cell. */
export function workersModule(env: unknown): Record<string, unknown> {
    const module: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [name, value] of Object.entries({ WorkerEntrypoint, RpcTarget, env, waitUntil })) {
        module[name] = value;
    }
    define(module, Symbol.toStringTag, "Module");
    return Object.freeze(module);
}
