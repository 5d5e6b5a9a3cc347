// How long a worker without a name lives: as long as the request that loaded it, as on Cloudflare, where a stub is worth
// nothing in another request. Which request calls load() no engine tells after the first await, so a worker goes once all
// has ended that was under way when it was loaded (what RCU calls a grace period). Runs in host workers' cells.
//
// Under way are requests until the last byte of both bodies, calls, scheduled events, what calls gave away and others
// still hold, and work handed to waitUntil. What hardly ends, such as a WebSocket, leaves the workers that were loaded
// meanwhile to the collector (collect.ts), as does a load() outside of all requests.

/** A worker that a request loaded. */
export interface Leased {
    /** The request is over: nobody has a right to it any more. */
    expire(): void;
}

/** A lease is the time at which what holds it began; 0 is none. Time counts what began. */
export type Lease = number;

let isHost = false;
let now: Lease = 0;
/** How many hold each lease, oldest first. */
const holders = new Map<Lease, number>();
/** When each worker was loaded, oldest first. */
const leased = new Map<Leased, Lease>();

/** In other cells than host workers' all leases are 0, and nothing is counted. */
export function startLeases(): void {
    isHost = true;
}

/** Something begins. */
export function begin(): Lease {
    if (!isHost) return 0;
    holders.set(++now, 1);
    return now;
}

/** What holds `lease` leaves something behind that goes on after it. */
export function extend(lease: Lease): Lease {
    if (lease !== 0) holders.set(lease, (holders.get(lease) ?? 0) + 1);
    return lease;
}

/** The same where nobody knows what leaves it behind: it may be the oldest. */
export function extendOldest(): Lease {
    return extend(oldest() ?? 0);
}

/** Something has ended; every begin() and extend() has one end. */
export function end(lease: Lease): void {
    if (lease === 0) return;
    const left = holders.get(lease)! - 1;
    if (left > 0) return void holders.set(lease, left);
    holders.delete(lease);
    expireUpTo(oldest() ?? Infinity);
}

function oldest(): Lease | undefined {
    for (const lease of holders.keys()) return lease;
    return undefined;
}

function expireUpTo(first: Lease): void {
    for (const [worker, loadedAt] of leased) {
        if (loadedAt >= first) return;
        leased.delete(worker);
        worker.expire();
    }
}

/** Nothing is under way. */
export function isQuiet(): boolean {
    return holders.size === 0;
}

/** A worker is loaded, by something that is under way; if nothing is, it has no lease. */
export function lease(worker: Leased): void {
    if (holders.size > 0) leased.set(worker, now);
}

/** It has ended by other means. */
export function forget(worker: Leased): void {
    leased.delete(worker);
}
