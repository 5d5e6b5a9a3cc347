// Tails of dynamic workers: what their handlers are told. dynamic-workers.md 1.9, rows G1, G3 to G5.

import { WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, throws, until, worker } from "./check.js";

/** What each tail was told, by its props. */
const told = new Map();
const unredacted = [];

export class Tail extends WorkerEntrypoint {
    async tail(events) {
        const { to } = this.ctx.props;
        if (to === "failing") throw new Error("a tail that fails");
        unredacted.push(...events.map((event) => event.event?.request?.getUnredacted?.()));
        told.set(to, [...(told.get(to) ?? []), ...events]);
    }
}

export class Silent extends WorkerEntrypoint {}

let count = 0;

/** Loads a worker with a tail of its own, and gives both: the worker and what waits for so many events. */
function tailed(ctx, env, source, more) {
    const to = `tail ${++count}`;
    const stub = env.LOADER.load(worker(source, { tails: [ctx.exports.Tail({ props: { to } })], ...more }));
    const events = async (n = 1) => {
        await until(`${n} events of ${to}`, () => (told.get(to)?.length ?? 0) >= n);
        return told.get(to);
    };
    return { stub, events };
}

const fetching = {
    "a request: event, logs, outcome": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, `export default { async fetch() {
            console.log("a", 1, { b: [true, null] }); console.warn("w"); console.error("e"); console.debug("d"); console.info();
            return new Response("x", { status: 201 }); } }`);
        const before = Date.now();
        const response = await stub.getEntrypoint().fetch("https://example.com/path?q=1", { method: "POST", body: "b", headers: { "X-Plain": "1", Authorization: "Bearer s", Cookie: "c" } });
        equal(await response.text(), "x");
        const [item, ...more] = await events();
        equal(more, []);
        equal(item.event.response, { status: 201 });
        const { headers, method, url } = item.event.request;
        equal([method, url, headers["x-plain"], headers.authorization, headers.cookie], ["POST", "https://example.com/path?q=1", "1", "REDACTED", "REDACTED"]);
        equal(item.logs.map(({ level, message }) => [level, message]), [["log", ["a", 1, { b: [true, null] }]], ["warn", ["w"]], ["error", ["e"]], ["debug", ["d"]], ["info", []]]);
        ok(item.logs.every(({ timestamp }) => timestamp >= before - 20 && timestamp <= Date.now() + 20), "timestamps");
        const { outcome, exceptions, scriptName, entrypoint, executionModel, truncated, diagnosticsChannelEvents } = item;
        equal({ outcome, exceptions, scriptName, entrypoint, executionModel, truncated, diagnosticsChannelEvents },
            { outcome: "ok", exceptions: [], scriptName: null, entrypoint: "default", executionModel: "stateless", truncated: false, diagnosticsChannelEvents: [] });
        ok(item.eventTimestamp >= before - 20 && Number.isInteger(item.wallTime) && Number.isInteger(item.cpuTime), "times");
        equal(unredacted.at(-1).headers.authorization, "Bearer s");
    },
    "an exception": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, "export default { fetch() { console.log('before'); throw new RangeError('the reason'); } }");
        await rejects(stub.getEntrypoint().fetch("http://x/"), { name: "RangeError", message: "the reason" });
        const [{ outcome, exceptions, logs, event }] = await events();
        equal([outcome, exceptions.length, exceptions[0].name, exceptions[0].message, event.response], ["exception", 1, "RangeError", "the reason", undefined]);
        ok(exceptions[0].stack.includes("main.js"), `a stack, not ${exceptions[0].stack}`);
        equal(logs[0].message, ["before"]);
    },
    "errors that are logged, and their stacks": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, `export default { fetch() {
            const error = new TypeError("logged");
            console.error("x", error, { error });
            throw error; } }`);
        await rejects(stub.getEntrypoint().fetch("http://x/"), { name: "TypeError" });
        const [{ logs, exceptions }] = await events();
        const [word, logged, { error }] = logs[0].message;
        const frames = /^(?:    at fetch@main\.js:\d+:\d+\n?)+$/;
        equal([word, error], ["x", logged]);
        ok(logged.startsWith("TypeError: logged\n") && frames.test(logged.slice(logged.indexOf("\n") + 1)), `a stack, not ${logged}`);
        ok(frames.test(exceptions[0].stack), `a stack, not ${exceptions[0].stack}`);
    },
    "a failed start": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, "throw new Error('at once');");
        await rejects(stub.getEntrypoint().fetch("http://x/"), { message: /^Failed to start Worker:\n/ });
        const [{ outcome, exceptions }] = await events();
        equal([outcome, exceptions[0].message.includes("at once")], ["exception", true]);
    },
    "what is logged in waitUntil belongs to the request": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, `export default { async fetch(request, env, ctx) {
            ctx.waitUntil(scheduler.wait(30).then(() => { console.log("late"); throw new TypeError("lost"); }));
            return new Response("x"); } }`);
        await (await stub.getEntrypoint().fetch("http://x/")).text();
        const [{ logs, exceptions, outcome }] = await events();
        equal([logs.map(({ message }) => message), exceptions.map(({ name, message }) => `${name}: ${message}`), outcome], [[["late"]], ["TypeError: lost"], "ok"]);
    },
    "the processor's limit": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, "export default { fetch() { console.log('spins'); for (;;); } }", { limits: { cpuMs: 20 } });
        await rejects(stub.getEntrypoint().fetch("http://x/"), { message: /CPU time limit/ });
        const [{ outcome, exceptions, logs }] = await events();
        equal([outcome, exceptions.length, logs.map(({ message }) => message)], ["exceededCpu", 1, [["spins"]]]);
    },
    "the memory's limit": async ({ env, ctx }) => {
        const source = "export default { fetch() { for (let n = 0; n < 200; n++) console.log(n); const l = []; for (;;) l.push(new Uint8Array(1 << 20).fill(1)); } };";
        const { stub, events } = tailed(ctx, env, source, { limits: { memoryMb: 20 } });
        await rejects(stub.getEntrypoint().fetch("http://x/"), { message: /memory limit/ });
        const [{ outcome, logs }] = await events();
        equal([outcome, logs.length, logs.at(-1).message], ["exceededMemory", 200, [199]]);
    },
};

const others = {
    "a call": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, `import { WorkerEntrypoint } from "cloudflare:workers";
            export class Job extends WorkerEntrypoint { run(n) { console.log(n); if (n > 1) throw new Error("too much"); return n; } }`);
        const job = stub.getEntrypoint("Job");
        equal(await job.run(1), 1);
        await rejects(job.run(2), { message: "too much" });
        const items = await events(2);
        equal(items.map(({ event, outcome, entrypoint, logs, exceptions }) => [event, outcome, entrypoint, logs[0].message, exceptions.length]),
            [[{ rpcMethod: "run" }, "ok", "Job", [1], 0], [{ rpcMethod: "run" }, "exception", "Job", [2], 1]]);
    },
    "a named worker tells its name": async ({ env, ctx }) => {
        const to = "named";
        const code = () => worker("export default { fetch() { return new Response('x'); } }", { tails: [ctx.exports.Tail({ props: { to } })] });
        await (await env.LOADER.get("tailed", code).getEntrypoint().fetch("http://x/")).text();
        await until("its event", () => told.has(to));
        equal(told.get(to)[0].scriptName, "tailed");
    },
    "several tails, of which some fail": async ({ env, ctx }) => {
        const { Tail, Silent } = ctx.exports;
        const { stub, events } = tailed(ctx, env, "export default { fetch() { return new Response('x'); } }");
        const tails = [Tail({ props: { to: "failing" } }), Silent({ props: {} }), Tail({ props: { to: "second" } })];
        const other = env.LOADER.load(worker("export default { fetch() { return new Response('x'); } }", { tails }));
        await (await other.getEntrypoint().fetch("http://x/")).text();
        await (await stub.getEntrypoint().fetch("http://x/")).text();
        await until("the second one's event", () => told.has("second"));
        equal([(await events()).length, told.get("second").length], [1, 1]);
    },
    "another dynamic worker as a tail": async ({ env, ctx }) => {
        const tail = env.LOADER.load(worker("let seen = []; export default { tail(events) { seen.push(...events); }, seen(_) { return seen; } }")).getEntrypoint();
        const stub = env.LOADER.load(worker("export default { fetch() { console.log('hi'); return new Response('x'); } }", { tails: [tail] }));
        await (await stub.getEntrypoint().fetch("http://x/")).text();
        let seen = [];
        await until("an event", async () => (seen = await tail.seen(0)).length > 0);
        equal([seen.length, seen[0].logs[0].message, seen[0].event.response.status], [1, ["hi"], 200]);
    },
    "values that JSON lacks, and too many logs": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, `export default { fetch() {
            console.log(undefined, 1n, Symbol("s"), new Error("e"), NaN); const cycle = {}; cycle.cycle = cycle; console.log(cycle);
            for (let i = 0; i < 2000; i++) console.log(""); return new Response("x"); } }`);
        await (await stub.getEntrypoint().fetch("http://x/")).text();
        const [{ logs, truncated }] = await events();
        equal([logs[0].message.slice(0, 3), logs[0].message[4], logs.length, truncated], [["undefined", "1", "Symbol(s)"], null, 1024, true]);
        ok(logs[1].message[0].includes("Circular"), `a cycle in words, not ${logs[1].message[0]}`);
    },
    "diagnostics channels": async ({ env, ctx }) => {
        const { stub, events } = tailed(ctx, env, `import { channel } from "node:diagnostics_channel"; export default { fetch() {
            channel("mine").publish({ a: 1, list: ["b", 2] }); channel("mayfly:outbound").publish({ url: "https://forged.example/" }); channel("words").publish("text");
            return new Response("x"); } }`, { compatibilityFlags: ["nodejs_compat"] });
        const before = Date.now();
        await (await stub.getEntrypoint().fetch("http://x/")).text();
        const [{ diagnosticsChannelEvents: published, logs, truncated }] = await events();
        equal(published.map(({ channel, message }) => [channel, message]), [["mine", { a: 1, list: ["b", 2] }], ["words", "text"]]);
        ok(published.every(({ timestamp }) => timestamp >= before - 20 && timestamp <= Date.now() + 20), "timestamps");
        equal([logs, truncated], [[], false]);
    },
    "what the log limit drops is said to be missing": async ({ env, ctx }) => {
        const limited = (source) => tailed(ctx, env, `import { channel } from "node:diagnostics_channel"; export default { fetch() { ${source} return new Response("x"); } }`,
            { compatibilityFlags: ["nodejs_compat"], limits: { logBytes: 3500 } });
        const long = '"y".repeat(1500)';
        for (const [source, isTruncated] of [[`console.log(${long});`, false], [`console.log(${long}); console.log(${long});`, true],
            [`for (let i = 0; i < 3; i++) channel("a").publish(${long});`, true], [`console.log(${long}); reportError(new Error(${long}));`, true], [`channel("a").publish("z".repeat(1e6));`, true]]) {
            const { stub, events } = limited(source);
            await (await stub.getEntrypoint().fetch("http://x/")).text();
            equal([source, (await events())[0].truncated], [source, isTruncated]);
        }
    },
    "tails must be stubs, and streaming ones are refused": async ({ env, ctx }) => {
        const load = (more) => () => env.LOADER.load(worker("export default {}", more));
        throws(load({ tails: [{}] }), { name: "TypeError", message: "Incorrect type for the 'tails' field on 'WorkerCode': the provided value is not of type 'Fetcher'." });
        throws(load({ tails: 1 }), { name: "TypeError", message: "Incorrect type for the 'tails' field on 'WorkerCode': the provided value is not of type 'Array'." });
        throws(load({ tails: Array(65).fill(ctx.exports.Tail({ props: {} })) }), { name: "RangeError" });
        throws(load({ streamingTails: [ctx.exports.Tail({ props: {} })] }), { message: /Streaming tail workers are experimental/ });
    },
};

export default cases({ ...fetching, ...others });
