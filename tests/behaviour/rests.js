// Named workers that wait are folded (src/cell/fold.c): most of their memory is given back, and put together again when they are
// woken. Nothing of that may be seen. How much is given back is in tests/cost.

import { cases, equal, ok, sleep, worker } from "./check.js";

/** Longer than it takes until a worker rests, also one that was woken twice before. */
const RESTS_MS = [30, 110, 400, 5];

/** State of many kinds, changed a little by each call; the same calls give the same answers. */
const STATEFUL = `
let seed = 7, calls = 0;
const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
const map = new Map(), objects = [], bytes = new Uint8Array(300_000), numbers = [], texts = [], weak = new WeakMap(), later = [];
function* count() { for (let i = 0; ; i++) yield (calls + i) % 1009; }
const generator = count();
class Node { #secret = random(1000); constructor(next) { this.next = next; weak.set(this, this.#secret); } get secret() { return this.#secret; } }
let list = null;
function step() {
    map.set("key" + random(5000), random(9000));
    if (random(5) === 0) map.delete("key" + random(5000));
    objects.push({ ["p" + random(40)]: random(9), nested: [random(3), { at: new Date(random(1e9)) }] });
    if (objects.length > 700) objects.splice(random(600), 50);
    bytes[random(bytes.length)] += 1 + random(200);
    numbers.push(random(100) / 7, 2 ** random(60), -0, NaN);
    if (numbers.length > 3000) numbers.length = 100;
    texts.push("text " + random(1e6) + (random(3) ? "\\u00e9" : "\\u6f22").repeat(random(30)));
    if (texts.length > 500) texts.splice(0, 200);
    list = new Node(random(50) ? list : null);
    const before = random(1000);
    later.push(() => before + calls);
    if (later.length > 60) later.shift();
}
function digest() {
    let sum = 0;
    const add = (text) => { for (let i = 0; i < text.length; i++) sum = (sum * 31 + text.charCodeAt(i)) | 0; };
    for (const [key, value] of map) add(key + value);
    add(JSON.stringify(objects) + numbers.join() + texts.join("|"));
    for (const byte of bytes) sum = (sum * 33 + byte) | 0;
    for (let node = list; node; node = node.next) sum = (sum + node.secret * 3 + weak.get(node)) | 0;
    for (const call of later) sum = (sum * 7 + call()) | 0;
    return [sum, generator.next().value, map.size, objects.length];
}
export default {
    go(steps) { calls++; for (let i = 0; i < steps; i++) step(); return digest(); },
    async wait(ms) { const before = digest(); await new Promise((resolve) => setTimeout(resolve, ms)); calls++; return [before[2], digest()[2]]; },
    async ask(callback) { const answers = []; for (let i = 0; i < 4; i++) answers.push(await callback(i)); calls++; return answers; },
    keepAwake(_) {},
    spin(_) { for (;;) {} },
    fetch() {
        const pieces = Array.from({ length: 6 }, (_, i) => "piece " + i + " ");
        return new Response(new ReadableStream({ async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 35));
            if (pieces.length === 0) controller.close();
            else controller.enqueue(new TextEncoder().encode(pieces.shift()));
        } }));
    },
};`;

const named = (env, id, limits) => env.LOADER.get(id, () => ({ ...worker(STATEFUL), ...(limits ? { limits } : {}) })).getEntrypoint();

export default cases({
    "a worker that rests between calls answers as its twin that never does": async ({ env }) => {
        const resting = named(env, "rests"), restless = named(env, "never rests");
        for (let i = 0; i < 24; i++) {
            const steps = 1 + ((i * 37) % 90);
            equal(await resting.go(steps), await restless.go(steps), `answer ${i}`);
            for (let left = RESTS_MS[i % RESTS_MS.length]; left > 0; left -= 5) {
                await sleep(5);
                await restless.keepAwake(0);
            }
        }
    },
    "timers wake it": async ({ env }) => {
        const stub = named(env, "timers");
        await stub.go(100);
        for (const ms of [50, 120, 25]) {
            const [before, after] = await stub.wait(ms);
            equal(after, before);
        }
    },
    "so do answers that it waits for": async ({ env }) => {
        const answer = async (i) => (await sleep(30 * (i + 1)), `answer ${i}`);
        equal(await named(env, "asks").ask(answer), ["answer 0", "answer 1", "answer 2", "answer 3"]);
    },
    "a body that comes slowly is whole": async ({ env }) => {
        const response = await named(env, "streams").fetch("http://worker/");
        equal(await response.text(), "piece 0 piece 1 piece 2 piece 3 piece 4 piece 5 ");
    },
    "limits hold after it has rested": async ({ env }) => {
        const stub = named(env, "limited", { cpuMs: 100 });
        await stub.go(1);
        await sleep(100);
        await stub.go(1);
        await sleep(200);
        let message = "";
        try {
            await stub.spin(0);
        } catch (error) {
            message = error.message;
        }
        ok(/cpu/i.test(message), `expected the CPU limit, got ${JSON.stringify(message)}`);
    },
    "forty that rest at once are all there": async ({ env }) => {
        const stubs = Array.from({ length: 40 }, (_, i) => named(env, `one of many ${i}`));
        const first = await Promise.all(stubs.map((stub, i) => stub.go(i)));
        await sleep(150);
        const again = await Promise.all(stubs.map((stub) => stub.go(0)));
        for (let i = 0; i < stubs.length; i++) equal(again[i].slice(2), first[i].slice(2), `worker ${i}`);
    },
});
