// The host worker of outbound.mjs. POST /WHO makes the request that the JSON body describes and answers what came back:
// the host worker itself, or a dynamic worker with one of the ways out that are named below.

import { connect } from "cloudflare:sockets";
import own from "./outbound-child.js";

/** The dynamic worker does the same. */
const CHILD = `import { connect } from "cloudflare:sockets"; export default { ${own.fetch} };`;

const seen = [];

/** A way out that is code: it writes down what arrives, and goes on for one path only. */
export const Gate = {
    async fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        if (pathname === "/through") return fetch(request);
        if (pathname === "/count") {
            let bytes = 0;
            for await (const chunk of request.body) bytes += chunk.length;
            return new Response(String(bytes));
        }
        seen.push([request.method, request.url, [...request.headers], await request.text(), ctx.props]);
        if (pathname === "/throws") throw new RangeError("the gate is closed");
        return new Response("from the gate", { status: 203, headers: { "x-gate": "yes" } });
    },
};

/** Connections are code as well: what they ask for, an echo, or a connection onward. */
export const Wires = {
    fetch: (request) => fetch(request),
    async connect(socket, env, ctx) {
        const { localAddress, remoteAddress } = await socket.opened;
        if (localAddress.startsWith("throws")) throw new RangeError("no wire for you");
        if (localAddress.startsWith("onward")) {
            const upstream = connect(localAddress.slice(7), { allowHalfOpen: true });
            return Promise.all([socket.readable.pipeTo(upstream.writable), upstream.readable.pipeTo(socket.writable)]);
        }
        const writer = socket.writable.getWriter();
        await writer.write(new TextEncoder().encode(JSON.stringify([localAddress, remoteAddress ?? null, ctx.props]) + " "));
        for await (const chunk of socket.readable) await writer.write(chunk);
        await writer.close();
    },
};

const told = [];

export const Tail = { tail: (events) => void told.push(...events) };

/** A stub's own connect(), and through a dynamic worker's entrypoint. */
async function stubs(env, ctx) {
    const child = env.LOADER.load({ ...code(null), modules: { "main.js": `export default { async connect(socket) {
        const writer = socket.writable.getWriter();
        for await (const chunk of socket.readable) await writer.write(chunk.map((byte) => byte + 1));
        await writer.close(); } };` } });
    const talk = async (stub, address) => {
        const socket = stub.connect(address, { allowHalfOpen: true });
        const writer = socket.writable.getWriter();
        await writer.write(new TextEncoder().encode("abc"));
        await writer.close();
        return new Response(socket.readable).text();
    };
    const texts = [];
    for (const [stub, address] of [[ctx.exports.Wires({ props: { n: 1 } }), "example.com:1234"], [child.getEntrypoint(), "x:1"], [env.GATE, "x:1"], [ctx.exports.Wires, "throws:1"]]) {
        texts.push(await talk(stub, address).catch(String));
    }
    return Response.json(texts);
}

function code(globalOutbound) {
    const more = globalOutbound === undefined ? {} : { globalOutbound };
    return { compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": CHILD }, ...more };
}

function child(env, ctx, who, rules) {
    switch (who) {
        case "inherited":
            return env.LOADER.get("inherited", () => code());
        case "null":
            return env.LOADER.get("null", () => code(null));
        case "gate":
            return env.LOADER.get("gate", () => code(env.GATE));
        case "loopback":
            return env.LOADER.get("loopback", () => code(ctx.exports.Gate));
        case "props":
            return env.LOADER.get("props", () => code(ctx.exports.Gate({ props: { tenant: "t1" } })));
        case "wires":
            return env.LOADER.get("wires", () => code(ctx.exports.Wires({ props: { tenant: "t2" } })));
        case "tailed":
            return env.LOADER_SECRET.load({ ...code(), tails: [ctx.exports.Tail] });
        case "tailed-gate":
            return env.LOADER.load({ ...code(env.GATE), tails: [ctx.exports.Tail] });
        case "tailed-wires":
            return env.LOADER.load({ ...code(ctx.exports.Wires), tails: [ctx.exports.Tail] });
        case "few":
            return env.LOADER.load({ ...code(env.GATE), limits: { subRequests: 2 } });
        case "made":
            return env.LOADER.load(code(env.MADE({ allow: rules })));
        default:
            return env[`LOADER_${who.toUpperCase()}`].get(who, () => code());
    }
}

export default {
    async fetch(request, env, ctx) {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === "/") return new Response("");
        if (pathname === "/seen") return Response.json(seen.splice(0));
        if (pathname === "/told") return Response.json(told.splice(0));
        if (pathname === "/stubs") return stubs(env, ctx);
        if (pathname === "/many") return many(env, searchParams);
        const who = pathname.slice(1);
        if (who === "host") return own.fetch(request);
        const rules = searchParams.has("rules") ? JSON.parse(searchParams.get("rules")) : undefined;
        return child(env, ctx, who, rules).getEntrypoint().fetch(request);
    },
};

/** Requests in flight from many cells at once; answers how many came back whole. */
async function many(env, params) {
    const [cells, each] = [Number(params.get("cells")), Number(params.get("each"))];
    const module = `export default { async fetch(request) {
        const [, url, each] = new URL(request.url).search.match(/^\\?(.*)\\|(.*)$/);
        const texts = await Promise.all(Array.from({ length: Number(each) }, async (_, i) => {
            const response = await fetch(decodeURIComponent(url) + i);
            return (await response.text()).length;
        }));
        return Response.json(texts);
    } };`;
    const url = encodeURIComponent(params.get("url"));
    const all = Array.from({ length: cells }, async (_, i) => {
        const worker = env.LOADER.load({ ...code(), modules: { "main.js": module } });
        const response = await worker.getEntrypoint().fetch(`http://w/?${url}|${each}`);
        return response.json();
    });
    return Response.json((await Promise.all(all)).flat());
}
