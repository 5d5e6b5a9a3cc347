// The host worker of the packages' tests: each request brings one bundle, which runs in a dynamic worker of its own.

const main = `import { expected, run } from "./bundle.js";
export default { async run() { return JSON.stringify({ result: await run(), expected }); } };`;

export default {
    async fetch(request, env) {
        const modules = { "main.js": main, "bundle.js": await request.text() };
        const worker = env.LOADER.load({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules, globalOutbound: null });
        try {
            return new Response(await worker.getEntrypoint().run(0));
        } catch (error) {
            return new Response(String(error.stack ?? error), { status: 500 });
        } finally {
            worker[Symbol.dispose]();
        }
    },
};
