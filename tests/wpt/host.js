// The host worker of the conformity run: each request brings one test as worker code, which runs in a dynamic worker of
// its own; the answer is what testharness.js reported.

export default {
    async fetch(request, env) {
        const { modules, timeoutMs } = await request.json();
        const worker = env.LOADER.load({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules, globalOutbound: null });
        const late = new Promise((resolve) => setTimeout(resolve, timeoutMs, { harness: "no end in time", tests: [] }));
        try {
            return Response.json(await Promise.race([worker.getEntrypoint().run(0), late]));
        } catch (error) {
            return Response.json({ harness: String(error), tests: [] });
        } finally {
            worker[Symbol.dispose]();
        }
    },
};
