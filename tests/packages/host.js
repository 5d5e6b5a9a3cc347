// The host worker of the packages' tests: each request brings one bundle, which runs in a dynamic worker of its own.

const main = `import { expected, run } from "./bundle.js";
export default { async run() { return JSON.stringify({ result: await run(), expected }); } };`;

export default {
    async fetch(request, env) {
        const bundle = await request.text();
        const code = { compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": main, "bundle.js": bundle } };
        const compatibilityFlags = /from ?"node:/.test(bundle) ? ["nodejs_compat"] : [];
        const worker = env.LOADER.load({ ...code, compatibilityFlags, globalOutbound: null });
        try {
            return new Response(await worker.getEntrypoint().run(0));
        } catch (error) {
            return new Response(String(error.stack ?? error), { status: 500 });
        } finally {
            worker[Symbol.dispose]();
        }
    },
};
