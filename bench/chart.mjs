// Draws what was measured last, bench/out/*.json, as bench/out/chart.svg: a panel for each file that is there.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PEERS } from "./servers.mjs";
import { formatNumber, median } from "./table.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));
const WIDTH = 900;
const LEFT = 330; // where labels end and bars begin
const RIGHT = 682; // where bars end and numbers begin
const ROW = 22;

const STYLE = `
    text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2933; }
    .title { font-size: 15px; font-weight: 600; } .note, .axis { fill: #66727f; } .axis, .number { font-size: 11px; }
    .card { fill: #ffffff; } .grid { stroke: #e3e8ee; } .one { stroke: #66727f; } .mark { stroke: #1f2933; stroke-width: 2; }
    .better { fill: #14867a; } .worse { fill: #d1603d; } .ours { fill: #14867a; } .theirs { fill: #9aa7b4; } .whisker { stroke: #1f2933; }
    .line { fill: none; stroke-width: 2; } .fresh { stroke: #14867a; } .each { stroke: #3f7fbf; } .warm { stroke: #d1603d; }
    .workerd { stroke: #9aa7b4; } .fresh-dot { fill: #14867a; } .each-dot { fill: #3f7fbf; } .warm-dot { fill: #d1603d; } .workerd-dot { fill: #9aa7b4; }
    @media (prefers-color-scheme: dark) {
        text { fill: #e4e9ee; } .note, .axis { fill: #94a1ae; } .card { fill: #14191f; } .grid { stroke: #2b343d; } .one { stroke: #94a1ae; }
        .mark, .whisker { stroke: #e4e9ee; } .better, .ours, .fresh-dot { fill: #2fb5a5; } .worse, .warm-dot { fill: #e8825f; }
        .theirs { fill: #5c6875; } .fresh { stroke: #2fb5a5; } .warm { stroke: #e8825f; } .each { stroke: #6aa9e6; } .each-dot { fill: #6aa9e6; }
    }`;

const escape = (text) => String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const attributes = (all) => Object.entries(all).map(([name, value]) => ` ${name}="${typeof value === "number" ? +value.toFixed(1) : escape(value)}"`).join("");
const shape = (name, all) => `<${name}${attributes(all)}/>`;
const line = (kind, x1, y1, x2, y2) => shape("line", { class: kind, x1, y1, x2, y2 });
const text = (kind, x, y, content, anchor = "start") => `<text${attributes({ class: kind, x, y, "text-anchor": anchor })}>${escape(content)}</text>`;

/** A logarithmic axis: where a number stands, and the round numbers on it. */
function logAxis(low, high, from, to) {
    const at = (number) => from + ((Math.log(number) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (to - from);
    const decades = [...Array(16).keys()].map((power) => 10 ** (power - 6));
    const steps = high / low > 300 ? [1] : [1, 2, 5];
    const ticks = decades.flatMap((decade) => steps.map((step) => +(decade * step).toPrecision(1)));
    return { at, ticks: ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001) };
}

/** The grid under some bars, with the numbers of its axis below. */
const grid = ({ at, ticks }, top, bottom, unit) => ticks.flatMap((tick) =>
    [line("grid", at(tick), top, at(tick), bottom), text("axis", at(tick), bottom + 16, `${tick}${unit}`, "middle")]);

/** When and where it was measured. */
const origin = ({ startedAt, quick, machine }) =>
    `${startedAt.slice(0, 10)}, ${machine.cpus} CPUs (${machine.cpu})${quick ? ", one quick round only" : ""}`;

const heading = (top, title, note, results) =>
    [text("title", 24, top + 14, title), text("note", 24, top + 33, note), text("note", WIDTH - 24, top + 14, origin(results), "end")];

const unitOf = (unit) => unit.replace(/^p\d+ (?=ms)/, "").replace(" private", "");

/** How many times better than workerd: the rows with a mark, and how long fresh loads take. */
function comparison(results, top) {
    const rows = results.summary.filter(({ title, unit, mark, ratio }) => ratio !== null && (mark !== null || (/^fresh/.test(title) && /^p50/.test(unit))));
    if (rows.length === 0) return null;
    const ratios = rows.flatMap(({ ratio, mark }) => [ratio, mark ?? 1]);
    const axis = logAxis(Math.min(0.5, ...ratios) / 1.15, Math.max(2, ...ratios) * 1.15, LEFT + 12, RIGHT - 40);
    const [first, end] = [top + 50, top + 50 + rows.length * ROW];
    const parts = [
        ...heading(top, "mayfly beside workerd, times better", "a logarithmic scale; a stroke is a row's mark, green reaches it", results),
        text("note", RIGHT + 76, first - 8, "mayfly", "end"), text("note", RIGHT + 146, first - 8, "workerd", "end"),
        ...grid(axis, first, end, "x"), line("one", axis.at(1), first, axis.at(1), end),
    ];
    for (const [i, { title, unit, ratio, mark, mayfly, workerd, passed }] of rows.entries()) {
        const y = first + i * ROW;
        const [from, to] = [1, ratio].map(axis.at).sort((a, b) => a - b);
        const what = unit.match(/^p\d+(?= ms)|\w+\/s$/)?.[0];
        parts.push(text("", LEFT, y + 15, what ? `${title}, ${what}` : title, "end"));
        parts.push(shape("rect", { class: passed === false || ratio < 1 ? "worse" : "better", x: from, y: y + 5, width: Math.max(to - from, 1), height: ROW - 9, rx: 2 }));
        if (mark !== null) parts.push(line("mark", axis.at(mark), y + 2, axis.at(mark), y + ROW - 1));
        const stroke = axis.at(mark ?? 1);
        const beyond = stroke > to && stroke < to + 40 ? stroke : to; // beside the bar, and not across the stroke
        parts.push(text("number", beyond + 5, y + 15, `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`));
        parts.push(text("number", RIGHT + 76, y + 15, formatNumber(mayfly), "end"), text("number", RIGHT + 146, y + 15, formatNumber(workerd), "end"));
        parts.push(text("axis", RIGHT + 154, y + 15, unitOf(unit)));
    }
    return { parts, end: end + 30 };
}

/** What one snippet takes in other sandboxes: a bar to the median, a whisker to p99. */
function others(results, top) {
    const rounds = results.peers;
    const middle = (name, of) => median(rounds.map((round) => (round[name] ? of(round[name]) : NaN)));
    const rows = ["mayfly", ...PEERS].map((name) => ({
        name,
        version: rounds[0][name]?.version,
        p50: middle(name, ({ loads }) => loads.fresh.p50),
        p99: middle(name, ({ loads }) => loads.fresh.p99),
        burst: middle(name, ({ loads }) => loads.burst.p99),
        liveMiB: middle(name, ({ liveMiB }) => liveMiB),
    })).filter(({ p50 }) => p50 !== null);
    const axis = logAxis(Math.min(...rows.map(({ p50 }) => p50)) / 2, Math.max(...rows.map(({ p99 }) => p99)) * 1.2, LEFT + 12, RIGHT - 40);
    const [first, end] = [top + 50, top + 50 + rows.length * ROW];
    const parts = [
        ...heading(top, "One snippet in a fresh sandbox, milliseconds", "a logarithmic scale; a bar to the median, a line to p99; one at a time", results),
        ...["p50", "burst p99", "MiB live"].map((title, i) => text("note", RIGHT + 50 + i * 68, first - 8, title, "end")),
        ...grid(axis, first, end, ""),
    ];
    for (const [i, { name, version, p50, p99, burst, liveMiB }] of rows.entries()) {
        const y = first + i * ROW;
        const [from, to] = [LEFT + 12, axis.at(p50)];
        parts.push(text("", LEFT, y + 15, `${name} ${version}`, "end"));
        parts.push(shape("rect", { class: name === "mayfly" ? "ours" : "theirs", x: from, y: y + 5, width: to - from, height: ROW - 9, rx: 2 }));
        parts.push(line("whisker", to, y + ROW / 2, axis.at(p99), y + ROW / 2), line("whisker", axis.at(p99), y + 7, axis.at(p99), y + ROW - 7));
        parts.push(...[p50, burst, liveMiB].map((number, column) => text("number", RIGHT + 50 + column * 68, y + 15, formatNumber(number), "end")));
    }
    return { parts, end: end + 30 };
}

const short = (number) => (number >= 1_000 ? `${number / 1_000}k` : String(number));

/** Lines over steps, on logarithmic axes; a series is { kind, name, points: [[x, y], ...] }, named at its last point. */
function plot({ left, top, width, height, series, labels, notes }) {
    const all = series.flatMap(({ points }) => points);
    const [xs, ys] = [0, 1].map((i) => all.map((point) => point[i]));
    const x = logAxis(Math.min(...xs), Math.max(...xs), left + 40, left + width - 90);
    const y = logAxis(Math.min(...ys) / 1.5, Math.max(...ys) * 1.5, top + height, top);
    const parts = y.ticks.flatMap((tick) => [line("grid", left + 40, y.at(tick), left + width - 90, y.at(tick)), text("axis", left + 34, y.at(tick) + 4, short(tick), "end")]);
    const steps = [...new Set(xs)];
    for (const [i, step] of steps.entries()) {
        parts.push(text("axis", x.at(step), top + height + 16, labels[i], "middle"));
        const hasRoom = i === steps.length - 1 || x.at(steps[i + 1]) - x.at(step) > 55;
        if (notes && hasRoom) parts.push(text("axis", x.at(step), top + height + 31, notes[i], "middle"));
    }
    let above = -Infinity; // the name before, from the top
    for (const { kind, name, points } of series.sort((a, b) => b.points.at(-1)[1] - a.points.at(-1)[1])) {
        const places = points.map(([a, b]) => [x.at(a), y.at(b)]);
        parts.push(shape("polyline", { class: `line ${kind}`, points: places.map((place) => place.map((at) => at.toFixed(1)).join(",")).join(" ") }));
        parts.push(...places.map(([cx, cy]) => shape("circle", { class: `${kind}-dot`, cx, cy, r: 3 })));
        above = Math.max(places.at(-1)[1] + 4, above + 13);
        parts.push(text("number", places.at(-1)[0] + 8, above, name));
    }
    return parts;
}

/** Many live cells, and much code. */
function growth(results, top) {
    const { steps, sizes } = results.growth;
    const height = 150;
    const [first, half] = [top + 70, WIDTH / 2];
    const parts = heading(top, "As it grows", "logarithmic scales; the medians", results);
    if (steps.length > 1) {
        const series = [["fresh", "fresh load"], ["each", "call of any"], ["warm", "call of one"]]
            .map(([kind, name]) => ({ kind, name, points: steps.map((step) => [step.cells, step[kind]]) }));
        const notes = steps.map(({ pssMiB, pageTablesMiB }) => `${formatNumber((pssMiB + pageTablesMiB) / 1_024)} GiB`);
        parts.push(text("", 24, first - 14, "milliseconds, by live cells of mayfly, and all their memory"));
        parts.push(...plot({ left: 24, top: first, width: half - 24, height, series, labels: steps.map(({ cells }) => short(cells)), notes }));
    }
    const kinds = { mayfly: "fresh", workerd: "workerd" };
    const series = Object.entries(sizes).map(([name, { loads }]) =>
        ({ kind: kinds[name], name, points: Object.entries(loads).map(([size, { p50 }]) => [parseInt(size), (p50 * 1_000) / parseInt(size)]) }));
    const labels = Object.keys(Object.values(sizes)[0].loads).map((size) => (parseInt(size) >= 1_000 ? `${parseInt(size) / 1_000} MB` : size));
    parts.push(text("", half + 24, first - 14, "microseconds for each KB of code, by its size"));
    parts.push(...plot({ left: half + 24, top: first, width: half - 24, height, series, labels }));
    return { parts, end: first + height + 44 };
}

const PANELS = [["results.json", comparison], ["peers.json", others], ["growth.json", growth]];

/** Writes the chart; returns its path. */
export function drawChart() {
    const parts = [];
    let top = 24;
    for (const [file, panel] of PANELS) {
        const path = join(OUT, file);
        const drawn = existsSync(path) ? panel(JSON.parse(readFileSync(path, "utf8")), top) : null;
        if (!drawn) continue;
        parts.push(...drawn.parts);
        top = drawn.end + 24;
    }
    const height = top - 10;
    const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height.toFixed(0)}" role="img" aria-label="The benchmark of mayfly">`;
    const card = shape("rect", { class: "card", width: WIDTH, height, rx: 8 });
    const path = join(OUT, "chart.svg");
    writeFileSync(path, [head, `<style>${STYLE}\n</style>`, card, ...parts, "</svg>\n"].join("\n"));
    return path;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(drawChart());
