// The host worker behind growth.mjs: a named worker that grows when nobody has called it for a while.

import { cases, worker } from "./check.js";

const GROWER = `
const ballast = [];
export default {
    growLater(ms) { setTimeout(grow, ms); },
};
function grow() {
    ballast.push(new Uint8Array(4 << 20).fill(1));
    if (ballast.length < 24) setTimeout(grow, 10);
}`;

export default cases(
    {},
    {
        "/grow": async (request, env) => {
            await env.LOADER.get("grower", () => worker(GROWER)).getEntrypoint().growLater(10_000);
            return new Response("it will");
        },
    },
);
