// When garbage is collected so that dropped stubs are found, of requests that go on (leases.ts): the engine does not know what
// a cell weighs, and collects by its own heap only. Soon after a load; again, ever more seldom, while workers are held
// that nobody may hold any more.

import { native } from "./web/host";
import { clearTimeout, setTimeout } from "./web/timers";

/** Loads whose requests go on after which a collection does not wait for the timer. */
const LOADS_MAX = 16;
/** One of so many is of all garbage: what was in use during the others is not looked at by them. It takes ten times longer. */
const COLLECTIONS_A_FULL = 8;
/** Of what collections found, one is dropped at each load, or one for each so many that wait; and some whenever there was no load for so long. */
const WAITING_A_DROP = 16;
const DROPS_A_PAUSE = 2;
const DROP_MS = 5;
const WAIT_MS_FIRST = 200;
const WAIT_MS_MAX = 6400;

let held = 0;
let loads = 0;
let collections = 0;
let waitMs = WAIT_MS_FIRST;
let timer: unknown;

function collect(): void {
    clearTimeout(timer as number);
    timer = undefined;
    loads = 0;
    // Of all, too, once nothing was loaded for a while: whatever lived the last time may have been in use just then.
    const isQuiet = waitMs > WAIT_MS_FIRST;
    native.collect(++collections % COLLECTIONS_A_FULL === 0 || isQuiet);
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
    if (held > 0) timer = setTimeout(collect, waitMs);
}

/** A worker that goes with its last stub was given a cell. */
export function workerHeld(): void {
    held++;
    hasLoaded = true;
    for (let left = dropped.length; left > 0; left -= WAITING_A_DROP) dropped.shift()!();
    waitMs = WAIT_MS_FIRST;
    if (++loads >= LOADS_MAX) collect();
    else timer ??= setTimeout(collect, waitMs);
}

const dropped: (() => void)[] = [];
let isDropping = false;
let hasLoaded = false;

function dropInPause(): void {
    for (let i = 0; !hasLoaded && i < DROPS_A_PAUSE; i++) dropped.shift()?.();
    hasLoaded = false;
    isDropping = dropped.length > 0;
    if (isDropping) setTimeout(dropInPause, DROP_MS);
}

/**
 * A collection finds many at once, and each has a cell to end, in whose memory the next is made: as many as are loaded,
 * or the loads after a collection would pay for those before it.
 */
export function dropSoon(drop: () => void): void {
    dropped.push(drop);
    if (isDropping) return;
    isDropping = true;
    setTimeout(dropInPause, DROP_MS);
}

/** Its cell was given back, or is gone; with the end of its request if `isExpired`, which needs no collection. */
export function workerReleased(isExpired: boolean): void {
    held--;
    if (isExpired && loads > 0) loads--;
}
