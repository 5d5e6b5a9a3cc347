// env.LOADER of a host worker: load(code) and get(id, callback), and what happens to the cells behind them.
// dynamic-workers.md 1.2, 1.3. Runs in host workers' cells.
//
// Life of a DynamicWorker:
//
//   waiting for code --> waiting for a cell --> loaded --> closed (no stub is left)
//         |                       ^              |  |
//         v                       '-- next call -'--'      (the cell was evicted or died)
//       failed                                             (the callback threw, the code was wrong, the start threw)
//
// Invariants: a named worker stands in its namespace's table from get() until it fails, dies or is evicted, so a failure
// is never kept. A cell is closed as soon as no stub refers to it and nothing is under way on it; one without a name
// then is gone for good, a named one too, unless somebody still holds a stub.

import * as F from "./frames";
import { offerCell, startCells, takeCell, type Cell, type CellOwner } from "./cells";
import type { Channel } from "./channel";
import { convert, type Caller, type Source } from "./code";
import { dropSoon, workerHeld, workerReleased } from "./collect";
import { errorFromHead, type Connection, type Exchange } from "./exchange";
import type { Given } from "./fetch";
import { Admission, limitError, limitOf, limitsOfCall, OperatorLimits, type Limits, type SomeLimits } from "./limits";
import { ask, requestHead } from "./http";
import { forget, lease, type Leased } from "./leases";
import { relay } from "./outbound";
import { DYNAMIC_UNTRANSFERABLE } from "./loopback";
import { encode } from "./rpc/encoder";
import { DeferredHook, PassingHook, type Arguments, type Hook, type Path } from "./rpc/hook";
import { Import } from "./rpc/import";
import { makeService, type Fetcher } from "./rpc/stubs";
import { SubRequests } from "./subrequests";
import type { Encoded } from "./rpc/values";
import { part } from "./parts";
import type { Said, Trace, Tracer } from "./tails/main";
import { native } from "./web/host";
import { lazy } from "./web/lazy";
import type { ConnectTarget } from "./sockets";
import type { ByteSource } from "./web/body-source";
import type { Request } from "./web/request";
import type { Response } from "./web/response";
import { clearTimeout, setTimeout } from "./web/timers";

const tails = lazy(() => part<typeof import("./tails/main")>("tails"));

/** What calls have that go on after the request that loaded their worker; Cloudflare ends them with it. */
const OVERTIME_MS = 20_000;

let isExperimental = false;
let operator = new OperatorLimits({});
let admission = new Admission(operator.defaults);

/** What loader bindings with one namespace share, if both may have their workers compiled or neither. */
export class Home {
    readonly namespace: string;
    readonly hasJit: boolean;
    readonly admission: Admission;
    readonly named = new Map<string, DynamicWorker>();
    readonly #takeCell: typeof takeCell;

    constructor(namespace: string, hasJit: boolean, admission: Admission, take = takeCell) {
        this.namespace = namespace;
        this.hasJit = hasJit;
        this.admission = admission;
        this.#takeCell = take;
    }

    takeCell(isThreaded: boolean): Cell | Promise<Cell> {
        return this.#takeCell(this.hasJit, isThreaded);
    }
}

const homes = new Map<string, Home>();

export function homeOf(namespace: string, hasJit: boolean): Home {
    const key = `${hasJit} ${namespace}`;
    let home = homes.get(key);
    if (home === undefined) homes.set(key, (home = new Home(namespace, hasJit, admission)));
    return home;
}

export function startLoader(channel: Channel, flags: string[], given: SomeLimits): void {
    startCells(channel);
    isExperimental = flags.includes("experimental");
    operator = new OperatorLimits(given);
    admission = new Admission(operator.defaults);
}

/** What of a cell's log beyond its own limit is still no breach: the last message, and calls that overlap. */
const LOG_SLACK_BYTES = 1024 * 1024;

// --- Workers ---------------------------------------------------------------------------------------------------------

class DynamicWorker implements CellOwner, Leased {
    readonly #home: Home;
    readonly #name: string | undefined;
    /** Gives the code; again after the cell is gone and a stub is used once more. */
    readonly #source: () => Source | Promise<Source>;
    /** Settles when calls can be sent. */
    #ready: Promise<Cell> | undefined;
    #cell: Cell | undefined;
    /** Those of the code that is loaded. */
    #limits: Limits | undefined;
    #logBytes = 0;
    readonly #requests = new SubRequests(this);
    #failure: { error: unknown } | undefined;
    /** Who answers the worker's own fetch(). */
    #outbound: Given = null;
    /** Of the code that is loaded, if somebody tails it. */
    #tracer: Tracer | undefined;
    #handles = 0;
    #isExpired = false;
    /** Of one without a name; see collect.ts. */
    #heldSince = 0;
    /** Calls that wait for the start. */
    #calls = 0;

    constructor(home: Home, name: string | undefined, source: () => Source | Promise<Source>) {
        this.#home = home;
        this.#name = name;
        this.#source = source;
        if (name === undefined) lease(this);
        this.#begin();
    }

    #begin(): Promise<Cell> {
        this.#enter();
        const ready = (this.#ready = this.#start());
        ready.then(
            () => this.idle(),
            (error: unknown) => {
                this.#failure ??= { error };
                this.#forget();
            },
        );
        return ready;
    }

    async #start(): Promise<Cell> {
        const given = this.#source();
        const source = given instanceof Promise ? await given : given;
        this.#limits = source.limits;
        this.#home.admission.enter(native.monotonicTime());
        const found = this.#home.takeCell(source.isThreaded);
        const cell = found instanceof Promise ? await this.#awaitCell(found) : found;
        if (this.#failure !== undefined) {
            this.#home.admission.leave();
            offerCell(cell);
            throw this.#failure.error;
        }
        this.#cell = cell;
        this.#outbound = source.outbound;
        this.#tracer = source.tails.length === 0 ? undefined : new (tails().Tracer)(this.#name ?? null, source.tails);
        if (this.#name === undefined) this.#heldSince = workerHeld();
        const { cpuMs, memoryMb } = source.limits;
        const claim = { namespace: this.#home.namespace, name: this.#name, cpuMs, memoryMb, codeBytes: source.tail.length };
        try {
            cell.load(this, claim, source);
        } catch (error) {
            this.#unload()?.close();
            throw error;
        }
        return cell;
    }

    async #awaitCell(found: Promise<Cell>): Promise<Cell> {
        try {
            return await found;
        } catch (error) {
            this.#home.admission.leave();
            throw error;
        }
    }

    /** The cell at once where it is there, so that a warm call costs no turn of the event loop. */
    cell(): Cell | Promise<Cell> {
        if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
        if (this.#cell === undefined) return this.#wait(this.#ready ?? this.#begin());
        return this.#cell;
    }

    /** A call that waits keeps the worker, even when its stub is collected meanwhile. */
    async #wait(ready: Promise<Cell>): Promise<Cell> {
        this.#calls++;
        try {
            return await ready;
        } finally {
            this.#calls--;
        }
    }

    // --- The table ---------------------------------------------------------------------------------------------------

    #enter(): void {
        if (this.#name === undefined) return;
        const { named } = this.#home;
        if (!named.has(this.#name)) named.set(this.#name, this);
    }

    #forget(): void {
        if (this.#name === undefined) return;
        const { named } = this.#home;
        if (named.get(this.#name) === this) named.delete(this.#name);
    }

    // --- What the cell tells -----------------------------------------------------------------------------------------

    get limits(): Limits {
        return this.#limits ?? operator.defaults;
    }

    take(frame: F.Frame): void {
        if (frame.type === F.LOG) return this.#takeLog(frame.head);
        const error = frame.type === F.STARTED ? (frame.head as { error?: unknown } | undefined)?.error : undefined;
        if (error === undefined) return;
        // The calls under way get it from the cell; later ones need no cell for that.
        this.#failure = { error: errorFromHead(error) };
        this.#forget();
        this.#unload()?.leave();
    }

    /** Without tails logs are dropped, as on Cloudflare. A cell keeps its own log limit; one that goes far beyond it does
     * not play by the rules. */
    #takeLog(head: unknown): void {
        this.#tracer?.take((head ?? {}) as Said);
        const { message } = (head ?? {}) as { message?: unknown };
        this.#logBytes += typeof message === "string" ? message.length : 0;
        const max = this.limits.logBytes;
        if (this.#logBytes > 2 * max + LOG_SLACK_BYTES) this.#cell?.exceeded(limitError("logBytes", max, this.#logBytes));
    }

    /** A call begins: what it may log is counted anew. */
    callBegins(): void {
        this.#logBytes = 0;
        this.#requests.callBegins();
        this.#cell?.touch(this.#name !== undefined);
    }

    /** The worker's own fetch(). */
    fetch(exchange: Exchange, frame: F.Frame): void {
        const outbound = this.#outbound;
        const send = (): Promise<void> => relay(exchange, frame, outbound, this.#name ?? "", this.#tracer?.tellOfRequest());
        try {
            this.#requests.count();
        } catch (error) {
            return exchange.reset(error);
        }
        const { connect } = (frame.head ?? {}) as { connect?: unknown };
        if (connect === undefined) this.#requests.request(exchange, send);
        else this.#requests.connect(exchange, send);
    }

    asks(): void {
        this.#requests.count();
    }

    /** Calls of it that are under way. */
    get calls(): number {
        return this.#cell?.channel.calls ?? 0;
    }

    /** A call with limits of its own began; gives what is to be called when it has ended. */
    limitCall(limits: SomeLimits): () => void {
        return this.#requests.limitCall(limits);
    }

    get tracer(): Tracer | undefined {
        return this.#tracer;
    }

    background(isBusy: boolean): void {
        this.#tracer?.background(isBusy);
    }

    /** No call is under way, or may begin by an object that is held: what it asked for ends, or all of it. */
    idle(): void {
        const cell = this.#cell;
        if (this.#calls > 0 || cell?.isInUse || (cell?.isHeld && !this.#isExpired)) return;
        const mayBeCalled = this.#name !== undefined || (this.#handles > 0 && !this.#isExpired);
        if (mayBeCalled) cell?.channel.endAsked();
        else this.#unload()?.close();
    }

    /** Out of the table now; a stub that is used later begins anew. */
    evicted(): void {
        this.#forget();
        this.#unload()?.leave();
    }

    lost(): void {
        this.#forget();
        this.#unload();
    }

    #unload(): Cell | undefined {
        const cell = this.#cell;
        if (cell !== undefined) this.#home.admission.leave();
        if (cell !== undefined && this.#name === undefined) {
            forget(this);
            workerReleased(this.#heldSince, this.#isExpired);
        }
        this.#cell = undefined;
        this.#ready = undefined;
        return cell;
    }

    // --- Handles -----------------------------------------------------------------------------------------------------

    hold(): void {
        this.#handles++;
    }

    drop(): void {
        this.#handles--;
        this.idle();
    }

    /** The request that loaded it is over, and its stubs are good for nothing; what is still under way ends first, if it does. */
    expire(): void {
        this.#isExpired = true;
        this.#failure ??= { error: expiredError("SubrequestChannel") };
        this.idle();
        if (this.#cell !== undefined) setTimeout(() => this.#cutOff(), OVERTIME_MS);
    }

    /** Calls go on though nobody waits for them: nothing says that they will ever end. */
    #cutOff(): void {
        if (this.#cell?.isInBackground) setTimeout(() => this.#cutOff(), OVERTIME_MS); // which has its own limit
        else this.#unload()?.abandon(new Error("The destination execution context for this RPC was canceled while the call was still running."));
    }

    get isExpired(): boolean {
        return this.#isExpired;
    }

    /** Its owner wants it no more: a worker without a name ends now, whatever is under way; a named one has others. */
    dispose(): void {
        if (this.#name !== undefined) return;
        const error = disposedError();
        this.#failure ??= { error };
        this.#unload()?.abandon(error);
    }
}

/** An object through which the host worker reaches a dynamic worker: it counts until it is disposed of or collected. */
class Handle {
    readonly worker: DynamicWorker;
    /** The export that an entrypoint with props has in a cell. */
    #export: { cell: Cell; number: number } | undefined;
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

    /** The number of an entrypoint in a cell's RPC session. */
    numberIn(cell: Cell, name: string | undefined, props: Encoded | undefined, cpuMs: number | undefined): number {
        if (props === undefined && cpuMs === undefined) return cell.entrypoint(name, undefined);
        if (this.#export?.cell !== cell) this.#export = { cell, number: cell.entrypoint(name, props, cpuMs) };
        return this.#export.number;
    }

    drop(): void {
        if (!this.#isHeld) return;
        this.#isHeld = false;
        collected.unregister(this);
        if (this.#export) this.#export.cell.channel.rpc.release(this.#export.number);
        this.worker.drop();
    }
}

const collected = new FinalizationRegistry<Handle>((handle) => dropSoon(() => handle.drop()));

function disposedError(): Error {
    return new Error("The dynamic worker's stub has been disposed.");
}

/** workerd's words. */
function expiredError(type: "SubrequestChannel" | "WorkerStubChannel"): Error {
    return new Error(
        "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and " +
            "others) created in the context of one request handler cannot be accessed from a different request's handler. " +
            "This is a limitation of Cloudflare Workers which allows us to improve overall performance. " +
            `(I/O type: ${type})`,
    );
}

/** A call that is traced has ended. */
function settled(trace: Trace, outcome: { thrown?: unknown }): void {
    if ("thrown" in outcome) trace.failed(outcome.thrown);
    trace.ended();
}

// --- Stubs -----------------------------------------------------------------------------------------------------------

/** An entrypoint of a dynamic worker: calls travel over its channel. */
class DynamicHook extends PassingHook {
    readonly #handle: Handle;
    readonly #name: string | undefined;
    readonly #props: Encoded | undefined;
    readonly #limits: SomeLimits | undefined;
    readonly untransferable = DYNAMIC_UNTRANSFERABLE;

    constructor(handle: Handle, name: string | undefined, props: Encoded | undefined, limits: SomeLimits | undefined) {
        super();
        this.#handle = handle;
        this.#name = name;
        this.#props = props;
        this.#limits = limits;
    }

    #cell(): Cell | Promise<Cell> {
        return this.#handle.isHeld ? this.#handle.worker.cell() : Promise.reject(disposedError());
    }

    #numberIn(cell: Cell): number {
        return this.#handle.numberIn(cell, this.#name, this.#props, this.#limits?.cpuMs);
    }

    /** The default entrypoint without props needs no number. */
    #isPlain(): boolean {
        const isDefault = this.#name === undefined || this.#name === "default";
        return isDefault && this.#props === undefined && this.#limits?.cpuMs === undefined;
    }

    #limitOf(name: "wallMs" | "responseBytes"): number {
        return limitOf(name, this.#handle.worker.limits, this.#limits);
    }

    /** A call begins. If it takes too long, its cell is given up with all that is under way there. Gives what is to be
     * called when the call has ended; undefined if nothing is. */
    #begin(cell: Cell): (() => void) | undefined {
        const { worker } = this.#handle;
        const limits = this.#limits;
        worker.callBegins();
        const bounds = limits?.subRequests !== undefined || limits?.connections !== undefined;
        const unbind = bounds ? worker.limitCall(limits!) : undefined;
        const wallMs = this.#limitOf("wallMs");
        if (wallMs === 0) return unbind;
        const begunMs = native.monotonicTime();
        const timer = setTimeout(() => {
            cell.exceeded(limitError("wallMs", wallMs, Math.round(native.monotonicTime() - begunMs)));
        }, wallMs);
        return () => {
            clearTimeout(timer);
            unbind?.();
        };
    }

    async fetch(request: Request): Promise<Response> {
        const found = this.#cell();
        const cell = found instanceof Promise ? await found : found;
        const head = requestHead(request);
        if (!this.#isPlain()) head.target = this.#numberIn(cell);
        let ends: (() => void) | undefined;
        const begin = (exchange: Exchange): void => {
            exchange.onAnswered = ends = this.#begin(cell);
            const trace = this.#handle.worker.tracer?.beginFetch(this.#name, head);
            if (trace === undefined) return;
            exchange.whenEnded(() => trace.ended());
            exchange.response!.promise.then((frame) => trace.responded(frame.head), (error: unknown) => trace.failed(error));
        };
        const response = ask(cell.channel, head, request, begin, this.#limitOf("responseBytes"));
        return ends === undefined ? response : this.#endAtUpgrade(response, ends);
    }

    /** A WebSocket is a call as long as it is not open, and so is a connection; a body as long as it comes. */
    async #endAtUpgrade(asked: Promise<Response>, ends: () => void): Promise<Response> {
        const response = await asked;
        if (response.status === 101) ends();
        return response;
    }

    /** A connection that the worker's connect handler is the other end of. */
    async connect(connect: ConnectTarget, source: ByteSource): Promise<Connection> {
        const cell = await this.#cell();
        const head = this.#isPlain() ? { connect } : { connect, target: this.#numberIn(cell) };
        const ends = this.#begin(cell);
        const { connection } = cell.channel.fetch(head, { source });
        if (ends !== undefined) void connection.opened.then(ends, ends);
        return connection;
    }

    #push(path: Path, args: Arguments | undefined): Hook {
        const push = (cell: Cell): Hook => {
            const result = cell.channel.rpc.push(this.#numberIn(cell), path, args);
            const ends = this.#begin(cell);
            const trace = this.#handle.worker.tracer?.beginCall(this.#name, path.join("."));
            const onSettled = trace === undefined ? ends : (outcome: { thrown?: unknown }) => (ends?.(), settled(trace, outcome));
            if (result instanceof Import) result.onSettled = onSettled;
            else onSettled?.({});
            return result;
        };
        const found = this.#cell();
        return found instanceof Promise ? new DeferredHook(found.then(push)) : push(found);
    }

    call(path: Path, args: Arguments): Hook {
        return this.#push(path, args);
    }

    get(path: Path): Hook {
        return this.#push(path, undefined);
    }

    /** It is handed to nobody, so it has one holder. */
    override dispose(): void {
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
        const limits = limitsOfCall(options?.limits);
        if (!this.#handle.isHeld) throw disposedError();
        if (this.#handle.worker.isExpired) throw expiredError("WorkerStubChannel");
        const handle = new Handle(this.#handle.worker);
        const props = options?.props === undefined ? undefined : encode(options.props, "env");
        const stub = makeService(new DynamicHook(handle, name ?? undefined, props, limits));
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

/** A loader binding. */
export class WorkerLoader {
    readonly #home: Home;
    readonly #outbound: Given;

    constructor(home: Home, outbound: Given) {
        if (!(home instanceof Home)) throw new TypeError("Illegal constructor");
        this.#home = home;
        this.#outbound = outbound;
    }

    get #caller(): Caller {
        return { experimental: isExperimental, limits: operator, outbound: this.#outbound };
    }

    load(code: unknown): WorkerStub {
        const source = convert(code, this.#caller);
        return new WorkerStub(new DynamicWorker(this.#home, undefined, () => source));
    }

    get(name: string | null | undefined, getCode: () => unknown): WorkerStub {
        if (typeof getCode !== "function") throw new TypeError("get: the second parameter must be a function.");
        const source = (): Promise<Source> => askForCode(getCode, this.#caller);
        if (name === null || name === undefined) {
            return new WorkerStub(new DynamicWorker(this.#home, undefined, source));
        }
        const key = String(name);
        return new WorkerStub(this.#home.named.get(key) ?? new DynamicWorker(this.#home, key, source));
    }
}

/** The callback runs at once, but whatever it throws belongs to the first call, not to get(). */
async function askForCode(getCode: () => unknown, caller: Caller): Promise<Source> {
    return convert(await getCode(), caller);
}
