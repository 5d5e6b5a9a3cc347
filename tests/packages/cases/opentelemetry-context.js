import { EventEmitter } from "node:events";
import { context, createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";

const manager = new AsyncLocalStorageContextManager().enable();
context.setGlobalContextManager(manager);
const KEY = createContextKey("span");
const span = () => context.active().getValue(KEY) ?? "none";
const within = (name, f) => context.with(context.active().setValue(KEY, name), f);

export const run = async () => {
    const seen = [];
    const child = (name) => within(name, async () => {
        seen.push(`in ${span()}`);
        await new Promise((done) => setTimeout(done, name.length));
        seen.push(`after ${span()}`);
    });
    await within("parent", async () => {
        await Promise.all([child("a"), child("bbbb")]);
        seen.push(`back in ${span()}`);
        const emitter = context.bind(context.active(), new EventEmitter());
        emitter.on("x", () => seen.push(`event in ${span()}`));
        within("other", () => emitter.emit("x"));
        await Promise.resolve().finally(() => seen.push(`finally ${span()}`));
    });
    const bound = context.bind(ROOT_CONTEXT.setValue(KEY, "bound"), span);
    return [...seen, bound(), span()];
};
export const expected = [
    "in a", "in bbbb", "after a", "after bbbb", "back in parent", "event in parent", "finally parent", "bound", "none",
];
