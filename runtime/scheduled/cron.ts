// Cron expressions as Cloudflare has them: five fields in UTC, names of months and days, 1 to 7 from Sunday on, and L, W
// and # as Quartz has them. Read with the configuration (runtime/config), where a wrong one is refused, and again where
// it runs.

import { Cron } from "croner";

const EXPRESSION_CHARACTERS_MAX = 200;
const OPTIONS = { mode: "5-part", alternativeWeekdays: true, paused: true, utcOffset: 0, sloppyRanges: false } as const;

/** The first minute of an expression after a time, both in milliseconds since 1970; undefined if there is none. */
export type NextRun = (afterMs: number) => number | undefined;

/** Throws an Error that says what is wrong with the expression. */
export function parseCron(expression: string): NextRun {
    if (expression.length > EXPRESSION_CHARACTERS_MAX) throw new Error("the expression is too long");
    if (expression.trim().split(/\s+/).length !== 5) throw new Error("expected five fields: minute, hour, day, month, weekday");
    let cron: Cron;
    try {
        cron = new Cron(expression, OPTIONS);
    } catch (error) {
        const message = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
        throw new Error(/dayOfWeek: -?\d/.test(message) ? "weekdays are numbers from 1, Sunday, to 7" : message);
    }
    return (afterMs) => cron.nextRun(new Date(afterMs))?.getTime();
}
