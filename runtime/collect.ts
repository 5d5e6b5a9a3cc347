// When garbage is collected so that dropped stubs are found: the engine does not know what a cell weighs, and collects by
// its own heap only. Soon after a load; again, ever more seldom, while workers are held that nobody may hold any more.

import { native } from "./web/host";
import { clearTimeout, setTimeout } from "./web/timers";

/** Loads after which a collection does not wait for the timer. */
const LOADS_MAX = 128;
const WAIT_MS_FIRST = 200;
const WAIT_MS_MAX = 6400;

let held = 0;
let loads = 0;
let waitMs = WAIT_MS_FIRST;
let timer: unknown;

function collect(): void {
    clearTimeout(timer as number);
    timer = undefined;
    loads = 0;
    native.collect();
    // Whatever lives now may have been in use a moment ago: it is looked at again.
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
    if (held > 0) timer = setTimeout(collect, waitMs);
}

/** A worker that goes with its last stub was given a cell. */
export function workerHeld(): void {
    held++;
    waitMs = WAIT_MS_FIRST;
    if (++loads >= LOADS_MAX) {
        collect();
    } else if (loads === 1) {
        clearTimeout(timer as number);
        timer = setTimeout(collect, waitMs);
    }
}

/** Its cell was given back, or is gone. */
export function workerReleased(): void {
    held--;
}
