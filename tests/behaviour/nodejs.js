// Runs what it is sent as a dynamic worker with nodejs_compat: {"modules", "env", "flags"} in, {result} or {error} out.

export default {
    async fetch(request, env) {
        if (request.method !== "POST") return new Response("ready");
        const { modules, variables, flags, date } = await request.json();
        const worker = env.LOADER.load({
            compatibilityDate: date ?? "2026-01-01",
            compatibilityFlags: flags ?? ["nodejs_compat"],
            mainModule: "main.js",
            modules: {
                "main.js": 'import f from "./snippet.js"; export default { async run(_) { return f(); } };',
                ...modules,
            },
            env: variables ?? {},
            globalOutbound: null,
        });
        try {
            return Response.json({ result: await worker.getEntrypoint().run(0) });
        } catch (error) {
            return Response.json({ error: String(error.message) });
        }
    },
};
