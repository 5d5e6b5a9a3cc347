// Short requests that come one at a time are answered on one processor if that is sooner (src/host/gather.h), which is tried now
// and then; all others wherever there is room.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { ask, until } from "./server.mjs";

const HOST = fileURLToPath(new URL("../../bench/wrangler.jsonc", import.meta.url));

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

function processors(pid) {
    try {
        return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
    } catch {
        return undefined; // it has ended
    }
}

/** The server's processes that are kept to one processor, by their names, and which processors those are. */
function gathered(server) {
    const kept = server.tree().map(({ pid, name }) => ({ name, on: processors(pid) })).filter(({ on }) => /^\d+$/.test(on));
    return { names: kept.map(({ name }) => name).sort(), processors: new Set(kept.map(({ on }) => on)).size };
}

const ALL = ["mayfly", "mayfly-cell", "mayfly-cell", "mayfly-egress"];

/** Asks one after the other until the request's four processes are together. */
async function gather(server, port) {
    await until("one processor for all", async () => {
        for (let i = 0; i < 12; i++) expect("an answer", await ask(server, `/fetch?origin=${port}`), '{"got":"origin"}');
        return JSON.stringify(gathered(server)) === JSON.stringify({ names: ALL, processors: 1 });
    }, 60_000);
}

/** A case with a server to fetch from, where there is more than one processor. */
const withOrigin = (body) => async (server) => {
    if (availableParallelism() < 2) return console.log("# not tried: there is one processor");
    const waiting = [];
    const origin = createServer((request, response) => (request.url === "/" ? response.end("origin") : waiting.push(response)));
    origin.listen(0, "127.0.0.1");
    await once(origin, "listening");
    try {
        await body(server, origin.address().port);
    } finally {
        origin.close().closeAllConnections();
    }
};

const cases = {
    "short requests one at a time: all on one processor; two at once: anywhere": withOrigin(async (server, port) => {
        await gather(server, port);
        const paths = [`/fetch?origin=${port}`, "/rpc-in?n=3000", "/rpc-in?n=3000"];
        await Promise.all(paths.map((path) => ask(server, path)));
        expect("kept", gathered(server).names, []);
        await gather(server, port);
    }),
    "one long request: anywhere": withOrigin(async (server, port) => {
        await gather(server, port);
        await ask(server, "/rpc-in?n=10000");
        expect("kept", gathered(server).names, []);
    }),
    "another worker is called: it is on that processor, and the one before is not": withOrigin(async (server, port) => {
        await gather(server, port);
        await until("the other one in its place", async () => {
            for (let i = 0; i < 12; i++) await ask(server, "/warm?id=other");
            return JSON.stringify(gathered(server)) === JSON.stringify({ names: ALL, processors: 1 });
        }, 60_000);
    }),
};

/** Without a jail the supervisor itself starts what it needs, whatever processor it is on. */
const unjailed = {
    "what is started meanwhile may go where it likes": withOrigin(async (server, port) => {
        await gather(server, port);
        const keeper = server.tree().find(({ name, parent }) => name === "mayfly-egress" && parent === server.pid).pid;
        process.kill(keeper, "SIGKILL");
        const fetched = () => ask(server, `/fetch?origin=${port}`).catch(() => "egress ended while it was under way");
        await until("another one", async () => (await fetched()) === '{"got":"origin"}');
        await Promise.all([ask(server, "/rpc-in?n=3000"), ask(server, "/rpc-in?n=3000")]);
        expect("kept", gathered(server).names, []);
    }),
};

const options = ["--pool", "2", "--grants", "2"];
export const suites = [
    { name: "gather", target: HOST, options, cases },
    { name: "gather without a jail", target: HOST, options: [...options, "--no-jail"], cases: unjailed },
];
