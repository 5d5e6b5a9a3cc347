// The host worker of zygotes.mjs.

const worker = (source) => ({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": source } });
const FRESH = worker("export default { double(n) { return 2 * n; } };");
const COUNTER = worker("let n = 0; export default { count() { return ++n; }, async last(end) { await end(); return ++n; } };");

const SPINNER = { ...worker("export default { spin() { for (;;); } };"), limits: { cpuMs: 40 } };
const PROMPT = { ...worker("export default { spin() { for (;;); }, one() { return 1; } };"), limits: { cpuMs: 24 } };

let held;

export default {
    async fetch(request, env) {
        const { pathname, searchParams } = new URL(request.url);
        const counter = () => env.LOADER.get("counter", () => COUNTER).getEntrypoint();
        const prompt = () => env.LOADER.get(searchParams.get("id"), () => PROMPT).getEntrypoint();
        switch (pathname) {
            case "/fresh":
                return Response.json(await env.LOADER.load(FRESH).getEntrypoint().double(Number(searchParams.get("n"))));
            case "/spin":
                return Response.json(await env.LOADER.load(SPINNER).getEntrypoint().spin(0).catch((error) => error.message));
            case "/prompt": // it answers many calls
                for (let i = 0; i < 400; i++) await prompt().one(0);
                return Response.json("prompt");
            case "/prompt/spin":
                return Response.json(await prompt().spin(0).catch((error) => error.message));
            case "/count":
                return Response.json(await counter().count(0));
            case "/held":
                held = Promise.withResolvers();
                return Response.json(await counter().last(() => held.promise));
            case "/release":
                held.resolve();
        }
        return new Response("");
    },
};
