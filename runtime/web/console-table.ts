// console.table: rows and columns in a frame of lines.

import { inspect } from "./inspect";

/** How many rows and columns are shown. */
const rowsMax = 1000;
const columnsMax = 50;

const indexColumn = "(index)";
const valueColumn = "Values";

type Row = { index: string; cells: Map<string, string> };

function cell(value: unknown): string {
    return inspect(value, { depth: 0 }).replaceAll("\n", " ");
}

function entriesOf(data: object): [unknown, unknown][] {
    if (data instanceof Map) {
        return [...data].slice(0, rowsMax);
    }
    if (data instanceof Set) {
        return [...data].slice(0, rowsMax).map((value, index) => [index, value]);
    }
    return Object.keys(data)
        .slice(0, rowsMax)
        .map((key) => [key, (data as Record<string, unknown>)[key]]);
}

function rowOf(index: string, value: unknown, wanted: readonly string[] | undefined): Row {
    if (typeof value !== "object" || value === null) {
        return { index, cells: new Map([[valueColumn, cell(value)]]) };
    }
    const keys = wanted ?? Object.keys(value).slice(0, columnsMax);
    const has = keys.filter((key) => Object.hasOwn(value, key));
    return { index, cells: new Map(has.map((key) => [key, cell((value as Record<string, unknown>)[key])])) };
}

function draw(columns: readonly string[], rows: readonly Row[]): string {
    const table = [
        [indexColumn, ...columns],
        ...rows.map((row) => [row.index, ...columns.map((column) => row.cells.get(column) ?? "")]),
    ];
    const widths = table[0]!.map((_, at) => Math.max(...table.map((line) => line[at]!.length)));
    const rule = (left: string, middle: string, right: string) =>
        left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
    const [head, ...body] = table.map(
        (line) => `│${line.map((text, at) => ` ${text.padEnd(widths[at]!)} `).join("│")}│`,
    );
    return [rule("┌", "┬", "┐"), head, rule("├", "┼", "┤"), ...body, rule("└", "┴", "┘")].join("\n");
}

/** The data as a table; undefined if it is no object. */
export function formatTable(data: unknown, wanted?: readonly string[]): string | undefined {
    if (typeof data !== "object" || data === null) {
        return undefined;
    }
    const rows = entriesOf(data).map(([key, value]) => rowOf(String(key), value, wanted));
    const found = new Set(rows.flatMap((row) => [...row.cells.keys()]));
    const columns = wanted ?? [...found].filter((column) => column !== valueColumn);
    const values = found.has(valueColumn) ? [valueColumn] : [];
    return draw([...columns.slice(0, columnsMax), ...values], rows);
}
