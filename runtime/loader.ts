// env.LOADER of a host worker: load(code) and get(id, callback), and what happens to the cells behind them.
// dynamic-workers.md 1.2, 1.3. Runs in host workers' cells.
//
// Life of a DynamicWorker:
//
//   waiting for code --> waiting for a cell --> loaded --> closed
//         |                                       |
//         '---------------- failed <--------------'   (callback threw, code was wrong, start threw, the cell died)
//
// Invariants: a named worker stands in its namespace's table from get() until it fails, dies, is evicted or is disposed,
// so a failure is never kept. A cell is closed as soon as no stub refers to it and nothing is under way on it.

import * as F from "./frames";
import { Channel, register, type ChannelHandler } from "./channel";
import { convert, type Caller, type Source } from "./code";
import { makeStub, type Fetcher, type Target } from "./stub";
import { native } from "./web/host";
import { clearTimeout, setTimeout } from "./web/timers";
import { requestHead, responseFrom } from "./http";
import { takeBody } from "./web/body";
import type { Request } from "./web/request";
import type { Response } from "./web/response";

/** How long a lost channel waits for the supervisor to say why. */
const DEATH_NOTICE_MS = 40;
/** Anonymous workers after which dropped stubs are looked for, and how long after the last one otherwise. */
const COLLECT_EVERY = 128;
const COLLECT_IDLE_MS = 200;

interface Grant {
    channel: Channel;
    cell: number;
    /** Set once a worker owns the cell. */
    worker: DynamicWorker | undefined;
}

/** The supervisor's channel, through which cells are granted; set once by main. */
let supervisor: Channel;
let caller: Caller = { experimental: false };

const idle: Grant[] = [];
const waiting: ((grant: Grant) => void)[] = [];
const byCell = new Map<number, Grant>();
const namespaces = new Map<string, Map<string, DynamicWorker>>();

export function startLoader(channel: Channel, flags: string[]): void {
    supervisor = channel;
    caller = { experimental: flags.includes("experimental") };
}

// --- Cells -----------------------------------------------------------------------------------------------------------

/** A GRANT frame came: an idle cell is ours. */
export function onGrant(cell: number, number: number): void {
    const grant: Grant = { channel: undefined as unknown as Channel, cell, worker: undefined };
    const handler: ChannelHandler = {
        fetch: (exchange) => exchange.reset(new Error("A dynamic worker can call nothing that it was not given.")),
        frame: (frame) => grant.worker?.take(frame),
        closed: () => onCellLost(grant),
        bootstrap: {
            entrypoint() {
                throw new Error("A dynamic worker can call nothing that it was not given.");
            },
        },
    };
    grant.channel = new Channel(number, true, handler);
    register(grant.channel);
    byCell.set(cell, grant);
    const next = waiting.shift();
    if (next) next(grant);
    else idle.push(grant);
}

function onCellLost(grant: Grant): void {
    const at = idle.indexOf(grant);
    if (at >= 0) idle.splice(at, 1);
    if (grant.worker) grant.worker.channelLost();
    else byCell.delete(grant.cell);
}

/** A DIED frame came: the supervisor knows how a cell ended. */
export function onDied(cell: number, head: unknown): void {
    const reason = (head as { reason?: unknown } | undefined)?.reason;
    byCell.get(cell)?.worker?.died(typeof reason === "string" ? reason : "ended");
}

/** An EVICT frame came: a named cell has to go once its calls have ended. */
export function onEvict(cell: number): void {
    byCell.get(cell)?.worker?.retire();
}

// --- Workers ---------------------------------------------------------------------------------------------------------

class DynamicWorker {
    readonly #namespace: string;
    readonly #name: string | undefined;
    /** Settles when calls can be sent. */
    #ready: Promise<Channel>;
    #grant: Grant | undefined;
    #failure: unknown;
    #retired = false;
    #closed = false;
    #handles = 0;
    #startFailed = false;
    #deathReason: string | undefined;
    #deathTimer: unknown;

    constructor(namespace: string, name: string | undefined, source: Source | Promise<Source>) {
        this.#namespace = namespace;
        this.#name = name;
        this.#ready = this.#start(source);
        this.#ready.catch((error: unknown) => this.#fail(error));
    }

    async #start(source: Source | Promise<Source>): Promise<Channel> {
        const ready = source instanceof Promise ? await source : source;
        const grant = idle.shift() ?? (await new Promise<Grant>((resolve) => waiting.push(resolve)));
        this.#load(grant, ready);
        return grant.channel;
    }

    #load(grant: Grant, source: Source): void {
        grant.worker = this;
        this.#grant = grant;
        grant.channel.onIdle = () => this.#closeIfUnused();
        const claim = this.#name === undefined ? {} : { namespace: this.#namespace, name: this.#name };
        supervisor.send(F.CLAIM, 0, grant.cell, JSON.stringify(claim));
        grant.channel.send(F.LOAD, 0, 0, JSON.stringify(source.head), source.tail);
    }

    /** Whether a later get() of the same id may be answered by this worker. */
    get isUsable(): boolean {
        return this.#failure === undefined && !this.#retired && !this.#closed;
    }

    /** The channel at once where it is there, so that a warm call costs no turn of the event loop. */
    channel(): Channel | Promise<Channel> {
        if (this.#failure !== undefined) return Promise.reject(this.#failure);
        if (this.#closed) return Promise.reject(new Error("The dynamic worker has been disposed."));
        if (this.#grant === undefined) return this.#ready;
        if (this.#name !== undefined) supervisor.send(F.TOUCH, 0, this.#grant.cell, "");
        return this.#grant.channel;
    }

    take(frame: F.Frame): void {
        if (frame.type === F.STARTED) {
            const error = (frame.head as { error?: unknown } | undefined)?.error;
            if (error !== undefined) {
                this.#startFailed = true;
                this.#forget();
                this.#closeIfUnused();
            }
        }
        // LOG frames are dropped, as Cloudflare does without tails; they get a place with the observability issue.
    }

    // --- Endings -----------------------------------------------------------------------------------------------------

    #forget(): void {
        if (this.#name === undefined) return;
        const table = namespaces.get(this.#namespace);
        if (table?.get(this.#name) === this) table.delete(this.#name);
    }

    #fail(error: unknown): void {
        this.#failure ??= error;
        this.#forget();
    }

    /** Evicted: out of the table now, closed when nothing is under way. */
    retire(): void {
        this.#retired = true;
        this.#forget();
        this.#closeIfUnused();
    }

    #closeIfUnused(): void {
        const grant = this.#grant;
        if (grant === undefined || this.#closed || grant.channel.active > 0) return;
        const unreferenced = this.#handles === 0 && this.#name === undefined;
        if (this.#retired || unreferenced || (this.#startFailed && this.#handles === 0)) this.close();
    }

    /** Gives the cell up: it sees its channel end, and goes. */
    close(): void {
        this.#forget();
        if (this.#closed) return;
        this.#closed = true;
        if (this.#grant === undefined) return;
        byCell.delete(this.#grant.cell);
        this.#grant.channel.lost(new Error("The dynamic worker has been disposed."));
        this.#grant.channel.close();
    }

    channelLost(): void {
        this.#forget();
        if (this.#closed) return;
        if (this.#deathReason !== undefined) this.#die();
        else this.#deathTimer = setTimeout(() => this.#die(), DEATH_NOTICE_MS);
    }

    died(reason: string): void {
        this.#deathReason = reason;
        this.#forget();
        if (this.#grant && !this.#grant.channel.isOpen) this.#die();
    }

    #die(): void {
        clearTimeout(this.#deathTimer as number);
        const error = new Error(`The dynamic worker's cell ${this.#deathReason ?? "closed its channel"}.`);
        this.#fail(error);
        this.#closed = true;
        byCell.delete(this.#grant!.cell);
        this.#grant!.channel.lost(error);
    }

    // --- Handles -----------------------------------------------------------------------------------------------------

    /** Counts an object through which the host worker can reach this worker. */
    hold(handle: object): void {
        this.#handles++;
        dropped.register(handle, this);
    }

    drop(): void {
        this.#handles--;
        this.#closeIfUnused();
    }
}

const dropped = new FinalizationRegistry<DynamicWorker>((worker) => worker.drop());

let loadsSinceCollect = 0;
let collectTimer: unknown;

function collect(): void {
    clearTimeout(collectTimer as number);
    collectTimer = undefined;
    loadsSinceCollect = 0;
    native.collect();
}

/** Stubs are found dropped only when garbage is collected, and the engine does not know what a cell weighs. */
function collectSoon(): void {
    if (++loadsSinceCollect >= COLLECT_EVERY) {
        collect();
    } else {
        collectTimer ??= setTimeout(collect, COLLECT_IDLE_MS);
    }
}

// --- Stubs -----------------------------------------------------------------------------------------------------------

/** An entrypoint of a dynamic worker: calls travel over its channel. */
class RemoteTarget implements Target {
    readonly #worker: DynamicWorker;
    readonly #name: string | undefined;
    readonly #props: unknown;
    /** The stub's number in the cell's RPC session, once it was asked for. */
    #export: number | undefined;

    constructor(worker: DynamicWorker, name: string | undefined, props: unknown) {
        this.#worker = worker;
        this.#name = name;
        this.#props = props;
    }

    #exportOn(channel: Channel): number {
        return (this.#export ??= channel.rpc.entrypoint(this.#name, this.#props));
    }

    /** The default entrypoint without props needs no number. */
    #isPlain(): boolean {
        return (this.#name === undefined || this.#name === "default") && this.#props === undefined;
    }

    async fetch(request: Request): Promise<Response> {
        const found = this.#worker.channel();
        const channel = found instanceof Promise ? await found : found;
        const head = requestHead(request);
        if (!this.#isPlain()) head.target = this.#exportOn(channel);
        return responseFrom(channel.fetch(head, takeBody(request)), request);
    }

    async call(path: string[], args: unknown[]): Promise<unknown> {
        const found = this.#worker.channel();
        const channel = found instanceof Promise ? await found : found;
        return channel.rpc.call(this.#exportOn(channel), path, args);
    }

    dispose(): void {
        // The worker goes when its last stub does; one entrypoint's stub says nothing about the others.
    }
}

interface EntrypointOptions {
    props?: unknown;
    limits?: unknown;
}

/** What load() and get() return. */
export class WorkerStub {
    readonly #worker: DynamicWorker;

    constructor(worker: DynamicWorker) {
        if (!(worker instanceof DynamicWorker)) throw new TypeError("Illegal constructor");
        this.#worker = worker;
        worker.hold(this);
    }

    getEntrypoint(name?: string | null, options?: EntrypointOptions): Fetcher {
        if (name !== undefined && name !== null && typeof name !== "string") {
            throw new TypeError("getEntrypoint: the name must be a string.");
        }
        const stub = makeStub(new RemoteTarget(this.#worker, name ?? undefined, options?.props));
        this.#worker.hold(stub);
        return stub;
    }

    getDurableObjectClass(): never {
        throw new Error("getDurableObjectClass() is not supported by this version of mayfly.");
    }

    [Symbol.dispose](): void {
        this.#worker.close();
    }
}

/** A loader binding. Bindings with the same namespace share their named workers. */
export class WorkerLoader {
    readonly #namespace: string;

    constructor(namespace: string) {
        if (typeof namespace !== "string") throw new TypeError("Illegal constructor");
        this.#namespace = namespace;
    }

    load(code: unknown): WorkerStub {
        collectSoon();
        return new WorkerStub(new DynamicWorker(this.#namespace, undefined, convert(code, caller)));
    }

    get(name: string | null | undefined, getCode: () => unknown): WorkerStub {
        if (typeof getCode !== "function") throw new TypeError("get: the second parameter must be a function.");
        if (name === null || name === undefined) {
            collectSoon();
            return new WorkerStub(new DynamicWorker(this.#namespace, undefined, askForCode(getCode)));
        }
        const key = String(name);
        let table = namespaces.get(this.#namespace);
        if (table === undefined) namespaces.set(this.#namespace, (table = new Map<string, DynamicWorker>()));
        let worker = table.get(key);
        if (worker === undefined || !worker.isUsable) {
            worker = new DynamicWorker(this.#namespace, key, askForCode(getCode));
            table.set(key, worker);
        }
        return new WorkerStub(worker);
    }
}

/** The callback runs at once, but whatever it throws belongs to the first call, not to get(). */
async function askForCode(getCode: () => unknown): Promise<Source> {
    return convert(await getCode(), caller);
}

