// Math.random for a process that was forked: the engine's own generator continues the zygote's, so all siblings would
// draw the same numbers. xoshiro128**, seeded by the kernel at a cell's first draw; not for secrets.

import { define } from "./web/lazy";
import { native } from "./web/host";

/** Replaces Math.random by one that is seeded in each cell. */
export function reseed(): void {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let seeded = false;

    function next(): number {
        let result = Math.imul(b, 5);
        result = Math.imul((result << 7) | (result >>> 25), 9);
        const t = b << 9;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = (d << 11) | (d >>> 21);
        return result >>> 0;
    }

    function seed(): void {
        const state = new Uint32Array(4);
        native.random(state);
        [a, b, c, d] = [state[0]! | 1, state[1]!, state[2]!, state[3]!];
        seeded = true;
    }

    define(Math, "random", function random(): number {
        if (!seeded) seed();
        // 53 bits, as many as a double holds below one.
        return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
    });
}
