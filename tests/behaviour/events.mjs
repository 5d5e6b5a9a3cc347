// Handlers besides fetch: scheduled by hand, as `wrangler dev --test-scheduled` has it, and by the clock, which is set here.

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ask, until } from "./server.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

async function trigger(server, query, path = "/__scheduled") {
    const response = await fetch(`${server.url}${path}?${query}`, { method: "POST" });
    const text = await response.text();
    return { status: response.status, text, seen: JSON.parse(await ask(server, "/seen")) };
}

const byHand = {
    "POST /__scheduled runs the handler": async (server) => {
        const before = Date.now();
        const { status, text, seen } = await trigger(server, "cron=*/5+*+*+*+*");
        assert.deepEqual([status, text], [200, "Ran scheduled event"]);
        const [{ scheduledTime, ...event }] = seen;
        assert.deepEqual(event, { cron: "*/5 * * * *", type: "scheduled", env: ["LOADER"], props: {} });
        assert.ok(scheduledTime >= before - 10 && scheduledTime <= Date.now() + 10, `${scheduledTime}`);
    },
    "without an expression, and with a time": async (server) => {
        const { seen } = await trigger(server, "time=1700000000000");
        assert.deepEqual(seen.map(({ cron, scheduledTime }) => [cron, scheduledTime]), [["", 1700000000000]]);
        assert.equal((await trigger(server, "time=soon")).status, 400);
    },
    "miniflare's path and its outcomes": async (server) => {
        const path = "/cdn-cgi/handler/scheduled";
        assert.deepEqual((({ status, text }) => [status, text])(await trigger(server, "cron=x", path)), [200, "ok"]);
        assert.deepEqual((({ status, text }) => [status, text])(await trigger(server, "cron=throws", path)), [500, "exception"]);
        const json = async (cron) => JSON.parse((await trigger(server, `format=json&cron=${cron}`, path)).text);
        assert.deepEqual(await json("x"), { outcome: "ok", noRetry: false });
        assert.deepEqual(await json("no+retry"), { outcome: "ok", noRetry: true });
    },
    "an event ends when its waitUntil has": async (server) => {
        const { status, seen } = await trigger(server, "cron=late");
        assert.deepEqual([status, seen[1]], [200, "late work"]);
        assert.equal((await trigger(server, "cron=late+failure")).status, 500);
    },
    "errors go to the log": async (server) => {
        assert.equal((await trigger(server, "cron=throws")).status, 500);
        await until("the error in the log", () => /Uncaught Error: the handler's own\n    at scheduled@events\.js:/.test(server.errors));
    },
    "other paths are the worker's": async (server) => {
        assert.equal(await ask(server, "/__scheduled/more"), "fetched /__scheduled/more");
    },
};

/** What the worker's own tail was told since it was last asked, without the asking. */
async function tailed(server, path) {
    await until("no more tail events", async () => JSON.parse(await ask(server, "/tailed")).every(({ event }) => event.request?.url.endsWith("/tailed")));
    await (await fetch(server.url + path)).text();
    let events = [];
    await until("a tail event", async () => {
        events.push(...JSON.parse(await ask(server, "/tailed")));
        return (events = events.filter(({ event }) => !event.request?.url.endsWith("/tailed"))).length > 0;
    });
    return events;
}

const tails = {
    "a worker is its own tail consumer": async (server) => {
        const [{ event, logs, outcome, scriptName }] = await tailed(server, "/log");
        assert.deepEqual([event.request.url, event.response], [`${server.url}/log`, { status: 200 }]);
        assert.deepEqual([logs.map(({ level, message }) => [level, message]), outcome, scriptName], [[["log", ["said", { while: "fetching" }]]], "ok", "events"]);
    },
    "its exceptions": async (server) => {
        const [{ outcome, exceptions }] = await tailed(server, "/throw");
        assert.deepEqual([outcome, exceptions.length, exceptions[0].name, exceptions[0].message], ["exception", 1, "RangeError", "what only the operator sees"]);
    },
    "its scheduled events": async (server) => {
        await fetch(`${server.url}/__scheduled?cron=x&time=5`);
        let events = [];
        await until("a scheduled event", async () => (events = JSON.parse(await ask(server, "/tailed")).filter(({ event }) => event.cron !== undefined)).length > 0);
        assert.deepEqual(events.map(({ event }) => event), [{ cron: "x", scheduledTime: 5 }]);
    },
};

const untested = {
    "without --test-scheduled the path is the worker's": async (server) => {
        assert.equal(await ask(server, "/__scheduled?cron=x"), "fetched /__scheduled");
        assert.equal(await ask(server, "/seen"), "[]");
    },
    "an error's message is for the operator, not for the client": async (server) => {
        const response = await fetch(`${server.url}/throw`);
        assert.deepEqual([response.status, (await response.text()).trim()], [500, "Internal Server Error"]);
        await until("the error in the log", () => /RangeError: what only the operator sees\n    at fetch@events\.js:/.test(server.errors));
        assert.ok(!server.errors.includes("mayfly:runtime"), "no line of the runtime in the stack");
    },
};

const inDevelopment = {
    "with --dev the client sees an error's message": async (server) => {
        const response = await fetch(`${server.url}/throw`);
        assert.equal(response.status, 500);
        assert.equal(await response.text(), "RangeError: what only the operator sees\n");
    },
};

// --- By the clock ----------------------------------------------------------------------------------------------------

async function loadSchedule() {
    const { outputFiles } = await build({
        entryPoints: [join(ROOT, "runtime/scheduled/schedule.ts")],
        bundle: true, write: false, format: "esm", platform: "neutral", mainFields: ["module", "main"], logLevel: "error",
    });
    return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/** A clock that stands until it is set. */
class TestClock {
    #now;
    #timers = [];
    constructor(text) {
        this.#now = Date.parse(text);
    }
    now() {
        return this.#now;
    }
    after(ms, callback) {
        this.#timers.push({ at: this.#now + ms, callback });
    }
    get waits() {
        return this.#timers.map(({ at }) => at - this.#now);
    }
    /** Goes on to a time, timer by timer. */
    goTo(text) {
        const end = Date.parse(text);
        for (;;) {
            const next = this.#timers.sort((a, b) => a.at - b.at)[0];
            if (next === undefined || next.at > end) break;
            this.#timers.shift();
            this.#now = Math.max(this.#now, next.at);
            next.callback();
        }
        this.#now = end;
    }
    /** The machine slept: time went by, timers come late. */
    sleepUntil(text) {
        this.#now = Date.parse(text);
        this.goTo(text);
    }
}

async function scheduled(crons, from) {
    const { startSchedule } = await loadSchedule();
    const clock = new TestClock(from);
    const runs = [];
    startSchedule(crons, (cron, time) => runs.push(`${new Date(time).toISOString().slice(0, 16)} ${cron}`), clock);
    return { clock, runs };
}

const byClock = {
    "each expression runs at its minutes": async () => {
        const { clock, runs } = await scheduled(["*/20 * * * *", "30 12 * * *"], "2026-03-01T12:00:30Z");
        clock.goTo("2026-03-01T13:00:00Z");
        assert.deepEqual(runs, [
            "2026-03-01T12:20 */20 * * * *",
            "2026-03-01T12:30 30 12 * * *",
            "2026-03-01T12:40 */20 * * * *",
            "2026-03-01T13:00 */20 * * * *",
        ]);
    },
    "every minute, none twice and none left out": async () => {
        const { clock, runs } = await scheduled(["* * * * *", "* * * * *"], "2026-03-01T23:50:59.999Z");
        clock.goTo("2026-03-02T00:10:00Z");
        assert.deepEqual([runs.length, new Set(runs).size, runs[0], runs.at(-1)], [20, 20, "2026-03-01T23:51 * * * * *", "2026-03-02T00:10 * * * * *"]);
    },
    "weekdays count from Sunday, in UTC, with L, W and #": async () => {
        const { clock, runs } = await scheduled(["0 1 * * 1", "0 2 * * friL", "0 3 15W * *", "0 4 * * mon#2", "0 5 LW * *"], "2026-03-01T00:00:00Z");
        clock.goTo("2026-03-31T23:00:00Z");
        assert.deepEqual(runs, [
            "2026-03-01T01:00 0 1 * * 1", "2026-03-08T01:00 0 1 * * 1", "2026-03-09T04:00 0 4 * * mon#2",
            "2026-03-15T01:00 0 1 * * 1", "2026-03-16T03:00 0 3 15W * *", "2026-03-22T01:00 0 1 * * 1",
            "2026-03-27T02:00 0 2 * * friL", "2026-03-29T01:00 0 1 * * 1", "2026-03-31T05:00 0 5 LW * *",
        ]);
    },
    "what a sleeping machine missed runs once": async () => {
        const { clock, runs } = await scheduled(["0 * * * *"], "2026-03-01T00:30:00Z");
        clock.sleepUntil("2026-03-01T09:10:00Z");
        assert.deepEqual(runs, ["2026-03-01T01:00 0 * * * *"]);
        clock.goTo("2026-03-01T10:00:00Z");
        assert.equal(runs.at(-1), "2026-03-01T10:00 0 * * * *");
    },
    "nobody waits for long without a look at the clock": async () => {
        const { clock } = await scheduled(["0 0 1 1 *"], "2026-03-01T00:00:00Z");
        assert.deepEqual(clock.waits, [60_000]);
    },
};

export const suites = [
    { name: "scheduled", target: "events.jsonc", options: ["--test-scheduled"], cases: { ...byHand, ...tails } },
    { name: "events", target: "events.jsonc", cases: untested },
    { name: "development", target: "events.jsonc", options: ["--dev"], cases: inDevelopment },
    { name: "schedule", cases: byClock },
];
