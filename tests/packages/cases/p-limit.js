import { AsyncLocalStorage } from "node:async_hooks";
import pLimit from "p-limit";

const als = new AsyncLocalStorage();
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

export const run = async () => {
    const limit = pLimit(2);
    let busy = 0, most = 0;
    const job = async (n) => {
        most = Math.max(most, ++busy);
        await wait(n);
        busy--;
        return [n, als.getStore()];
    };
    const results = await Promise.all([3, 1, 2, 1].map((n, index) => als.run(`job ${index}`, () => limit(job, n))));
    const mapped = await als.run("map", () => limit.map([1, 2, 3], async (n) => `${n} ${await wait(1)} ${als.getStore()}`));
    return [results, mapped, most, limit.activeCount, als.getStore() ?? null];
};
export const expected = [
    [[3, "job 0"], [1, "job 1"], [2, "job 2"], [1, "job 3"]], ["1 undefined map", "2 undefined map", "3 undefined map"], 2, 0, null,
];
