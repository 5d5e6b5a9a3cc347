// Calling a worker's entrypoints in the cell that runs it. Error texts: dynamic-workers.md 1.4, 1.7 and 6.1, which are
// workerd's own.

import { ExecutionContext, WorkerEntrypoint } from "./context";
import type { Connection } from "./exchange";
import type { Path } from "./rpc/hook";
import { checkName, follow, missing, notFunction, type Method } from "./rpc/members";
import { hookOf, onward } from "./rpc/target";
import type { ConnectTarget } from "./sockets";
import type { ByteSource } from "./web/body-source";
import type { Request } from "./web/request";
import { Response } from "./web/response";

declare const require: (path: string) => unknown;

/** What handlers are called for besides RPC. */
export type Event = "connect" | "fetch" | "scheduled" | "tail";

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
        if (!isEntrypoint(value)) throw new TypeError(`Worker has no such entrypoint: ${name}`);
        return value;
    }

    /** The names of all entrypoints. */
    names(): string[] {
        return Object.keys(this.#exports).filter((name) => isEntrypoint(this.#exports[name]));
    }

    /** Runs the handler of an event with its one argument, and gives what that gives: a method of a class, or a function (argument, env, ctx). */
    handle(event: Event, name: string | undefined, argument: unknown, ctx: ExecutionContext): unknown {
        const entrypoint = this.#find(name);
        const isClass = typeof entrypoint === "function";
        const owner = (isClass ? Reflect.construct(entrypoint, [ctx, this.#env]) : entrypoint) as Record<string, unknown>;
        const handler = owner[event];
        if (typeof handler !== "function") throw new TypeError(`Handler does not export a ${event}() function.`);
        return isClass ? (handler as Method).call(owner, argument) : (handler as Method).call(owner, argument, this.#env, ctx);
    }

    /** Runs the fetch handler; the answer is a Response or the promise of one. */
    async fetch(name: string | undefined, props: unknown, request: Request): Promise<Response> {
        const answer = await this.handle("fetch", name, request, new ExecutionContext(props));
        if (!(answer instanceof Response)) {
            throw new TypeError(
                "Incorrect type for Promise: the Promise did not resolve to 'Response'. (A fetch handler must return a Response.)",
            );
        }
        return answer;
    }

    /** Runs the connect handler with a socket, which is the other end of the connection that this gives. */
    async connect(name: string | undefined, props: unknown, target: ConnectTarget, body: ByteSource): Promise<Connection> {
        const { accept } = require("./sockets") as typeof import("./sockets");
        return accept(target, body, async (socket) => this.handle("connect", name, socket, new ExecutionContext(props)));
    }

    /** Calls over RPC, or reads without arguments; a class is made anew for each call. */
    call(name: string | undefined, props: unknown, path: Path, args: unknown[] | undefined): unknown {
        const entrypoint = this.#find(name);
        const ctx = new ExecutionContext(props);
        if (typeof entrypoint === "function") {
            const instance = Reflect.construct(entrypoint, [ctx, this.#env]) as object;
            return follow(instance, path, args, hookOf, onward);
        }
        return callHandler(entrypoint as Record<string, unknown>, path, args, this.#env, ctx);
    }

    /** For hosts in C: a method as above, or with an empty name the default export itself. */
    callJson(name: string | undefined, props: unknown, method: string, args: unknown[]): unknown {
        if (method !== "") return this.call(name, props, [method], args);
        const value = this.#find(name);
        if (typeof value !== "function" || isEntrypointClass(value)) return value;
        return (value as Method)(...args, this.#env, new ExecutionContext(props));
    }
}

function isEntrypointClass(value: unknown): boolean {
    return typeof value === "function" && value.prototype instanceof WorkerEntrypoint;
}

function isEntrypoint(value: unknown): boolean {
    return isEntrypointClass(value) || (typeof value === "object" && value !== null);
}

/** A method of a plain object takes (arg, env, ctx), and exactly one argument comes from the client. */
function callHandler(
    handler: Record<string, unknown>,
    path: Path,
    args: unknown[] | undefined,
    env: unknown,
    ctx: ExecutionContext,
): unknown {
    const name = path[0] ?? "";
    checkName(name, true);
    if (!Object.hasOwn(handler, name)) throw missing(name);
    const member = handler[name];
    if (path.length > 1) return follow(member, path.slice(1), args, hookOf, onward);
    if (args === undefined) return member;
    if (typeof member !== "function") throw notFunction(name);
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
