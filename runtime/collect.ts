// When garbage is collected so that dropped stubs are found, of requests that go on (leases.ts): the engine does not know what
// a cell weighs, and collects by its own heap only. Soon after a load; again, ever more seldom, while workers are held
// that nobody may hold any more. Where nothing has run, nothing was dropped: then it stops, until something does.

import { hooks, native } from "./web/host";
import { clearTimeout, queueMicrotask, setTimeout } from "./web/timers";

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
/** So many are made when nothing has run since the last one: what was dropped may still have stood in a register. */
const COLLECTIONS_AT_REST = 1;

/** Workers that are held: those that were loaded since the last look, and older ones. */
let newHeld = 0;
let oldHeld = 0;
let looks = 0;
let loads = 0;
let collections = 0;
let waitMs = WAIT_MS_FIRST;
let timer: unknown;
let collectedMs = 0;
/** Whether something ran since the last collection, and how many there were since something did. */
let hasRun = true;
let atRest = 0;

/** A worker that was loaded since the last look is most likely in use; where there is no other, there is nothing to find. */
function look(): void {
    if (oldHeld > 0) {
        atRest = hasRun ? 0 : atRest + 1;
        return atRest > COLLECTIONS_AT_REST ? rest() : collect();
    }
    age();
    timer = oldHeld > 0 ? setTimeout(look, waitMs) : undefined;
}

function rest(): void {
    timer = undefined;
    tellOfNext(wake);
}

/** As soon after the last collection as if it had gone on, and yet what runs now should have dropped what it will. */
function wake(): void {
    timer ??= setTimeout(look, Math.max(WAIT_MS_FIRST, collectedMs + waitMs - native.monotonicTime()));
}

/** The next that runs, after this timer of ours. */
function tellOfNext(told: () => void): void {
    hooks.stir = undefined;
    queueMicrotask(() => {
        hooks.stir = () => {
            hooks.stir = undefined;
            hasRun = true;
            told();
        };
    });
}

function age(): void {
    oldHeld += newHeld;
    newHeld = 0;
    looks++;
}

function collect(): void {
    clearTimeout(timer as number);
    timer = undefined;
    loads = 0;
    age();
    // Of all, too, once nothing was loaded for a while: whatever lived the last time may have been in use just then.
    const isQuiet = waitMs > WAIT_MS_FIRST;
    collectedMs = native.monotonicTime();
    hasRun = false;
    tellOfNext(() => {});
    native.collect(++collections % COLLECTIONS_A_FULL === 0 || isQuiet);
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
    if (oldHeld > 0) timer = setTimeout(look, waitMs);
}

/** A worker that goes with its last stub was given a cell. Returns what workerReleased is to be told. */
export function workerHeld(): number {
    hasLoaded = true;
    for (let left = dropped.length; left > 0; left -= WAITING_A_DROP) dropped.shift()!();
    waitMs = WAIT_MS_FIRST;
    if (++loads >= LOADS_MAX) collect();
    timer ??= setTimeout(look, waitMs);
    newHeld++;
    return looks;
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
export function workerReleased(heldSince: number, isExpired: boolean): void {
    if (heldSince === looks) newHeld--;
    else oldHeld--;
    if (isExpired && loads > 0) loads--;
}
