// The host worker behind police.mjs: workers in whose place machine code runs (tests/escape/probe.c), and one beside them.

import { cases, worker } from "./check.js";

const CHILD = "let calls = 0; export default { count(_) { return ++calls; } };";

export default cases(
    {},
    {
        /** Has a worker go beyond a limit; answers how its call ended. */
        "/beyond": async (request, env) => {
            const { probe, limits, name } = await request.json();
            const code = worker(CHILD, { limits, env: probe === undefined ? {} : { PROBE: probe } });
            const stub = name === undefined ? env.LOADER.load(code) : env.LOADER.get(name, () => code);
            const end = (error) => ({ message: error.message, limit: error.limit });
            return Response.json(await stub.getEntrypoint().count(0).then((value) => ({ value }), end));
        },
        /** Calls a worker three times that tells this of its rests. */
        "/rested": async (request, env) => {
            const { told, name } = await request.json();
            const code = worker(CHILD, { env: { PROBE: `rested ${told}` } });
            const stub = name === undefined ? env.LOADER.load(code) : env.LOADER.get(name, () => code);
            for (let n = 0; n < 2; n++) await stub.getEntrypoint().count(0);
            return Response.json(await stub.getEntrypoint().count(0));
        },
        "/neighbour": async (request, env) => Response.json(await env.LOADER.get("neighbour", () => worker(CHILD)).getEntrypoint().count(0)),
    },
);
