// What a dynamic worker may and may not do around its calls: no way out, no code from strings, a world of its own, work
// after the answer, its console, TypeScript. dynamic-workers.md 1.10, 7; error texts of section 2.

import { WorkerEntrypoint } from "cloudflare:workers";
import { cases, equal, ok, rejects, sleep, until, worker } from "./check.js";

const FORBIDDEN =
    "This worker is not permitted to access the internet via global functions like fetch(). It must use capabilities " +
    "(such as bindings in 'env') to talk to the outside world.";
const NO_EVAL = "Code generation from strings disallowed for this context";

/** A worker whose default export runs these lines; they return what the case looks at. */
function run(env, lines, more, argument = 0) {
    const source = `export default { async run(argument, env, ctx) { ${lines} } };`;
    return env.LOADER.load(worker(source, more)).getEntrypoint().run(argument);
}

const confinement = {
    "globalOutbound: null forbids fetch in workerd's words": async ({ env }) => {
        await rejects(run(env, "await fetch('http://example.com/')", { globalOutbound: null }), {
            name: "Error",
            message: FORBIDDEN,
        });
    },
    "fetch is for http and https": async ({ env }) => {
        for (const url of ["ftp://x/", "ws://x/", "about:blank", "file:///x"]) {
            await rejects(run(env, `await fetch(${JSON.stringify(url)})`), { name: "TypeError", message: `Fetch API cannot load: ${url}` });
        }
    },
    "fetch rejects, it does not throw": async ({ env }) => {
        equal(await run(env, "return fetch('http://x/').catch(() => 'rejected')", { globalOutbound: null }), "rejected");
    },
    "eval and new Function are refused": async ({ env }) => {
        for (const lines of [
            "return eval('1 + 1')",
            "return (0, eval)('1 + 1')",
            "return new Function('return 1')()",
            "return Function('return 1')()",
            "return (() => {}).constructor('return 1')()",
            "return (async () => {}).constructor('return 1')()",
            "return (function* () {}).constructor('return 1')()",
            "return Reflect.construct(Function, ['return 1'])()",
        ]) {
            await rejects(run(env, lines), { name: "EvalError", message: NO_EVAL });
        }
    },
    "eval is refused at the start as well": async ({ env }) => {
        const stub = env.LOADER.load(worker("export const x = eval('1'); export default {};"));
        await rejects(stub.getEntrypoint().run(0), { message: /^Failed to start Worker:\n.*Code generation from strings/ });
    },
    "setTimeout takes no code": async ({ env }) => {
        const lines = "try { setTimeout('globalThis.hit = 1', 0); } catch {} await new Promise((r) => setTimeout(r, 20)); return globalThis.hit";
        equal(await run(env, lines), undefined);
    },
    "WebAssembly from bytes is refused at run time": async ({ env }) => {
        const lines = `const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
            const results = [];
            for (const f of [() => new WebAssembly.Module(bytes), () => WebAssembly.compile(bytes), () => WebAssembly.instantiate(bytes)]) {
                try { await f(); results.push("made"); } catch (error) { results.push(error.name); }
            }
            return results;`;
        const results = await run(env, lines);
        ok(!results.includes("made"), `refusals, not ${results}`);
    },
    "WebAssembly is validated where a module names that, and refused elsewhere": async ({ env }) => {
        const bytes = "new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])";
        equal(await run(env, `return [WebAssembly.validate(${bytes}), WebAssembly.validate(new Uint8Array(8))]`), [true, false]);
        await rejects(run(env, `const { validate } = WebAssembly; return validate(${bytes})`), { name: "CompileError" });
    },
    "WebAssembly's memory is not shared": async ({ env }) => {
        const lines = `const memory = new WebAssembly.Memory({ shared: true, initial: 1, maximum: 1 });
            return Reflect.ownKeys(WebAssembly.Memory.prototype).map((name) => {
                try { return memory[name] instanceof ArrayBuffer; } catch (error) { return error.message; }
            }).filter(Boolean)`;
        equal(await run(env, lines), ["WebAssembly.Memory: shared memory is not supported."]);
        equal(await run(env, "return new WebAssembly.Memory({ initial: 1 }).buffer.byteLength"), 65536);
    },
    "nothing of the inside lies about": async ({ env }) => {
        const lines = `return ["__native", "native", "process", "require", "module", "exports", "Deno", "Bun", "$vm", "SharedArrayBuffer",
            "gc", "print", "load", "quit"].filter((name) => name in globalThis)`;
        equal(await run(env, lines), []);
    },
    "a worker has a world of its own": async ({ env }) => {
        const stub = (lines) => run(env, lines);
        await stub("globalThis.mark = 1; Array.prototype.odd = 1; Object.prototype.worse = 1; return 0");
        equal(await stub("return [globalThis.mark, [].odd, {}.worse]"), [undefined, undefined, undefined]);
        equal([globalThis.mark, [].odd, {}.worse], [undefined, undefined, undefined]);
    },
    "a worker that adds to Object.prototype still calls, and one that breaks calls is told so": async ({ env, ctx }) => {
        const lines = (value) => `Object.prototype.get = Object.prototype.set = 1; Object.prototype.then = ${value}; return (await (await env.SELF.echo({ a: 1 }))).a`;
        equal(await run(env, lines("undefined"), { env: { SELF: ctx.exports.Echo({}) } }), 1);
        await rejects(run(env, lines("(f) => f(1)"), { env: { SELF: ctx.exports.Echo({}) } }), { message: /^internal error; reference = \w+; the worker broke its runtime: ProtocolError/ });
    },
    "broken prototypes are the worker's own trouble": async ({ env }) => {
        const source = `
            for (const type of [Object, Array, Map, Promise, String, Function, Uint8Array, Error, RegExp, Proxy.constructor]) {
                for (const name of Object.getOwnPropertyNames(type.prototype ?? {})) {
                    try { type.prototype[name] = () => { throw new Error("poisoned " + name); }; } catch {}
                }
            }
            JSON.parse = JSON.stringify = () => { throw new Error("poisoned JSON"); };
            export default { run() { return 1; }, fetch() { return new Response("text"); } };`;
        const poisoned = env.LOADER.load(worker(source));
        const settled = poisoned.getEntrypoint().run(0).then(() => "settled", () => "settled");
        await Promise.race([settled, sleep(300)]);
        poisoned[Symbol.dispose]();
        equal(await run(env, "return 'well'"), "well");
    },
    "env is the worker's own copy": async ({ env }) => {
        const given = { list: [1], map: new Map([["a", new Date(3)]]), bytes: new Uint8Array([1]) };
        const lines = "env.list.push(2); env.bytes[0] = 9; env.more = 1; return [env.list, env.map, env.bytes, Object.keys(env)]";
        equal(await run(env, lines, { env: given }), [
            [1, 2], given.map, new Uint8Array([9]), ["list", "map", "bytes", "more"],
        ]);
        equal([given.list, given.bytes[0], given.more], [[1], 1, undefined]);
    },
    "env is frozen into the worker at load": async ({ env }) => {
        const given = { value: "before" };
        const stub = env.LOADER.load(worker("export default { run(_, env) { return env.value; } };", { env: given }));
        given.value = "after";
        equal(await stub.getEntrypoint().run(0), "before");
    },
    "env from cloudflare:workers is the same": async ({ env }) => {
        const source = `import { env as imported } from "cloudflare:workers";
            const atStart = imported.value;
            export default { run(_, env) { return [atStart, imported.value, imported === env]; } };`;
        const stub = env.LOADER.load(worker(source, { env: { value: 5 } }));
        equal(await stub.getEntrypoint().run(0), [5, 5, true]);
    },
    "no env is an empty one": async ({ env }) => equal(await run(env, "return Object.keys(env)"), []),
    "siblings draw different numbers": async ({ env }) => {
        const draw = () => run(env, "return [Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(2)).join()]");
        const [a, b, c] = await Promise.all([draw(), draw(), draw()]);
        for (let i = 0; i < 3; i++) equal(new Set([a[i], b[i], c[i]]).size, 3);
    },
};

const work = {
    "waitUntil goes on after the answer": async ({ env }) => {
        const source = `
            import { waitUntil } from "cloudflare:workers";
            let done = 0;
            const later = () => new Promise((resolve) => setTimeout(resolve, 30)).then(() => done++);
            export default {
                fetch(request, env, ctx) { ctx.waitUntil(later()); waitUntil(later()); return new Response("answered"); },
                done(_) { return done; },
            };`;
        const entrypoint = env.LOADER.load(worker(source)).getEntrypoint();
        equal(await (await entrypoint.fetch("http://w/")).text(), "answered");
        await until("both", async () => (await entrypoint.done(0)) >= 2);
        equal(await entrypoint.done(0), 2);
    },
    "waitUntil takes anything, and its failure harms nobody": async ({ env }) => {
        const lines = "ctx.waitUntil(5); ctx.waitUntil(Promise.reject(new Error('late'))); ctx.passThroughOnException(); return 1";
        equal(await run(env, lines), 1);
    },
    "console takes everything": async ({ env }) => {
        const lines = `const cycle = {}; cycle.self = cycle;
            for (const name of ["log", "info", "warn", "error", "debug", "trace", "table", "dir", "group", "groupEnd"]) {
                console[name]("text %s", { a: 1 }, cycle, new Map([[1, 2]]), Symbol("s"), () => {}, null);
            }
            console.log(); console.log("x".repeat(1 << 20)); console.log(new Proxy({}, { get() { throw 1; }, ownKeys() { throw 1; } }));
            return "logged"`;
        equal(await run(env, lines), "logged");
    },
    "a flood of console lines harms nobody": async ({ env }) => {
        equal(await run(env, "for (let i = 0; i < 20000; i++) console.log('line', i); return 'logged'"), "logged");
    },
    "an uncaught error in a timer harms nobody": async ({ env }) => {
        const lines = "setTimeout(() => { throw new Error('in a timer'); }, 0); Promise.reject(new Error('nobody')); await new Promise((r) => setTimeout(r, 20)); return 'alive'";
        equal(await run(env, lines), "alive");
    },
    "timers": async ({ env }) => {
        const lines = `const order = [];
            await new Promise((resolve) => {
                const late = () => { order.push("late"); resolve(); };
                const interval = setInterval(() => {
                    order.push("tick");
                    if (order.length === 4) { clearInterval(interval); setTimeout(late, 30); }
                }, 1);
                const none = setTimeout(() => order.push("never"), 5); clearTimeout(none);
                queueMicrotask(() => order.push("micro"));
                order.push("now");
            });
            return order`;
        equal(await run(env, lines), ["now", "micro", "tick", "tick", "late"]);
    },
    "the clock goes on": async ({ env }) => {
        const lines = "const a = [Date.now(), performance.now()]; await new Promise((r) => setTimeout(r, 20)); return [Date.now() > a[0], performance.now() > a[1]]";
        equal(await run(env, lines), [true, true]);
    },
};

const beacons = [];

export class Echo extends WorkerEntrypoint {
    echo(value) {
        return value;
    }
}

export class Beacons extends WorkerEntrypoint {
    async fetch(request) {
        beacons.push([request.method, request.url, await request.text()]);
        return new Response();
    }
}

const compatibility = {
    "WebSockets give Blobs since the date, or a flag": async ({ env }) => {
        const lines = "return [new WebSocketPair()[0].binaryType, { ...Cloudflare.compatibilityFlags }]";
        const flag = "websocket_standard_binary_type";
        equal(await run(env, lines, { compatibilityDate: "2026-03-16" }), ["arraybuffer", {}]);
        equal(await run(env, lines, { compatibilityDate: "2026-03-17" }), ["blob", {}]);
        equal(await run(env, lines, { compatibilityFlags: [flag] }), ["blob", { [flag]: true }]);
        const not = `no_${flag}`;
        equal(await run(env, lines, { compatibilityDate: "2026-03-17", compatibilityFlags: [not] }), ["arraybuffer", { [not]: true }]);
    },
    "sendBeacon goes where fetch goes": async ({ env, ctx }) => {
        const lines = "return navigator.sendBeacon('http://beacon.test/path', 'lit')";
        equal(await run(env, lines, { globalOutbound: ctx.exports.Beacons({}) }), true);
        await until("a beacon", () => beacons.length > 0);
        equal(beacons, [["POST", "http://beacon.test/path", "lit"]]);
    },
    "Node's modules are there since the date": async ({ env }) => {
        const lines = "return [typeof Buffer, typeof process, typeof (await import('node:path').catch(() => ({}))).join]";
        equal(await run(env, lines, { compatibilityDate: "2026-08-03" }), ["undefined", "undefined", "undefined"]);
        equal(await run(env, lines, { compatibilityDate: "2026-08-04" }), ["function", "object", "function"]);
        equal(await run(env, lines, { compatibilityDate: "2026-08-04", compatibilityFlags: ["no_nodejs_compat"] }), ["undefined", "undefined", "undefined"]);
    },
    "withEnv holds for a function and all that it starts": async ({ env }) => {
        const source = `import { env, withEnv, withExports, exports, withEnvAndExports } from "cloudflare:workers";
            const later = () => new Promise((resolve) => setTimeout(resolve, 5));
            const read = async () => { const seen = [env.X]; await later(); seen.push(env.X, Object.keys(env)); return seen; };
            export default { async run() {
                const [one, two, outside] = await Promise.all([withEnv({ X: 1 }, read), withEnv({ X: 2 }, () => withExports({ Y: 3 }, async () => [...await read(), exports.Y])), read()]);
                return [one, two, outside, withEnvAndExports({ X: 4 }, { Y: 5 }, () => [env.X, exports.Y]), env.X];
            } };`;
        equal(await env.LOADER.load(worker(source, { env: { X: 0 } })).getEntrypoint().run(0), [
            [1, 1, ["X"]], [2, 2, ["X"], 3], [0, 0, ["X"]], [4, 5], 0,
        ]);
    },
    "ctx.abort ends the worker": async ({ env }) => {
        const said = { "'enough'": ["Error", "enough"], "new RangeError('mine')": ["RangeError", "mine"], null: ["Error", "null"], "": ["Error", "Worker execution was aborted due to call to ctx.abort()."] };
        for (const [reason, [name, message]] of Object.entries(said)) await rejects(run(env, `ctx.abort(${reason})`), { name, message });
        const long = await rejects(run(env, "ctx.abort('\\0'.repeat(1e6))"), { name: "Error" });
        equal(long.message, "\0".repeat(500));
    },
    "ctx.tracing calls back": async ({ env }) => {
        equal(await run(env, "return ctx.tracing.enterSpan('name', (span, a) => a, 5)"), 5);
    },
};

const TYPED = `
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Nothing } from "./nothing-of-this-name";
import { double, type Pair } from "./lib/math.ts";

interface Env { readonly GREETING: string; list?: number[] }
type Union<T extends object = {}> = T | "text" | 5;
declare const neverThere: number;
enum Colour { Red, Green = 5, Blue }
abstract class Shape<T> { abstract area(): T; constructor(protected readonly side: number, public name?: string) {} }
class Square extends Shape<number> { override area(): number { return this.side ** 2; } }

function generic<T,>(value: T): T { return value!; }
const asserted = (5 as unknown as number) satisfies number;
let optional: string | undefined;
function overloaded(a: string): string;
function overloaded(a: number): number;
function overloaded(a: any) { return a; }

export class Job extends WorkerEntrypoint<Env> {
    private count: number = 0;
    async run(this: Job, pair: Pair, ...rest: readonly number[]): Promise<unknown> {
        const less = pair.a < pair.b, [x, y]: [number, number] = [1, 2];
        return [double(pair.a), Colour.Blue, Colour[5], new Square(3).area(), generic<number>(7), asserted, optional?.length ?? "none",
            overloaded(1), less, x + y, rest.length, this.env.GREETING];
    }
}
export default { fetch: (request: Request, env: Env): Response => new Response(env.GREETING) } as const;
`;
const MATH = "export type Pair = { a: number; b: number };\nexport const double = (n: number): number => n * 2;";

const errors = {
    "a stack names the functions whose value was the call that threw": async ({ env }) => {
        const lines = `const bad = (text) => JSON.parse(text); const get = async () => bad("{");
            try { return await get(); } catch (error) { return error.stack; }`;
        const stack = await run(env, lines);
        ok(/\bbad@[^]*\bget@/.test(stack), `bad and get in: ${stack}`);
    },
};

const typescript = {
    "TypeScript is taken as it is": async ({ env }) => {
        const stub = env.LOADER.load(worker({ "main.ts": TYPED, "lib/math.ts": MATH }, { env: { GREETING: "hello" } }));
        equal(await stub.getEntrypoint("Job").run({ a: 1, b: 2 }, 1, 2), [
            2, 6, "Green", 9, 7, 5, "none", 1, true, 3, 2, "hello",
        ]);
        equal(await (await stub.getEntrypoint().fetch("http://w/")).text(), "hello");
    },
    "JavaScript and TypeScript import each other": async ({ env }) => {
        const stub = env.LOADER.load(
            worker({
                "main.js": "import { double } from './math.ts'; import { three } from './three.mts'; export default { run(n) { return [double(n), three]; } };",
                "math.ts": `import { one } from "./one.js"; ${MATH} export const check: number = one;`,
                "one.js": "export const one = 1;",
                "three.mts": "export const three: number = 3;",
            }),
        );
        equal(await stub.getEntrypoint().run(4), [8, 3]);
    },
    "TypeScript finds TypeScript without its ending, or with JavaScript's; JavaScript does not": async ({ env }) => {
        const modules = {
            "main.ts": `import { a } from "./lib/a"; import { b } from "./b.js"; import { c } from "./c.js"; import { d } from "./d.config";
                export default { run(_: unknown) { return [a, b, c, d]; } };`,
            "lib/a.ts": "export { a } from './';",
            "lib/index.ts": "export const a: number = 1;",
            "b.tsx": "export const b: number = 2;",
            "c.js": "export const c = 3;",
            "c.ts": "export const c: number = -3;",
            "d.config.ts": "export const d: number = 4;",
        };
        equal(await env.LOADER.load(worker(modules)).getEntrypoint().run(null), [1, 2, 3, 4]);
        const untyped = worker({ "main.js": "export * from './a';", "a.ts": "" });
        const thrown = await rejects(env.LOADER.load(untyped).getEntrypoint().run(null), { name: "Error" });
        ok(thrown.message.includes('No such module "a"'), thrown.message);
    },
};

export default cases({ ...confinement, ...work, ...compatibility, ...errors, ...typescript });
