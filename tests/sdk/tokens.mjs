// What a model has to read, in tokens: the marks of `make bench-tokens`, which counts more. Counts, not times: the same each time.

import { footprint, STEPS, tasks } from "../../bench/token-tasks.mjs";
import { documents } from "../../bench/token-tools.mjs";
import { notOk, ok } from "./bundle.mjs";

/** At least so many percent fewer than tool by tool, by steps. */
const FEWER = { 1: 30, 31: 90 };
const FOOTPRINT_MAX = 1000;

const expect = (name, isSo, got) => (isSo ? ok(name) : notOk(name, `got ${got}`));

const tokens = await footprint(documents);
expect(`tokens: what stands before a model at first, for five documents: under ${FOOTPRINT_MAX}`, tokens > 100 && tokens < FOOTPRINT_MAX, tokens);
for (const [task, rows] of await tasks()) {
    for (const [steps, least] of Object.entries(FEWER)) {
        const [byTool, byCode] = rows[STEPS.indexOf(Number(steps))];
        const fewer = 100 * (1 - byCode / byTool);
        expect(`tokens: ${task}: ${steps} steps by code take ${least} % fewer`, fewer >= least, `${fewer.toFixed(1)} %`);
    }
}
