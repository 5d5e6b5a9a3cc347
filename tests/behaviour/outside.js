// The host worker whose entrypoint the published capnweb client calls; outside.mjs has the cases.

import { RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

const CHILD = `
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
class Counter extends RpcTarget { #n; constructor(n) { super(); this.#n = n; } add(k) { return (this.#n += k); } get value() { return this.#n; } }
export default class extends WorkerEntrypoint {
    sum(...numbers) { return numbers.reduce((a, b) => a + b, 0); }
    counter(n) { return new Counter(n); }
    async each(list, f) { const out = []; for (const x of list) out.push(await f(x)); return out; }
}`;

let kept;

class Session extends RpcTarget {
    #name;
    constructor(name) {
        super();
        this.#name = name;
    }
    whoAmI() {
        return this.#name;
    }
    get upper() {
        return this.#name.toUpperCase();
    }
    friends() {
        return [{ name: "ann" }, { name: "bob" }];
    }
}

export class Api extends WorkerEntrypoint {
    hello(name) {
        return `hello ${name}`;
    }
    authenticate(token) {
        if (token !== "right") throw new RangeError("wrong token");
        return new Session("user");
    }
    echo(value) {
        return value;
    }
    greet(friend) {
        return `dear ${friend.name}`;
    }
    sum_(a, b) {
        return a + b;
    }
    async callback(f, ...args) {
        return [await f(...args)];
    }
    async target(object) {
        return [await object.hi("x"), await object.child().hi("y")];
    }
    keep(f) {
        kept = f.dup();
        return "kept";
    }
    useKept(n) {
        return kept(n);
    }
    describe(...stubs) {
        return stubs.flatMap((stub) => [typeof stub, stub instanceof RpcStub]);
    }
    child() {
        return this.#load().counter(5);
    }
    sum(...numbers) {
        return this.#load().sum(...numbers);
    }
    each(list, f) {
        return this.#load().each(list, f);
    }
    async unsupported() {
        return new Map([[1, 2]]);
    }
    #load() {
        const code = { compatibilityDate: "2026-01-01", mainModule: "m.js", modules: { "m.js": CHILD }, globalOutbound: null };
        return this.env.LOADER.load(code).getEntrypoint();
    }
}

export default {
    fetch(request) {
        return new Response(`fetched ${new URL(request.url).pathname}`);
    },
};
