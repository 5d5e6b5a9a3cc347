// Where a script is wrong. JavaScriptCore tells the line of a syntax error and quotes the token, not the column. So the
// line is broken in front of one token after another: what stumbled on a later token is then on the next line.

import { native } from "../web/host";
import type { Place } from "./record";

/** Strings whole, so that no break falls into them; names and numbers; anything else. */
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w$\u0080-\uffff]+|\S/g;

const LINE_BREAK = /\r\n|[\n\r\u2028\u2029]/g;

/** Breaks that are tried; on a longer line than that allows, the place is near. */
const PROBES_MAX = 64;

/** The line of the syntax error in a script; undefined if it has none. */
function errorLine(script: string, url: string): number | undefined {
    try {
        native.evaluate(script, url);
        return undefined;
    } catch (thrown) {
        return thrown instanceof SyntaxError ? (thrown as SyntaxError & { line: number }).line : undefined;
    }
}

/** Start and end of a line; beyond the last line, the script's end. */
function lineAt(script: string, line: number): [number, number] {
    let start = 0;
    let number = 1;
    for (const { index, 0: text } of script.matchAll(LINE_BREAK)) {
        if (number === line) return [start, index];
        start = index + text.length;
        number++;
    }
    return number === line ? [start, script.length] : [script.length, script.length];
}

/**
 * The place of `error` in `script`, which is a function's expression, so that evaluating it runs nothing. `from` is
 * where the module's own text begins on line 1.
 */
export function syntaxErrorPlace(error: { line: number; message: string }, script: string, url: string, from: number): Place {
    const { line } = error;
    const [start, end] = lineAt(script, line);
    const text = script.slice(start, end);
    const own = line === 1 ? from : 0;
    const quoted = /'([^']+)'/.exec(error.message)?.[1];
    const tokens = [...text.matchAll(TOKEN)].filter((token) => token.index >= own);
    const named = tokens.filter((token) => token[0] === quoted);
    const columns = (named.length > 0 ? named : tokens).map((token) => token.index);
    const isBehind = (column: number): boolean => {
        const broken = `${script.slice(0, start + column)}\n${script.slice(start + column)}`;
        const found = errorLine(broken, url);
        return found === undefined || found > line;
    };
    if (columns.length === 0) return { line, column: text.length + 1 };
    return { line, column: lastBehind(columns, isBehind) + 1 };
}

/** The last of the columns that the error does not stand before; the first if there is none. */
function lastBehind(columns: number[], isBehind: (column: number) => boolean): number {
    let low = 0;
    let high = columns.length;
    for (let probes = 0; high - low > 1 && probes < PROBES_MAX; probes++) {
        const middle = (low + high) >> 1;
        if (isBehind(columns[middle]!)) low = middle;
        else high = middle;
    }
    return columns[low]!;
}
