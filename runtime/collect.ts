// When garbage is collected so that dropped stubs are found: the engine does not know what a cell weighs, and collects by
// its own heap only. Soon after a load; again, ever more seldom, while workers are held that nobody may hold any more.

import { native } from "./web/host";
import { clearTimeout, setTimeout } from "./web/timers";

/** Loads after which a collection does not wait for the timer. */
const LOADS_MAX = 16;
/** One of so many is of all garbage: what was in use during the others is not looked at by them. It takes ten times longer. */
const COLLECTIONS_A_FULL = 8;
/** Of what a collection found, so much is dropped at each load, and so often between loads. */
const DROPS_A_TURN = 2;
const DROP_MS = 2;
const WAIT_MS_FIRST = 200;
const WAIT_MS_MAX = 6400;

let held = 0;
let loads = 0;
let collections = 0;
let waitMs = WAIT_MS_FIRST;
let timer: unknown;

function collect(isFull: boolean): void {
    clearTimeout(timer as number);
    timer = undefined;
    loads = 0;
    native.collect(isFull);
    // Whatever lives now may have been in use a moment ago: it is looked at again.
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
    if (held > 0) timer = setTimeout(collectAll, waitMs);
}

function collectAll(): void {
    collect(true);
}

/** A worker that goes with its last stub was given a cell. */
export function workerHeld(): void {
    held++;
    dropSome();
    waitMs = WAIT_MS_FIRST;
    if (++loads >= LOADS_MAX) {
        collect(++collections % COLLECTIONS_A_FULL === 0);
    } else if (loads === 1) {
        clearTimeout(timer as number);
        timer = setTimeout(collectAll, waitMs);
    }
}

const dropped: (() => void)[] = [];

function dropSome(): void {
    for (let i = 0; i < DROPS_A_TURN && dropped.length > 0; i++) dropped.shift()!();
}

function dropInTime(): void {
    dropSome();
    if (dropped.length > 0) setTimeout(dropInTime, DROP_MS);
}

/** A collection finds many at once, and each has a cell to end: that is spread, not to hold up the next loads. */
export function dropSoon(drop: () => void): void {
    if (dropped.push(drop) === 1) setTimeout(dropInTime, DROP_MS);
}

/** Its cell was given back, or is gone. */
export function workerReleased(): void {
    held--;
}
