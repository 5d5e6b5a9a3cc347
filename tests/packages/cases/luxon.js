import { DateTime, Duration, Interval } from "luxon";

export const run = () => {
    const there = DateTime.fromISO("2024-03-10T01:30:00", { zone: "America/New_York" });
    return [there.plus({ hours: 1 }).toISO(), there.setZone("Asia/Tokyo").toFormat("yyyy-LL-dd HH:mm ZZ"), Duration.fromISO("PT90M").toFormat("h:mm"),
        Interval.fromISO("2024-01-01/P2W").splitBy({ weeks: 1 }).length, there.setLocale("fr").toLocaleString(DateTime.DATE_FULL)];
};
export const expected = ["2024-03-10T03:30:00.000-04:00", "2024-03-10 15:30 +09:00", "1:30", 2, "10 mars 2024"];
