// The host worker whose handlers besides fetch are run from outside; events.mjs has the cases.

const seen = [];
const tailed = [];

export default {
    async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/seen") return Response.json(seen.splice(0));
        if (pathname === "/tailed") return Response.json(tailed.splice(0));
        if (pathname === "/log") console.log("said", { while: "fetching" });
        if (pathname === "/throw") throw new RangeError("what only the operator sees");
        return new Response(`fetched ${pathname}`);
    },
    tail(events) {
        tailed.push(...events);
    },
    async scheduled(controller, env, ctx) {
        const { cron, scheduledTime, type } = controller;
        seen.push({ cron, scheduledTime, type, env: Object.keys(env), props: ctx.props });
        if (cron === "no retry") controller.noRetry();
        if (cron === "late") ctx.waitUntil(scheduler.wait(20).then(() => seen.push("late work")));
        if (cron === "late failure") ctx.waitUntil(scheduler.wait(5).then(() => Promise.reject(new Error("late failure"))));
        if (cron === "throws") throw new Error("the handler's own");
    },
};
