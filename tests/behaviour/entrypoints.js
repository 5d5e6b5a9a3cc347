// getEntrypoint(): which export answers, what it is given, and every text for what is not there. dynamic-workers.md 1.4,
// 1.7, 6.1, rows D1 to D4.

import { cases, equal, ok, rejects, throws, worker } from "./check.js";

const CHILD = `
import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";

export default {
    fetch(request, env, ctx) { return Response.json([new URL(request.url).pathname, env.GREETING, ctx.props]); },
    add(pair, env, ctx) { return [pair[0] + pair[1], env.GREETING, ctx.props]; },
    wide(a, b, c, d) { return [a, b, c, d]; },
    number: 5,
};

export class Job extends WorkerEntrypoint {
    own = "hidden";
    ownFunction = () => "hidden";
    #secret = 41;
    static made = 0;
    constructor(ctx, env) { super(ctx, env); Job.made++; }
    fetch(request) { return Response.json([request.method, this.env.GREETING, this.ctx.props]); }
    run(n) { return n * this.ctx.props.factor; }
    many(...args) { return args; }
    nothing() {}
    async later() { await null; return this.env.GREETING; }
    secret() { return this.#secret + 1; }
    made() { return Job.made; }
    get getter() { return () => "from a getter"; }
    get text() { return "text"; }
    _underscore() { return "public all the same"; }
    "odd name"() { return "odd"; }
}

export class Derived extends Job {
    run(n) { return "derived " + super.run(n); }
}

export const plain = {
    fetch(request, env, ctx) { return Response.json(["plain", env.GREETING, ctx.props]); },
    twice(n) { return n * 2; },
    given(value, env, ctx) { return [value, env.GREETING, ctx.props, this === plain]; },
    text: "text",
};

export class NotAnEntrypoint { run() { return 1; } }
export const noEntrypoint = 5;
export function justAFunction() {}
export class Target extends RpcTarget { run() { return 1; } }
export const empty = {};
`;

function load(env, source = CHILD) {
    return env.LOADER.load(worker(source, { env: { GREETING: "hello" } }));
}

const json = async (promise) => (await promise).json();

const found = {
    "the default export, by no name, null, undefined or 'default'": async ({ env }) => {
        const stub = load(env);
        for (const entrypoint of [
            stub.getEntrypoint(),
            stub.getEntrypoint(undefined),
            stub.getEntrypoint(null),
            stub.getEntrypoint("default"),
        ]) {
            equal(await json(entrypoint.fetch("http://w/path")), ["/path", "hello", {}]);
            equal(await entrypoint.add([1, 2]), [3, "hello", {}]);
        }
    },
    "a named class": async ({ env }) => {
        const job = load(env).getEntrypoint("Job", { props: { factor: 3 } });
        equal(await job.run(14), 42);
        equal(await json(job.fetch("http://w/", { method: "PUT" })), ["PUT", "hello", { factor: 3 }]);
    },
    "a class of a class": async ({ env }) => {
        const derived = load(env).getEntrypoint("Derived", { props: { factor: 2 } });
        equal([await derived.run(4), await derived.later()], ["derived 8", "hello"]);
    },
    "a named plain object": async ({ env }) => {
        const plain = load(env).getEntrypoint("plain", { props: { p: 1 } });
        equal(await plain.twice(21), 42);
        equal(await plain.given("a"), ["a", "hello", { p: 1 }, true]);
        equal(await json(plain.fetch("http://w/")), ["plain", "hello", { p: 1 }]);
    },
    "a default class": async ({ env }) => {
        const source = `import { WorkerEntrypoint } from "cloudflare:workers";
            export default class extends WorkerEntrypoint {
                fetch() { return new Response("class"); }
                sum(a, b) { return a + b; }
            }`;
        const entrypoint = load(env, source).getEntrypoint();
        equal([await (await entrypoint.fetch("http://w/")).text(), await entrypoint.sum(1, 2)], ["class", 3]);
    },
    "props reach the default export too": async ({ env }) => {
        const entrypoint = load(env).getEntrypoint("default", { props: { a: [1] } });
        equal(await entrypoint.add([1, 2]), [3, "hello", { a: [1] }]);
        equal(await json(entrypoint.fetch("http://w/")), ["/", "hello", { a: [1] }]);
    },
    "props of every kind": async ({ env }) => {
        const source = `export const plain = { props(_, env, ctx) { return ctx.props; } };`;
        for (const props of [new Map([[1, { deep: new Set(["x"]) }]]), { bytes: new Uint8Array([1, 2]) }, [null], "text"]) {
            equal(await load(env, source).getEntrypoint("plain", { props }).props(0), props);
        }
    },
    "props that cannot be cloned": async ({ env }) => {
        const stub = load(env);
        await rejects(
            (async () => stub.getEntrypoint("Job", { props: { f() {} } }).nothing())(),
            { name: "DataCloneError" },
        );
    },
    "two stubs with two props": async ({ env }) => {
        const stub = load(env);
        const [two, three] = [2, 3].map((factor) => stub.getEntrypoint("Job", { props: { factor } }));
        equal(await Promise.all([two.run(10), three.run(10), two.run(1)]), [20, 30, 2]);
    },
    "a class is made anew for each call": async ({ env }) => {
        const job = load(env).getEntrypoint("Job", { props: {} });
        equal([await job.made(), await job.made()], [1, 2]);
    },
    "limits beside props": async ({ env }) => {
        const job = load(env).getEntrypoint("Job", { props: { factor: 2 }, limits: { cpuMs: 100, subRequests: 1 } });
        equal(await job.run(2), 4);
    },
    "fetch takes a URL, a Request, and both with options": async ({ env }) => {
        const job = load(env).getEntrypoint("Job");
        equal((await json(job.fetch("http://w/")))[0], "GET");
        equal((await json(job.fetch(new URL("http://w/"), { method: "POST", body: "b" })))[0], "POST");
        equal((await json(job.fetch(new Request("http://w/", { method: "DELETE" }))))[0], "DELETE");
        equal((await json(job.fetch(new Request("http://w/"), { method: "PATCH", body: "b" })))[0], "PATCH");
    },
    "a stub can be awaited and is itself": async ({ env }) => {
        const job = load(env).getEntrypoint("Job");
        ok((await job) === job, "the stub itself");
    },
};

const missing = {
    "an entrypoint that is not there": async ({ env }) => {
        const stub = load(env);
        const message = "Worker has no such entrypoint: Nobody";
        const entrypoint = stub.getEntrypoint("Nobody");
        await rejects(entrypoint.fetch("http://w/"), { message });
        await rejects(entrypoint.run(1), { message });
        equal(await stub.getEntrypoint("Job", { props: { factor: 1 } }).run(1), 1);
    },
    "exports that are no entrypoints": async ({ env }) => {
        const stub = load(env);
        for (const name of ["noEntrypoint", "justAFunction", "NotAnEntrypoint", "toString", "__proto__", "hasOwnProperty", ""]) {
            await rejects(stub.getEntrypoint(name).run(1), { message: `Worker has no such entrypoint: ${name}` });
        }
    },
    "no default entrypoint": async ({ env }) => {
        const stub = load(env, "export const plain = { one(_) { return 1; } };");
        await rejects(stub.getEntrypoint().fetch("http://w/"), { message: "Worker has no default entrypoint." });
        await rejects(stub.getEntrypoint().one(1), { message: "Worker has no default entrypoint." });
        equal(await stub.getEntrypoint("plain").one(1), 1);
    },
    "a name that is no text": ({ env }) => {
        const stub = load(env);
        for (const name of [5, {}, true]) throws(() => stub.getEntrypoint(name), { name: "TypeError" });
    },
    "an entrypoint without fetch": async ({ env }) => {
        await rejects(load(env).getEntrypoint("empty").fetch("http://w/"), {
            name: "TypeError",
            message: "Handler does not export a fetch() function.",
        });
    },
    "a fetch that gives no Response": async ({ env }) => {
        for (const value of ["undefined", "'text'", "{}", "null"]) {
            const stub = load(env, `export default { fetch() { return ${value}; } };`);
            await rejects(stub.getEntrypoint().fetch("http://w/"), { name: "TypeError", message: /Response/ });
        }
    },
    "a fetch that throws": async ({ env }) => {
        const source = "export default { async fetch() { throw Object.assign(new RangeError('my own words'), { code: 7 }); } };";
        await rejects(load(env, source).getEntrypoint().fetch("http://w/"), { name: "RangeError", message: "my own words" });
    },
    "getDurableObjectClass is refused in words": ({ env }) => {
        throws(() => load(env).getDurableObjectClass("Job"), { name: "Error", message: /getDurableObjectClass/ });
    },
};

const methods = {
    "a method that is not there": async ({ env }) => {
        const stub = load(env);
        const message = 'The RPC receiver does not implement the method "nobody".';
        for (const name of ["default", "Job", "plain"]) {
            await rejects(stub.getEntrypoint(name).nobody(1), { name: "TypeError", message });
        }
    },
    "a member that is no function": async ({ env }) => {
        const stub = load(env);
        await rejects(stub.getEntrypoint("Job").text(), { name: "TypeError", message: '"text" is not a function.' });
        await rejects(stub.getEntrypoint("plain").text(1), { name: "TypeError", message: '"text" is not a function.' });
        await rejects(stub.getEntrypoint().number(1), { name: "TypeError", message: '"number" is not a function.' });
    },
    "an instance's own properties are hidden": async ({ env }) => {
        const job = load(env).getEntrypoint("Job");
        for (const name of ["own", "ownFunction", "ctx", "env"]) {
            await rejects(job[name](), {
                name: "TypeError",
                message: `The RPC receiver does not implement the method "${name}".`,
            });
        }
    },
    "what every object has is hidden": async ({ env }) => {
        const stub = load(env);
        for (const name of ["hasOwnProperty", "isPrototypeOf", "__proto__", "__defineGetter__", "propertyIsEnumerable"]) {
            for (const entrypoint of [stub.getEntrypoint("Job"), stub.getEntrypoint("plain")]) {
                await rejects(entrypoint[name]("x"), { name: "TypeError", message: /does not implement the method/ });
            }
        }
    },
    "private names stay private, and methods use them": async ({ env }) => {
        equal(await load(env).getEntrypoint("Job").secret(), 42);
    },
    "a getter that gives a function can be called": async ({ env }) => {
        equal(await load(env).getEntrypoint("Job").getter(), "from a getter");
    },
    "any name that is no reserved one": async ({ env }) => {
        const job = load(env).getEntrypoint("Job");
        equal([await job._underscore(), await job["odd name"]()], ["public all the same", "odd"]);
    },
    "any number of arguments for a class": async ({ env }) => {
        const job = load(env).getEntrypoint("Job");
        equal([await job.many(), await job.many(1, undefined, 3)], [[], [1, undefined, 3]]);
        equal(await job.nothing(1), undefined);
    },
    "exactly one argument for a plain object": async ({ env }) => {
        const stub = load(env);
        const message = /^Attempted to call RPC function "\w+" with the wrong number of arguments\. /;
        await rejects(stub.getEntrypoint("plain").twice(), { name: "TypeError", message });
        await rejects(stub.getEntrypoint("plain").twice(1, 2), { name: "TypeError", message });
        await rejects(stub.getEntrypoint().wide(1), { name: "TypeError", message });
    },
    "reserved names": async ({ env }) => {
        const stub = load(env);
        for (const name of ["dup", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]) {
            for (const entrypoint of ["Job", "plain", "default"]) {
                await rejects(stub.getEntrypoint(entrypoint)[name](1), {
                    name: "TypeError",
                    message: `'${name}' is a reserved method and cannot be called over RPC.`,
                });
            }
        }
        // connect() is the stub's own, as fetch() is: it wants an address, and calls no method of that name.
        throws(() => stub.getEntrypoint("Job").connect(1), { name: "TypeError", message: "Specified address could not be parsed." });
    },
    "a stub has no properties to write or list": ({ env }) => {
        const job = load(env).getEntrypoint("Job");
        throws(() => (job.run = 1), { name: "TypeError" });
        equal(Object.keys(job), []);
    },
};

export default cases({ ...found, ...missing, ...methods });
