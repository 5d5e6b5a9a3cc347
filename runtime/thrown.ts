// What was thrown, as the name and message that travel. A worker may throw anything, and looking at it may throw again.

declare const require: (path: string) => unknown;

export interface Failure {
    name: string;
    message: string;
}

/** What is no error, as V8 shows it; an object's own code has no part in that. */
function wordsOf(thrown: unknown): string {
    if (typeof thrown !== "object" || thrown === null) return String(thrown);
    const kind = Object.prototype.toString.call(thrown);
    if (kind !== "[object Object]") return kind;
    const { constructor } = thrown;
    return `#<${typeof constructor === "function" && constructor.name !== "" ? String(constructor.name) : "Object"}>`;
}

export function describeThrown(thrown: unknown): Failure {
    try {
        if (thrown instanceof Error) return { name: String(thrown.name), message: String(thrown.message) };
        return { name: "Error", message: wordsOf(thrown) };
    } catch {
        return { name: "Error", message: "A value was thrown that cannot be shown." };
    }
}

/** What another worker threw, as it was decoded here: always an error, that says where it came from. */
export function remoteError(thrown: unknown): Error {
    const error = thrown instanceof Error ? thrown : new Error(describeThrown(thrown).message);
    return Object.defineProperty(error, "remote", { __proto__: null, value: true, writable: true, enumerable: true, configurable: true });
}

/** Where an error was thrown that came from another cell stays there, and where it was made here is nobody's affair. */
export function withoutPlace<T extends Error>(error: T): T {
    const value = `${error.name}: ${error.message}`;
    Object.defineProperty(error, "stack", { __proto__: null, value, writable: true, configurable: true, enumerable: false });
    for (const key of ["line", "column", "sourceURL"]) Reflect.deleteProperty(error, key); // the engine's own
    return error;
}

/** Where it was thrown, as far as an error says so, in lines of its own. */
export function stackOf(thrown: unknown): string {
    const { stackFrames } = require("./web/inspect") as typeof import("./web/inspect");
    try {
        return thrown instanceof Error ? stackFrames(String(thrown.stack ?? "")) : "";
    } catch {
        return "";
    }
}
