// Case 7: what of one worker another one can find, and what a worker can find of the machine. Pairs of workers: the first
// does something, the second gives what it found of that; undefined is nothing.

const module = (lines) => ({ "main.js": `import * as workers from "cloudflare:workers"; export default { async run() { ${lines} } };` });

const expectNothing = (outcomes) => {
    const got = outcomes.at(-1);
    if (got.message !== undefined || (got.value !== undefined && got.value !== null)) throw new Error(`expected nothing, got ${JSON.stringify(got)}`);
};

/** `leave` runs in four workers, one after the other; `search` then in four further ones, in fresh cells. */
const pair = (leave, search) => async (server, { attempt }) => {
    for (let i = 0; i < 4; i++) await attempt(server, { modules: module(leave), method: "run" });
    for (let i = 0; i < 4; i++) expectNothing(await attempt(server, { modules: module(search), method: "run" }));
};

const alone = (search) => ({ test: { modules: module(search), method: "run" }, check: expectNothing });

/** Workers give different values for this. */
const differs = (expression) => async (server, { attempt }) => {
    const values = [];
    for (let i = 0; i < 4; i++) values.push((await attempt(server, { modules: module(`return ${expression};`), method: "run" }))[0].value);
    const distinct = new Set(values.map((value) => JSON.stringify(value)));
    if (distinct.size !== 4 || values.includes(undefined)) throw new Error(`expected 4 different values, got ${JSON.stringify(values)}`);
};

export const isolationCases = {
    "isolation: globals": pair("globalThis.left = 'behind';", "return globalThis.left;"),
    "isolation: prototypes": pair("Object.prototype.left = 'behind'; Array.prototype.map = () => 'behind'; Promise.prototype.then = null;", "return {}.left ?? ([1].map((x) => x)[0] === 1 ? undefined : 'map');"),
    "isolation: symbols of the registry": pair("globalThis[Symbol.for('left')] = 1; Symbol.prototype.left = Symbol.for('left');", "return globalThis[Symbol.for('left')] ?? Symbol.prototype.left;"),
    "isolation: caches": pair("await caches.default.put('http://cache/', new Response('behind', { headers: { 'cache-control': 'max-age=1000' } }));", "return (await caches.default.match('http://cache/'))?.text();"),
    "isolation: timers": pair("setTimeout(() => { globalThis.left = 1; }, 0); setInterval(() => {}, 1);", "await new Promise((f) => setTimeout(f, 5)); return globalThis.left;"),
    "isolation: last matches of regular expressions": pair("/(behind)/.exec('left behind');", "return [RegExp.$1, RegExp.lastMatch, RegExp.input].find((text) => text.includes('behind'));"),
    "isolation: stacks of errors": pair("Error.stackTraceLimit = 0; Error.prepareStackTrace = () => 'behind';", "const { stack } = new Error('x'); return stack === 'behind' || stack === '' ? stack : undefined;"),
    "isolation: default time zone and locale": pair("try { process.env.TZ = 'Asia/Tokyo'; } catch {}", "const { timeZone } = Intl.DateTimeFormat().resolvedOptions(); return timeZone === 'UTC' ? undefined : timeZone;"),
    "isolation: env": pair("try { workers.env.LEFT = 1; } catch {}", "return workers.env.LEFT;"),
    "isolation: fresh buffers": pair("globalThis.b = new Uint8Array(1 << 20).fill(0xa5);", "return new Uint8Array(1 << 20).some((x) => x !== 0) || undefined;"),
    "isolation: fresh WebAssembly memory": pair("new Uint8Array(new WebAssembly.Memory({ initial: 16 }).buffer).fill(0xa5);", "return new Uint8Array(new WebAssembly.Memory({ initial: 16 }).buffer).some((x) => x !== 0) || undefined;"),
    "isolation: Math.random differs": differs("Math.random()"),
    "isolation: random UUIDs differ": differs("crypto.randomUUID()"),
    "isolation: random bytes differ": differs("[...crypto.getRandomValues(new Uint8Array(16))].join()"),
    "isolation: keys differ": differs("JSON.stringify(await crypto.subtle.exportKey('jwk', await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])))"),
    "isolation: no process, no file system, no arguments": alone("return typeof process === 'undefined' && typeof require === 'undefined' && typeof Deno === 'undefined' && typeof Bun === 'undefined' ? undefined : 'there';"),
    "isolation: no threads and no shared memory": alone("return ['SharedArrayBuffer', 'Worker', 'SharedWorker'].find((name) => name in globalThis);"),
    "isolation: waiting in running code": alone("try { return Atomics.wait(new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer), 0, 0, 1); } catch {}"),
    "isolation: no path of the machine in a stack": alone("return /\\/(?:work|root|home|tmp|usr|build)\\//.exec(new Error('x').stack)?.[0];"),
    "isolation: the number of processors": alone("return navigator.hardwareConcurrency > 1 ? navigator.hardwareConcurrency : undefined;"),
    "isolation: the machine's name": alone("return /Linux|x86|aarch64|Debian|WebKit/i.exec(navigator.userAgent + navigator.platform)?.[0];"),
    "isolation: the engine's age": alone("return performance.timeOrigin > 0 && performance.timeOrigin < Date.now() - 1000 ? performance.timeOrigin : undefined;"),
    "isolation: a clock that code can move": alone("const begun = performance.now(); for (let i = 0; i < 3e6; i++); return performance.now() === begun ? undefined : 'moved';"),
    "isolation: finer than the clock, by counting in microtasks": alone("let n = 0; const begun = Date.now(); for (let i = 0; i < 1e4; i++) await null; return Date.now() === begun ? undefined : 'moved';"),
    "isolation: a line of log that looks like another's": alone("console.log('a\\n00:00:00.000 error host: forged\\u001b[2J'); return undefined;"),
};
