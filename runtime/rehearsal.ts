// A rehearsal of what a cell will do: a worker is loaded, called and thrown away, on a channel that leads nowhere. Run in
// the zygote, so that the runtime's code is compiled before all cells share it, and in the zygote's trainee
// (src/cell/pages.h), which learns the pages that a fresh cell should have of its own.

import * as F from "./frames";
import { onFrame, register, unregister } from "./channel";
import { openBudget } from "./budget";
import { typescript } from "./parts";
import { encode } from "./rpc/encoder";
import { Worker } from "./worker";
import { console } from "./web/console";
import { hooks, native } from "./web/host";
import { warmWeb } from "./web/warm";

declare const require: (path: string) => unknown;

const NOWHERE = -1;

const SOURCE = `
import { WorkerEntrypoint } from "cloudflare:workers";
import { execution } from "mayfly:execution";
const kind = "rehearsal";
export class Named extends WorkerEntrypoint {
    add(a, b) { return { sum: a + b, list: [kind] }; }
    async each(call) { return { sum: (await call("a", [{ b: 1 }])).sum }; }
}
export const Execution = execution(({ api }) => () => ({ sum: typeof api }));
export const plain = { add(a) { return a; } };
export default {
    async fetch(request, env) {
        return Response.json({ kind, greeting: env.GREETING, accept: request.headers.get("accept") });
    },
};
`;

/** Loads a worker and fetches from it; what it answers goes nowhere. */
function rehearseFetch(worker: Worker): void {
    const tail = native.utf8Encode(SOURCE);
    const load = {
        mainModule: "rehearsal.js",
        compatibilityDate: "2026-01-01",
        compatibilityFlags: [],
        outbound: null,
        env: { GREETING: "hello" },
        envBytes: 0,
        modules: [{ name: "rehearsal.js", kind: "js", size: tail.length }],
    };
    take(worker, F.LOAD, 0, 0, load, tail);
    const request = { method: "GET", url: "http://rehearsal/path?query", headers: [["accept", "*/*"]] };
    take(worker, F.FETCH, 2, F.FIN | F.NOBODY, request);
}

/** Calls a method of a named entrypoint. */
function rehearseCall(worker: Worker): void {
    const named = encode(["Named", { props: [1, "two"] }], "rpc");
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 0, ["getEntrypoint"], named.head]], named.tail);
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 1, ["add"], encode([1, 2], "rpc").head]]);
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 0, ["getEntrypoint"], encode(["plain"], "rpc").head]]);
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 3, ["add"], encode([1], "rpc").head]]);
    take(worker, F.RPC, 0, 0, ["release", 2]);
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 0, ["getEntrypoint"], encode(["Execution"], "rpc").head]]);
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 5, ["run"], [[[["api"]], ["export", -2], { result: 100, logs: 100, timeoutMs: 0 }]]]]);
    take(worker, F.RPC, 0, 0, ["push", ["pipeline", 1, ["each"], [[["export", -1]]]]]);
    void (require("./execution") as typeof import("./execution")).followed(Promise.resolve()); // as each call of a namespace is
    const { log, info, debug, warn, error } = console; // an execution has its own
    const { log: sink, report } = hooks;
    void answerCallback(worker).then(() => {
        unregister(worker.channel);
        Object.assign(console, { log, info, debug, warn, error });
        Object.assign(hooks, { log: sink, report });
    });
}

/** Answers what the worker calls back first, once it has: no later than after some jobs. */
async function answerCallback(worker: Worker): Promise<void> {
    for (let jobs = 0; jobs < 100 && worker.channel.unanswered === 0; jobs++) await undefined;
    if (worker.channel.unanswered === 0) return;
    take(worker, F.RPC, 0, 0, ["resolve", 1, encode({ sum: 1 }, "rpc").head]);
}

function take(worker: Worker, type: number, id: number, flags: number, head: unknown, tail?: Uint8Array): void {
    onFrame(worker.channel.number, type, flags, id, head, tail, undefined);
    if (!worker.channel.isOpen) throw new Error("A frame of the rehearsal was refused.");
}

/** TypeScript is stripped once in the zygote, so that no cell has to build the parser. */
function rehearseTypes(): void {
    typescript().stripTypes("rehearsal.ts", "interface A { n: number }\nexport const f = (a: A): number => a.n as number;\n");
}

/**
 * `isZygote`: everything that workers commonly do, to compile its code; otherwise what nearly all do, a load and a fetch,
 * to learn which pages that touches.
 */
export function rehearse(isZygote: boolean): void {
    const worker = new Worker(NOWHERE);
    register(worker.channel);
    rehearseFetch(worker);
    if (!isZygote) return unregister(worker.channel);
    rehearseCall(worker);
    rehearseTypes();
    openBudget({ rpcMessageBytes: Infinity });
    warmWeb();
}
