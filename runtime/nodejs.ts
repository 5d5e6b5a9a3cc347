// Compatibility with Node.js, for workers that ask for it by the flag nodejs_compat or by their date: modules `node:*`, also by their
// bare names, and the globals Buffer, process and global. Nothing of it is in the engine until it is named.

import { rewriteBy } from "./modules/compile";
import { makeRecord, type ModuleRecord } from "./modules/record";
import { declareExports } from "./modules/synthetic";
import { contexts, nodeModules } from "./parts";
import { native } from "./web/host";
import { defineLazy, lazy } from "./web/lazy";

declare const require: (path: string) => unknown;

const timeouts = lazy(() => require("./web/timeout") as typeof import("./web/timeout"));

type Namespace = Record<string, unknown>;

/** Asks for node:async_hooks alone. */
const ALS_FLAG = "nodejs_als";

/** The date since which process.env holds the worker's env without a flag of its own. */
const ENV_DATE = "2025-04-01";

/** The date since which setTimeout and setInterval give objects. */
const TIMERS_DATE = "2026-02-10";

/** The date since which a worker has it without a flag. */
const NODE_DATE = "2026-08-04";

/** What of Node a worker gets: all there is, node:async_hooks alone, or nothing. */
export type NodeShare = "whole" | "contexts" | undefined;

export function nodeShare(flags: readonly string[], date: string): NodeShare {
    if (flags.includes("nodejs_compat") || flags.includes("nodejs_compat_v2")) return "whole";
    if (date >= NODE_DATE && !flags.includes("no_nodejs_compat")) return "whole";
    return flags.includes(ALS_FLAG) ? "contexts" : undefined;
}

/** Follows asynchronous contexts from now on, once. */
const followContexts = lazy(() => {
    const { follow, helpers, rewrite } = contexts();
    follow();
    rewriteBy({ helpers, rewrite });
});

/** The kinds of modules that can name node:async_hooks. */
const CODE = new Set(["js", "cjs", "ts", "snippet"]);

/** Whether a module uses withEnv, withExports or both at once of cloudflare:workers; see overrides.ts. */
function overrides(source: Uint8Array): boolean {
    const isNamed = native.mentions(source, "withEnv") || native.mentions(source, "withExports");
    return isNamed && native.mentions(source, "cloudflare:workers");
}

/**
 * What looks at each of a worker's modules before any is compiled: where one overrides env or, if it has a share of Node,
 * names node:async_hooks, all of them are rewritten (runtime/async). Others pay for the look alone. True for a module that
 * overrides.
 */
export function contextWatcher(isNode: boolean): (kind: string, source: Uint8Array) => boolean {
    return (kind, source) => {
        if (!CODE.has(kind)) return false;
        const isOverriding = native.mentions(source, "withE") && overrides(source);
        if (isOverriding || (isNode && native.mentions(source, "async_hooks"))) followContexts();
        return isOverriding;
    };
}

function wantsTimers(flags: readonly string[], date: string): boolean {
    if (flags.includes("no_nodejs_global_timers")) return false;
    return date >= TIMERS_DATE || flags.includes("enable_nodejs_global_timers");
}

function wantsEnv(flags: readonly string[], date: string): boolean {
    if (flags.includes("nodejs_compat_do_not_populate_process_env")) return false;
    return date >= ENV_DATE || flags.includes("nodejs_compat_populate_process_env");
}

/** The texts among a worker's bindings; what else there is becomes its JSON, as Cloudflare does it. */
function environment(env: unknown): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const [name, value] of Object.entries((env ?? {}) as Namespace)) {
        if (typeof value === "string") texts[name] = value;
        else if (Object.getPrototypeOf(value ?? 0) === Object.prototype) texts[name] = JSON.stringify(value);
    }
    return texts;
}

/** What finds the builtin modules of Node for a worker that has a share of it, whose globals it defines. */
export function nodeFinder(share: NonNullable<NodeShare>, flags: readonly string[], date: string, env: unknown) {
    const node = lazy(() => {
        const modules = nodeModules();
        modules.withhold(flags, date);
        return modules;
    });
    const loadDefault = (name: string): Namespace => node().load(name)!.default as Namespace;
    const find = (name: string): ModuleRecord => declareExports(makeRecord(`node:${name}`, "builtin", node().load(name)!));
    if (share === "contexts") return (specifier: string) => (/^(?:node:)?async_hooks$/.test(specifier) ? find("async_hooks") : undefined);
    const process = lazy(() => {
        const made = loadDefault("process");
        if (wantsEnv(flags, date)) Object.assign(made.env as object, environment(env));
        return made;
    });
    defineLazy(globalThis, "Buffer", () => loadDefault("buffer").Buffer);
    defineLazy(globalThis, "process", process);
    defineLazy(globalThis, "global", () => globalThis);
    if (wantsTimers(flags, date)) {
        defineLazy(globalThis, "setTimeout", () => timeouts().setTimeout);
        defineLazy(globalThis, "setInterval", () => timeouts().setInterval);
    }
    return (specifier: string): ModuleRecord | undefined => {
        const name = specifier.replace(/^node:/, "");
        if (specifier !== name && /^(?:cloudflare|workerd):/.test(name)) return undefined;
        if (!node().names.has(name) || (specifier === name && node().prefixed.has(name))) return undefined;
        if (name === "process") process();
        return find(name);
    };
}
