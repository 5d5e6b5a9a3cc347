// The main module of the sandbox that runs a model's code, as source: it goes into a fresh cell beside the code. It gives
// the code its namespaces, collects the console, and makes text of the result. Whatever the code does to it, it harms
// itself alone: the host takes texts from here and checks their lengths.

export const SANDBOX_SOURCE = String.raw`
import { WorkerEntrypoint } from "cloudflare:workers";
import code from "./code.js";

const LOGS_MAX = 200;

function plain(value, seen = []) {
    if (typeof value === "bigint") return String(value);
    if (typeof value === "function") return "[function]";
    if (typeof value === "symbol") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (seen.includes(value)) return "[circular]";
    if (seen.length > 50) return "[too deep]";
    const inside = [...seen, value];
    if (value instanceof Error) return value.name + ": " + value.message;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof Map) return plain(Object.fromEntries(value), inside);
    if (value instanceof Set) return plain([...value], inside);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "[" + value.byteLength + " bytes]";
    if (typeof value.toJSON === "function") return plain(value.toJSON(), inside);
    if (Array.isArray(value)) return value.map((item) => plain(item, inside) ?? null);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, inside)]));
}

function show(value) {
    if (typeof value === "string") return value;
    return JSON.stringify(plain(value)) ?? "undefined";
}

function captureConsole(logs, charactersMax) {
    let left = charactersMax;
    for (const level of ["log", "info", "debug", "warn", "error"]) {
        const mark = level === "warn" || level === "error" ? "[" + level + "] " : "";
        console[level] = (...args) => {
            if (left <= 0 || logs.length > LOGS_MAX) return;
            const line = mark + args.map(show).join(" ");
            logs.push(line.length > left ? line.slice(0, left) + "… (no more is kept)" : line);
            left -= line.length;
        };
    }
}

/** A namespace: each property is a function; an error from it points to the line that called. */
function namespaceOf(namespace, call) {
    return new Proxy({}, {
        get(_, name) {
            if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
            return (...args) => {
                const caller = new Error();
                return call(namespace, name, args).catch((error) => {
                    error.stack = caller.stack;
                    throw error;
                });
            };
        },
    });
}

function failureOf(thrown) {
    if (!(thrown instanceof Error)) return { name: "Error", message: "Thrown: " + show(thrown), stack: "" };
    const own = "code.js:" + thrown.line + ":" + thrown.column;
    const isOwn = String(thrown.sourceURL ?? "").endsWith("code.js");
    return { name: String(thrown.name), message: String(thrown.message), stack: (isOwn ? own + "\n" : "") + String(thrown.stack) };
}

export default class extends WorkerEntrypoint {
    async run(namespaces, call, limits) {
        const logs = [];
        captureConsole(logs, limits.logs);
        try {
            const scope = Object.fromEntries(namespaces.map((name) => [name, namespaceOf(name, call)]));
            const value = await code(scope);
            const text = value === undefined ? "undefined" : typeof value === "string" ? value : (JSON.stringify(plain(value)) ?? "undefined");
            return { text: text.slice(0, limits.result), length: text.length, logs };
        } catch (thrown) {
            return { failure: failureOf(thrown), logs };
        }
    }
}
`;
