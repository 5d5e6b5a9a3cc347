// The format of console.log: a first string with `%` letters that take arguments, as in Node's util.format.

import { shownAccessors } from "./brand";
import { formatPrimitive, inspect } from "./inspect";

function asInteger(value: unknown, parse: (text: string) => number): string {
    if (typeof value === "bigint") {
        return `${value}n`;
    }
    return typeof value === "symbol" || typeof value === "object" ? "NaN" : formatPrimitive(parse(String(value)));
}

/** Whether the object's toString was written by the worker and not by the engine or the platform. */
function hasOwnToString(value: object): boolean {
    const { toString } = value as { toString?: unknown };
    return (
        typeof toString === "function" &&
        !(value instanceof Error) &&
        shownAccessors(value) === undefined &&
        !Function.prototype.toString.call(toString).includes("[native code]")
    );
}

function asText(value: unknown): string {
    if (typeof value === "string") {
        return value;
    }
    if (typeof value !== "object" || value === null) {
        return formatPrimitive(value);
    }
    return hasOwnToString(value) ? String(value) : inspect(value, { depth: 0 });
}

/** What each `%` letter of a format makes of its argument. */
const specifiers: Record<string, (value: unknown) => string> = {
    s: asText,
    d: (value) =>
        typeof value === "object" && value !== null ? formatPrimitive(Number(value)) : asInteger(value, Number),
    i: (value) => asInteger(value, (text) => parseInt(text, 10)),
    f: (value) => (typeof value === "symbol" ? "NaN" : formatPrimitive(parseFloat(String(value)))),
    j(value) {
        try {
            return String(JSON.stringify(value));
        } catch {
            return "[Circular]";
        }
    },
    o: (value) => inspect(value, { depth: 4, showHidden: true }),
    O: (value) => inspect(value),
    c: () => "",
};

/** A toString or valueOf of the worker's may throw, which must not come out of a console method. */
function formatOne(letter: string, value: unknown): string {
    try {
        return specifiers[letter]!(value);
    } catch {
        return "[Failed to show]";
    }
}

/** Formats like console.log: `%` letters of a first string take arguments, the rest follow with spaces. */
export function format(args: readonly unknown[]): string {
    let rest = args;
    let text = "";
    if (typeof args[0] === "string") {
        let used = 1;
        text = args[0].replace(/%([sdifjoOc%])/g, (whole, letter: string) => {
            if (letter === "%") {
                return args.length > 1 ? "%" : whole;
            }
            return used < args.length ? formatOne(letter, args[used++]) : whole;
        });
        rest = args.slice(used);
        if (rest.length > 0) {
            text += " ";
        }
    }
    return text + rest.map((value) => (typeof value === "string" ? value : inspect(value))).join(" ");
}
