// console over one sink, hooks.log(level, text). The formatter is built when a worker first logs more than plain text.

import { hooks, native, type Level } from "./host";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

const formatter = lazy(() => require("./format") as typeof import("./format"));
const inspector = lazy(() => require("./inspect") as typeof import("./inspect"));
const tables = lazy(() => require("./console-table") as typeof import("./console-table"));

/** Bounds on what a worker can make the console remember. */
const labelsMax = 1000;
const indentMax = 80;

let indent = "";
const counts = new Map<string, number>();
const timers = new Map<string, number>();

function print(level: Level, text: string, args?: readonly unknown[]): void {
    hooks.log(level, indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`), args);
}

function write(level: Level, args: readonly unknown[]): void {
    const plain = args.length === 1 && typeof args[0] === "string";
    print(level, plain ? (args[0] as string) : formatter().format(args), args);
}

function remember<T>(labels: Map<string, T>, label: string, value: T): void {
    if (labels.size < labelsMax || labels.has(label)) {
        labels.set(label, value);
    }
}

function labelOf(label: unknown): string {
    return label === undefined ? "default" : String(label);
}

function elapsed(label: string): string | undefined {
    const start = timers.get(label);
    if (start === undefined) {
        print("warn", `Warning: No such label '${label}' for console.time()`);
        return undefined;
    }
    const ms = native.monotonicTime() - start;
    return ms < 1000 ? `${label}: ${Number(ms.toFixed(3))}ms` : `${label}: ${(ms / 1000).toFixed(3)}s`;
}

const methods = {
    log: (...args: unknown[]) => write("log", args),
    info: (...args: unknown[]) => write("info", args),
    warn: (...args: unknown[]) => write("warn", args),
    error: (...args: unknown[]) => write("error", args),
    debug: (...args: unknown[]) => write("debug", args),

    trace(...args: unknown[]) {
        const head = args.length === 0 ? "Trace" : `Trace: ${formatter().format(args)}`;
        print("log", `${head}\n${inspector().stackFrames(new Error().stack ?? "")}`);
    },

    dir(value: unknown, options?: { depth?: number; showHidden?: boolean }) {
        print("log", inspector().inspect(value, options ?? {}));
    },
    dirxml: (...args: unknown[]) => write("log", args),

    table(data: unknown, columns?: readonly string[]) {
        const text = tables().formatTable(data, columns);
        if (text === undefined) {
            write("log", [data]);
        } else {
            print("log", text);
        }
    },

    group(...args: unknown[]) {
        if (args.length > 0) {
            write("log", args);
        }
        if (indent.length < indentMax) {
            indent += "  ";
        }
    },
    groupCollapsed: (...args: unknown[]) => methods.group(...args),
    groupEnd() {
        indent = indent.slice(2);
    },

    count(label?: unknown) {
        const name = labelOf(label);
        const count = (counts.get(name) ?? 0) + 1;
        remember(counts, name, count);
        print("log", `${name}: ${count}`);
    },
    countReset(label?: unknown) {
        const name = labelOf(label);
        if (!counts.delete(name)) {
            print("warn", `Warning: Count for '${name}' does not exist`);
        }
    },

    time(label?: unknown) {
        const name = labelOf(label);
        if (timers.has(name)) {
            print("warn", `Warning: Label '${name}' already exists for console.time()`);
        } else {
            remember(timers, name, native.monotonicTime());
        }
    },
    timeLog(label?: unknown, ...args: unknown[]) {
        const text = elapsed(labelOf(label));
        if (text !== undefined) {
            write("log", [text, ...args]);
        }
    },
    timeEnd(label?: unknown) {
        const name = labelOf(label);
        const text = elapsed(name);
        timers.delete(name);
        if (text !== undefined) {
            print("log", text);
        }
    },
    timeStamp() {},

    assert(condition?: unknown, ...args: unknown[]) {
        if (condition) {
            return;
        }
        const [first, ...rest] = args;
        if (args.length === 0) {
            print("error", "Assertion failed");
        } else if (typeof first === "string") {
            write("error", [`Assertion failed: ${first}`, ...rest]);
        } else {
            write("error", ["Assertion failed:", ...args]);
        }
    },
    clear() {},
};

/** The object that workers know as `console`. Its methods need no `this`. */
export const console = Object.assign(Object.create(Object.create(Object.prototype)) as object, methods);
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
