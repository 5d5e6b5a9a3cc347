// From a LOAD frame to a running worker: its modules become records, and the linker does the rest.
// Every failure on the way becomes "Failed to start Worker:\n..." with module, line and column.

import type { LoadHead } from "./code";
import { Linker } from "./modules/linker";
import { makeRecord, type Kind, type ModuleRecord } from "./modules/record";
import { declareExports } from "./modules/synthetic";
import { contextWatcher, nodeFinder, nodeShare } from "./nodejs";
import { typescript } from "./parts";
import { native } from "./web/host";

declare const require: (path: string) => unknown;

/** Modules that the owner has beyond those in the frame; a host worker's project files. */
export type AskOwner = (name: string) => Promise<{ kind: string; bytes: Uint8Array } | undefined>;

/** JavaScript as the engine takes it: TypeScript and JSX lose their types. */
function stripped(name: string, bytes: Uint8Array): { bytes: Uint8Array; mapPlace?: ModuleRecord["mapPlace"] } {
    return typescript().stripTypes(name, native.utf8Decode(bytes, false));
}

const overridable: typeof import("./overrides").overridable = (namespace) =>
    (require("./overrides") as typeof import("./overrides")).overridable(namespace);

function record(name: string, kind: string, bytes: Uint8Array): ModuleRecord {
    const isTyped = kind === "ts" || (kind === "snippet" && /\.[mc]?tsx?$/.test(name));
    const source: ReturnType<typeof stripped> = isTyped ? stripped(name, bytes) : { bytes };
    if (kind === "snippet") {
        const { snippetModule } = require("./snippet") as typeof import("./snippet");
        return declareExports(snippetModule(name, source.bytes, source.mapPlace));
    }
    const isModule = kind === "js" || kind === "ts";
    return declareExports(makeRecord(name, isModule ? "esm" : (kind as Kind), source.bytes, source.mapPlace));
}

/** What a builtin module exports, made when it is first named; undefined if there is none of that name. A module of the
 * worker's own with such a name is found before it. */
export type Builtins = (name: string) => Record<string, unknown> | undefined;

/** How a worker without Node's modules gets them. */
function nodeHint({ modules }: LoadHead): string {
    const isSnippet = modules.some(({ kind }) => kind === "snippet");
    return isSnippet
        ? "A snippet has no modules of Node.js: a worker of mayfly serve has them, with the compatibility flag nodejs_compat."
        : "Modules of Node.js need the compatibility flag nodejs_compat.";
}

/** Links and starts the worker; gives its main module's exports. */
export async function linkWorker(
    head: LoadHead,
    tail: Uint8Array,
    env: unknown,
    builtins: Builtins,
    askOwner: AskOwner,
): Promise<Record<string, unknown>> {
    let isOverriding = false;
    const { compatibilityFlags: flags, compatibilityDate: date } = head;
    const share = nodeShare(flags, date);
    const findNode = share && nodeFinder(share, flags, date, env);
    const findBuiltin = (name: string): ModuleRecord | undefined => {
        const namespace = builtins(name);
        if (namespace === undefined) return findNode?.(name);
        const shown = isOverriding && name === "cloudflare:workers" ? overridable(namespace) : namespace;
        return declareExports(makeRecord(name, "builtin", shown));
    };
    const watch = contextWatcher(share !== undefined);
    const findMore = async (name: string): Promise<ModuleRecord | undefined> => {
        const found = await askOwner(name);
        if (found) watch(found.kind, found.bytes);
        return found && record(name, found.kind, found.bytes);
    };
    const linker = new Linker(findMore, findBuiltin, share === undefined ? nodeHint(head) : undefined);
    try {
        let offset = 0;
        const sources = [];
        for (const { name, kind, size } of head.modules) {
            const bytes = tail.subarray(offset, (offset += size));
            isOverriding = watch(kind, bytes) || isOverriding;
            sources.push({ name, kind, bytes });
        }
        for (const { name, kind, bytes } of sources) linker.add(record(name, kind, bytes));
        return await linker.import(head.mainModule);
    } catch (thrown) {
        throw startError(thrown, linker.place(thrown));
    }
}

/** What was thrown, in words; its own may throw again. */
function describe(thrown: unknown): string {
    try {
        return thrown instanceof Error ? String(thrown) : `Uncaught ${String(thrown)}`;
    } catch {
        return "Uncaught value that cannot be shown";
    }
}

function startError(thrown: unknown, place: string | undefined): Error {
    return new Error(`Failed to start Worker:\n${describe(thrown)}${place === undefined ? "" : `\n    at ${place}`}`);
}
