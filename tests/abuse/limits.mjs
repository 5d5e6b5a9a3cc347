// The limits that are no one's memory or time: what a worker says, how much of it there is, how many there are; and how
// limits from several places combine.

const OK = { "main.js": "export default { run(n) { return n; } };" };
const SPIN = { "main.js": "export default { run() { for (;;); } };" };

const equal = (got, expected) => {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`expected ${b}, got ${a}`);
};

const fetches = (lines) => ({ "main.js": `export default { async fetch(request, env, ctx) { ${lines} } };` });

/** The wrong limits of a code object, and what load() says. */
const wrong = (limits, message) => ({
    async check(_, server) {
        const body = JSON.stringify({ modules: OK, method: "run", limits });
        const response = await fetch(`${server.url}/attempt`, { method: "POST", body });
        equal((await response.json()).message, message);
    },
    test: { modules: OK, method: "run" },
});

const first = (expected) => ([outcome]) => equal(outcome.message ?? outcome.value, expected);
const limitIs = (name, value) => ([{ limit, message }]) => equal([limit?.name, limit?.value], [name, value] || message);

const calls = {
    "limits: a call that hangs": {
        test: { modules: { "main.js": "export default { run() { return new Promise((resolve) => setTimeout(resolve, 1e6)); } };" }, method: "run", limits: { wallMs: 50 } },
        exceeds: "wallMs",
    },
    "limits: a fetch that hangs": { test: { modules: fetches("await new Promise((resolve) => setTimeout(resolve, 1e6));"), limits: { wallMs: 50 } }, exceeds: "wallMs" },
    "limits: a start that hangs": {
        test: { modules: { "main.js": "await new Promise((resolve) => setTimeout(resolve, 1e6)); export default {};" }, method: "run", limits: { wallMs: 50 } },
        exceeds: "wallMs",
    },
    "limits: a call that sleeps on and on": {
        test: { modules: { "main.js": "export default { async run() { for (;;) await new Promise((r) => setTimeout(r, 1)); } };" }, method: "run", limits: { wallMs: 80 } },
        exceeds: "wallMs",
    },
    "limits: a body that comes for too long": {
        test: {
            modules: fetches("return new Response(new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 10)); c.enqueue(new Uint8Array(10)); } }));"),
            limits: { wallMs: 80 },
        },
        exceeds: "wallMs",
    },
    "limits: a body that stalls": {
        test: { modules: fetches("return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(10)); }, pull: () => new Promise((f) => setTimeout(f, 1e6)) }));"), limits: { wallMs: 50 } },
        exceeds: "wallMs",
    },
    "limits: a body that comes in time, and calls after it": {
        test: {
            modules: { "main.js": `export default {
                fetch() { let n = 3; return new Response(new ReadableStream({ pull(c) { n-- > 0 ? c.enqueue(new TextEncoder().encode("x")) : c.close(); } })); },
                sleep() { return new Promise((r) => setTimeout(r, 1200)).then(() => "slept"); } };` },
            limits: { wallMs: 2000 }, then: [{ method: "sleep" }, { method: "sleep" }],
        },
        check: (outcomes) => equal(outcomes.map(({ value, limit }) => value ?? limit?.name), ["xxx", "slept", "slept"]),
    },
    "limits: a response that does not end": {
        test: { modules: fetches("return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(10000)); } }));"), limits: { responseBytes: 1e6 } },
        exceeds: "responseBytes",
    },
    "limits: a response that is too large at once": {
        test: { modules: fetches("return new Response('x'.repeat(1001));"), limits: { responseBytes: 1000 } },
        exceeds: "responseBytes",
    },
    "limits: a response as large as it may be": {
        test: { modules: fetches("return new Response('x'.repeat(1000));"), limits: { responseBytes: 1000 } },
        check: first("x".repeat(1000)),
    },
    "limits: a result that is too large": {
        test: { modules: { "main.js": "export default { run() { return 'x'.repeat(100000); } };" }, method: "run", limits: { rpcMessageBytes: 65536 } },
        check: ([{ message }]) => {
            const text = "Serialized RPC arguments or return values are limited to 65536 bytes, but the size of this value was: ";
            equal(message?.slice(0, text.length), text);
        },
    },
    "limits: logs are cut off, and the call goes on": {
        test: { modules: { "main.js": "export default { run() { for (let i = 0; i < 20000; i++) console.log('x'.repeat(1000)); return 'done'; } };" }, method: "run", limits: { logBytes: 5000 } },
        check: first("done"),
    },
    "limits: the lower one of code and entrypoint, which is the entrypoint's": {
        test: { modules: SPIN, method: "run", limits: { cpuMs: 5000 }, options: { limits: { cpuMs: 30 } } },
        check: limitIs("cpuMs", 30),
    },
    "limits: the lower one of code and entrypoint, which is the code's": {
        test: { modules: SPIN, method: "run", limits: { cpuMs: 30 }, options: { limits: { cpuMs: 5000 } } },
        check: limitIs("cpuMs", 30),
    },
    "limits: the entrypoint's time": {
        test: { modules: { "main.js": "export default { run() { return new Promise((resolve) => setTimeout(resolve, 1e6)); } };" }, method: "run", limits: { wallMs: 5000 }, options: { limits: { wallMs: 30 } } },
        check: limitIs("wallMs", 30),
    },
    "limits: each call has its own time": {
        test: { modules: { "main.js": "export default { run() { for (const end = performance.now() + 1e9, t = 2e6; ; ) { let n = 0; for (let i = 0; i < t; i++) n += i; return n > 0 && end > 0; } } };" }, method: "run", limits: { cpuMs: 2000 }, then: Array.from({ length: 30 }, () => ({ method: "run" })) },
        check: (outcomes) => equal(outcomes.map(({ value, message }) => value ?? message), outcomes.map(() => true)),
    },
    "limits: all calls under way end with a worker that is over": {
        test: { modules: { "main.js": "let n = 0; export default { run() { if (++n < 5) return new Promise((resolve) => setTimeout(resolve, 1e6)); for (;;); } };" }, method: "run", limits: { cpuMs: 50 }, times: 5 },
        check: (outcomes) => equal(outcomes.map(({ limit }) => limit?.name), Array(5).fill("cpuMs")),
    },
    "limits: a named worker begins anew afterwards": {
        test: { id: "anew", modules: { "main.js": "let n = 0; export default { run() { for (;;); }, count() { return ++n; } };" }, method: "run", limits: { cpuMs: 50 }, then: [{ method: "count" }, { method: "count" }] },
        check: ([{ limit }, ...rest]) => equal([limit?.name, ...rest.map(({ value }) => value)], ["cpuMs", 1, 2]),
    },
    "limits: background work after the answer ends too": {
        test: { modules: fetches("ctx.waitUntil((async () => { await null; setTimeout(() => { for (;;); }, 5); await new Promise(() => {}); })()); return new Response('answer');"), limits: { cpuMs: 50 } },
        check: first("answer"),
    },
    "limits: a worker cannot raise what it may take": wrong({ memoryMb: -1 }, "limits.memoryMb must be a whole number above 0, not -1."),
    "limits: no limit of 0": wrong({ cpuMs: 0 }, "limits.cpuMs must be a whole number above 0, not 0."),
    "limits: no limit in words": wrong({ cpuMs: "50" }, "limits.cpuMs must be a whole number above 0, not 50."),
    "limits: no limit without name": wrong({ cpu_ms: 50 }, "limits: there is no limit 'cpu_ms'."),
    "limits: no limit of a loader in code": wrong({ liveCells: 5 }, "limits: 'liveCells' is no limit of a worker but of a loader."),
    "limits: no limit that is no object": wrong(50, "limits must be an object."),
    "limits: subrequests and connections are taken": {
        test: { modules: OK, method: "run", limits: { subRequests: 10, connections: 2 }, options: { limits: { subRequests: 5 } } },
        check: first(0),
    },
};

/** A worker whose requests go to the host's Gate, and whose env.API is the host's Api. */
const asking = (body, limits, more) => ({
    gate: 1,
    modules: { "main.js": `import { WorkerEntrypoint } from "cloudflare:workers";
        const all = (n, f) => Promise.all(Array.from({ length: n }, f));
        const get = async (path) => (await fetch("http://gate" + path)).text();
        export default class extends WorkerEntrypoint { async run() { ${body} } ok() { return "ok"; } }` },
    method: "run",
    limits,
    ...more,
});

const tooMany = (text, name, value, used) => first(`${text} (limits.${name} is ${value}, used ${used})`);
const SUBREQUESTS = "Too many subrequests.";
const STUBS = "Worker exceeded stub limit.";

const outside = {
    "outside: requests in a loop": {
        test: asking("for (;;) await get('/now');", { subRequests: 7 }),
        check: tooMany(SUBREQUESTS, "subRequests", 7, 8),
    },
    "outside: requests, and errors that are caught": {
        test: asking("let n = 0; for (let i = 0; i < 50; i++) try { await get('/now'); n++; } catch {} return n;", { subRequests: 7 }),
        check: first(7),
    },
    "outside: requests to a binding": {
        test: asking("for (;;) await this.env.API.fetch('http://api/');", { subRequests: 3 }),
        check: tooMany(SUBREQUESTS, "subRequests", 3, 4),
    },
    "outside: calls of a binding": {
        test: asking("for (;;) await this.env.API.one();", { subRequests: 3 }),
        check: tooMany(SUBREQUESTS, "subRequests", 3, 4),
    },
    "outside: calls of a binding at once": {
        test: asking("return (await Promise.allSettled(Array.from({ length: 500 }, () => this.env.API.one()))).filter((r) => r.status === 'fulfilled').length;", { subRequests: 9 }),
        check: first(9),
    },
    "outside: the entrypoint's limit of requests, which is lower": {
        test: asking("for (;;) await get('/now');", { subRequests: 7 }, { options: { limits: { subRequests: 2 } } }),
        check: tooMany(SUBREQUESTS, "subRequests", 2, 3),
    },
    "outside: it holds for that entrypoint's calls alone": {
        test: asking("return get('/now');", { subRequests: 1 }, { id: "requests", options: { limits: { subRequests: 1 } }, then: [{ method: "run" }, { method: "run" }] }),
        check: (outcomes) => equal(outcomes.map(({ value, message }) => value ?? message), ["now", "now", "now"]),
    },
    "outside: ninety-six requests at once take turns, six at a time": {
        test: asking("return (await all(96, () => get('/'))).at(-1);", {}, { gate: 6 }),
        check: first("6"),
    },
    "outside: as many as the limit says": {
        test: asking("return (await all(20, () => get('/'))).at(-1);", { connections: 2 }, { gate: 2 }),
        check: first("2"),
    },
    "outside: the entrypoint's limit of connections, which is lower": {
        test: asking("return (await all(21, () => get('/'))).at(-1);", { connections: 5 }, { gate: 3, options: { limits: { connections: 3 } } }),
        check: first("3"),
    },
    "outside: each call has its own": {
        test: asking("return (await all(4, () => get('/'))).at(-1);", { connections: 2 }, { gate: 6, times: 3 }),
        check: (outcomes) => equal(outcomes.map(({ value, message }) => value ?? message), ["6", "6", "6"]),
    },
    "outside: requests that nobody waits for any more give their turn away": {
        test: asking(`const stop = new AbortController();
            const given = all(30, () => fetch("http://gate/", { signal: stop.signal })).catch((e) => e.name);
            await new Promise((r) => setTimeout(r, 1)); stop.abort();
            return [await given, await get("/now")];`),
        check: first(["AbortError", "now"]),
    },
    "outside: more requests than can wait": {
        test: asking("return all(600, () => get('/'));"),
        check: tooMany("Too many simultaneous outbound connections.", "connections", 6, 519),
    },
    "outside: stubs of functions that the host gets": {
        test: asking("return Array.from({ length: 1000 }, () => () => 1);", { openStubs: 50 }, { then: [{ method: "ok" }] }),
        check: (outcomes) => {
            tooMany(STUBS, "openStubs", 50, 51)(outcomes);
            equal(outcomes[0].limit, { name: "openStubs", value: 50, used: 51 });
        },
    },
    "outside: stubs of functions that a binding gets": {
        test: asking("try { for (;;) await this.env.API.take(() => 1, () => 2, () => 3, new Array(60).fill(0).map(() => () => 1)); } catch {} return 'on';", { openStubs: 50 }),
        check: tooMany(STUBS, "openStubs", 50, 51),
    },
    "outside: stubs of the host's that are kept": {
        test: asking("const kept = []; for (;;) kept.push(await this.env.API.make());", { openStubs: 50 }),
        check: tooMany(STUBS, "openStubs", 50, 51),
    },
    "outside: stubs that are given back do not count": {
        test: asking("for (let i = 0; i < 200; i++) (await this.env.API.make())[Symbol.dispose](); return 'on';", { openStubs: 50 }),
        check: first("on"),
    },
    "outside: a named worker begins anew after too many stubs": {
        test: asking("return Array.from({ length: 100 }, () => () => 1);", { openStubs: 50 }, { id: "stubs", then: [{ method: "ok" }] }),
        check: ([one, two]) => equal([one.limit?.name, two.value], ["openStubs", "ok"]),
    },
};

/** Things that are refused by the engine, in words: the worker goes on. */
const throwing = (expression) => ({
    test: {
        modules: { "main.js": `export default { run() { try { ${expression}; return "survived"; } catch (e) { return e instanceof RangeError; } } };` },
        method: "run",
        then: [{ method: "run" }],
    },
    check: (outcomes) => equal(outcomes.map(({ value, message }) => value ?? message), [true, true]),
});

/** Half of a worker's memory is kept, and what is thrown away beside that would fill it several times. */
const keeping = (megabytes, garbage) => ({
    test: {
        modules: { "main.js": `let kept; export default { run() {
            kept ??= Array.from({ length: ${megabytes} * 16 }, (_, i) => Array.from({ length: 8192 }, (_, k) => k + i + 0.5));
            let n = 0; ${garbage} return n > 0 && "survived"; } };` },
        method: "run",
        then: [{ method: "run" }, { method: "run" }],
    },
    check: (outcomes) => equal(outcomes.map(({ value, message }) => value ?? message), Array(3).fill("survived")),
});

const garbage = {
    "garbage: objects": keeping(60, "for (let r = 0; r < 40; r++) { const l = []; for (let i = 0; i < 20000; i++) l.push({ i, a: [i, i + 1] }); n += l.length; }"),
    "garbage: texts": keeping(40, "for (let r = 0; r < 20; r++) { const l = []; for (let i = 0; i < 20000; i++) l.push(('k' + i).padStart(40, '0').toUpperCase()); n += l.join('-').length; }"),
    "garbage: parsed JSON": keeping(60, "const s = JSON.stringify(Array.from({ length: 9000 }, (_, i) => ({ id: i, name: 'row ' + i, tags: ['a', 'b'], in: { d: [i] } }))); for (let r = 0; r < 15; r++) n += JSON.parse(s).length;"),
};

const refused = {
    "refused: a stack without end": throwing("(function f() { return f() + 1; })()"),
    "refused: a buffer of 2 ** 50 bytes": throwing("new ArrayBuffer(2 ** 50)"),
    "refused: a text of 2 ** 40": throwing("'x'.repeat(2 ** 40)"),
    "refused: an array of length -1": throwing("new Array(-1)"),
    "refused: a BigInt of 2 ** 40 bits": throwing("1n << (1n << 40n)"),
    "refused: WebAssembly memory of 2 ** 17 pages": throwing("try { new WebAssembly.Memory({ initial: 2 ** 16, maximum: 2 ** 16 }).grow(1) } catch { throw new RangeError(); }"),
    "refused: arguments without end": throwing("Math.max(...new Array(1e6))"),
};

const operator = {
    "operator: code cannot go beyond the operator's CPU time": { test: { modules: SPIN, method: "run", limits: { cpuMs: 10_000 } }, check: limitIs("cpuMs", 200) },
    "operator: code that says nothing gets it": { test: { modules: SPIN, method: "run" }, check: limitIs("cpuMs", 200) },
    "operator: code may lower it": { test: { modules: SPIN, method: "run", limits: { cpuMs: 100 } }, check: limitIs("cpuMs", 100) },
};

/** Beside no limit of CPU time: where a page fault takes 15 us, 20 MiB take 100 ms. */
const operatorOfBytes = {
    "operator: memory": {
        test: { modules: { "main.js": "export default { run() { const l = []; for (;;) l.push(new Uint8Array(1 << 20).fill(1)); } };" }, method: "run", limits: { memoryMb: 100 } },
        check: limitIs("memoryMb", 20),
    },
    "operator: code bytes": {
        async check(_, server) {
            const body = JSON.stringify({ modules: { "main.js": `export default {};//${"x".repeat(3000)}` }, method: "run" });
            const { message } = await (await fetch(`${server.url}/attempt`, { method: "POST", body })).json();
            equal(message, "Dynamic Worker code size (3020 bytes) exceeds the maximum allowed size of 2000 bytes.");
        },
        test: { modules: OK, method: "run" },
    },
    "operator: env bytes": {
        async check(_, server) {
            const body = JSON.stringify({ modules: OK, method: "run", env: { a: "x".repeat(500) } });
            const { message } = await (await fetch(`${server.url}/attempt`, { method: "POST", body })).json();
            equal(/^Dynamic Worker env size \(\d+ bytes\) exceeds the maximum allowed size of 300 bytes\.$/.test(message), true);
        },
        test: { modules: OK, method: "run" },
    },
};

const loads = {
    "loader: live cells": async (server) => {
        const hang = { "main.js": "export default { run() { return new Promise((resolve) => setTimeout(resolve, 1e6)); } };" };
        const attempts = Array.from({ length: 6 }, () =>
            fetch(`${server.url}/attempt`, { method: "POST", body: JSON.stringify({ modules: hang, method: "run", limits: { wallMs: 500 } }) }),
        );
        const answers = await Promise.all(attempts.map(async (one) => (await (await one).json()).value[0].limit));
        const names = answers.map((limit) => limit.name).toSorted();
        equal(names, ["liveCells", "liveCells", "liveCells", "wallMs", "wallMs", "wallMs"]); // the neighbour is the fourth
        equal(answers.find(({ name }) => name === "liveCells"), { name: "liveCells", value: 4, used: 5 });
    },
    "loader: and again, when others have gone": {
        test: { modules: OK, method: "run" },
        check: first(0),
    },
};

const rate = {
    "loader: loads per second": async (server) => {
        const body = JSON.stringify({ modules: OK, method: "run" });
        const attempts = Array.from({ length: 40 }, () => fetch(`${server.url}/attempt`, { method: "POST", body }));
        const ends = await Promise.all(attempts.map(async (one) => (await (await one).json()).value[0]));
        const refusals = ends.filter(({ limit }) => limit?.name === "loadsPerSecond" && limit.value === 5);
        const good = ends.filter(({ value }) => value === 0);
        equal([refusals.length > 0, good.length > 0, refusals.length + good.length], [true, true, 40]);
    },
};

const limit = (...pairs) => pairs.flatMap((pair) => ["--limit", pair]);

export const limitSuites = [
    { name: "limits", cases: { ...calls, ...refused, ...garbage, ...outside }, kept: 3 }, // those that are named
    { name: "operator", options: limit("cpu_ms=200"), cases: operator },
    { name: "operator, of bytes", options: limit("memory_mb=20", "code_bytes=2000", "env_bytes=300"), cases: operatorOfBytes },
    { name: "live cells", options: limit("live_cells=4"), cases: loads },
    { name: "loads per second", options: limit("loads_per_second=5"), cases: rate },
];
