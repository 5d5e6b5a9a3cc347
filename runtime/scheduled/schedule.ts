// When a worker's cron triggers are due. Knows no worker: the clock is given, so that tests can set it.

import { parseCron, type NextRun } from "./cron";

/** Milliseconds since 1970, and a call that comes at the earliest after so many. */
export interface Clock {
    now(): number;
    after(ms: number, callback: () => void): void;
}

/** A clock may be set while one waits: nobody waits longer than this without looking again. */
const WAIT_MS_MAX = 60_000;

interface Trigger {
    cron: string;
    next: NextRun;
    dueMs: number | undefined;
}

/**
 * Calls `run` at each minute of each expression. A trigger whose minutes went by while nobody looked (the machine slept)
 * runs once, for the first of them; one that is due stays due until `run` was called.
 */
export function startSchedule(crons: string[], run: (cron: string, scheduledTime: number) => void, clock: Clock): void {
    const triggers = [...new Set(crons)].map((cron): Trigger => {
        const next = parseCron(cron);
        return { cron, next, dueMs: next(clock.now()) };
    });
    const look = (): void => {
        const now = clock.now();
        for (const trigger of triggers) {
            if (trigger.dueMs === undefined || trigger.dueMs > now) continue;
            const dueMs = trigger.dueMs;
            trigger.dueMs = trigger.next(now);
            run(trigger.cron, dueMs);
        }
        wait();
    };
    const wait = (): void => {
        const dueMs = Math.min(...triggers.map((trigger) => trigger.dueMs ?? Infinity));
        if (dueMs !== Infinity) clock.after(Math.max(0, Math.min(dueMs - clock.now(), WAIT_MS_MAX)), look);
    };
    wait();
}
