// AsyncResource of node:async_hooks. Where no module of the worker's names that module, there are no contexts to keep.

import { hooks } from "../web/host";

type Function_ = (...args: unknown[]) => unknown;

const run = (f: Function_, self: unknown, args: unknown[]): unknown => Reflect.apply(f, self, args);

function needFunction(value: unknown): asserts value is Function_ {
    if (typeof value === "function") return;
    const message = `The "fn" argument must be of type function. Received ${value === null ? "null" : typeof value}`;
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
}

export class AsyncResource {
    readonly type: string;
    readonly #run = hooks.bind?.(run) ?? run;

    constructor(type: string) {
        if (typeof type !== "string") {
            throw Object.assign(new TypeError('The "type" argument must be of type string.'), { code: "ERR_INVALID_ARG_TYPE" });
        }
        this.type = type;
    }

    /** The function, run in the context of now. */
    static bind(f: Function_, type?: string, self?: unknown): Function_ {
        return new AsyncResource(type ?? (f as Function_ | undefined)?.name ?? "").bind(f, self);
    }

    bind(f: Function_, self?: unknown): Function_ {
        needFunction(f);
        const runHere = this.#run;
        const bound = function (this: unknown, ...args: unknown[]): unknown {
            return runHere(f, self === undefined ? this : self, args);
        };
        return Object.defineProperty(bound, "length", { value: f.length });
    }

    runInAsyncScope(f: Function_, self?: unknown, ...args: unknown[]): unknown {
        needFunction(f);
        return this.#run(f, self, args);
    }

    emitDestroy(): this {
        return this;
    }

    /** Resources have no numbers here. */
    asyncId(): number {
        return 0;
    }

    triggerAsyncId(): number {
        return 0;
    }
}
