// load() and get(): when code is asked for, which worker answers, and what becomes of failures. dynamic-workers.md 1.2,
// 1.3, rows A1 to A10 and D5, D9.

import { START_FAILED, cases, equal, ok, rejects, sleep, throws, worker } from "./check.js";

/** Counts its calls, over RPC and by fetch. */
const COUNTER = `
let calls = 0;
export default {
    count(_) { return ++calls; },
    fetch() { return new Response(String(++calls)); },
};`;
const BROKEN = "export default {;";

const count = (stub) => stub.getEntrypoint().count(null);

/** A callback that knows how often it was called. */
function callback(give) {
    const asked = () => {
        asked.times++;
        return give(asked.times);
    };
    asked.times = 0;
    return asked;
}

const loading = {
    "load gives a stub at once": ({ env }) => {
        const stub = env.LOADER.load(worker(COUNTER));
        equal(typeof stub.getEntrypoint, "function");
        equal(stub.then, undefined);
        equal(typeof stub.getEntrypoint().fetch, "function");
    },
    "each load is a worker of its own": async ({ env }) => {
        const code = worker(COUNTER);
        const first = env.LOADER.load(code);
        equal([await count(first), await count(first), await count(env.LOADER.load(code))], [1, 2, 1]);
    },
    "one stub has one worker for all its entrypoints": async ({ env }) => {
        const stub = env.LOADER.load(worker(COUNTER));
        equal([await count(stub), await (await stub.getEntrypoint().fetch("http://w/")).text()], [1, "2"]);
    },
    "a worker outlives its stub while an entrypoint is there": async ({ env }) => {
        const entrypoint = env.LOADER.load(worker(COUNTER)).getEntrypoint();
        equal([await entrypoint.count(0), await entrypoint.count(0)], [1, 2]);
    },
    "code is taken as it was at load": async ({ env }) => {
        const code = worker({ "main.js": COUNTER });
        const stub = env.LOADER.load(code);
        code.modules["main.js"] = BROKEN;
        code.mainModule = "other.js";
        equal(await count(stub), 1);
    },
    "96 at once": async ({ env }) => {
        const stubs = Array.from({ length: 96 }, (_, i) =>
            env.LOADER.load(worker(`export default { name(_) { return ${i}; } };`)),
        );
        const names = await Promise.all(stubs.map((stub) => stub.getEntrypoint().name(0)));
        equal(names, stubs.map((_, i) => i));
    },
    "stubs that are dropped before the start harm nobody": async ({ env }) => {
        for (let i = 0; i < 64; i++) env.LOADER.load(worker(COUNTER));
        equal(await count(env.LOADER.load(worker(COUNTER))), 1);
    },
    "calls whose answer nobody awaits harm nobody": async ({ env }) => {
        for (let i = 0; i < 16; i++) env.LOADER.load(worker(i % 2 ? COUNTER : BROKEN)).getEntrypoint().count(0).catch(() => {});
        equal(await count(env.LOADER.load(worker(COUNTER))), 1);
    },
};

const failures = {
    "a start that fails is told at the first call, not by load": async ({ env }) => {
        for (const source of [BROKEN, "throw new TypeError('my own words')", "import './nowhere.js'"]) {
            const stub = env.LOADER.load(worker(source));
            const entrypoint = stub.getEntrypoint();
            const error = await rejects(entrypoint.fetch("http://w/"), { name: "Error" });
            ok(error.message.startsWith(START_FAILED), `a failed start in: ${error.message}`);
        }
    },
    "fetch, RPC and every later call get the same": async ({ env }) => {
        const stub = env.LOADER.load(worker("throw new Error('my own words')"));
        const first = await rejects(stub.getEntrypoint().fetch("http://w/"), { message: /my own words/ });
        for (const call of [
            stub.getEntrypoint().anything(1),
            stub.getEntrypoint("Named").fetch("http://w/"),
            stub.getEntrypoint("Named", { props: 1 }).anything(),
        ]) {
            await rejects(call, { name: "Error", message: first.message });
        }
    },
    "a failed start of a name is not kept": async ({ env }) => {
        const ask = callback((times) => worker(times === 1 ? BROKEN : COUNTER));
        await rejects(count(env.LOADER.get("failed start", ask)), { name: "Error", message: /^Failed to start Worker:\n/ });
        equal([await count(env.LOADER.get("failed start", ask)), await count(env.LOADER.get("failed start", ask))], [1, 2]);
        equal(ask.times, 2);
    },
    "a callback's exception reaches the caller as it was": async ({ env }) => {
        const thrown = Object.assign(new RangeError("my own words", { cause: "why" }), { detail: { a: 1 } });
        for (const throwing of [
            () => {
                throw thrown;
            },
            () => Promise.reject(thrown),
        ]) {
            const stub = env.LOADER.get("callback throws", throwing);
            const error = await rejects(count(stub), { name: "RangeError", message: "my own words" });
            equal([error.detail, error.cause], [{ a: 1 }, "why"]);
            await rejects(stub.getEntrypoint().fetch("http://w/"), { name: "RangeError", message: "my own words" });
        }
    },
    "a callback's exception is not kept": async ({ env }) => {
        const ask = callback((times) => {
            if (times < 3) throw new Error(`failure ${times}`);
            return worker(COUNTER);
        });
        for (const message of ["failure 1", "failure 2"]) {
            await rejects(count(env.LOADER.get("not kept", ask)), { name: "Error", message });
        }
        equal([await count(env.LOADER.get("not kept", ask)), ask.times], [1, 3]);
    },
    "what a callback throws may be no error": async ({ env }) => {
        const stub = env.LOADER.get("thrown text", () => Promise.reject("just text"));
        equal(await count(stub).catch((thrown) => thrown), "just text");
    },
    "a callback's wrong code is told at the first call and not kept": async ({ env }) => {
        const wrong = [undefined, {}, worker({ "a.txt": "text" }), { ...worker(COUNTER), modules: {} }];
        for (const code of wrong) {
            await rejects(count(env.LOADER.get("wrong code", async () => code)), { name: "TypeError" });
            await rejects(count(env.LOADER.get(null, () => code)), { name: "TypeError" });
        }
        equal(await count(env.LOADER.get("wrong code", () => worker(COUNTER))), 1);
    },
    "get without a callback": ({ env }) => {
        for (const given of [undefined, null, worker(COUNTER), "text"]) {
            throws(() => env.LOADER.get("id", given), { name: "TypeError" });
        }
    },
};

const names = {
    "get gives a stub before there is code": async ({ env }) => {
        const code = Promise.withResolvers();
        const stub = env.LOADER.get("later", () => code.promise);
        const answer = count(stub);
        equal(await Promise.race([answer, sleep(50).then(() => "waiting")]), "waiting");
        code.resolve(worker(COUNTER));
        equal(await answer, 1);
    },
    "the callback may be synchronous or not": async ({ env }) => {
        equal(await count(env.LOADER.get("sync", () => worker(COUNTER))), 1);
        equal(await count(env.LOADER.get("async", async () => sleep(5).then(() => worker(COUNTER)))), 1);
    },
    "a warm name shares its state and asks once": async ({ env }) => {
        const ask = callback(() => worker(COUNTER));
        const counts = [];
        for (let i = 0; i < 5; i++) counts.push(await count(env.LOADER.get("warm", ask)));
        equal([counts, ask.times], [[1, 2, 3, 4, 5], 1]);
    },
    "a name is asked for once even by many at once": async ({ env }) => {
        const ask = callback(async () => sleep(10).then(() => worker(COUNTER)));
        const counts = await Promise.all(Array.from({ length: 20 }, () => count(env.LOADER.get("many", ask))));
        equal([counts.toSorted((a, b) => a - b), ask.times], [Array.from({ length: 20 }, (_, i) => i + 1), 1]);
    },
    "a warm name keeps the code that it has": async ({ env }) => {
        await count(env.LOADER.get("same code", () => worker(COUNTER)));
        equal(await count(env.LOADER.get("same code", () => worker(BROKEN))), 2);
    },
    "a name is still warm for the next request": async ({ env, request }) => {
        const ask = callback(() => worker(COUNTER));
        equal(await count(env.LOADER.get("over requests", ask)), 1);
        const next = await exported.fetch(new Request(new URL("/count?id=over requests", request.url)), env);
        equal(await next.text(), "2");
    },
    "two names are two workers": async ({ env }) => {
        const ask = callback(() => worker(COUNTER));
        equal([await count(env.LOADER.get("one", ask)), await count(env.LOADER.get("two", ask)), ask.times], [1, 1, 2]);
    },
    "any text is a name": async ({ env }) => {
        const odd = ["", " ", "__proto__", "constructor", "\0", "ü\u{1f41d}", "x".repeat(5000)];
        for (const name of odd) {
            equal(await count(env.LOADER.get(name, () => worker(COUNTER))), 1, name);
            equal(await count(env.LOADER.get(name, () => worker(COUNTER))), 2, name);
        }
    },
    "null and undefined are always fresh": async ({ env }) => {
        const ask = callback(() => worker(COUNTER));
        for (const name of [null, undefined, null]) equal(await count(env.LOADER.get(name, ask)), 1);
        equal(ask.times, 3);
    },
    "a stub of null keeps its worker": async ({ env }) => {
        const stub = env.LOADER.get(null, () => worker(COUNTER));
        equal([await count(stub), await count(stub)], [1, 2]);
    },
    "another request may settle the callback's promise": async ({ env, request }) => {
        const answer = count(env.LOADER.get("settled elsewhere", () => new Promise((resolve) => (settle = resolve))));
        await exported.fetch(new Request(new URL("/settle", request.url)), env);
        equal(await answer, 1);
    },
};

let settle;

const starting = {
    "calls wait for a start that awaits": async ({ env }) => {
        const source = `await new Promise((resolve) => setTimeout(resolve, 60)); ${COUNTER}`;
        const entrypoint = env.LOADER.load(worker(source)).getEntrypoint();
        const answers = await Promise.all([
            entrypoint.count(0),
            entrypoint.fetch("http://w/").then((response) => response.text()),
            entrypoint.count(0),
        ]);
        equal(answers, [1, "2", 3]);
    },
    "calls that wait for a start get its failure": async ({ env }) => {
        const source = "await new Promise((resolve) => setTimeout(resolve, 30)); throw new Error('in the end');";
        const stub = env.LOADER.load(worker(source));
        const calls = Array.from({ length: 5 }, () => stub.getEntrypoint().count(0));
        for (const call of calls) await rejects(call, { name: "Error", message: /^Failed to start Worker:\n.*in the end/ });
    },
    "requests with bodies wait too": async ({ env }) => {
        const source = `await new Promise((resolve) => setTimeout(resolve, 30));
            export default { async fetch(request) { return new Response(await request.text()); } };`;
        const entrypoint = env.LOADER.load(worker(source)).getEntrypoint();
        const body = "x".repeat(600000);
        const response = await entrypoint.fetch("http://w/", { method: "POST", body });
        equal((await response.text()) === body, true);
    },
    "a start may wait for long, and others go on": async ({ env }) => {
        const slow = env.LOADER.load(worker("await new Promise((resolve) => setTimeout(resolve, 1e6)); export default {};"));
        const never = slow.getEntrypoint().count(0);
        never.catch(() => {});
        equal(await count(env.LOADER.load(worker(COUNTER))), 1);
        slow[Symbol.dispose]();
    },
};

const disposing = {
    "stubs can be disposed, more than once": async ({ env }) => {
        const stub = env.LOADER.load(worker(COUNTER));
        const entrypoint = stub.getEntrypoint();
        equal(await entrypoint.count(0), 1);
        for (const disposable of [entrypoint, entrypoint, stub, stub]) disposable[Symbol.dispose]();
    },
    "stubs can be disposed before the start": async ({ env }) => {
        for (let i = 0; i < 16; i++) {
            const stub = env.LOADER.load(worker(COUNTER));
            stub.getEntrypoint()[Symbol.dispose]();
            stub[Symbol.dispose]();
        }
        equal(await count(env.LOADER.load(worker(COUNTER))), 1);
    },
    "one entrypoint's end is not another's": async ({ env }) => {
        const stub = env.LOADER.load(worker(COUNTER));
        const [first, second] = [stub.getEntrypoint(), stub.getEntrypoint()];
        await first.count(0);
        first[Symbol.dispose]();
        equal(await second.count(0), 2);
    },
    "a disposed stub of a name leaves the name warm for others": async ({ env }) => {
        const ask = callback(() => worker(COUNTER));
        const other = env.LOADER.get("disposed", ask);
        const stub = env.LOADER.get("disposed", ask);
        equal(await count(stub), 1);
        stub[Symbol.dispose]();
        equal([await count(other), await count(env.LOADER.get("disposed", ask)), ask.times], [2, 3, 1]);
    },
    "disposing of a name does not cut off calls of others": async ({ env }) => {
        const source = "export default { wait(ms) { return new Promise((r) => setTimeout(() => r('done'), ms)); } };";
        const ask = () => worker(source);
        const call = env.LOADER.get("cut off", ask).getEntrypoint().wait(60);
        const stub = env.LOADER.get("cut off", ask);
        await stub.getEntrypoint().wait(0);
        stub[Symbol.dispose]();
        equal(await call, "done");
    },
    "abortIsolate() ends that isolate alone; its callers are told, and the next get asks anew": async ({ env }) => {
        const source = `
            import { abortIsolate } from "cloudflare:workers";
            let calls = 0;
            export default {
                count(_) { return ++calls; },
                abort(reason) { abortIsolate(reason); for (;;); },
                wait(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); },
            };`;
        const ask = callback(() => worker(source));
        const neighbour = env.LOADER.load(worker(COUNTER));
        const anonymous = env.LOADER.load(worker(source)).getEntrypoint();
        const stub = env.LOADER.get("aborts", ask).getEntrypoint();
        equal([await stub.count(null), await stub.count(null), await count(neighbour)], [1, 2, 1]);
        const waiting = rejects(stub.wait(10_000), { name: "Error", message: /^internal error; reference = [0-9a-f]{24}/ });
        await rejects(stub.abort("enough"), { name: "Error", message: /^internal error; reference = .*: enough$/ });
        await waiting;
        await rejects(anonymous.abort(undefined), { name: "Error", message: /^internal error; reference = [0-9a-f]{24}$/ });
        equal(await env.LOADER.get("aborts", ask).getEntrypoint().count(null), 1);
        equal([ask.times, await count(neighbour)], [2, 2]);
    },
    "a disposed stub answers no more": async ({ env }) => {
        const stub = env.LOADER.load(worker(COUNTER));
        await count(stub);
        stub[Symbol.dispose]();
        await rejects((async () => count(stub))(), { name: "Error", message: /dispos/ });
    },
};

const exported = cases(
    { ...loading, ...failures, ...names, ...starting, ...disposing },
    {
        "/count": async (request, env) => {
            const id = new URL(request.url).searchParams.get("id");
            return new Response(String(await count(env.LOADER.get(id, () => worker(COUNTER)))));
        },
        "/settle": () => {
            settle(worker(COUNTER));
            return new Response("settled");
        },
    },
);

export default exported;
