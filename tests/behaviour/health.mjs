// `mayfly serve --health PATH`: what monitors see, and that it takes no more of the worker's routes than that path.

import { ask, startServer, until } from "./server.mjs";

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const health = async (server) => (await fetch(`${server.url}/state/health`)).json();

const cases = {
    "tells what is around cells and around itself, by name": async (server) => {
        const { status, worker, confinement } = await health(server);
        expect("status", [status, worker], ["ok", "deaths"]);
        for (const [who, all] of [["cells", 22], ["supervisor", 5]]) {
            const { holds, missing } = confinement[who];
            expect(`layers of ${who}`, holds.length + missing.length, all);
            if (!holds.includes("syscall-filter") || !holds.includes("landlock")) throw new Error(`expected a syscall-filter and landlock, got ${holds}`);
        }
    },
    "counts cells and loads": async (server) => {
        await ask(server, "/count?id=one");
        await ask(server, "/count?id=two");
        const { cells, loads } = await until("two named workers", async () => {
            const found = await health(server);
            return found.cells.named === 2 && found;
        });
        expect("counts", [cells.loaded >= 2, loads >= 2, Number.isInteger(cells.idle)], [true, true, true]);
    },
    "names the generation, which a new zygote raises": async (server) => {
        const { zygotes } = await health(server);
        expect("zygotes", [zygotes.alive, zygotes.forks > 0, zygotes.rewinds], [1, true, server.holders().length > 0]);
        const killedAt = Date.now();
        process.kill(server.zygote, "SIGKILL");
        await until("the next generation", async () => {
            const response = await fetch(`${server.url}/state/health`);
            const found = await response.json();
            if (found.status !== "ok") expect("status", [response.status, found.status], [503, "restarting"]);
            return found.status === "ok" && found.zygotes.generation === zygotes.generation + 1 && found.zygotes.ageMs <= Date.now() - killedAt;
        });
    },
    "is one path, and GET or HEAD": async (server) => {
        const head = await fetch(`${server.url}/state/health?a=b`, { method: "HEAD" });
        expect("head", [head.status, head.headers.get("content-type"), await head.text()], [200, "application/json", ""]);
        for (const [path, method] of [["/state/healthy", "GET"], ["/state/health/", "GET"], ["/health", "GET"], ["/state/health", "POST"]]) {
            const response = await fetch(server.url + path, { method });
            if ((await response.text()).includes("confinement")) throw new Error(`expected the worker at ${method} ${path}`);
        }
    },
};

const options = {
    "a path that is none is refused": async () => {
        for (const path of ["health", "/a?b", ""]) {
            const server = await startServer("deaths.js", ["--health", path]).catch((error) => error);
            if (!/--health takes a path/.test(server.message)) throw new Error(`expected a refusal of "${path}", got ${server.message}`);
        }
    },
};

export const suites = [
    { name: "health", target: "deaths.js", options: ["--health", "/state/health"], cases },
    { name: "health options", cases: options },
];
