// Fetcher: what a worker holds instead of another worker's entrypoint. fetch() is a method of its own; every other name
// is a method called over RPC. Who answers is a Target: a cell behind a channel, or this very cell.

import { Request } from "./web/request";
import type { Response } from "./web/response";

export interface Target {
    fetch(request: Request): Promise<Response>;
    call(path: string[], args: unknown[]): Promise<unknown>;
    dispose(): void;
}

/** Names that JavaScript asks any object for; a stub that answered them would look like a promise or a primitive. */
const NEVER_REMOTE = new Set(["then", "catch", "finally", "toJSON", "valueOf", "toString", "constructor", "prototype"]);

/** The class that stubs are instances of. */
export class Fetcher {
    constructor() {
        throw new TypeError("Illegal constructor");
    }
}

function toRequest(input: unknown, init: unknown): Request {
    return input instanceof Request && init === undefined ? input : new Request(input as Request, init as object);
}

const handler: ProxyHandler<{ target: Target; methods: Map<string, unknown> }> = {
    get({ target, methods }, name) {
        if (typeof name === "symbol") {
            if (name === Symbol.dispose) return () => target.dispose();
            return name === Symbol.toStringTag ? "Fetcher" : undefined;
        }
        if (name === "constructor") return Fetcher;
        if (NEVER_REMOTE.has(name)) return undefined;
        let method = methods.get(name);
        if (method === undefined) {
            method =
                name === "fetch"
                    ? async (input: unknown, init?: unknown) => target.fetch(toRequest(input, init))
                    : async (...args: unknown[]) => target.call([name], args);
            methods.set(name, method);
        }
        return method;
    },
    set() {
        throw new TypeError("Cannot assign to a property of a stub.");
    },
    has(_, name) {
        return typeof name === "string" && !NEVER_REMOTE.has(name);
    },
    getPrototypeOf: () => Fetcher.prototype,
    ownKeys: () => [],
    getOwnPropertyDescriptor: () => undefined,
};

/** Makes a stub for a target. */
export function makeStub(target: Target): Fetcher {
    return new Proxy({ target, methods: new Map<string, unknown>() }, handler as ProxyHandler<never>) as Fetcher;
}
