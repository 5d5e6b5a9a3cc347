// The sources that the command line names, read side by side and put into one catalog. Others have to answer for some of
// them: whoever is not ready in time is not waited for and joins later, and who cannot be reached is tried again.

import { Names } from "../types/names";
import { Catalog, type Source } from "./catalog";
import { CHILD_LIMITS, childExchange } from "./child-exchange";
import { DEFAULT_LIMITS, type Loader } from "./execute";
import { httpExchange, mcpSource, readServer, type Exchange, type Notified } from "./mcp-source";
import { openApiSource, type Send } from "./openapi-source";
import { typeScriptSource } from "./typescript-source";

/** A source as the command line gives it; `file` names a module that has its text. */
interface SourceOptions {
    name: string;
    kind: "openapi" | "mcp" | "typescript";
    /** One of these, or neither for a server that the command line starts. */
    file?: string;
    url?: string;
    server?: string;
}

interface Outbound {
    fetch(request: Request): Promise<Response>;
}

export interface SourcesEnv {
    LOADER: Loader;
    SOURCES: SourceOptions[];
    /** How long an execution may take, and a request to a server that the command line starts. */
    TIMEOUT_MS?: number;
    /** Where the command line passes messages on to servers that it has started. */
    CHILDREN?: string;
    /** Each source's way out, with its own rules and its own credential: OUTBOUND_NAME. */
    [binding: `OUTBOUND_${string}`]: () => Outbound;
}

/** How long the first who asks for tools waits for sources that others have to answer for. */
const READY_MS = 10_000;

/** How long others wait while a source is tried again that could not be reached. */
const AGAIN_MS = 1000;

const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 60_000;

const outboundOf = (env: SourcesEnv, name: string): Outbound => env[`OUTBOUND_${name}`]!();

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// --- Reading ---------------------------------------------------------------------------------------------------------

/** Lines of a file of tools that are kept until its next call has ended, and characters of each. */
const TOOL_LINES_MAX = 100;
const TOOL_LINE_CHARACTERS_MAX = 1000;

/** Items of an iterator that a tool gives: no iterator can leave its sandbox, so it becomes an array. */
const TOOL_ITEMS_MAX = 10_000;

/** What is kept of an object that a tool throws and that is no error: RPC would tell no more of it than its class. */
const TOOL_ERROR_CHARACTERS_MAX = 2000;

/** Runs before a file of tools, whose console would be nobody's: its lines are kept, and told after each call. */
const TOOL_CONSOLE = `import { format } from "node:util";
let lines = [], lost = 0;
for (const level of ["log", "info", "debug", "warn", "error"]) {
    console[level] = (...args) => void (lines.length < ${TOOL_LINES_MAX} ? lines.push(format(...args).slice(0, ${TOOL_LINE_CHARACTERS_MAX})) : lost++);
}
export async function tell(say) {
    if (lines.length === 0) return;
    const told = lost > 0 ? [...lines, \`(\${lost} more lines)\`] : lines;
    lines = [], lost = 0;
    await say(told);
}`;

/** Shows what a file of tools has said. */
function showLines(name: string, lines: unknown): void {
    if (!Array.isArray(lines)) return;
    for (const line of lines.slice(0, TOOL_LINES_MAX + 1) as unknown[]) console.info(`${name}: ${String(line).slice(0, TOOL_LINE_CHARACTERS_MAX)}`);
}

/** Calls an export of a file of tools, in the sandbox that is kept for it; a call that computes without end costs the sandbox, and the next one gets another. */
function exportCaller(env: SourcesEnv, name: string, source: string) {
    const main = `import { inspect } from "node:util";
import { tell } from "./console.js";
import * as tools from "./tools.ts";
import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
    async call(name, args, say) {
        try { return await collect(await tools[name](...args), name); } catch (thrown) { throw asError(thrown); } finally { await tell(say); }
    }
}
function asError(thrown) {
    if (typeof thrown !== "object" || thrown === null || thrown instanceof Error) return thrown;
    try {
        const { message, ...rest } = thrown;
        const held = typeof message !== "string" ? inspect(thrown) : Object.keys(rest).length > 0 ? message + " " + inspect(rest) : message;
        return Object.assign(new Error(held.slice(0, ${TOOL_ERROR_CHARACTERS_MAX})), rest);
    } catch { return thrown; }
}
async function collect(value, name) {
    if (typeof value?.next !== "function" || !(value[Symbol.asyncIterator] ?? value[Symbol.iterator])) return value;
    const items = [];
    for await (const item of value) {
        if (items.push(item) > ${TOOL_ITEMS_MAX}) throw new RangeError(name + " gives more than ${TOOL_ITEMS_MAX} items");
    }
    return items;
}`;
    const loader = env.LOADER as Loader & { get(id: string, code: () => unknown): { getEntrypoint(): unknown } };
    // Less than an execution may take, so that whoever called hears of it.
    const cpuMs = Math.ceil((env.TIMEOUT_MS || DEFAULT_LIMITS.timeoutMs) / 3);
    const worker = loader.get(`tools:${name}`, () => ({
        compatibilityDate: "2026-01-01",
        compatibilityFlags: ["nodejs_compat"],
        mainModule: "main.js",
        modules: { "main.js": main, "console.js": TOOL_CONSOLE, "tools.ts": source },
        env: {},
        globalOutbound: outboundOf(env, name),
        limits: { cpuMs },
    }));
    const entrypoint = worker.getEntrypoint() as { call(name: string, args: unknown[], say: (lines: unknown) => void): Promise<unknown> };
    return (wanted: string, args: unknown[]) => entrypoint.call(wanted, args, (lines) => showLines(name, lines));
}

async function textOf({ file, url }: SourceOptions, send: Send): Promise<string> {
    if (file !== undefined) return ((await import(file)) as { default: string }).default;
    const response = await send(new Request(url!));
    if (!response.ok) throw new Error(`HTTP ${response.status} from ${url}`);
    return response.text();
}

/** What was read becomes a source when its turn has come to name its types. */
type Read = (names: Names) => Source;

async function read(options: SourceOptions, env: SourcesEnv): Promise<Read> {
    const { name, kind, url, server } = options;
    const outbound = outboundOf(env, name);
    const send: Send = (request) => outbound.fetch(request);
    if (kind === "mcp") {
        const limits = { ...CHILD_LIMITS, ...(env.TIMEOUT_MS && { requestMs: env.TIMEOUT_MS }) };
        const note = (text: string): void => console.warn(`${name}: ${text}`);
        const connect = (notified: Notified): Exchange =>
            url === undefined ? childExchange(`${env.CHILDREN}/${name}`, send, limits, note, notified) : httpExchange(url, send, notified);
        const found = await readServer(connect);
        return (names) => mcpSource(name, found, names);
    }
    const text = await textOf(options, send);
    if (kind === "typescript") return (names) => typeScriptSource(name, text, names, exportCaller(env, name, text));
    return (names) => {
        const source = openApiSource({ namespace: name, text, ...(url && { url }), ...(server && { server }) }, names, send);
        if (source.serverProblem !== undefined) console.warn(`${name}: ${source.serverProblem}; say which to ask with --server ${name}=URL`);
        for (const problem of source.problems.slice(0, 10)) console.warn(`${name}: left out: ${problem}`);
        return source;
    };
}

// --- Trying again ----------------------------------------------------------------------------------------------------

/** Something that failed and is tried again until it succeeds: after 1, 2, 4, ... 60 s, and when somebody wants it. */
class Retrial {
    readonly #attempt: () => Promise<boolean>;
    #delayMs = RETRY_MS_MIN;
    #timer: ReturnType<typeof setTimeout> | undefined;
    #underWay: Promise<void> | undefined;
    #endedAt = 0;

    constructor(attempt: () => Promise<boolean>) {
        this.#attempt = attempt;
        this.#wait();
    }

    #wait(): void {
        this.#endedAt = Date.now();
        this.#timer = setTimeout(() => (this.#underWay ??= this.#run()), this.#delayMs);
        this.#delayMs = Math.min(2 * this.#delayMs, RETRY_MS_MAX);
    }

    async #run(): Promise<void> {
        clearTimeout(this.#timer);
        const isDone = await this.#attempt();
        this.#underWay = undefined;
        if (!isDone) this.#wait();
    }

    /** Tries now, unless it has just been tried. */
    async now(): Promise<void> {
        if (this.#underWay === undefined && Date.now() - this.#endedAt < RETRY_MS_MIN) return;
        await (this.#underWay ??= this.#run());
    }
}

// --- The catalog -----------------------------------------------------------------------------------------------------

export class Sources {
    readonly catalog = new Catalog([]);
    readonly #env: SourcesEnv;
    readonly #names = Names.ofTypes();
    readonly #ready: (Source | undefined)[] = [];
    /** Sources that are not tried again. */
    readonly #hopeless = new Set<string>();
    readonly #retrials = new Map<SourceOptions, Retrial>();
    readonly #begun = Date.now();

    constructor(env: SourcesEnv) {
        this.#env = env;
        this.catalog.renew = () => Promise.race([Promise.all(this.#renewals()), pause(AGAIN_MS)]);
    }

    #renewals(): Promise<void>[] {
        return this.#ready.flatMap((source, index) => this.#renewal(source, index) ?? []);
    }

    /**
     * Reads all of them. Types are named in one order, so that they get the same names each time: those of documents
     * first, then those of servers, as the command line has them. Whoever is late comes last.
     */
    async start(): Promise<void> {
        const { SOURCES } = this.#env;
        const readings = new Map(SOURCES.map((options) => [options, read(options, this.#env)]));
        for (const reading of readings.values()) reading.catch(() => {}); // its turn comes
        const late = pause(READY_MS).then(() => "late");
        for (const options of [...SOURCES.filter(({ kind }) => kind !== "mcp"), ...SOURCES.filter(({ kind }) => kind === "mcp")]) {
            const joined = this.#join(options, readings.get(options)!);
            if ((await Promise.race([joined, late.then((word) => pause(0).then(() => word))])) !== "late") continue;
            console.warn(`${options.name}: not ready after ${READY_MS} ms; it is added when it is`);
            this.catalog.setMissing(options.name, `it has not been ready after ${READY_MS} ms; try again later`);
        }
    }

    /** Those that could not be reached may be there by now, and those that have changed are read again. */
    async refresh(): Promise<void> {
        const renewals = this.#renewals();
        if (this.#retrials.size === 0 && renewals.length === 0) return;
        const retrials = [...this.#retrials.values()].map((retrial) => retrial.now());
        await Promise.race([Promise.all([...retrials, ...renewals]), pause(AGAIN_MS)]);
    }

    #renewal(source: Source | undefined, index: number): Promise<void> | undefined {
        const renewal = source?.renew?.();
        return renewal?.then(
            (renewed) => {
                if (this.#ready[index] !== source) return;
                this.#ready[index] = renewed;
                this.#show();
            },
            (error: Error) => console.warn(`${source!.namespace}: its tools cannot be listed again: ${error.message}`),
        );
    }

    #show(): void {
        this.catalog.replace(this.#ready.filter((one) => one !== undefined));
    }

    async #join(options: SourceOptions, reading: Promise<Read>): Promise<void> {
        try {
            this.#add(options, await reading);
        } catch (error) {
            const isRetried = options.url !== undefined;
            this.#leaveOut(options, error, isRetried);
            if (isRetried) this.#retrials.set(options, new Retrial(() => this.#again(options)));
        }
    }

    async #again(options: SourceOptions): Promise<boolean> {
        let found: Read;
        try {
            found = await read(options, this.#env);
        } catch (error) {
            this.catalog.setMissing(options.name, (error as Error).message);
            return false;
        }
        this.#retrials.delete(options);
        try {
            this.#add(options, found);
        } catch (error) {
            this.#leaveOut(options, error, false);
        }
        return true;
    }

    #leaveOut({ name }: SourceOptions, error: unknown, isRetried: boolean): void {
        const { message } = error as Error;
        console.error(`${name}: left out: ${message}${isRetried ? "; it is tried again" : ""}`);
        this.catalog.setMissing(name, message);
        if (!isRetried) this.#hopeless.add(name);
    }

    /** Whether no source is there, and none will be. */
    get isHopeless(): boolean {
        return this.#hopeless.size === this.#env.SOURCES.length;
    }

    #add(options: SourceOptions, found: Read): void {
        const source = found(this.#names);
        console.info(`${options.name}: ${source.entries.length} functions (${Date.now() - this.#begun} ms)`);
        this.catalog.setMissing(options.name, undefined);
        this.#ready[this.#env.SOURCES.indexOf(options)] = source;
        this.#show();
    }
}
