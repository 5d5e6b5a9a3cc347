// The host worker of profiles.mjs.

/** A module whose exported function "f" gives 7. */
const WASM = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 7, 11];

const MIXED = `
import wasm from "./m.wasm";
const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
export default {
    async run() {
        const text = await new HTMLRewriter().on("p", { element: (e) => e.setInnerContent("x") }).transform(new Response("<p>a</p>")).text();
        const sum = Array.from({ length: 1e5 }, (_, i) => i % 7).reduce((a, b) => a + b);
        return [fib(18), sum, "ab12".replace(/\\\\d+/g, (d) => d * 2), new WebAssembly.Instance(wasm).exports.f(), text];
    },
};`.replaceAll("\\\\", "\\");

const COUNTER = `let n = 0; export default { count() { return ++n; }, hang: () => new Promise((f) => setTimeout(f, 60_000)) };`;

const code = (source, more) => ({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": source, ...more } });

async function outcome(promise) {
    try {
        return await promise;
    } catch (error) {
        return error.message;
    }
}

const mixed = (loader) => loader.load(code(MIXED, { "m.wasm": { wasm: new Uint8Array(WASM) } })).getEntrypoint().run(0);
const counted = (loader) => loader.load(code(COUNTER)).getEntrypoint().count(0);

let under = 0;

export default {
    async fetch(request, { FAST, SAFE }) {
        const url = new URL(request.url);
        const loader = url.searchParams.has("safe") ? SAFE : FAST;
        const counter = () => loader.get("counter", () => code(COUNTER)).getEntrypoint();
        switch (url.pathname) {
            case "/many": // more than there are idle cells that may make threads
                return Response.json(await Promise.all(Array.from({ length: 24 }, (_, i) => (i % 2 ? counted(loader) : mixed(loader).then((all) => all[3])))));
            case "/mixed":
                return Response.json(await mixed(loader));
            case "/count":
                return Response.json(await outcome(counter().count(0)));
            case "/hang":
                under++;
                return Response.json(await outcome(counter().hang(0)));
            case "/under":
                return Response.json(under);
        }
        return new Response("");
    },
};
