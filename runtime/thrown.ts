// What was thrown, as the name and message that travel. A worker may throw anything, and looking at it may throw again.

declare const require: (path: string) => unknown;

export interface Failure {
    name: string;
    message: string;
}

export function describeThrown(thrown: unknown): Failure {
    try {
        if (thrown instanceof Error) return { name: String(thrown.name), message: String(thrown.message) };
        return { name: "Error", message: String(thrown) };
    } catch {
        return { name: "Error", message: "A value was thrown that cannot be shown." };
    }
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
