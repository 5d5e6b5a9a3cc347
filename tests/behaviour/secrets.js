// A host worker whose entrypoint has a secret in its props, and a dynamic worker that does with it all that can be done.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

const random = () => crypto.randomUUID().replaceAll("-", "");
const SECRET = random() + random();

async function sign(secret, text) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign(algorithm.name, key, new TextEncoder().encode(text))).toHex();
}

class Signer extends RpcTarget {
    #secret;
    constructor(secret) {
        super();
        this.#secret = this.open = secret; // an own property, which nobody reaches
    }
    sign(text) {
        return sign(this.#secret, text);
    }
}

export class Api extends WorkerEntrypoint {
    sign(text) {
        return sign(this.ctx.props.secret, text);
    }
    get length() {
        return this.ctx.props.secret.length;
    }
    signer() {
        return new Signer(this.ctx.props.secret);
    }
    closure() {
        const { secret } = this.ctx.props;
        return (text) => sign(secret, text);
    }
    fail() {
        const error = new RangeError("not for you");
        error.stack += this.ctx.props.secret; // the stack stays here
        throw error;
    }
    async fetch(request) {
        return new Response(await sign(this.ctx.props.secret, await request.text()));
    }
    async again(f) {
        return f(await sign(this.ctx.props.secret, "again"));
    }
    swap(token, other) {
        return { token: [token, other].join(" and ") };
    }
}

const CHILD = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
    async use(given) {
        const { API } = this.env;
        const signed = [await API.sign("x"), await API.signer().sign("x"), await (await API.closure())("x")];
        signed.push(await (await API.fetch("http://api/", { method: "POST", body: "x" })).text());
        signed.push(await given.sign("x"), await this.ctx.props.API.sign("x"));
        const failed = [];
        for (const attempt of [() => API.fail(), () => API.props, () => API.secret, () => API.signer().open, () => API.ctx.props.secret, () => API.env]) {
            failed.push(await attempt().then((value) => "got " + String(value), (error) => error.name));
        }
        return { signed, failed, length: await API.length, again: await API.again((text) => text.length) };
    }
    swap(token, other) { return this.env.API.swap(token, other); }
}`;

async function use({ env, ctx, leaks }) {
    const [mark, there, back] = [random(), random(), random()];
    const api = ctx.exports.Api({ props: { secret: SECRET } });
    const given = { API: api, MARK: mark, ...(leaks && { KEY: SECRET }) };
    const code = { compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": CHILD }, env: given };
    const child = env.LOADER.get(`leaks ${leaks}`, () => code).getEntrypoint(undefined, { props: { API: api } });
    const used = await child.use(api);
    await child.swap(there, back);
    return { mark, there, back, used, expected: await sign(SECRET, "x") };
}

export default {
    async fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        if (pathname === "/secret") return new Response(SECRET);
        return Response.json(await use({ env, ctx, leaks: pathname === "/leak" }));
    },
};
