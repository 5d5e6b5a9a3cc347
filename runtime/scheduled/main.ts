// Scheduled events of a host worker: its cron triggers, and what `wrangler dev --test-scheduled` offers to run them by
// hand. A part of its own, evaluated in the cells of workers that have triggers.

import { ExecutionContext } from "../context";
import { hooks } from "../web/host";
import type { Request } from "../web/request";
import { Response } from "../web/response";
import { setTimeout } from "../web/timers";
import { startSchedule } from "./schedule";

declare const URL: { parse(url: string): { pathname: string; searchParams: { get(name: string): string | null } } | null };

/** Calls the worker's scheduled handler with the controller; rejects with what that throws. */
export type Handle = (controller: ScheduledController, ctx: ExecutionContext) => Promise<unknown>;

/** What a scheduled handler gets first. */
export class ScheduledController {
    readonly type = "scheduled";
    readonly cron: string;
    readonly scheduledTime: number;
    #isRetried = true;

    constructor(cron: string, scheduledTime: number) {
        this.cron = cron;
        this.scheduledTime = scheduledTime;
    }

    /** An event that failed is not run again anyway: the next one comes at its minute. */
    noRetry(): void {
        this.#isRetried = false;
    }

    static isRetried(controller: ScheduledController): boolean {
        return controller.#isRetried;
    }
}

/** The event has ended when all that was handed to waitUntil has, too. */
class ScheduledContext extends ExecutionContext {
    readonly #tasks: Promise<unknown>[] = [];

    override waitUntil(promise: unknown): void {
        super.waitUntil(promise);
        this.#tasks.push(Promise.resolve(promise));
    }

    async settled(): Promise<void> {
        for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) await task;
    }
}

interface Result {
    outcome: "ok" | "exception";
    noRetry: boolean;
}

/** Runs one event. Whatever it throws has been reported. */
async function run(handle: Handle, cron: string, scheduledTime: number): Promise<Result> {
    const controller = new ScheduledController(cron, scheduledTime);
    const ctx = new ScheduledContext(undefined);
    const result = (outcome: Result["outcome"]): Result => ({ outcome, noRetry: !ScheduledController.isRetried(controller) });
    try {
        await handle(controller, ctx);
    } catch (error) {
        hooks.report(error);
        return result("exception");
    }
    return ctx.settled().then(() => result("ok"), () => result("exception"));
}

/** Runs the triggers from now on. */
export function start(crons: string[], handle: Handle): void {
    const clock = { now: () => Date.now(), after: (ms: number, callback: () => void) => void setTimeout(callback, ms) };
    startSchedule(crons, (cron, scheduledTime) => void run(handle, cron, scheduledTime), clock);
}

const PATHS = ["/__scheduled", "/cdn-cgi/handler/scheduled"];

/** Whether a request to this path runs an event by hand. */
export function isOurs(path: string): boolean {
    return PATHS.includes(path);
}

/** Answers a request that runs an event: `?cron=` its expression, `?time=` its time in milliseconds, `?format=json`. */
export async function answer(request: Request, handle: Handle): Promise<Response> {
    const { pathname, searchParams } = URL.parse(request.url)!;
    const time = searchParams.get("time");
    const scheduledTime = time === null ? Date.now() : Number(time);
    if (!Number.isSafeInteger(scheduledTime)) return new Response("time must be a number of milliseconds", { status: 400 });
    const result = await run(handle, searchParams.get("cron") ?? "", scheduledTime);
    const status = result.outcome === "ok" ? 200 : 500;
    if (searchParams.get("format") === "json") return Response.json(result, { status });
    if (pathname === PATHS[0]) return new Response(status === 200 ? "Ran scheduled event" : "The scheduled event failed", { status });
    return new Response(result.outcome, { status });
}
