// The host worker of the benchmark. The same file runs on mayfly (wrangler.jsonc) and on workerd (workerd.capnp).
// Every answer names what it answers, so that the client can tell a right answer from a quick one.

const freshSource = (number) => `
let calls = 0;
export default {
    fetch(request, env) {
        calls++;
        return Response.json({ fresh: ${number}, calls, greeting: env.GREETING });
    },
};`;

const namedSource = (id) => `
let calls = 0;
export default {
    fetch(request, env) {
        calls++;
        return Response.json({ id: ${JSON.stringify(id)}, calls, greeting: env.GREETING });
    },
};`;

function workerCode(source) {
    return {
        compatibilityDate: "2026-01-01",
        mainModule: "main.js",
        modules: { "main.js": source },
        env: { GREETING: "hello" },
        globalOutbound: null,
    };
}

const routes = {
    // A sandbox that never existed before: its number stands in its source, so no cache of code can know it.
    "/fresh": (request, env, query) =>
        env.LOADER.load(workerCode(freshSource(Number(query.get("n"))))).getEntrypoint().fetch(request),

    // One sandbox by name. /warm comes back to the same one; /live makes many, which stay alive.
    "/warm": callNamed,
    "/live": callNamed,

    // The server without its loader.
    "/hello": () => Response.json({ hello: "world" }),
};

function callNamed(request, env, query) {
    const id = query.get("id");
    return env.LOADER.get(id, () => workerCode(namedSource(id))).getEntrypoint().fetch(request);
}

export default {
    async fetch(request, env) {
        const url = new URL(request.url);
        const route = routes[url.pathname];
        if (!route) return new Response("no such route", { status: 404 });
        try {
            return await route(request, env, url.searchParams);
        } catch (error) {
            return new Response(String(error), { status: 500 });
        }
    },
};
