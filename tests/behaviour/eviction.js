// Named workers under a small byte budget (the runner gives --named-mb): the least recently used go, and come back by
// their callback. dynamic-workers.md row A9.

import { cases, equal, ok, sleep, worker } from "./check.js";

/** Weighs some 12 MB of its own. */
const HEAVY = `
const ballast = new Uint8Array(12 << 20).fill(1);
let calls = 0;
export default {
    count(_) { return ++calls + 0 * ballast[5]; },
    wait(ms) { return new Promise((resolve) => setTimeout(() => resolve(++calls), ms)); },
    async waitFor(f) { await f(); return ++calls; },
};`;

const count = (stub) => stub.getEntrypoint().count(null);

function asking(env, id) {
    const ask = () => {
        ask.times++;
        return worker(HEAVY);
    };
    ask.times = 0;
    return { ask, get: () => env.LOADER.get(id, ask) };
}

/** Uses other names until the callback of `name` is needed again. */
async function pushOut(env, prefix, name) {
    for (let i = 0; i < 200 && name.ask.times === 1; i++) {
        await count(asking(env, `${prefix} ${i % 4}`).get());
        await sleep(50);
        if (i % 8 === 7) await count(name.get());
    }
}

export default cases({
    "a name that had to go is asked for again": async ({ env }) => {
        const name = asking(env, "first");
        equal(await count(name.get()), 1);
        await pushOut(env, "crowd", name);
        equal(name.ask.times, 2);
    },
    "a stub that is still held brings its worker back": async ({ env }) => {
        const name = asking(env, "held");
        const stub = name.get();
        const entrypoint = stub.getEntrypoint();
        equal([await count(stub), await entrypoint.count(0)], [1, 2]);
        await pushOut(env, "held crowd", name);
        equal(name.ask.times, 2);
        ok((await count(stub)) >= 1, "an answer of the stub");
        ok((await entrypoint.count(0)) >= 1, "an answer of the entrypoint");
    },
    "a stub of an evicted worker that is still busy begins anew": async ({ env }) => {
        const name = asking(env, "still busy");
        const stub = name.get();
        const end = Promise.withResolvers();
        const call = stub.getEntrypoint().waitFor(() => end.promise);
        let done = false;
        call.then(() => (done = true), () => (done = true));
        for (let i = 0; !done && name.ask.times === 1; i++) {
            await count(asking(env, `other crowd ${i % 3}`).get());
            await sleep(30);
            if (i % 8 === 7) await count(stub);
        }
        const before = await count(stub);
        equal([name.ask.times, await count(stub) - before, done], [2, 1, false]);
        end.resolve();
        ok((await call) > 0, "the end of the first call");
    },
    "a call under way is not cut off": async ({ env }) => {
        const busy = asking(env, "busy");
        const call = busy.get().getEntrypoint().wait(4000);
        let done = false;
        call.then(() => (done = true));
        for (let i = 0; !done; i++) {
            await count(asking(env, `busy crowd ${i % 3}`).get());
            await sleep(30);
        }
        equal(await call, 1);
    },
});
