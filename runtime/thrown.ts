// What was thrown, as the name and message that travel. A worker may throw anything, and looking at it may throw again.

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
