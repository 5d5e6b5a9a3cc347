// From the rounds of both servers to the table that `make bench` prints. Pure: it measures nothing and prints nothing.

import { expected } from "./kernels.js";

export const PERCENTILES = ["p50", "p95", "p99"];

/** The middle of some numbers, or null when one of them is missing. */
export function median(numbers) {
    if (numbers.length === 0 || !numbers.every(Number.isFinite)) return null;
    const sorted = [...numbers].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The turns of one load on one server as one: percentiles over all good requests, NaN when there is none. */
export function pool(turns) {
    const sum = (field) => turns.reduce((total, turn) => total + turn[field], 0);
    const latencies = turns.flatMap((turn) => turn.latencies).sort((a, b) => a - b);
    const percentile = (percent) => latencies[Math.ceil((latencies.length * percent) / 100) - 1] ?? NaN;
    const [requests, failures, cpuSeconds] = ["requests", "failures", "cpuSeconds"].map(sum);
    const perSecond = latencies.length / sum("seconds");
    const [p50, p95, p99, max] = [50, 95, 99, 100].map(percentile);
    return { requests, failures, perSecond, p50, p95, p99, max, cpuSeconds };
}

const load = (key, field) => (round) => round.loads[key]?.[field] ?? NaN;

/** Three rows of a load, some with a mark. */
const latencies = (title, key, marks = {}) =>
    PERCENTILES.map((field, i) => ({ title: i ? "" : title, unit: `${field} ms`, of: load(key, field), mark: marks[field] }));

const KERNELS = Object.keys(expected);

/** What a Worker computes with the platform's help, and what the language alone is asked for. */
const PLATFORM = ["json", "urls", "headers", "transform", "sha256", "router", "fib", "wasm"];
const LANGUAGE = ["sort", "regexp", "json", "strings", "collections", "matrix", "fib", "wasm"];

/** Of the times of some kernels, so that its ratio is the geometric mean of their ratios. */
const geometricMean = (keys) => (round) => Math.exp(keys.reduce((sum, key) => sum + Math.log(load(key, "p50")(round)), 0) / keys.length);

/** MiB for each sandbox: how much more there was with them than without any. */
const perSandbox = (before, after, field) => (before && after ? (after[field] - before[field]) / after.sandboxes : NaN);
const growth = (field) => ({ staircase }) => perSandbox(staircase.at(0), staircase.at(-1), field);
const usedGrowth = (field) => ({ staircase, used }) => perSandbox(staircase.at(0), used, field);

const overCount = (field) => ({ staircase }) => (staircase.length === 0 ? NaN : staircase.at(-1)[field] / staircase.at(-1).sandboxes);

const freshCpu = ({ loads: { fresh1, fresh16 } }) =>
    !fresh1 || !fresh16 ? NaN : ((fresh1.cpuSeconds + fresh16.cpuSeconds) / (fresh1.requests + fresh16.requests)) * 1000;

/*
 * The rows. `of` takes a row's number from one round; `mark` is the least ratio that passes. A row with `none: true`
 * has no ratio: it passes when mayfly's number is zero in every round. Nor has one with `most`, which is mayfly's alone: its
 * number may not be higher.
 */
const ROWS = [
    ...latencies("fresh load, one at a time", "fresh1", { p50: 8, p99: 4 }),
    ...latencies("fresh load, 16 at a time", "fresh16"),
    { title: "", unit: "loads/s", of: load("fresh16", "perSecond"), more: true, mark: 5 },
    ...latencies("fresh load, 100 at a time", "fresh100"),
    { title: "", unit: "loads/s", of: load("fresh100", "perSecond"), more: true, mark: 5 },
    ...latencies("fresh load, 20 a second arrive", "staggered"),
    ...latencies("fresh load, bursts of 100", "burst100"),
    { title: "CPU for 1,000 fresh loads", unit: "s", of: freshCpu },
    ...latencies("warm call by id, 1 in flight", "warm1", { p50: 1 }),
    { title: "", unit: "calls/s", of: load("warm1", "perSecond"), more: true, mark: 1.2 },
    ...latencies("warm call by id, 64 in flight", "warm64"),
    { title: "", unit: "calls/s", of: load("warm64", "perSecond"), more: true, mark: 1.2 },
    { title: "200 RPC calls to the worker", unit: "p50 ms", of: load("rpcOut", "p50"), mark: 1 },
    { title: "1,000 callbacks within one call", unit: "p50 ms", of: load("rpcIn", "p50"), mark: 1 },
    { title: "1 MiB as an argument", unit: "p50 ms", of: load("rpcBytes", "p50"), mark: 1 },
    { title: "", unit: "calls/s", of: load("rpcBytes", "perSecond"), more: true },
    { title: "64 MiB as a stream", unit: "p50 ms", of: load("rpcStream", "p50"), mark: 1 },
    { title: "fetch() of a dynamic worker, 1 in flight", unit: "p50 ms", of: load("fetch1", "p50"), mark: 1 },
    { title: "fetch() of a dynamic worker, 64 in flight", unit: "calls/s", of: load("fetch64", "perSecond"), more: true, mark: 1 },
    { title: "through its parent's stub, 1 in flight", unit: "p50 ms", of: load("gate1", "p50"), mark: 1 },
    { title: "through its parent's stub, 64 in flight", unit: "calls/s", of: load("gate64", "perSecond"), more: true, mark: 1 },
    ...latencies("one execute of mayfly mcp, published executor", "execute", { p50: 5 }),
    ...latencies("the published executor on both", "executor"),
    { title: "hello, no loader, 1 in flight", unit: "p50 ms", of: load("hello1", "p50") },
    { title: "hello, no loader, 64 in flight", unit: "calls/s", of: load("hello64", "perSecond"), more: true },
    ...KERNELS.map((key) => ({ title: `computing: ${key}`, unit: "p50 ms", of: load(key, "p50") })),
    { title: "computing: mean of the platform's eight", unit: "ms", of: geometricMean(PLATFORM), mark: 1 },
    { title: "computing: mean of the language's eight", unit: "ms", of: geometricMean(LANGUAGE), mark: 1 },
    { title: "server start to first answer", unit: "ms", of: (round) => round.startMs || NaN, mark: 2 },
    { title: "memory of a live sandbox", unit: "MiB private", of: growth("privateMiB"), mark: 4 / 3 },
    { title: "", unit: "MiB PSS", of: growth("pssMiB") },
    { title: "", unit: "MiB RSS", of: growth("rssMiB") },
    { title: "", unit: "MiB page tables", of: growth("pageTablesMiB") },
    { title: "the same after 100 calls of each", unit: "MiB private", of: usedGrowth("privateMiB"), mark: 1 },
    { title: "", unit: "MiB PSS", of: usedGrowth("pssMiB") },
    { title: "all memory over live sandboxes", unit: "MiB private", of: overCount("privateMiB") },
    { title: "what the jail adds to a fresh load", unit: "p50 ms", of: (round) => round.jail?.addedMs ?? NaN, most: 0.15 },
    { title: "  to one right after another", unit: "p50 ms", of: (round) => round.jail?.addedBusyMs ?? NaN },
    ...PERCENTILES.map((name, i) => ({
        title: i ? "" : "a neighbour under attack over quiet", unit: `${name} ratio`, of: (round) => round.jail?.neighbour[name] ?? NaN, most: 2,
    })),
    { title: "failed requests", unit: "all rounds", of: (round) => round.failures, none: true },
    { title: "processes left behind", unit: "all rounds", of: (round) => round.leftBehind, none: true },
];

/** The median of the ratios within each round, where both servers ran next to each other: drift cancels out. */
function ratioOf(row, { mayfly, workerd }) {
    if (!mayfly || !workerd || row.none || row.most) return null;
    const theirsOverOurs = mayfly.map((round, i) => row.of(workerd[i]) / row.of(round));
    return median(theirsOverOurs.map((ratio) => (row.more ? 1 / ratio : ratio)));
}

function summarizeRow(row, rounds) {
    const take = (name) => {
        if (!rounds[name] || (row.most && name !== "mayfly")) return null;
        const numbers = rounds[name].map(row.of);
        return row.none ? numbers.reduce((sum, number) => sum + number, 0) : median(numbers);
    };
    const mayfly = take("mayfly");
    const workerd = take("workerd");
    const ratio = ratioOf(row, rounds);
    let passed = null;
    if (rounds.mayfly && row.none) passed = mayfly === 0;
    if (rounds.mayfly && rounds.workerd && row.mark) passed = ratio !== null && ratio >= row.mark;
    if (row.most && mayfly !== null) passed = mayfly <= row.most;
    const mark = row.most ? `<= ${row.most}` : row.none ? "none" : (row.mark ?? null);
    return { title: row.title, unit: row.unit, mayfly, workerd, ratio, mark, passed };
}

/** One object a row, with medians over the rounds. A ratio above 1 always means that mayfly is the better one. */
export function summarize(rounds) {
    let title = "";
    return ROWS.map((row) => {
        title = row.title || title;
        return { ...summarizeRow(row, rounds), title };
    });
}

/** The rows of which something was measured. */
export function measured(summary) {
    return summary.filter(({ mayfly, workerd }) => mayfly !== null || workerd !== null);
}

export function formatNumber(number) {
    if (number === null) return "-";
    if (Number.isInteger(number)) return String(number);
    return number.toFixed(number >= 1000 ? 0 : number >= 100 ? 1 : number >= 10 ? 2 : 3);
}

function formatMark({ mark, passed }) {
    if (mark === null) return "";
    const text = typeof mark === "string" ? mark : `>= ${mark.toFixed(2)}`;
    return passed === null ? text : `${text} ${passed ? "pass" : "FAIL"}`;
}

/** Lines of texts as columns, those from `right` up to `left` to their right. */
export function align(lines, right, left = lines[0].length) {
    const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
    const pad = (text, column) => (column >= right && column < left ? text.padStart(widths[column]) : text.padEnd(widths[column]));
    return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}

/** The rows of summarize() as an aligned table. */
export function formatTable(summary) {
    const lines = [["", "", "mayfly", "workerd", "ratio", "mark"]];
    let previous = "";
    for (const row of summary) {
        const ratio = row.ratio === null ? "-" : `${row.ratio.toFixed(2)}x`;
        const title = row.title === previous ? "" : row.title;
        lines.push([title, row.unit, formatNumber(row.mayfly), formatNumber(row.workerd), ratio, formatMark(row)]);
        previous = row.title;
    }
    return align(lines, 2, 5);
}
