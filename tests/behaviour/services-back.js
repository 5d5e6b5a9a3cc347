// Called by services.js over service bindings.

import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

let calls = 0;
let kept;
const held = [];

class Counter extends RpcTarget {
    #n = 0;
    add(k) {
        return (this.#n += k);
    }
    get value() {
        return this.#n;
    }
}

export class Admin extends WorkerEntrypoint {
    who() {
        return { props: this.ctx.props, who: this.env.WHO };
    }
    fetch(request) {
        return Response.json({ role: this.ctx.props.role, url: request.url });
    }
    echo(value) {
        return value;
    }
    counter() {
        return new Counter();
    }
    async each(list, f) {
        const out = [];
        for (const one of list) out.push(await f(one));
        return out;
    }
    fails() {
        throw Object.assign(new RangeError("not so far"), { code: 7 });
    }
    count() {
        return ++calls;
    }
    stream() {
        return new Blob(["a", "b", "c"]).stream();
    }
    async drain(stream) {
        let bytes = 0;
        for await (const chunk of stream) bytes += chunk.length;
        return bytes;
    }
    keep(f) {
        kept = f.dup();
    }
    useKept(x) {
        return kept(x);
    }
    front() {
        return this.env.FRONT.mine("x");
    }
    /** A dynamic worker of this one's, called back by whoever called this. */
    child(f) {
        const code = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { async run(f) { return [await f("from the child"), await this.env.FRONT.mine("child")]; } }`;
        const worker = this.env.LOADER.load({ compatibilityDate: "2026-01-01", mainModule: "m.js", modules: { "m.js": code }, env: { FRONT: this.env.FRONT } });
        return worker.getEntrypoint().run(f);
    }
    hold(bytes) {
        held.push(new Uint8Array(bytes).fill(1));
        return "held";
    }
    never() {
        return new Promise(() => {});
    }
}

export default {
    async fetch(request, env) {
        const url = new URL(request.url);
        if (url.pathname === "/never") return new Promise(() => {});
        if (url.pathname === "/throw") throw new TypeError("of the handler");
        if (request.headers.get("upgrade") === "websocket") {
            const [client, server] = Object.values(new WebSocketPair());
            server.accept();
            server.addEventListener("message", ({ data }) => server.send(`back says ${data}`));
            return new Response(null, { status: 101, webSocket: client });
        }
        const head = { method: request.method, path: url.pathname, header: request.headers.get("x-header"), who: env.WHO };
        if (url.pathname === "/body") return new Response(request.body, { headers: { "x-answer": "1" } });
        return Response.json({ ...head, body: await request.text() });
    },
};
