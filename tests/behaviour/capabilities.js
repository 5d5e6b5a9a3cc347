// What a dynamic worker is given in env and props, and that it can do that and nothing else. dynamic-workers.md 1.5 to
// 1.7, rows C1 to C12, D2, D3, D6. Every text is workerd's.

import { RpcStub, RpcTarget, WorkerEntrypoint, env as moduleEnv, exports as moduleExports } from "cloudflare:workers";
import { cases, equal, ok, rejects, throws, worker } from "./check.js";

const CHILD = `
import { WorkerEntrypoint, exports as moduleExports } from "cloudflare:workers";

export class Own extends WorkerEntrypoint {
    who() { return "own " + (this.ctx.props.who ?? "without props"); }
    fetch(request) { return new Response("own " + new URL(request.url).pathname); }
}
export const plain = { twice(n) { return n * 2; } };
export default class extends WorkerEntrypoint {
    everything() { return this.env; }
    call(name, method, ...args) { return this.env[name][method](...args); }
    async fetchFrom(name, url, init) {
        const response = await this.env[name].fetch(url, init);
        return [response.status, response.headers.get("x-served-by"), await response.text()];
    }
    async describe(name) {
        const value = this.env[name];
        return [typeof value, Object.prototype.toString.call(value), Object.keys(value), JSON.stringify(value), await (await value) === value];
    }
    props() { return this.ctx.props; }
    callProp(name, method, ...args) { return this.ctx.props[name][method](...args); }
    async own() {
        const { exports } = this.ctx;
        return [
            Object.keys(exports).sort(), moduleExports === exports,
            await exports.Own.who(), await exports.Own({ props: { who: "with props" } }).who(),
            await (await exports.Own.fetch("http://w/path")).text(), await exports.plain.twice(4),
        ];
    }
    giveOwn() { return this.ctx.exports.Own({}); }
    giveEnv(name) { return this.env[name]; }
    passOn(name, target) { return target(this.env[name]); }
    search(text) {
        const seen = new Set(), found = [];
        const walk = (value, path) => {
            if (typeof value === "string" && value.includes(text)) found.push(path);
            if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
            seen.add(value);
            for (const key of Reflect.ownKeys(value)) {
                let inner;
                try { inner = value[key]; } catch { continue; }
                walk(inner, path + "." + String(key));
            }
            walk(Object.getPrototypeOf(value), path + ".__proto__");
        };
        walk(this.env, "env"); walk(this.ctx, "ctx"); walk(globalThis, "globalThis");
        return found;
    }
}
`;

class Target extends RpcTarget {
    hi() {
        return "hi";
    }
}
class Thing {
    x = 1;
}

export class Api extends WorkerEntrypoint {
    who() {
        return this.ctx.props.who ?? "nobody";
    }
    echo(value) {
        return value;
    }
    hasSecret(text) {
        return this.ctx.props.secret === text;
    }
    async load(source, ...args) {
        const inner = this.env.LOADER.load(worker(source, { env: { LEVEL: 2 } })).getEntrypoint();
        return inner.run(...args);
    }
    fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/fail") throw new RangeError("no such page");
        const headers = { "x-served-by": this.ctx.props.who ?? "nobody" };
        return new Response(`${request.method} ${pathname} ${request.headers.get("x-sent") ?? ""}`, { status: 203, headers });
    }
    async upper(request) {
        return request;
    }
}

export class Echo extends WorkerEntrypoint {
    async fetch(request) {
        return new Response(request.body, { headers: { "x-served-by": "echo" } });
    }
}

const load = (env, given) => env.LOADER.load(worker(CHILD, { env: given })).getEntrypoint();

const SECRET = `secret-${Math.random().toString(36).slice(2)}`;

const given = {
    "plain values of every kind": async ({ env }) => {
        const value = {
            text: "ü", number: -0, big: 2n ** 70n, nothing: null, missing: undefined, date: new Date(5), regexp: /a/gi,
            map: new Map([["k", new Set([1])]]), bytes: Uint8Array.from([1, 2]), buffer: new ArrayBuffer(3),
            error: new TypeError("words", { cause: "why" }), list: [1, [2]],
        };
        value.self = value;
        equal(await load(env, value).everything(), value);
    },
    "an entrypoint with props": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({ props: { who: "tenant 1" } }), OTHER: ctx.exports.Api({}) });
        equal([await child.call("API", "who"), await child.call("OTHER", "who")], ["tenant 1", "nobody"]);
        equal(await child.call("API", "echo", { a: [new Date(1)] }), { a: [new Date(1)] });
    },
    "one entrypoint under two names and within values": async ({ env, ctx }) => {
        const api = ctx.exports.Api({ props: { who: "both" } });
        const child = load(env, { A: api, B: api, NESTED: { list: [api] } });
        equal([await child.call("A", "who"), await child.call("B", "who")], ["both", "both"]);
    },
    "fetch of an entrypoint": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({ props: { who: "tenant 2" } }), ECHO: ctx.exports.Echo({}) });
        equal(await child.fetchFrom("API", "http://api/a?b", { headers: { "x-sent": "sent" } }), [203, "tenant 2", "GET /a sent"]);
        const body = "x".repeat(1 << 20);
        equal((await child.fetchFrom("ECHO", "http://w/", { method: "POST", body }))[2], body);
        await rejects(child.fetchFrom("API", "http://api/fail"), { name: "RangeError", message: "no such page" });
    },
    "a service binding": async ({ env }) => {
        equal(await load(env, { SELF: env.SELF }).call("SELF", "who"), "nobody");
    },
    "what a worker sees of an entrypoint": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({ props: { who: "x" } }) });
        equal(await child.describe("API"), ["object", "[object Fetcher]", [], "{}", true]);
    },
    "props stay with the entrypoint": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({ props: { secret: SECRET, who: "me" } }) });
        equal([await child.call("API", "who"), await child.call("API", "hasSecret", SECRET)], ["me", true]);
        equal(await child.search(SECRET.slice(0, 7)), []);
    },
    "functions among a call's arguments": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({}) });
        const back = await child.call("API", "echo", [(n) => n + 1, new Target()]);
        equal([await back[0](1), await back[1].hi()], [2, "hi"]);
    },
    "an entrypoint is handed on over RPC": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({ props: { who: "handed" } }) });
        equal(await (await child.giveEnv("API")).who(), "handed");
        equal(await child.passOn("API", async (api) => (await api.fetch("http://w/x")).headers.get("x-served-by")), "handed");
    },
    "props that hold entrypoints": async ({ env, ctx }) => {
        const stub = env.LOADER.load(worker(CHILD));
        const props = { API: ctx.exports.Api({ props: { who: "in props" } }), n: 5 };
        const child = stub.getEntrypoint(undefined, { props });
        equal([await child.callProp("API", "who"), (await child.props()).n], ["in props", 5]);
    },
    "a worker's own entrypoints": async ({ env }) => {
        equal(await load(env, {}).own(), [
            ["Own", "default", "plain"], true, "own without props", "own with props", "own /path", 8,
        ]);
    },
    "two workers do not share": async ({ env, ctx }) => {
        const one = load(env, { API: ctx.exports.Api({ props: { who: "one" } }) });
        const two = load(env, { API: ctx.exports.Api({ props: { who: "two" } }) });
        const none = load(env, {});
        equal([await one.call("API", "who"), await two.call("API", "who")], ["one", "two"]);
        await rejects(none.call("API", "who"), { name: "TypeError" });
    },
    "a named worker keeps its env": async ({ env, ctx }) => {
        const id = `named ${Math.random()}`;
        const get = () => env.LOADER.get(id, () => worker(CHILD, { env: { API: ctx.exports.Api({ props: { who: "named" } }) } }));
        for (let i = 0; i < 3; i++) equal(await get().getEntrypoint().call("API", "who"), "named");
    },
    "a worker loads workers through its parent": async ({ env, ctx }) => {
        const child = load(env, { API: ctx.exports.Api({}) });
        const source = `import { WorkerEntrypoint } from "cloudflare:workers";
            export default class extends WorkerEntrypoint { async run(n, f) { return [n, this.env.LEVEL, await f(n)]; } }`;
        equal(await child.call("API", "load", source, 3, (n) => n * 2), [3, 2, 6]);
    },
    "ctx.exports of the host worker": async ({ ctx }) => {
        equal(Object.keys(ctx.exports).sort(), ["Api", "Echo", "default"]);
        ok(moduleExports === ctx.exports, "the same as cloudflare:workers gives");
        equal([typeof ctx.exports.Api, typeof ctx.exports.Api({}), ctx.exports.Nobody], ["function", "object", undefined]);
        throws(() => ctx.exports.Api(), { name: "TypeError" });
        throws(() => ctx.exports.Api({ props: { f() {} } }), { name: "DataCloneError" });
        equal(await (await ctx.exports.Api.fetch("http://w/")).status, 203);
        ok(moduleEnv.SELF !== undefined, "env of cloudflare:workers");
    },
};

const NO_SUPPORT = (type) => `Could not serialize object of type "${type}". This type does not support serialization.`;
const DYNAMIC =
    "Entrypoints to dynamically-loaded workers cannot be transferred to other Workers, because the system does not know " +
    "how to reload this Worker from scratch. Instead, have the parent Worker expose an entrypoint which constructs the " +
    "dynamic worker and forwards to it.";

/** Everything that env and props refuse, with the words for it. */
function refused({ env, ctx }) {
    const child = load(env, {});
    return [
        [function f() {}, "function f() {} could not be cloned."],
        [new Target(), "Remote RPC references can only be serialized for RPC."],
        [new RpcStub(new Target()), "RpcStub cannot be serialized in this context because it is not a persistent stub."],
        [ctx.exports.Api, NO_SUPPORT("LoopbackServiceStub")],
        [child, DYNAMIC],
        [new Thing(), NO_SUPPORT("Thing")],
        [Promise.resolve(1), "#<Promise> could not be cloned."],
        [child.everything(), NO_SUPPORT("RpcPromise")],
        [child.everything, NO_SUPPORT("RpcProperty")],
        [env.LOADER, NO_SUPPORT("WorkerLoader")],
        [env.LOADER.load(worker(CHILD)), NO_SUPPORT("WorkerStub")],
        [Symbol("q"), "Symbol(q) could not be cloned."],
        [new WeakMap(), "#<WeakMap> could not be cloned."],
    ];
}

const rejections = {
    "what env refuses": (context) => {
        for (const [value, message] of refused(context)) {
            throws(() => load(context.env, { deep: [value] }), { name: "DataCloneError", message });
        }
    },
    "what props refuse": (context) => {
        const stub = context.env.LOADER.load(worker(CHILD));
        for (const [value, message] of refused(context)) {
            throws(() => stub.getEntrypoint(undefined, { props: { value } }), { name: "DataCloneError", message });
        }
    },
    "entrypoints of dynamic workers go nowhere": async ({ env }) => {
        const [one, two] = [load(env, {}), load(env, {})];
        await rejects(two.call("x", "y", one), { name: "DataCloneError", message: DYNAMIC });
        await rejects(one.giveOwn(), { name: "DataCloneError", message: DYNAMIC });
    },
    "an entrypoint that is not in the table": async ({ env }) => {
        const stub = env.LOADER.load(worker(CHILD));
        await rejects(stub.getEntrypoint("Nobody").x(), { message: "Worker has no such entrypoint: Nobody" });
        throws(() => stub.getDurableObjectClass("Own"), { name: "Error", message: /getDurableObjectClass/ });
    },
    "an older date has no ctx.exports, unless it asks": async ({ env }) => {
        const source = "export default { has(_, env, ctx) { return ctx.exports !== undefined; } };";
        const has = (more) => env.LOADER.load(worker(source, more)).getEntrypoint().has(0);
        equal(await has({ compatibilityDate: "2025-11-16" }), false);
        equal(await has({ compatibilityDate: "2025-11-17" }), true);
        equal(await has({ compatibilityDate: "2025-01-01", compatibilityFlags: ["enable_ctx_exports"] }), true);
        equal(await has({ compatibilityFlags: ["disable_ctx_exports"] }), false);
    },
};

export default cases({ ...given, ...rejections });
