// A rehearsal of what a cell will do: a worker is loaded, called over both ways and thrown away, on a channel that leads
// nowhere. Run in the zygote, so that the runtime's code is compiled before all cells share it, and once more in each
// fresh cell before it is claimed, so that the pages that a first run writes are its own by then.

import * as F from "./frames";
import { encode } from "./rpc/values";
import { Worker } from "./worker";
import { native } from "./web/host";

const NOWHERE = -1;

const SOURCE = `
import { WorkerEntrypoint } from "cloudflare:workers";
const kind = "rehearsal";
export class Named extends WorkerEntrypoint {
    add(a, b) { return { sum: a + b, list: [kind] }; }
}
export default {
    async fetch(request, env) {
        const { pathname } = new URL(request.url);
        const text = await request.text();
        return Response.json({ kind, pathname, text, greeting: env.GREETING, accept: request.headers.get("accept") });
    },
};
`;

/** Loads and calls a worker; what it answers goes nowhere. */
export function rehearse(): void {
    const tail = native.utf8Encode(SOURCE);
    const worker = new Worker(NOWHERE);
    const take = (type: number, id: number, flags: number, head: unknown, bytes?: Uint8Array): void =>
        worker.channel.take({ type, flags, id, head, tail: bytes }, undefined);
    const load = {
        mainModule: "rehearsal.js",
        compatibilityDate: "2026-01-01",
        compatibilityFlags: [],
        outbound: null,
        env: { GREETING: "hello" },
        envBytes: 0,
        modules: [{ name: "rehearsal.js", kind: "js", size: tail.length }],
    };
    take(F.LOAD, 0, 0, load, tail);
    const request = { method: "POST", url: "http://rehearsal/path?query", headers: [["accept", "*/*"]] };
    take(F.FETCH, 2, F.FIN, request, native.utf8Encode("body"));
    const named = encode(["Named", { props: [1, "two"] }]);
    take(F.RPC, 0, 0, ["push", ["pipeline", 0, ["getEntrypoint"], named.head]], named.tail);
    take(F.RPC, 0, 0, ["push", ["pipeline", 1, ["add"], encode([1, 2]).head]]);
    take(F.RPC, 0, 0, ["pull", 2]);
}
