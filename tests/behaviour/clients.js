// The host worker behind clients.mjs: answers HTTP by itself under /own/, and by a warm dynamic worker under /dynamic/,
// with the same routes. GET /state tells what each of the two saw so far.

import { cases, worker } from "./check.js";

/** The routes, and what they saw. It is a worker of its own as text, so it uses nothing from outside. */
function makeRoutes() {
    const state = { started: [], aborted: [], cancelled: [], failed: [], pulled: 0 };

    async function digest(stream) {
        let hash = 1;
        let length = 0;
        for (const reader = stream.getReader(); ; ) {
            const { done, value } = await reader.read();
            if (done) return { hash, length };
            for (const byte of value) hash = (hash * 31 + byte) | 0;
            length += value.length;
        }
    }

    const routes = {
        async mirror(request) {
            const { method, url, headers } = request;
            return Response.json({ method, url, headers: [...headers], body: request.body && (await request.text()) });
        },
        async digest(request, query) {
            state.started.push(query.get("tag"));
            try {
                return Response.json(await digest(request.body));
            } catch (error) {
                state.failed.push(query.get("tag"));
                throw error;
            }
        },
        async coded(request, query) {
            const text = "coded ".repeat(1000);
            const headers = { "content-encoding": query.get("coding"), "content-length": "6000" };
            if (query.get("body") === "text") return new Response(text, { headers });
            if (query.get("body") === "stream") return new Response(new Blob([text]).stream(), { headers });
            const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
            const response = new Response(await new Response(packed).bytes(), { encodeBody: "manual", headers });
            return query.get("body") === "copied" ? new Response(response.body, response) : response;
        },
        echo: (request) => new Response(request.body),
        produce(request, query) {
            let at = 0;
            const stream = {
                pull(controller) {
                    state.pulled++;
                    if (at === Number(query.get("count"))) return controller.close();
                    controller.enqueue(new Uint8Array(Number(query.get("size"))).map((_, i) => i * 7 + at));
                    at++;
                },
                cancel: () => void state.cancelled.push(query.get("tag")),
            };
            return new Response(new ReadableStream(stream, { highWaterMark: 0 }));
        },
        async never(request, query) {
            state.started.push(query.get("tag"));
            request.signal.addEventListener("abort", () => state.aborted.push(query.get("tag")));
            await new Promise(() => {});
        },
        async slow(request, query) {
            await new Promise((resolve) => setTimeout(resolve, Number(query.get("ms"))));
            return new Response(query.get("tag"));
        },
        failing(request, query) {
            let at = 0;
            const pull = (controller) => {
                if (at++ < Number(query.get("count"))) controller.enqueue(new Uint8Array(5000));
                else controller.error(new Error("broken stream"));
            };
            return new Response(new ReadableStream({ pull }));
        },
        throws() {
            throw new Error("my own words");
        },
        nothing() {},
        empty: () => new Response(null, { status: 204 }),
        logs() {
            console.log("logged %d", 42);
            console.error("an error line");
            return new Response("logged");
        },
        headers() {
            const headers = [["x-a", "1"], ["x-a", "2"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]];
            return new Response("x", { status: 299, statusText: "Odd", headers });
        },
    };

    function answer(request) {
        const { pathname, searchParams } = new URL(request.url);
        return routes[pathname.split("/").at(-1)](request, searchParams);
    }

    return { state, answer };
}

const own = makeRoutes();

const CHILD = `
const { state, answer } = (${makeRoutes})();
export default { fetch: answer, state(_) { return state; } };`;

const child = (env) => env.LOADER.get("child", () => worker(CHILD)).getEntrypoint();

const checked = cases(
    {},
    {
        "/state": async (request, env) => Response.json({ own: own.state, dynamic: await child(env).state(0) }),
    },
);

export default {
    fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        if (pathname.startsWith("/own/")) return own.answer(request);
        if (pathname.startsWith("/dynamic/read/")) return child(env).fetch(request).then(async (response) => new Response(await response.text()));
        if (pathname.startsWith("/dynamic/")) return child(env).fetch(request);
        return checked.fetch(request, env, ctx);
    },
};
