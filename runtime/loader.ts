// env.LOADER of a host worker: load(code) and get(id, callback), and what happens to the cells behind them.
// dynamic-workers.md 1.2, 1.3. Runs in host workers' cells.
//
// Life of a DynamicWorker:
//
//   waiting for code --> waiting for a cell --> loaded --> closed (no stub is left)
//         |                       ^              |  |
//         v                       '-- next call -'--'      (the cell was evicted or died)
//       failed                                             (the callback threw, or gave what is no code)
//
// Invariants: a named worker stands in its namespace's table from get() until it fails, dies or is evicted, so a failure
// is never kept. A cell is closed as soon as no stub refers to it and nothing is under way on it; one without a name
// then is gone for good, a named one too, unless somebody still holds a stub.

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
    offer(grant);
}

/** An idle cell that is still alive; of one that died the notice may be under way. */
function takeIdle(): Grant | undefined {
    for (let grant = idle.shift(); grant; grant = idle.shift()) {
        if (native.isAlive(grant.channel.number)) return grant;
    }
    return undefined;
}

/** A cell for the first that waits, or for whoever comes next. */
function offer(grant: Grant): void {
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
    /** Gives the code; again after the cell is gone and a stub is used once more. */
    readonly #source: () => Source | Promise<Source>;
    /** Settles when calls can be sent. */
    #ready: Promise<Channel> | undefined;
    #grant: Grant | undefined;
    #failure: { error: unknown } | undefined;
    /** Evicted: the cell goes once nothing is under way on it. */
    #isRetired = false;
    #hasStartFailed = false;
    #handles = 0;
    /** Calls that wait for the start. */
    #calls = 0;
    #deathReason: string | undefined;
    #deathTimer: unknown;

    constructor(namespace: string, name: string | undefined, source: () => Source | Promise<Source>) {
        this.#namespace = namespace;
        this.#name = name;
        this.#source = source;
        this.#begin();
    }

    #begin(): Promise<Channel> {
        this.#enter();
        const ready = (this.#ready = this.#start());
        ready.then(
            () => this.#closeIfUnused(),
            (error: unknown) => {
                this.#failure = { error };
                this.#forget();
            },
        );
        return ready;
    }

    async #start(): Promise<Channel> {
        const given = this.#source();
        const source = given instanceof Promise ? await given : given;
        const grant = takeIdle() ?? (await new Promise<Grant>((resolve) => waiting.push(resolve)));
        if (this.#failure !== undefined) {
            offer(grant);
            throw this.#failure.error;
        }
        grant.worker = this;
        this.#grant = grant;
        grant.channel.onIdle = () => this.#closeIfUnused();
        const claim = this.#name === undefined ? {} : { namespace: this.#namespace, name: this.#name };
        supervisor.send(F.CLAIM, 0, grant.cell, JSON.stringify(claim));
        grant.channel.send(F.LOAD, 0, 0, JSON.stringify(source.head), source.tail);
        return grant.channel;
    }

    /** The channel at once where it is there, so that a warm call costs no turn of the event loop. */
    channel(): Channel | Promise<Channel> {
        if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
        if (this.#grant === undefined || this.#isRetired) return this.#wait(this.#ready ?? this.#begin());
        if (this.#name !== undefined) supervisor.send(F.TOUCH, 0, this.#grant.cell, "");
        return this.#grant.channel;
    }

    /** A call that waits keeps the worker, even when its stub is collected meanwhile. */
    async #wait(ready: Promise<Channel>): Promise<Channel> {
        this.#calls++;
        try {
            return await ready;
        } finally {
            this.#calls--;
        }
    }

    take(frame: F.Frame): void {
        if (frame.type === F.STARTED && (frame.head as { error?: unknown } | undefined)?.error !== undefined) {
            this.#hasStartFailed = true;
            this.#forget();
            this.#closeIfUnused();
        }
        // LOG frames are dropped, as Cloudflare does without tails; they get a place with the observability issue.
    }

    // --- The table ---------------------------------------------------------------------------------------------------

    #enter(): void {
        if (this.#name === undefined) return;
        let table = namespaces.get(this.#namespace);
        if (table === undefined) namespaces.set(this.#namespace, (table = new Map<string, DynamicWorker>()));
        if (!table.has(this.#name)) table.set(this.#name, this);
    }

    #forget(): void {
        const table = this.#name === undefined ? undefined : namespaces.get(this.#namespace);
        if (table?.get(this.#name!) === this) table.delete(this.#name!);
    }

    // --- Endings -----------------------------------------------------------------------------------------------------

    /** Evicted: out of the table now; a stub that is used later begins anew. */
    retire(): void {
        this.#isRetired = true;
        this.#ready = undefined;
        this.#forget();
        this.#closeIfUnused();
    }

    #closeIfUnused(): void {
        const grant = this.#grant;
        if (grant === undefined || grant.channel.active + this.#calls > 0) return;
        const isDropped = this.#handles === 0 && (this.#name === undefined || this.#hasStartFailed);
        if (isDropped || this.#isRetired) this.#close(grant);
    }

    #close(grant: Grant): void {
        this.#unload(grant);
        grant.channel.close();
        supervisor.send(F.RELEASE, 0, grant.cell, "");
    }

    /** Its owner wants it no more: a worker without a name ends now, whatever is under way; a named one has others. */
    dispose(): void {
        if (this.#name !== undefined) return;
        const error = disposedError();
        this.#failure ??= { error };
        const grant = this.#grant;
        if (grant === undefined) return;
        this.#close(grant);
        grant.channel.lost(error);
    }

    #unload(grant: Grant): void {
        byCell.delete(grant.cell);
        this.#grant = undefined;
        this.#ready = undefined;
        this.#isRetired = false;
        this.#deathReason = undefined;
    }

    /** The cell's channel ended. Why, the supervisor will say, before or after. */
    channelLost(): void {
        this.#forget();
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
        const grant = this.#grant;
        if (grant === undefined) return;
        const error = new Error(`The dynamic worker's cell ${this.#deathReason ?? "closed its channel"}.`);
        this.#unload(grant);
        grant.channel.lost(error);
    }

    // --- Handles -----------------------------------------------------------------------------------------------------

    hold(): void {
        this.#handles++;
    }

    drop(): void {
        this.#handles--;
        this.#closeIfUnused();
    }
}

/** An object through which the host worker reaches a dynamic worker: it counts until it is disposed of or collected. */
class Handle {
    readonly worker: DynamicWorker;
    #isHeld = true;

    constructor(worker: DynamicWorker) {
        this.worker = worker;
        worker.hold();
    }

    watch(object: object): void {
        collected.register(object, this, this);
    }

    get isHeld(): boolean {
        return this.#isHeld;
    }

    drop(): void {
        if (!this.#isHeld) return;
        this.#isHeld = false;
        collected.unregister(this);
        this.worker.drop();
    }
}

const collected = new FinalizationRegistry<Handle>((handle) => handle.drop());

function disposedError(): Error {
    return new Error("The dynamic worker's stub has been disposed.");
}

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
    readonly #handle: Handle;
    readonly #name: string | undefined;
    readonly #props: unknown;
    /** The stub's number in a cell's RPC session, once it was asked for there. */
    #exported: { channel: Channel; number: number } | undefined;

    constructor(handle: Handle, name: string | undefined, props: unknown) {
        this.#handle = handle;
        this.#name = name;
        this.#props = props;
    }

    #channel(): Channel | Promise<Channel> {
        return this.#handle.isHeld ? this.#handle.worker.channel() : Promise.reject(disposedError());
    }

    #numberOn(channel: Channel): number {
        if (this.#exported?.channel !== channel) {
            this.#exported = { channel, number: channel.rpc.entrypoint(this.#name, this.#props) };
        }
        return this.#exported.number;
    }

    /** The default entrypoint without props needs no number. */
    #isPlain(): boolean {
        return (this.#name === undefined || this.#name === "default") && this.#props === undefined;
    }

    async fetch(request: Request): Promise<Response> {
        const found = this.#channel();
        const channel = found instanceof Promise ? await found : found;
        const head = requestHead(request);
        if (!this.#isPlain()) head.target = this.#numberOn(channel);
        return responseFrom(channel.fetch(head, takeBody(request)), request);
    }

    async call(path: string[], args: unknown[]): Promise<unknown> {
        const found = this.#channel();
        const channel = found instanceof Promise ? await found : found;
        return channel.rpc.call(this.#numberOn(channel), path, args);
    }

    dispose(): void {
        this.#handle.drop();
    }
}

interface EntrypointOptions {
    props?: unknown;
    limits?: unknown;
}

/** What load() and get() return. */
export class WorkerStub {
    readonly #handle: Handle;

    constructor(worker: DynamicWorker) {
        if (!(worker instanceof DynamicWorker)) throw new TypeError("Illegal constructor");
        this.#handle = new Handle(worker);
        this.#handle.watch(this);
    }

    getEntrypoint(name?: string | null, options?: EntrypointOptions): Fetcher {
        if (name !== undefined && name !== null && typeof name !== "string") {
            throw new TypeError("getEntrypoint: the name must be a string.");
        }
        if (!this.#handle.isHeld) throw disposedError();
        const handle = new Handle(this.#handle.worker);
        const stub = makeStub(new RemoteTarget(handle, name ?? undefined, options?.props));
        handle.watch(stub);
        return stub;
    }

    getDurableObjectClass(): never {
        throw new Error("getDurableObjectClass() is not supported by this version of mayfly.");
    }

    [Symbol.dispose](): void {
        if (!this.#handle.isHeld) return;
        this.#handle.drop();
        this.#handle.worker.dispose();
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
        const source = convert(code, caller);
        return new WorkerStub(new DynamicWorker(this.#namespace, undefined, () => source));
    }

    get(name: string | null | undefined, getCode: () => unknown): WorkerStub {
        if (typeof getCode !== "function") throw new TypeError("get: the second parameter must be a function.");
        const source = (): Promise<Source> => askForCode(getCode);
        if (name === null || name === undefined) {
            collectSoon();
            return new WorkerStub(new DynamicWorker(this.#namespace, undefined, source));
        }
        const key = String(name);
        const known = namespaces.get(this.#namespace)?.get(key);
        return new WorkerStub(known ?? new DynamicWorker(this.#namespace, key, source));
    }
}

/** The callback runs at once, but whatever it throws belongs to the first call, not to get(). */
async function askForCode(getCode: () => unknown): Promise<Source> {
    return convert(await getCode(), caller);
}
