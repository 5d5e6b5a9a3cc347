// Calling a worker's entrypoints in the cell that runs it. Error texts: dynamic-workers.md 1.4, 1.7 and 6.1, which are
// workerd's own.

import { ExecutionContext, RpcTarget, WorkerEntrypoint } from "./context";
import type { Request } from "./web/request";
import { Response } from "./web/response";

/** Names that no RPC call reaches on any target. */
const RESERVED = ["constructor", "dup"];

/** Names that belong to events, on entrypoints. */
const RESERVED_ON_ENTRYPOINT = [
    "fetch",
    "connect",
    "alarm",
    "webSocketMessage",
    "webSocketClose",
    "webSocketError",
];

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The exports of a worker's main module, and what its entrypoints are given. */
export class Entrypoints {
    readonly #exports: Record<string, unknown>;
    readonly #env: unknown;

    constructor(exports: Record<string, unknown>, env: unknown) {
        this.#exports = exports;
        this.#env = env;
    }

    #find(name: string | undefined): unknown {
        if (name === undefined || name === "default") {
            const value = this.#exports.default;
            if (value === undefined) throw new TypeError("Worker has no default entrypoint.");
            return value;
        }
        const value = Object.hasOwn(this.#exports, name) ? this.#exports[name] : undefined;
        const usable = isEntrypointClass(value) || (typeof value === "object" && value !== null);
        if (!usable) throw new TypeError(`Worker has no such entrypoint: ${name}`);
        return value;
    }

    /** Runs the fetch handler; the answer is a Response or the promise of one. */
    async fetch(name: string | undefined, props: unknown, request: Request): Promise<Response> {
        const entrypoint = this.#find(name);
        const ctx = new ExecutionContext(props);
        let answer: unknown;
        if (typeof entrypoint === "function") {
            const instance = Reflect.construct(entrypoint, [ctx, this.#env]) as { fetch?: unknown };
            if (typeof instance.fetch !== "function") throw noFetch();
            answer = await (instance.fetch as Method)(request);
        } else {
            const handler = entrypoint as { fetch?: unknown };
            if (typeof handler.fetch !== "function") throw noFetch();
            answer = await (handler.fetch as Method)(request, this.#env, ctx);
        }
        if (!(answer instanceof Response)) {
            throw new TypeError(
                "Incorrect type for Promise: the Promise did not resolve to 'Response'. (A fetch handler must return a Response.)",
            );
        }
        return answer;
    }

    /** Calls a method over RPC; a class is made anew for each call. */
    call(name: string | undefined, props: unknown, path: string[], args: unknown[]): unknown {
        const entrypoint = this.#find(name);
        if (path.length !== 1) throw new TypeError("Only methods of the entrypoint itself can be called over RPC yet.");
        const method = path[0]!;
        const ctx = new ExecutionContext(props);
        if (typeof entrypoint === "function") {
            const instance = Reflect.construct(entrypoint, [ctx, this.#env]) as object;
            return callMethod(instance, method, args);
        }
        return callHandler(entrypoint as Record<string, unknown>, method, args, this.#env, ctx);
    }

    /** For hosts in C: a method as above, or with an empty name the default export itself. */
    callJson(name: string | undefined, props: unknown, method: string, args: unknown[]): unknown {
        if (method !== "") return this.call(name, props, [method], args);
        const value = this.#find(name);
        if (typeof value !== "function" || isEntrypointClass(value)) return value;
        return (value as Method)(...args, this.#env, new ExecutionContext(props));
    }
}

function noFetch(): TypeError {
    return new TypeError("Handler does not export a fetch() function.");
}

function isEntrypointClass(value: unknown): boolean {
    return typeof value === "function" && value.prototype instanceof WorkerEntrypoint;
}

/** Finds what a name stands for on an instance's prototypes; own properties are the instance's private affair. */
function callMethod(instance: object, name: string, args: unknown[]): unknown {
    const isEntrypoint = instance instanceof WorkerEntrypoint;
    if (RESERVED.includes(name) || (isEntrypoint && RESERVED_ON_ENTRYPOINT.includes(name))) {
        throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
    }
    const missing = new TypeError(`The RPC receiver does not implement the method "${name}".`);
    if (Object.hasOwn(instance, name)) throw missing;
    for (
        let prototype: unknown = Object.getPrototypeOf(instance);
        prototype !== null && prototype !== Object.prototype;
        prototype = Object.getPrototypeOf(prototype)
    ) {
        if (prototype === WorkerEntrypoint.prototype || prototype === RpcTarget.prototype) break;
        if (!Object.hasOwn(prototype as object, name)) continue;
        const member = (instance as Record<string, unknown>)[name];
        if (typeof member !== "function") throw new TypeError(`"${name}" is not a function.`);
        return (member as Method).apply(instance, args);
    }
    throw missing;
}

/** A method of a plain object takes (arg, env, ctx), and exactly one argument comes from the client. */
function callHandler(
    handler: Record<string, unknown>,
    name: string,
    args: unknown[],
    env: unknown,
    ctx: ExecutionContext,
): unknown {
    if (RESERVED.includes(name) || RESERVED_ON_ENTRYPOINT.includes(name)) {
        throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
    }
    if (!Object.hasOwn(handler, name)) {
        throw new TypeError(`The RPC receiver does not implement the method "${name}".`);
    }
    const member = handler[name];
    if (typeof member !== "function") throw new TypeError(`"${name}" is not a function.`);
    if (member.length > 3 || args.length !== 1) {
        throw new TypeError(
            `Attempted to call RPC function "${name}" with the wrong number of arguments. When calling a top-level ` +
                "handler function that is not declared as part of a class, you must always send exactly one argument. " +
                "In order to support variable numbers of arguments, the server must use class-based syntax (extending " +
                "WorkerEntrypoint) instead.",
        );
    }
    return (member as Method).call(handler, args[0], env, ctx);
}
