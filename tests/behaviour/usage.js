// The host worker behind usage.mjs: a named worker that is called at intervals.

import { cases, sleep, worker } from "./check.js";

/** It waits so long between two calls that it is folded each time, though ever later (REST_MS in src/cell/cell.c). */
const PAUSES_MS = [60, 200, 700];

/** Weighs more than the runner lets it (--named-mb). */
const CHILD = `
const ballast = new Uint8Array(2 << 20).fill(1);
export default { count(n) { return n + ballast[5]; } };`;

export default cases(
    {},
    {
        "/rest": async (request, env) => {
            const count = (n) => env.LOADER.get("rests", () => worker(CHILD)).getEntrypoint().count(n);
            let calls = await count(0);
            for (const ms of PAUSES_MS) {
                await sleep(ms);
                calls = await count(calls);
            }
            return Response.json(calls);
        },
    },
);
