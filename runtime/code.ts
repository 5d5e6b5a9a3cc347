// From the object that a host worker hands to its loader to a LOAD frame: every rule and every text of
// dynamic-workers.md 1.4. Runs in the host worker's cell, synchronously, before anything is sent.

import { problemOfDate } from "./dates";
import type { Given } from "./fetch";
import type { Limits, OperatorLimits, SomeLimits } from "./limits";
import { StubOutbound } from "./outbound";
import { wasmSources } from "./modules/synthetic";
import { encode } from "./rpc/encoder";
import { Fetcher } from "./rpc/stubs";
import type { Transfer } from "./rpc/values";
import { native } from "./web/host";

export type ModuleKind = "js" | "cjs" | "text" | "data" | "json" | "wasm" | "ts";

/** What travels in a LOAD frame's head; the modules' bytes are its tail, in this order. */
export interface LoadHead {
    mainModule: string;
    compatibilityDate: string;
    compatibilityFlags: string[];
    /** null: no way out, and on purpose. "none": a C program gave none. "egress": a host worker's, "owner": all others'. */
    outbound: null | "none" | "egress" | "owner";
    /** The encoded env of a dynamic worker, whose bytes end the tail: the last `envBytes` of it. */
    env?: unknown;
    envBytes?: number;
    /** Where clients outside call an entrypoint by Cap'n Web; host workers only. */
    rpc?: { path: string; entrypoint?: string };
    /** Cron triggers, and whether requests may run them by hand; host workers only. */
    crons?: string[];
    testScheduled?: boolean;
    /** Somebody is told what happens in a dynamic worker. */
    isTailed?: boolean;
    /** Whose tail handlers are told what happens in a host worker. */
    tails?: { type: string; [key: string]: unknown }[];
    /** The worker's name; host workers only. */
    name?: string;
    /** Plain values and bindings of a host worker or of a worker that a C program loaded. */
    vars?: Record<string, unknown>;
    bindings?: Record<string, { type: string; [key: string]: unknown }>;
    /** A dynamic worker's own; a host worker's are those that its operator set for what it loads. */
    limits?: SomeLimits;
    modules: { name: string; kind: ModuleKind | "snippet"; size: number }[];
}

export interface Source {
    head: LoadHead;
    /** Who answers the worker's fetch(). */
    outbound: Given;
    tail: Uint8Array;
    /** Capabilities in the head, which are named when it is known which cell will get them. */
    transfers: Transfer[] | undefined;
    limits: Limits;
    /** Who is told what happened in its calls. */
    tails: Fetcher[];
    /** Whether the engine needs a thread for it. */
    isThreaded: boolean;
}

/** Which flags the calling worker has (`experimental` opens `allowExperimental`), and the limits of what it loads. */
export interface Caller {
    experimental: boolean;
    limits: OperatorLimits;
    /** What a worker gets for which no globalOutbound is named. */
    outbound: Given;
}

const KINDS = ["js", "cjs", "text", "data", "json", "py", "wasm"] as const;
type Kind = (typeof KINDS)[number];

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null;
}

function requireType(code: Record<string, unknown>, key: string, type: "string" | "object", required: boolean): void {
    const value = code[key];
    if (value === undefined && !required) return;
    if (type === "object" ? !isObject(value) : typeof value !== type) {
        throw new TypeError(
            value === undefined
                ? `Missing required property '${key}' in dynamic Worker code.`
                : `Incorrect type for the '${key}' field on 'WorkerCode': the provided value is not of type '${type}'.`,
        );
    }
}

interface Module {
    name: string;
    kind: ModuleKind;
    bytes: Uint8Array;
    /** HTMLRewriter is WebAssembly too, and the engine compiles what it validates. */
    needsThread?: boolean;
}

/** A worker whose modules name none of these has no thread. */
function needsThread(source: unknown): boolean {
    const text = String(source);
    return text.includes("HTMLRewriter") || text.includes("WebAssembly.validate");
}

/** Bytes are copied now, so that a buffer which changes or shrinks later changes nothing. */
function copyBytes(name: string, kind: Kind, value: unknown): Uint8Array {
    if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
    if (ArrayBuffer.isView(value)) {
        return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice();
    }
    throw new TypeError(`Module "${name}": the content of '${kind}' must be an ArrayBuffer or a view of one.`);
}

function textBytes(name: string, kind: Kind, value: unknown): Uint8Array {
    if (typeof value !== "string") {
        throw new TypeError(`Module "${name}": the content of '${kind}' must be a string.`);
    }
    return native.utf8Encode(value);
}

/** A string module's kind follows from its name. TypeScript is taken as it is: its types are stripped in the cell. */
function fromString(name: string, content: string): Module {
    if (name.endsWith(".js")) return { name, kind: "js", bytes: native.utf8Encode(content), needsThread: needsThread(content) };
    if (/\.(?:ts|tsx|mts|jsx)$/.test(name)) return { name, kind: "ts", bytes: native.utf8Encode(content), needsThread: needsThread(content) };
    if (name.endsWith(".py")) throw pythonAbsent(name);
    throw new TypeError(
        "Module name must end with '.js' or '.py' (or the content must be an object indicating the type explicitly). " +
            `Got: ${name}`,
    );
}

function pythonAbsent(name: string): Error {
    return new Error(`Module "${name}" is a Python module, and this version of mayfly does not run Python yet.`);
}

function fromObject(name: string, content: Record<string, unknown>): Module {
    const present = KINDS.filter((kind) => content[kind] !== undefined);
    if (present.length !== 1) {
        throw new TypeError(
            "Each module must contain exactly one of 'js', 'cjs', 'text', 'data', 'json', 'py', or 'wasm'. " +
                `Module '${name}' contained ${present.length} properties.`,
        );
    }
    const kind = present[0]!;
    const value = content[kind];
    switch (kind) {
        case "json": {
            const text = JSON.stringify(value) as string | undefined;
            if (text === undefined) throw new TypeError(`Module "${name}": the content of 'json' cannot be serialized.`);
            return { name, kind, bytes: native.utf8Encode(text) };
        }
        case "data":
            return { name, kind, bytes: copyBytes(name, kind, value) };
        case "wasm":
            if (value instanceof WebAssembly.Module) {
                const bytes = wasmSources.get(value);
                if (bytes === undefined) {
                    throw new TypeError(`Module "${name}": only a WebAssembly.Module that was imported can be passed on.`);
                }
                return { name, kind, bytes };
            }
            return { name, kind, bytes: copyBytes(name, kind, value) };
        case "py":
            throw pythonAbsent(name);
        default:
            return { name, kind, bytes: textBytes(name, kind, value), needsThread: kind !== "text" && needsThread(value) };
    }
}

function toModule(name: string, content: unknown): Module {
    if (typeof content === "string") return fromString(name, content);
    if (content instanceof WebAssembly.Module) return fromObject(name, { wasm: content });
    if (!isObject(content)) {
        throw new TypeError(`Module "${name}" must be a string, a WebAssembly.Module or an object that names its type.`);
    }
    return fromObject(name, content);
}

function checkPython(code: Record<string, unknown>, modules: Record<string, unknown>): void {
    if (String(code.mainModule).endsWith(".py")) return;
    for (const [name, content] of Object.entries(modules)) {
        if (typeof content === "string" ? name.endsWith(".py") : isObject(content) && content.py !== undefined) {
            throw new TypeError(
                `Module "${name}" is a Python module, but the main module isn't a Python module.`,
            );
        }
    }
}

function checkCompatibility(code: Record<string, unknown>): string[] {
    const problem = problemOfDate(code.compatibilityDate as string);
    const errors = problem === undefined ? [] : [problem];
    const flags = code.compatibilityFlags ?? [];
    if (!Array.isArray(flags)) throw new TypeError("compatibilityFlags must be an array of strings.");
    for (const flag of flags as unknown[]) {
        if (typeof flag !== "string" || !/^[a-z0-9_]+$/.test(flag)) {
            errors.push(`No such compatibility flag: ${String(flag)}`);
        } else if ((flags as unknown[]).filter((f) => f === flag).length > 1) {
            errors.push(`Compatibility flag specified multiple times: ${flag}`);
        } else {
            const opposite = flag.startsWith("enable_") ? `dis${flag.slice(2)}` : `no_${flag}`;
            if (flags.includes(opposite)) errors.push(`Compatibility flags are mutually contradictory: ${flag} vs ${opposite}`);
        }
    }
    if (errors.length > 0) throw new Error([...new Set(errors)].join("\n"));
    return flags as string[];
}

function checkExperimental(code: Record<string, unknown>, caller: Caller): void {
    if (code.allowExperimental && !caller.experimental) {
        throw new Error(
            "'allowExperimental' is only allowed when the calling worker has the 'experimental' compat flag set.",
        );
    }
    if (code.streamingTails !== undefined && !code.allowExperimental) {
        throw new Error(
            "Streaming tail workers are experimental. You must pass the option 'allowExperimental: true' to the worker " +
                "loader to use them",
        );
    }
    const streaming = code.streamingTails;
    if (streaming !== undefined && !(Array.isArray(streaming) && streaming.length === 0)) {
        throw new Error("'streamingTails' is not supported by this version of mayfly.");
    }
}

/** Entrypoints of whoever tails a worker; more are somebody's mistake. */
const TAILS_MAX = 64;

function tailsOf(code: Record<string, unknown>): Fetcher[] {
    const list = code.tails ?? [];
    if (!Array.isArray(list)) {
        throw new TypeError("Incorrect type for the 'tails' field on 'WorkerCode': the provided value is not of type 'Array'.");
    }
    if (list.length > TAILS_MAX) throw new RangeError(`A worker can have ${TAILS_MAX} tails, not ${list.length}.`);
    for (const tail of list as unknown[]) {
        if (tail instanceof Fetcher) continue;
        throw new TypeError("Incorrect type for the 'tails' field on 'WorkerCode': the provided value is not of type 'Fetcher'.");
    }
    return list as Fetcher[];
}

/** What a worker gets as its way out: null, its loader's, or a stub whose fetch() is asked instead. */
function outboundOf(code: Record<string, unknown>, caller: Caller): Given {
    const given = code.globalOutbound;
    if (given === null) return null;
    if (given === undefined) return caller.outbound;
    if (!(given instanceof Fetcher)) {
        throw new TypeError(
            "Incorrect type for the 'globalOutbound' field on 'WorkerCode': the provided value is not of type 'Fetcher'.",
        );
    }
    return new StubOutbound(given);
}

/** Checks a code object and makes it ready to send. Throws what Cloudflare's loader throws. */
export function convert(code: unknown, caller: Caller): Source {
    if (!isObject(code)) throw new TypeError("The Worker's code must be an object.");
    requireType(code, "compatibilityDate", "string", true);
    requireType(code, "mainModule", "string", true);
    requireType(code, "modules", "object", true);
    const named = code.modules as Record<string, unknown>;
    checkExperimental(code, caller);
    const compatibilityFlags = checkCompatibility(code);
    const limits = caller.limits.ofCode(code.limits);
    if (Object.keys(named).length === 0) {
        throw new TypeError("Dynamic Worker code must contain at least one module.");
    }
    checkPython(code, named);
    const modules = Object.entries(named).map(([name, content]) => toModule(name, content));
    const codeBytes = modules.reduce((sum, module) => sum + module.bytes.length, 0);
    if (codeBytes > limits.codeBytes) {
        throw new Error(
            `Dynamic Worker code size (${codeBytes} bytes) exceeds the maximum allowed size of ${limits.codeBytes} bytes.`,
        );
    }
    const env = encode(code.env ?? {}, "env");
    const envBytes = env.tail?.length ?? 0;
    const envSize = native.utf8Length(JSON.stringify(env.head)) + envBytes;
    if (envSize > limits.envBytes) {
        throw new Error(
            `Dynamic Worker env size (${envSize} bytes) exceeds the maximum allowed size of ${limits.envBytes} bytes.`,
        );
    }
    const outbound = outboundOf(code, caller);
    const tails = tailsOf(code);
    const head: LoadHead = {
        mainModule: code.mainModule as string,
        compatibilityDate: code.compatibilityDate as string,
        compatibilityFlags,
        outbound: outbound === null ? null : "owner",
        env: env.head,
        envBytes,
        modules: modules.map(({ name, kind, bytes }) => ({ name, kind, size: bytes.length })),
        limits: limitsOfCell(limits),
    };
    if (tails.length > 0) head.isTailed = true;
    const tail = join([...modules.map((module) => module.bytes), env.tail ?? new Uint8Array(0)]);
    const isThreaded = modules.some((module) => module.kind === "wasm" || module.needsThread);
    return { head, outbound, tail, transfers: env.transfers, limits, tails, isThreaded };
}

/** Those that the cell itself keeps, short: they travel with every load. */
function limitsOfCell({ cpuMs, memoryMb, logBytes, rpcMessageBytes }: Limits): SomeLimits {
    return { cpuMs, memoryMb, logBytes, rpcMessageBytes };
}

/** The parts after each other; the only one that is not empty as it is. */
function join(parts: Uint8Array[]): Uint8Array {
    let size = 0;
    let last = parts[0]!;
    for (const part of parts) {
        if (part.length > 0) last = part;
        size += part.length;
    }
    if (last.length === size) return last;
    const all = new Uint8Array(size);
    let offset = 0;
    for (const part of parts) {
        all.set(part, offset);
        offset += part.length;
    }
    return all;
}
