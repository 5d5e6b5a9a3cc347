// What a worker extends and is handed: WorkerEntrypoint, RpcTarget, the execution context, and the module
// `cloudflare:workers` that offers them.

import { end, extendOldest } from "./leases";
import { describeThrown } from "./thrown";
import { tracing } from "./tracing";
import { hooks, native } from "./web/host";
import { define } from "./web/lazy";

declare const require: (path: string) => unknown;

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

    /** Stubs of the worker's own entrypoints; see loopback.ts. */
    get exports(): unknown {
        return ownExports();
    }

    passThroughOnException(): void {
        // There is no origin server behind a worker here, so there is nothing to pass through to.
    }

    /** Ends the worker at once, here with all of its calls, whose callers get the reason as it is. */
    abort(reason: unknown = "Worker execution was aborted due to call to ctx.abort()."): void {
        const { name, message } = describeThrown(reason);
        const thrown = { name: name.slice(0, REASON_CHARACTERS_MAX), message: message.slice(0, REASON_CHARACTERS_MAX) };
        native.abort(JSON.stringify({ thrown }));
    }

    /** Spans that nobody records; see tracing.ts. */
    get tracing(): unknown {
        return tracing;
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

/** Can be extended, since packages do so at their start; no binding makes one yet. */
export class DurableObject extends WorkerEntrypoint {}

/** Likewise. */
export class WorkflowEntrypoint extends WorkerEntrypoint {}

export class RpcTarget {}

let ownExports: () => unknown = () => undefined;

/** Says what `ctx.exports` is; called when a worker is loaded. */
export function setOwnExports(give: () => unknown): void {
    ownExports = give;
}

/** Promises handed to waitUntil that are not settled. */
let background = 0;
let watch: (isBusy: boolean) => void = () => {};

/** What the worker asked for; set when it is loaded. */
export const compatibility = { date: "", flags: [] as readonly string[] };

/** Since when WebSockets give binary messages as Blobs, as browsers' do. */
const BINARY_TYPE_DATE = "2026-03-17";

/** What a WebSocket's binaryType is at first. */
export function defaultBinaryType(): "arraybuffer" | "blob" {
    const { date, flags } = compatibility;
    if (flags.includes("no_websocket_standard_binary_type")) return "arraybuffer";
    return date >= BINARY_TYPE_DATE || flags.includes("websocket_standard_binary_type") ? "blob" : "arraybuffer";
}

export function waitUntil(promise: unknown): void {
    const lease = extendOldest();
    if (++background === 1) watch(true);
    void Promise.resolve(promise)
        .catch((error: unknown) => hooks.report(error))
        .finally(() => {
            if (--background === 0) watch(false);
            end(lease);
        });
}

/** What of a reason reaches the callers. */
const REASON_CHARACTERS_MAX = 500;

/** Ends this worker's isolate, and nothing else; whoever waits for it gets an error. Does not return. */
function abortIsolate(reason?: unknown): never {
    native.abort(JSON.stringify({ reason: reason === undefined ? "" : `${reason as string}`.slice(0, REASON_CHARACTERS_MAX) }));
    throw new Error("The isolate was aborted.");
}

/** Has `watcher` called when background work begins and when the last of it has ended. */
export function watchBackground(watcher: (isBusy: boolean) => void): void {
    watch = watcher;
}

/** The namespace of `cloudflare:workers`; `env` and `exports` are those of the worker in this cell. */
export function workersModule(env: unknown, exports: object): Record<string, unknown> {
    const module: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    const { Fetcher, RpcPromise, RpcProperty, RpcStub } = require("./rpc/stubs") as typeof import("./rpc/stubs");
    const classes = { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint };
    const stubs = { RpcPromise, RpcProperty, RpcStub, ServiceStub: Fetcher };
    for (const [name, value] of Object.entries({ ...classes, ...stubs, cache: {}, env, exports, tracing, waitUntil, abortIsolate })) {
        module[name] = value;
    }
    define(module, Symbol.toStringTag, "Module");
    return Object.freeze(module);
}
