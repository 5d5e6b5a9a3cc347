// A capability that a C program bound (include/mayfly.h): JSON there, JSON back. Loaded by workers that have one.

import { AbortSignal, onAbort } from "./web/abort";
import type * as F from "./frames";
import type { Service } from "./rpc/target";

/** A call that was sent: its answer, and how it is given up. */
export interface Asked {
    answer: Promise<F.Frame>;
    giveUp(reason: unknown): void;
}

/** JSON of a call. AbortSignals among the arguments, at whatever depth, do not travel. */
function encode(binding: string, method: string, args: unknown[]): { text: string; signals: AbortSignal[] } {
    const signals: AbortSignal[] = [];
    const text = JSON.stringify({ binding, method, args }, (_, value: unknown) => {
        if (!(value instanceof AbortSignal)) return value;
        signals.push(value);
        return undefined;
    });
    return { text, signals };
}

export function capability(binding: string, ask: (text: string) => Asked): Service {
    return {
        fetch: () => Promise.reject(new Error(`The binding ${binding} has no fetch().`)),
        async call(path, args) {
            const [method] = path;
            if (args === undefined || path.length !== 1 || method === undefined) {
                throw new TypeError(`The binding ${binding} has methods only: ${path.join(".")} is none.`);
            }
            const { text, signals } = encode(binding, method, args);
            const aborted = signals.find((signal) => signal.aborted);
            if (aborted !== undefined) throw aborted.reason;
            const { answer, giveUp } = ask(text);
            const forget = signals.map((signal) => onAbort(signal, giveUp));
            try {
                return (await answer).head;
            } finally {
                forget.forEach((each) => each());
            }
        },
    };
}
