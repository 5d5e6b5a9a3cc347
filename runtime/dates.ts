// Compatibility dates: what is wrong with one, in workerd's words.

/** Undefined for a day that the calendar has and that has come, in UTC. */
export function problemOfDate(date: string): string | undefined {
    const day = /^2\d{3}-\d\d-\d\d$/.test(date) ? new Date(`${date}T00:00:00Z`) : undefined;
    const isDay = day !== undefined && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
    if (!isDay) return `Invalid compatibility date: ${date}`;
    const today = new Date().toISOString().slice(0, 10);
    return date > today ? `Can't set compatibility date in the future: "${date}". Today's date (UTC) is "${today}".` : undefined;
}
