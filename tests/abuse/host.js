// The host worker behind the abuse cases: loads what a case sends, calls it, and tells how that ended. Beside it lives a
// neighbour that must not notice anything.

const NEIGHBOUR = `let calls = 0; export default { count() { return ++calls; } };`;

const worker = (modules, more) => ({
    compatibilityDate: "2026-01-01",
    mainModule: Object.keys(modules)[0],
    modules,
    ...more,
});

/** WebAssembly travels in JSON as a list of bytes. */
function unpack(modules) {
    return Object.fromEntries(
        Object.entries(modules).map(([name, content]) => [
            name,
            Array.isArray(content) ? { wasm: new Uint8Array(content) } : name.endsWith(".cjs") ? { cjs: content } : content,
        ]),
    );
}

async function outcome(promise) {
    try {
        return { value: await promise };
    } catch (error) {
        return { name: error?.name, message: String(error?.message), limit: error?.limit };
    }
}

/** One call: by fetch, or of a method. A body is read to its end, unless the case wants that nobody does. */
async function call(entrypoint, { method, args = [0], body }) {
    if (method !== undefined) return entrypoint[method](...args);
    const response = await entrypoint.fetch("http://worker/", body === undefined ? {} : { method: "POST", body });
    return response.text();
}

async function attempt(env, test) {
    const code = worker(unpack(test.modules), { limits: test.limits, env: test.env });
    const stub = test.id === undefined ? env.LOADER.load(code) : env.LOADER.get(test.id, () => code);
    const entrypoint = stub.getEntrypoint(test.entrypoint, test.options);
    const calls = Array.from({ length: test.times ?? 1 }, () => outcome(call(entrypoint, test)));
    const ends = await Promise.all(calls);
    // A case may want to know what the same worker does next.
    for (const next of test.then ?? []) ends.push(await outcome(call(entrypoint, next)));
    if (test.id === undefined) stub[Symbol.dispose]();
    return ends;
}

export default {
    async fetch(request, env) {
        const { pathname } = new URL(request.url);
        if (pathname === "/neighbour") {
            const code = () => worker({ "neighbour.js": NEIGHBOUR });
            return Response.json(await env.LOADER.get("neighbour", code).getEntrypoint().count(0));
        }
        if (pathname === "/attempt") return Response.json(await outcome(attempt(env, await request.json())));
        return new Response("host");
    },
};
