// What the servers are asked for: the rows of the table by their keys.

import { expected } from "./kernels.js";

export const FRESH = { path: "/fresh?n={i}", expect: '{"fresh":{i},"calls":1,"greeting":"hello"}' };
const WARM = { path: "/warm?id=x", expect: '{"id":"x","calls":' };
const HELLO = { path: "/hello", expect: '{"hello":"world"}' };
const FETCH = { path: "/fetch?origin={origin}", expect: '{"got":"origin"}' };
const GATE = { ...FETCH, path: "/gate?origin={origin}" };

/** In turns of their own where five would be too few or too many; with perSecond they arrive at that rate. */
export const LOADS = {
    fresh1: { ...FRESH, requests: 500, connections: 1 },
    fresh16: { ...FRESH, requests: 2000, connections: 16 },
    fresh100: { ...FRESH, requests: 1000, connections: 100 },
    staggered: { ...FRESH, requests: 200, connections: 64, turns: 2, perSecond: 20 },
    burst100: { ...FRESH, requests: 500, connections: 100 },
    warm1: { ...WARM, requests: 5000, connections: 1 },
    warm64: { ...WARM, requests: 5000, connections: 64 },
    fetch1: { ...FETCH, requests: 2000, connections: 1 },
    fetch64: { ...FETCH, requests: 4000, connections: 64 },
    gate1: { ...GATE, requests: 2000, connections: 1 },
    gate64: { ...GATE, requests: 4000, connections: 64 },
    hello1: { ...HELLO, requests: 5000, connections: 1 },
    hello64: { ...HELLO, requests: 5000, connections: 64 },
    rpcOut: { path: "/rpc-out?n=200", expect: '{"sum":200}', requests: 100, connections: 1 },
    rpcIn: { path: "/rpc-in?n=1000", expect: '{"calls":1000}', requests: 30, connections: 1 },
    rpcBytes: { path: "/rpc-bytes", expect: '{"size":1048576}', requests: 200, connections: 1 },
    rpcStream: { path: "/rpc-stream?n=64", expect: '{"size":67108864}', requests: 15, connections: 1 },
};

/** Kernels run for tens of milliseconds each, and are as fast as they get after some seconds of it. */
const KERNELS = Object.keys(expected);
for (const name of KERNELS) {
    const expect = JSON.stringify({ kernel: name, result: expected[name] });
    LOADS[name] = { path: `/kernel?name=${name}`, expect, requests: 12, connections: 1, turns: 3, warmUp: 12 };
}

/** What is measured otherwise than by loads: the staircase of sandboxes, executions of Code Mode, the jail's price. */
const OTHERS = ["memory", "execute", "jail"];

/** What is measured only when it is asked for, and has a table of its own. */
const APART = ["peers", "growth"];

/** What was asked for by name: keys of LOADS, some of OTHERS and of APART. */
export function wanted(rows) {
    const names = rows?.split(",").flatMap((name) => (name === "kernels" ? KERNELS : [name])) ?? [...Object.keys(LOADS), ...OTHERS];
    const [keys, others, apart] = [Object.keys(LOADS), OTHERS, APART].map((all) => all.filter((name) => names.includes(name)));
    const unknown = names.find((name) => ![...keys, ...others, ...apart].includes(name));
    if (unknown === undefined) return { keys, others, apart };
    throw new Error(`no such row: ${unknown}. There are ${[...APART, ...OTHERS, "kernels", ...Object.keys(LOADS)].join(", ")}`);
}
