// The limits of dynamic workers: their names, what they are by default, who may set them, and the error that names one.
// The operator's (limits.* of the configuration, or flags) are ceilings; a worker's code and an entrypoint's options may
// only lower them. Runs in host workers' cells; a dynamic worker's cell is told the outcome in LOAD.

/** What a limit holds for: one call of an entrypoint, a worker as long as it lives, or all that a loader loads. */
type Scope = "call" | "worker" | "loader";

interface Rule {
    scope: Scope;
    /** For whoever says nothing; 0 is no limit. Cloudflare's numbers where it has one (dynamic-workers.md 1.11). */
    fallback: number;
    /** What nobody but the operator may go beyond. */
    max: number;
    /** What the error says first; Cloudflare's words where there are some. */
    text: string;
}

const MIB = 1024 * 1024;

const RULES = {
    cpuMs: { scope: "call", fallback: 30_000, max: 300_000, text: "Worker exceeded CPU time limit." },
    wallMs: { scope: "call", fallback: 0, max: 0, text: "Worker exceeded wall time limit." },
    responseBytes: { scope: "call", fallback: 0, max: 0, text: "Worker exceeded response size limit." },
    subRequests: { scope: "call", fallback: 1000, max: 10_000_000, text: "Too many subrequests." },
    connections: { scope: "call", fallback: 6, max: 6, text: "Too many simultaneous outbound connections." },
    memoryMb: { scope: "worker", fallback: 128, max: 128, text: "Worker exceeded memory limit." },
    rpcMessageBytes: { scope: "worker", fallback: 32 * MIB, max: 32 * MIB, text: "Worker exceeded RPC message limit." },
    logBytes: { scope: "worker", fallback: 256 * 1024, max: 16 * MIB, text: "Worker exceeded log size limit." },
    openStubs: { scope: "worker", fallback: 65536, max: 65536, text: "Worker exceeded stub limit." },
    codeBytes: { scope: "loader", fallback: 64 * MIB, max: 64 * MIB, text: "Worker exceeded code size limit." },
    envBytes: { scope: "loader", fallback: MIB, max: MIB, text: "Worker exceeded env size limit." },
    liveCells: { scope: "loader", fallback: 0, max: 0, text: "Too many concurrent dynamic workers." },
    loadsPerSecond: { scope: "loader", fallback: 0, max: 0, text: "Too many dynamic workers loaded in one second." },
} satisfies Record<string, Rule>;

export type LimitName = keyof typeof RULES;
export type Limits = Record<LimitName, number>;
export type SomeLimits = Partial<Limits>;

const NAMES = Object.keys(RULES) as LimitName[];

/** The lower of two limits, of which 0 is none. */
function lower(a: number, b: number): number {
    return a === 0 ? b : b === 0 ? a : Math.min(a, b);
}

/** Reads `limits` of a code object (scope "worker", which may hold those of calls too) or of getEntrypoint's options. */
function read(given: unknown, scope: "call" | "worker"): SomeLimits {
    if (given === undefined || given === null) return {};
    if (typeof given !== "object") throw new TypeError("limits must be an object.");
    const limits: SomeLimits = {};
    for (const [name, value] of Object.entries(given)) {
        if (value === undefined) continue;
        if (!Object.hasOwn(RULES, name)) throw new TypeError(`limits: there is no limit '${name}'.`);
        const rule = RULES[name as LimitName];
        if (rule.scope !== "call" && rule.scope !== scope) {
            throw new TypeError(`limits: '${name}' is no limit of a ${scope} but of a ${rule.scope}.`);
        }
        if (!Number.isSafeInteger(value) || (value as number) <= 0) {
            throw new TypeError(`limits.${name} must be a whole number above 0, not ${String(value)}.`);
        }
        limits[name as LimitName] = value as number;
    }
    return limits;
}

/** What the operator set, and what follows from that for everyone. */
export class OperatorLimits {
    readonly #set: SomeLimits;
    /** For a worker that asks for nothing. */
    readonly defaults: Limits;

    constructor(set: SomeLimits) {
        this.#set = set;
        this.defaults = Object.fromEntries(NAMES.map((name) => [name, set[name] ?? RULES[name].fallback])) as Limits;
    }

    /** The limits of a worker whose code object has these. */
    ofCode(given: unknown): Limits {
        const limits = { ...this.defaults };
        for (const [name, value] of Object.entries(read(given, "worker")) as [LimitName, number][]) {
            limits[name] = lower(value, this.#set[name] ?? RULES[name].max);
        }
        return limits;
    }
}

/** Of an entrypoint's options; undefined for none. */
export function limitsOfCall(given: unknown): SomeLimits | undefined {
    const limits = read(given, "call");
    return Object.keys(limits).length === 0 ? undefined : limits;
}

/** A limit of a call: the lower one of its worker's and its own. */
export function limitOf(name: LimitName, worker: Limits, call: SomeLimits | undefined): number {
    return lower(worker[name], call?.[name] ?? 0);
}

/** An error that names a limit, its value and what was used. Hosts find the same in its property `limit`. */
export function limitError(name: LimitName, value: number, used: number): Error {
    const error = new Error(`${RULES[name].text} (limits.${name} is ${value}, used ${used})`);
    const limit = Object.freeze({ name, value, used });
    return Object.defineProperty(error, "limit", { value: limit, enumerable: false, writable: false, configurable: true });
}

/** enum limit of src/base/limits.h */
const OF_CELLS: (LimitName | undefined)[] = [undefined, "cpuMs", "memoryMb"];

/** The error that an EXCEEDED frame's payload stands for; undefined if it makes no sense. */
export function errorFromPayload(payload: Uint8Array | undefined): Error | undefined {
    if (payload?.length !== 24) return undefined;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const name = OF_CELLS[view.getUint32(0, true)];
    return name && limitError(name, Number(view.getBigUint64(8, true)), Number(view.getBigUint64(16, true)));
}

/** Admits loads: no more than so many cells at once, and so many loads in a second. */
export class Admission {
    readonly #limits: Limits;
    #cells = 0;
    #second = 0;
    #loads = 0;

    constructor(limits: Limits) {
        this.#limits = limits;
    }

    /** Counts a load, or throws; `nowMs` is any clock that goes on. */
    enter(nowMs: number): void {
        const { liveCells, loadsPerSecond } = this.#limits;
        if (liveCells > 0 && this.#cells >= liveCells) throw limitError("liveCells", liveCells, this.#cells + 1);
        if (loadsPerSecond > 0) {
            const second = Math.floor(nowMs / 1000);
            if (second !== this.#second) [this.#second, this.#loads] = [second, 0];
            if (++this.#loads > loadsPerSecond) throw limitError("loadsPerSecond", loadsPerSecond, this.#loads);
        }
        this.#cells++;
    }

    /** A cell that was counted is gone. */
    leave(): void {
        this.#cells--;
    }
}
