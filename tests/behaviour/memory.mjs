// Searches the memory of a process for texts, and prints as JSON what it found: [{ process, bytes, found: { text:
// [encodings] }, tap: { bytes, isWhole, found: [texts] } }]. A program of its own, since only root may look into cells.
//
//     node memory.mjs '["text", ...]' PID...
//
// All pages are searched that are there and may be read, but for those of files that nobody could write to; a page that
// was never touched holds nothing of anybody's.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const PAGE = 4096;
const PIECE_PAGES = 4096;
/** In the highest byte of an entry of /proc/PID/pagemap. */
const PRESENT_OR_SWAPPED = 0x40;
const OF_A_FILE = 0x20;
const TAP_MARK = "mayfly tap begins here"; // tests/tap/tap.c
const TAP_HEAD_BYTES = 32;
const TAP_BYTES = 8 << 20;
const PIECE_BYTES = 8 << 20;
const OVERLAP_BYTES = 256;

/** How a text may lie in memory, in Latin-1. Base64 depends on what stands before, so the middle of each way is looked for. */
function encodings(text) {
    const utf8 = Buffer.from(text);
    const base64 = (before) => {
        const whole = Buffer.concat([Buffer.alloc(before), utf8]).toString("base64");
        return whole.slice(Math.ceil((before * 4) / 3) + 1, Math.floor(((before + utf8.length) * 4) / 3) - 2);
    };
    const utf16 = Buffer.from(text, "utf16le").toString("latin1");
    return { utf8: utf8.toString("latin1"), utf16, hex: utf8.toString("hex"), base64: base64(0), "base64+1": base64(1), "base64+2": base64(2) };
}

/** Runs of pages that are there, as [first address, length]. */
function* presentRuns(pid) {
    const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
    for (const line of readFileSync(`/proc/${pid}/maps`, "latin1").split("\n")) {
        const match = /^([0-9a-f]+)-([0-9a-f]+) r(.).(.).*?(\[.*\])?$/.exec(line);
        if (!match || /^\[v(var|syscall)/.test(match[5] ?? "")) continue;
        const [from, to] = [Number.parseInt(match[1], 16) / PAGE, Number.parseInt(match[2], 16) / PAGE];
        const isFixed = match[3] === "-" && match[4] === "p";
        let start;
        for (let at = from; at < to; at += PIECE_PAGES) {
            const entries = Buffer.alloc(8 * Math.min(PIECE_PAGES, to - at));
            readSync(pagemap, entries, 0, entries.length, at * 8);
            for (let i = 0; i < entries.length / 8; i++) {
                const flags = entries[i * 8 + 7];
                const isThere = flags >= PRESENT_OR_SWAPPED && !(isFixed && flags & OF_A_FILE);
                if (isThere && start === undefined) start = at + i;
                if (!isThere && start !== undefined) {
                    yield [start * PAGE, (at + i - start) * PAGE];
                    start = undefined;
                }
            }
        }
        if (start !== undefined) yield [start * PAGE, (to - start) * PAGE];
    }
    closeSync(pagemap);
}

/** One buffer for all that is read. */
const room = Buffer.allocUnsafeSlow(PIECE_BYTES + OVERLAP_BYTES);

function readRun(mem, from, length) {
    const bytes = length <= room.length ? room : Buffer.alloc(length);
    let got = 0;
    while (got < length) {
        const n = readSync(mem, bytes, got, length - got, from + got);
        if (n <= 0) break;
        got += n;
    }
    return bytes.subarray(0, got);
}

/** One expression for all texts in all encodings, and what each way of writing stands for. */
function expressionFor(texts) {
    const meanings = new Map(texts.flatMap((text) => Object.entries(encodings(text)).map(([way, needle]) => [needle, [text, way]])));
    const escape = (needle) => needle.replace(/[^a-zA-Z0-9]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
    return { expression: new RegExp([...meanings.keys(), TAP_MARK].map(escape).join("|"), "g"), meanings };
}

function readTap(mem, at, texts) {
    const tapped = Number(readRun(mem, at + TAP_HEAD_BYTES - 8, 8).readBigUInt64LE());
    const copy = readRun(mem, at + TAP_HEAD_BYTES, Math.min(tapped, TAP_BYTES));
    return { bytes: tapped, isWhole: copy.length === tapped, found: texts.filter((text) => copy.includes(text)) };
}

function search(pid, texts) {
    const { expression, meanings } = expressionFor(texts);
    const result = { process: pid, bytes: 0, found: {} };
    const mem = openSync(`/proc/${pid}/mem`, "r");
    for (const [from, length] of presentRuns(pid)) {
        // A piece begins within the one before, so that nothing lies across a border.
        for (let at = 0; at < length; at += PIECE_BYTES) {
            const bytes = readRun(mem, from + at, Math.min(PIECE_BYTES + OVERLAP_BYTES, length - at));
            result.bytes += Math.min(bytes.length, PIECE_BYTES);
            for (const { 0: needle, index } of bytes.latin1Slice().matchAll(expression)) {
                if (needle === TAP_MARK) {
                    result.tap = readTap(mem, from + at + index, texts);
                    continue;
                }
                const [text, way] = meanings.get(needle);
                const found = (result.found[text] ??= []);
                if (!found.includes(way)) found.push(way);
            }
        }
    }
    closeSync(mem);
    return result;
}

const [texts, ...pids] = process.argv.slice(2);
console.log(JSON.stringify(pids.map((pid) => search(Number(pid), JSON.parse(texts)))));
