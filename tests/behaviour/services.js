// Service bindings between host workers, seen by the one that clients reach.

import { abortIsolate, WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, worker } from "./check.js";

export class Mine extends WorkerEntrypoint {
    mine(x) {
        return { x, props: this.ctx.props };
    }
}

const CHILD = `
import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
    who() { return this.env.ADMIN.who(); }
    each() { return this.env.ADMIN.each([1, 2], (n) => n + 1); }
    async back() { return (await this.env.BACK.fetch("http://any/child", { method: "POST", body: "b" })).json(); }
    async pipelined() { const counter = this.env.ADMIN.counter(); return [await counter.add(2), await counter.value]; }
    keys() { return [typeof this.env.ADMIN, Object.keys(this.env.ADMIN), this.env.ADMIN.props instanceof Promise]; }
    nested() { return this.env.LOADED?.who(); }
}`;

const child = (env, more) => env.LOADER.load(worker(CHILD, { env: { ADMIN: env.ADMIN, BACK: env.BACK, ...more } })).getEntrypoint();

let isUnderWay = false;

export default cases(
    {
        "fetch reaches the other worker's default export": async ({ env }) => {
            const response = await env.BACK.fetch("http://any/path?q", { method: "PUT", body: "text", headers: { "x-header": "h" } });
            equal(await response.json(), { method: "PUT", path: "/path", header: "h", who: "back", body: "text" });
        },
        "a body of 8 MiB goes there and back": async ({ env }) => {
            const bytes = new Uint8Array(8 << 20).fill(7);
            const response = await env.BACK.fetch("http://any/body", { method: "POST", body: bytes });
            equal([response.headers.get("x-answer"), (await response.bytes()).length], ["1", bytes.length]);
        },
        "a bare module is bound by its name": async ({ env }) => equal(await (await env.THIRD.fetch("http://any/x")).text(), "third: /x"),
        "an error of the handler": async ({ env }) => {
            await rejects(env.BACK.fetch("http://any/throw"), { name: "TypeError", message: "of the handler" });
        },
        "named entrypoints get the configuration's props": async ({ env }) => {
            equal(await env.ADMIN.who(), { props: { role: "root", list: [1, { deep: null }] }, who: "back" });
            equal(await env.GUEST.who(), { props: { role: "guest" }, who: "back" });
            equal(await (await env.GUEST.fetch("http://any/")).json(), { role: "guest", url: "http://any/" });
        },
        "props of a binding to itself": async ({ env }) => equal(await env.MYSELF.mine(1), { x: 1, props: { own: true } }),
        "an entrypoint that is not there": async ({ env }) => {
            await rejects(env.NOBODY.anything(), { name: "TypeError", message: "Worker has no such entrypoint: Nobody" });
            await rejects(env.NOBODY.fetch("http://any/"), { name: "TypeError", message: "Worker has no such entrypoint: Nobody" });
        },
        "a method that is not there, and a reserved one": async ({ env }) => {
            await rejects(env.ADMIN.nothing(), { name: "TypeError", message: 'The RPC receiver does not implement the method "nothing".' });
            await rejects(env.ADMIN.alarm(), { name: "TypeError", message: "'alarm' is a reserved method and cannot be called over RPC." });
        },
        "values of every kind": async ({ env }) => {
            const value = { map: new Map([[1, new Date(5)]]), set: new Set(["x"]), big: 2n ** 80n, bytes: Uint8Array.of(1, 2), error: new RangeError("r") };
            value.self = value;
            equal(await env.ADMIN.echo(value), Object.assign(value, { [Symbol.dispose]: undefined }));
        },
        "errors with their properties": async ({ env }) => {
            const error = await rejects(env.ADMIN.fails(), { name: "RangeError", message: "not so far" });
            equal(error.code, 7);
        },
        "functions, targets and pipelining": async ({ env }) => {
            equal(await env.ADMIN.each([1, 2, 3], (n) => n * 10), [10, 20, 30]);
            const counter = await env.ADMIN.counter();
            equal([await counter.add(2), await counter.add(3), await counter.value], [2, 5, 5]);
            counter[Symbol.dispose]();
            equal(await env.ADMIN.counter().add(9), 9);
        },
        "a function that the other one keeps": async ({ env }) => {
            await env.ADMIN.keep((x) => x + 1);
            equal(await env.ADMIN.useKept(41), 42);
        },
        "streams both ways": async ({ env }) => {
            equal(await new Response(await env.ADMIN.stream()).text(), "abc");
            equal(await env.ADMIN.drain(new Blob([new Uint8Array(3 << 20)]).stream()), 3 << 20);
        },
        "the other worker's own bindings lead back here": async ({ env }) => equal(await env.ADMIN.front(), { x: "x", props: { from: "back" } }),
        "a dynamic worker of the other one's calls back": async ({ env }) => {
            equal(await env.ADMIN.child((text) => `heard ${text}`), ["heard from the child", { x: "child", props: { from: "back" } }]);
        },
        "bindings in the env of a dynamic worker": async ({ env }) => {
            const entrypoint = child(env);
            equal(await entrypoint.who(), { props: { role: "root", list: [1, { deep: null }] }, who: "back" });
            equal(await entrypoint.each(), [2, 3]);
            equal(await entrypoint.back(), { method: "POST", path: "/child", header: null, who: "back", body: "b" });
            equal(await entrypoint.pipelined(), [2, 2]);
        },
        "a dynamic worker sees a stub, and no props": async ({ env }) => {
            equal(await child(env).keys(), ["object", [], false]);
        },
        "bindings in props and as arguments": async ({ env, ctx }) => {
            equal(await ctx.exports.Mine({ props: { service: env.GUEST } }).mine(1).props.service.who(), { props: { role: "guest" }, who: "back" });
        },
        "the other worker is one, whoever calls it": async ({ env }) => {
            const first = await env.ADMIN.count();
            equal([await env.GUEST.count(), await env.ADMIN.count()], [first + 1, first + 2]);
        },
        "a thousand calls at once": async ({ env }) => {
            const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => env.ADMIN.echo(i)));
            equal(answers.every((answer, i) => answer === i), true);
        },
        "a request that is aborted": async ({ env }) => {
            const controller = new AbortController();
            const response = env.BACK.fetch("http://any/never", { signal: controller.signal });
            controller.abort(new Error("enough"));
            await rejects(response, { message: "enough" });
            ok((await env.BACK.fetch("http://any/")).ok, "the next one to be answered");
        },
        "a WebSocket through the binding": async ({ env }) => {
            const { webSocket } = await env.BACK.fetch("http://any/", { headers: { upgrade: "websocket" } });
            webSocket.accept();
            const answer = new Promise((resolve) => webSocket.addEventListener("message", ({ data }) => resolve(data)));
            webSocket.send("hello");
            equal(await answer, "back says hello");
            webSocket.close();
        },
    },
    {
        "/hold": async (_, env) => new Response(await env.ADMIN.hold(96 << 20)),
        "/count": async (_, env) => new Response(await env.ADMIN.count()),
        "/die": () => abortIsolate("for the test"),
        /** The callback of the last of these calls is called: so all three have come there. */
        "/under-way": () => Response.json(isUnderWay),
        "/never": async (_, env) => {
            isUnderWay = false;
            const told = await Promise.allSettled([env.ADMIN.never(), env.BACK.fetch("http://any/never"), env.ADMIN.each([1], () => ((isUnderWay = true), new Promise(() => {})))]);
            return Response.json(told.map(({ reason }) => reason?.message));
        },
    },
);
