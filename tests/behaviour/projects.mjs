// Host workers of several files, whose modules are asked for while they are linked.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ask, startServer } from "./server.mjs";

/** Starts a server for the files of a project, main.ts first, and answers what `look` finds. */
async function serving(files, look) {
    const home = mkdtempSync(join(tmpdir(), "mayfly-project-"));
    try {
        for (const [name, text] of Object.entries(files)) {
            mkdirSync(dirname(join(home, name)), { recursive: true });
            writeFileSync(join(home, name), text);
        }
        const server = await startServer(join(home, "main.ts"));
        return await look(server).finally(() => server.stop());
    } finally {
        rmSync(home, { recursive: true });
    }
}

const cases = {
    "TypeScript modules are found by the names that TypeScript's programs give them": async () => {
        const files = {
            "main.ts": `import { b } from "./b"; import { c } from "./c.js"; import { d } from "./lib";
                const e = import("./lib/e"); export default { async fetch() { return new Response([b, c, d, (await e).e].join()); } };`,
            "b.ts": "export const b: string = 'b';",
            "c.ts": "export const c: string = 'c';",
            "index.ts": "export { b as f } from './b';",
            "lib/index.ts": "export const d: string = 'd';",
            "lib/e.ts": "export { f as e } from '..';",
        };
        const text = await serving(files, (server) => ask(server, "/"));
        if (text !== "b,c,d,b") throw new Error(`expected b,c,d,b, got ${text}`);
    },
};

export const suites = [{ name: "projects", cases }];
