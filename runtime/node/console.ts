// node:console: the worker's own, and consoles that write to streams.

import { format } from "../web/format";
import { define } from "../web/lazy";

interface Output {
    write(text: string): unknown;
}
interface Options {
    stdout: Output;
    stderr?: Output;
}
type Method = (...args: unknown[]) => void;

/** What a console prints goes to these of its streams; its other methods are those of the worker's. */
const STREAM_OF = { log: "stdout", info: "stdout", debug: "stdout", dirxml: "stdout", warn: "stderr", error: "stderr", trace: "stderr" } as const;

/** A function, as in Node, that can be called without `new`. */
export const Console = function (this: object | undefined, first: Output | Options, second?: Output): object {
    const { stdout, stderr = stdout } = "stdout" in first ? first : { stdout: first, stderr: second };
    const made = Object.create(Console.prototype as object) as Record<string, Method>;
    const streams = { stdout, stderr };
    for (const [name, stream] of Object.entries(STREAM_OF)) {
        made[name] = (...args) => void streams[stream].write(`${format(args)}\n`);
    }
    return made;
} as unknown as { new (first: Output | Options, second?: Output): Record<string, Method>; readonly prototype: object };
Object.setPrototypeOf(Console.prototype, globalThis.console);

const own = globalThis.console;
define(own, "Console", Console);
export const { assert, clear, count, countReset, debug, dir, dirxml, error, group, groupCollapsed, groupEnd, info, log } = own;
export const { table, time, timeEnd, timeLog, timeStamp, trace, warn } = own;
export default own;
