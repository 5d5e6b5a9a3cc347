// The cells that the supervisor granted to this host worker's cell: how they come, end, and are given back. What a cell
// runs is its owner's business (loader.ts).
//
//   granted, idle --> an owner's --> leaving (calls under way end first) --> closed
//         |               |             |
//         '---------------'-------------'--> lost --> ended: everything under way fails with the reason
//
// Invariant: a cell is in the table until it is closed or has ended, so that the supervisor's notice of its death finds it.

import * as F from "./frames";
import { Channel, register } from "./channel";
import { errorFromHead, type Exchange } from "./exchange";
import { answerAsk } from "./http";
import { errorFromPayload, limitError, type LimitName } from "./limits";
import { STUBS_MAX } from "./rpc/session";
import type { Encoded } from "./rpc/values";
import type { Source } from "./code";
import { native } from "./web/host";
import { clearTimeout, setTimeout } from "./web/timers";

/** How long a lost channel waits for the supervisor to say why; it takes a few milliseconds, much more where the zygote gets no processor. */
const DEATH_NOTICE_MS = 2000;
/** How often the supervisor is told that a cell is called, unless another named one was called meanwhile. */
const TOUCH_MS = 100;
/** How long work handed to waitUntil keeps a cell that nobody holds; Cloudflare's limit. */
const BACKGROUND_MS_MAX = 30_000;

/** What the supervisor is told of a cell that is taken. */
export interface Claim {
    namespace?: string;
    name?: string;
    cpuMs: number;
    memoryMb: number;
    codeBytes: number;
}

/** Whoever runs a worker in a cell. */
export interface CellOwner {
    /** A frame that is no exchange's and no RPC message. */
    take(frame: F.Frame): void;
    /** The worker's global fetch(). */
    fetch(exchange: Exchange, frame: F.Frame): void;
    /** The worker calls something that it was given; throws when it may not. */
    asks(): void;
    /** Nothing is under way any more. */
    idle(): void;
    /** Work handed to waitUntil goes on, or has ended. */
    background(isBusy: boolean): void;
    /** The cell's memory is needed. */
    evicted(): void;
    /** The channel ended. Calls under way are told the reason as soon as it is known. */
    lost(): void;
}

/** The supervisor's channel; set once, when the host worker is loaded. */
let supervisor: Channel;

/** Cells of one profile, with the JIT or without, and with threads or without. Those without threads come unasked. */
export interface Kind {
    readonly flags: number;
    readonly idle: Cell[];
    readonly waiting: PromiseWithResolvers<Cell>[];
}

/** By their flags in a GRANT. */
const kinds = new Map<number, Kind>();
for (const flags of [0, F.NO_JIT, F.THREADS, F.NO_JIT | F.THREADS]) kinds.set(flags, { flags, idle: [], waiting: [] });
const byNumber = new Map<number, Cell>();
/** The named cell that the supervisor takes for the one used last. */
let newest: Cell | undefined;

function refusal(): Error {
    return new Error("A dynamic worker can call nothing that it was not given.");
}

export class Cell {
    /** The supervisor's name for it. */
    readonly number: number;
    readonly channel: Channel;
    readonly kind: Kind;
    /** Who is told what becomes of it: the supervisor. */
    readonly #keeper: Channel;
    #owner: CellOwner | undefined;
    /** Exports of the cell's RPC session for entrypoints without props, by name. */
    readonly #entrypoints = new Map<string, number>();
    #calls = 0;
    /** What it told of the CPU time that its rests took. */
    #restedUs = 0;
    #touchedMs = -Infinity;
    #backgroundTimer: unknown;
    #isLeaving = false;
    #isLost = false;
    /** Why it ended, once that is known. */
    #death: Error | undefined;
    #deathTimer: unknown;

    constructor(number: number, channelNumber: number, kind: Kind, keeper: Channel) {
        this.number = number;
        this.kind = kind;
        this.#keeper = keeper;
        this.channel = new Channel(channelNumber, true, {
            fetch: (exchange, frame) => this.#answer(exchange, frame),
            frame: (frame) => this.#take(frame),
            closed: () => this.#lose(),
            bootstrap: {
                entrypoint() {
                    throw refusal();
                },
            },
        });
        this.channel.onIdle = () => this.#settle();
        this.channel.onServiceCall = () => this.#owner?.asks();
        register(this.channel);
        byNumber.set(number, this);
    }

    /** Sends a worker into the cell. `claim` tells the supervisor what it will hold. */
    load(owner: CellOwner, claim: Claim, source: Source): void {
        const { openStubs } = source.limits;
        this.#owner = owner;
        if (openStubs > 0) this.channel.stubsMax = Math.min(openStubs, STUBS_MAX);
        this.channel.onTooManyStubs = (used) => this.exceeded(limitError("openStubs", this.channel.stubsMax, used));
        if (source.transfers !== undefined) this.channel.rpc.fillCopy(source.transfers);
        // First, since the supervisor, when it hears of it, has the next cell made, and that would be in the way.
        this.channel.send(F.LOAD, claim.name === undefined ? 0 : F.NAMED, 0, JSON.stringify(source.head), source.tail);
        this.#keeper.send(F.CLAIM, 0, this.number, JSON.stringify(claim));
    }

    /** The cell sends a request: to a service that it was given, or to none. */
    #answer(exchange: Exchange, frame: F.Frame): void {
        const { target } = (frame.head ?? {}) as { target?: unknown };
        if (target === undefined) return this.#owner === undefined ? exchange.reset(refusal()) : this.#owner.fetch(exchange, frame);
        const service = this.channel.rpc.service(target);
        try {
            this.#owner?.asks();
        } catch (error) {
            return exchange.reset(error);
        }
        void answerAsk(exchange, frame, service);
    }

    /** A call begins. The supervisor must know in which order named cells are called, to keep those used last; of other
     * calls only that there are some, to tell the cell from one that goes on by itself. */
    touch(isNamed: boolean): void {
        const isNewest = !isNamed || newest === this;
        if (isNamed) newest = this;
        if (this.#calls++ === 0) return; // CLAIM told
        const nowMs = native.monotonicTime();
        if (isNewest && nowMs < this.#touchedMs + TOUCH_MS) return;
        this.#touchedMs = nowMs;
        this.#keeper.send(F.TOUCH, 0, this.number, this.#use());
    }

    /** What the supervisor is told of its use, up to now. */
    #use(): string {
        return `{"calls":${this.#calls},"restedUs":${this.#restedUs}}`;
    }

    /** The number of an entrypoint's export; without props all stubs share it. */
    entrypoint(name: string | undefined, props: Encoded | undefined, cpuMs?: number): number {
        if (props !== undefined || cpuMs !== undefined) return this.channel.rpc.entrypoint(name, props, cpuMs);
        const key = name ?? "default";
        let number = this.#entrypoints.get(key);
        if (number === undefined) this.#entrypoints.set(key, (number = this.channel.rpc.entrypoint(name, undefined)));
        return number;
    }

    /** Whether calls of it, what they answer with, or work that outlives them are under way; what it asks for keeps nobody. */
    get isInUse(): boolean {
        return this.channel.active > 0 || this.isInBackground;
    }

    /** Whether its owner holds stubs of objects that live in it. */
    get isHeld(): boolean {
        return this.channel.held > 0;
    }

    #take(frame: F.Frame): void {
        if (frame.type === F.BUSY) this.#setBackground(frame.flags !== 0);
        else if (frame.type === F.EXCEEDED) this.#exceeded(frame.tail);
        else if (frame.type === F.RESTED) this.#rested(Number(frame.head));
        else if (frame.type === F.ABORTED) this.exceeded(abortError(frame.head));
        else this.#owner?.take(frame);
    }

    /** Its last words: whoever waits for it is told at once, before its channel ends. */
    #exceeded(payload: Uint8Array | undefined): void {
        const error = errorFromPayload(payload);
        if (error === undefined) throw new Error("EXCEEDED makes no sense");
        this.exceeded(error);
    }

    /** It ends by itself: its owner loses it, and it is given up. */
    exceeded(error: Error): void {
        this.#owner?.lost();
        this.abandon(error);
    }

    /** What JSON has no words for, as Infinity, would cost the supervisor the number of calls as well. */
    #rested(us: number): void {
        this.#restedUs = Number.isSafeInteger(us) && us > 0 ? us : 0;
    }

    #setBackground(isBusy: boolean): void {
        clearTimeout(this.#backgroundTimer as number);
        this.#backgroundTimer = isBusy ? setTimeout(() => this.#setBackground(false), BACKGROUND_MS_MAX) : undefined;
        this.#owner?.background(isBusy);
        this.#settle();
    }

    get isInBackground(): boolean {
        return this.#backgroundTimer !== undefined;
    }

    #settle(): void {
        if (this.isInUse) return;
        if (this.#isLeaving) this.close();
        else this.#owner?.idle();
    }

    // --- Endings -----------------------------------------------------------------------------------------------------

    /** Its owner sends it no more calls; it goes when those under way have ended. */
    leave(): void {
        this.#isLeaving = true;
        this.#owner = undefined;
        this.#settle();
    }

    /** Gives the cell up, now: it sees its channel end, and goes or is killed. */
    close(): void {
        if (this.#isLost || !byNumber.delete(this.number)) return;
        this.#owner = undefined;
        if (newest === this) newest = undefined;
        clearTimeout(this.#backgroundTimer as number);
        this.channel.close();
        this.channel.lost(new Error("The dynamic worker has ended."));
        this.#keeper.send(F.RELEASE, 0, this.number, this.#use());
    }

    /** Gives the cell up although calls are under way, which fail with this error. */
    abandon(error: unknown): void {
        this.channel.lost(error);
        this.close();
    }

    #lose(): void {
        this.#isLost = true;
        const at = this.kind.idle.indexOf(this);
        if (at >= 0) this.kind.idle.splice(at, 1);
        this.#owner?.lost();
        if (this.#death !== undefined) this.#end();
        else this.#deathTimer = setTimeout(() => this.#end(), DEATH_NOTICE_MS);
    }

    died(death: Error): void {
        this.#death ??= death;
        if (this.#isLost) this.#end();
    }

    #end(): void {
        clearTimeout(this.#deathTimer as number);
        clearTimeout(this.#backgroundTimer as number);
        byNumber.delete(this.number);
        this.channel.lost(this.#death ?? endError("closed its channel"));
    }

    evicted(): void {
        this.#owner?.evicted();
    }
}

// --- The table -------------------------------------------------------------------------------------------------------

export function startCells(channel: Channel): void {
    supervisor = channel;
}

/** An idle cell that is still alive; of one that died the notice may be under way. */
export function takeCell(hasJit: boolean, isThreaded: boolean): Cell | Promise<Cell> {
    const { flags, idle, waiting } = kindOf((hasJit ? 0 : F.NO_JIT) | (isThreaded ? F.THREADS : 0));
    for (let cell = idle.pop(); cell; cell = idle.pop()) {
        if (native.isAlive(cell.channel.number)) return cell;
    }
    const next = Promise.withResolvers<Cell>();
    waiting.push(next);
    if (isThreaded) supervisor.send(F.WANT, flags, 0, "");
    return next.promise;
}

/** A cell for the first that waits, or for whoever comes next. One that died on its way here is nobody's: another is granted
 * in its place. */
export function offerCell(cell: Cell): void {
    const { flags, idle, waiting } = cell.kind;
    const isAlive = native.isAlive(cell.channel.number);
    const next = isAlive ? waiting.shift() : undefined;
    if (next) return next.resolve(cell);
    idle.push(cell);
    // Those with threads are granted to who asks alone.
    if (!isAlive && waiting.length > 0 && (flags & F.THREADS) !== 0) supervisor.send(F.WANT, flags, 0, "");
}

function kindOf(flags: number): Kind {
    return kinds.get(flags & (F.NO_JIT | F.THREADS))!;
}

/** A GRANT frame came: an idle cell is ours. */
export function onGrant(number: number, channelNumber: number, flags: number, keeper: Channel): void {
    offerCell(new Cell(number, channelNumber, kindOf(flags), keeper));
}

/** A DIED frame came: the supervisor knows how a cell ended. */
export function onDied(number: number, flags: number, head: unknown): void {
    const { reason, limit, value, used } = (head ?? {}) as Record<string, unknown>;
    if (number === 0) {
        const error = new Error(`No dynamic worker can be started now: ${String(reason)}.`);
        for (const kind of [kindOf(flags), kindOf(flags | F.THREADS)]) {
            for (const { reject } of kind.waiting.splice(0)) reject(error);
        }
        return;
    }
    byNumber.get(number)?.died(
        limit === undefined
            ? endError(typeof reason === "string" ? reason : "ended")
            : limitError(limit as LimitName, value as number, used as number),
    );
}

/** What the worker gave ctx.abort(); or Cloudflare's words, and the cell's. */
function abortError(head: unknown): Error {
    const { reason, failure, thrown } = (head ?? {}) as { reason?: unknown; failure?: unknown; thrown?: unknown };
    if (thrown !== undefined) return errorFromHead(thrown);
    let said = typeof reason === "string" && reason !== "" ? `; the worker aborted its isolate: ${reason}` : "";
    if (typeof failure === "string") said = `; the worker broke its runtime: ${failure}`;
    const bytes = new Uint8Array(12);
    native.random(bytes);
    const reference = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return new Error(`internal error; reference = ${reference}${said}`);
}

function endError(how: string): Error {
    return new Error(`The dynamic worker's cell ${how}.`);
}

/** An EVICT frame came: a named cell has to go once its calls have ended. */
export function onEvict(number: number): void {
    byNumber.get(number)?.evicted();
}
