// Named workers under a byte budget that grow although nobody calls them; who does is in eviction.js.

import { ask, until } from "./server.mjs";

const GROWN = 112 << 20; // more than any other cell has

const cases = {
    // Its weight was looked at after the call, and once more when it should have come to rest.
    "a worker that grows by timers alone is weighed again, and has to go": async (server) => {
        await ask(server, "/grow");
        const [pid] = await until("a worker that has grown", () => {
            const found = server.cellsAbove(GROWN);
            return found.length > 0 && found;
        }, 30_000);
        await until("its end", () => !server.cells().includes(pid), 20_000);
    },
};

export const suites = [{ name: "growth", target: "growth.js", options: ["--named-mb", "16"], cases }];
