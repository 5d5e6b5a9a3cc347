// The host worker behind run.mjs: what is loaded here has never been seen before, unless a route says so.

const code = (source) => ({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": source }, env: { GREETING: "hello" }, globalOutbound: null });

const HELLO = `let calls = 0;
export default { fetch(request, env) { calls++; return Response.json({ calls, greeting: env.GREETING }); } };`;

const CALLS = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { async run(add) { return await add(await add(1, 2), 3); } }`;

const EXECUTION = `import { execution } from "mayfly:execution";
export default execution(({ api }) => async () => { const { sum } = await api.add({ a: 1 }); return { sum }; });`;

const LIMITS = { result: 100, logs: 100, timeoutMs: 30_000 };

export default {
    async fetch(request, env) {
        const { pathname, searchParams } = new URL(request.url);
        const number = `// ${searchParams.get("n")}\n`;
        if (pathname === "/fresh") return env.LOADER.load(code(number + HELLO)).getEntrypoint().fetch(request);
        if (pathname === "/calls") {
            const sum = await env.LOADER.load(code(number + CALLS)).getEntrypoint().run((a, b) => a + b);
            return Response.json({ sum });
        }
        if (pathname === "/execution") {
            const entrypoint = env.LOADER.load(code(number + EXECUTION)).getEntrypoint();
            return Response.json(await entrypoint.run(["api"], (_namespace, _name, [{ a }]) => ({ sum: a + 1 }), LIMITS));
        }
        if (pathname === "/plain") {
            const worker = env.LOADER.load(code(`${number}export default { twice(n) { return 2 * n; } };`));
            return Response.json({ twice: await worker.getEntrypoint().twice(4) });
        }
        return env.LOADER.get(searchParams.get("id"), () => code(HELLO)).getEntrypoint().fetch(request);
    },
};
