// The supervisor as it runs: locked in before it hears the first client, and still able to do its work.

import { readFileSync } from "node:fs";
import { ask, processTree, startServer, until } from "./server.mjs";

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const field = (pid, name) => new RegExp(`^${name}:\\s+(\\S+)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
const spawner = (server) => processTree(server.pid).find(({ name }) => name === "mayfly-spawner").pid;
const NOTHING = "0".repeat(16);

const cases = {
    "the supervisor has no rights, and a system call filter": async (server) => {
        const { pid } = server;
        for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(set, field(pid, set), NOTHING);
        expect("filter", [field(pid, "Seccomp"), field(pid, "NoNewPrivs"), field(pid, "Threads")], ["2", "1", "1"]);
    },
    "it starts another zygote, of which it is the parent": async (server) => {
        const before = server.zygote;
        process.kill(before, "SIGKILL");
        const after = await until("another zygote", () => server.zygotes().find((pid) => pid !== before));
        expect("parent", Number(field(after, "PPid")), server.pid);
        await until("an answer", async () => (await fetch(`${server.url}/`)).status === 200);
    },
    "the zygotes are not bound by its filter, the spawner neither": async (server) => {
        expect("filters", field(spawner(server), "Seccomp"), "0");
        expect("filters", field(server.zygote, "Seccomp"), "2");
    },
};

/** Who has lost its spawner cannot start zygotes any more: it ends, so that it is started anew. */
const alone = {
    "a supervisor without spawner serves until it needs one, and then ends": async () => {
        const server = await startServer("deaths.js");
        process.kill(spawner(server), "SIGKILL");
        await ask(server, "/");
        process.kill(server.zygote, "SIGKILL");
        await until("its end", () => server.hasEnded);
        const { code, left } = await server.stop();
        expect("end", [code, left], [1, 0]);
    },
};

export const suites = [
    { name: "supervisor", target: "deaths.js", cases },
    { name: "supervisor alone", cases: alone },
];
