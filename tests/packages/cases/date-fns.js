import { addMonths, differenceInBusinessDays, eachDayOfInterval, format, formatDistance, parseISO } from "date-fns";
import { de } from "date-fns/locale";

export const run = () => {
    const day = parseISO("2024-01-31T10:00:00Z");
    return [addMonths(day, 1).toISOString(), format(day, "EEEE, d. MMMM yyyy", { locale: de }), formatDistance(day, parseISO("2024-03-01T00:00:00Z")),
        eachDayOfInterval({ start: day, end: addMonths(day, 1) }).length, differenceInBusinessDays(parseISO("2024-02-12"), parseISO("2024-02-02"))];
};
export const expected = ["2024-02-29T10:00:00.000Z", "Mittwoch, 31. Januar 2024", "30 days", 30, 6];
