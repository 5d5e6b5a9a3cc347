// A host worker: POST / takes code as JSON, runs it in a sandbox of its own, and answers with what it answered.
//   {"modules": {"main.js": "export default {fetch(request, env) {...}}"}, "mainModule": "main.js", "env": {...}}
// POST /?id=NAME keeps the sandbox under that name: its code is loaded once, its state stays warm.

const USAGE = "POST a Worker: {mainModule, modules, env}\n";

export default {
    async fetch(request, env) {
        if (request.method !== "POST") return new Response(`${env.GREETING}! ${USAGE}`);
        const { mainModule, modules, env: given, path = "/" } = await request.json();
        const code = () => ({
            compatibilityDate: "2026-01-01",
            mainModule,
            modules,
            env: given,
            globalOutbound: null, // this code reaches nothing but its env
        });
        try {
            const id = new URL(request.url).searchParams.get("id");
            const worker = id === null ? env.LOADER.load(code()) : env.LOADER.get(id, code);
            return await worker.getEntrypoint().fetch(`http://worker${path}`);
        } catch (error) {
            return new Response(`${error.name}: ${error.message}\n`, { status: 400 });
        }
    },
};
