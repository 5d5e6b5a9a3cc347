// process: what a worker can know of one. Its env is the text in the worker's env, as Cloudflare fills it; there is no
// process to end, and nothing to write to but the console.

import * as events from "./events";

type Listener = (...args: unknown[]) => void;
const EventEmitter = events.EventEmitter as unknown as new () => { on(name: string, listener: Listener): unknown };

const started = performance.now();

function hrtime(since?: [number, number]): [number, number] {
    const now = performance.now();
    let [seconds, nanoseconds] = [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
    if (since) {
        seconds -= since[0];
        nanoseconds -= since[1];
        if (nanoseconds < 0) [seconds, nanoseconds] = [seconds - 1, nanoseconds + 1e9];
    }
    return [seconds, nanoseconds];
}
hrtime.bigint = (): bigint => BigInt(Math.floor(performance.now() * 1e6));

/** As in Node, its values are texts, whatever is assigned. Assignments, too, come to defineProperty. */
const environment: ProxyHandler<Record<string, string>> = {
    defineProperty(target, name, descriptor) {
        if (descriptor.get || descriptor.set) {
            const error = new TypeError("The argument 'descriptor' process.env value must not have getter/setter.");
            throw Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
        }
        const own = "value" in descriptor ? { ...descriptor, value: `${descriptor.value}` } : descriptor;
        return Reflect.defineProperty(target, name, own);
    },
};

class Process extends EventEmitter {
    env: Record<string, string> = new Proxy({}, environment);
    readonly title = "mayfly";
    readonly version = "v22.19.0";
    readonly versions = { node: "22.19.0" };
    readonly arch = "x64";
    readonly platform = "linux";
    readonly argv: string[] = [];
    readonly execArgv: string[] = [];
    readonly argv0 = "";
    readonly execPath = "";
    readonly pid = 1;
    readonly ppid = 0;
    readonly features = {};
    readonly release = { name: "node" };
    exitCode: number | undefined;
    readonly hrtime = hrtime;

    cwd(): string {
        return "/bundle";
    }

    chdir(): void {
        throw new Error("process.chdir() is not supported in workers");
    }

    nextTick(run: Listener, ...args: unknown[]): void {
        queueMicrotask(() => run(...args));
    }

    uptime(): number {
        return (performance.now() - started) / 1000;
    }

    emitWarning(warning: string | Error): void {
        console.warn(warning instanceof Error ? warning : `Warning: ${warning}`);
    }

    exit(code?: number): never {
        throw new Error(`process.exit(${code ?? ""}) is not supported in workers`);
    }

    abort(): never {
        throw new Error("process.abort() is not supported in workers");
    }

    umask(): number {
        return 0o22;
    }

    memoryUsage(): Record<string, number> {
        return { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 };
    }

    getBuiltinModule(name: string): unknown {
        const main = require("./main") as typeof import("./main");
        return main.load(name.replace(/^node:/, ""))?.default;
    }

    readonly stdout = { isTTY: false, write: (text: string): boolean => (console.log(text.replace(/\n$/, "")), true) };
    readonly stderr = { isTTY: false, write: (text: string): boolean => (console.error(text.replace(/\n$/, "")), true) };
    readonly stdin = { isTTY: false };
}

declare const require: (path: string) => unknown;

const process = new Process();
export const {
    argv, argv0, arch, env, execArgv, execPath, exitCode, features, pid, platform, ppid, release, stderr, stdin, stdout, title, version,
    versions,
} = process;
export const { hrtime: highResolutionTime } = process;

/** The methods by themselves, which need their process. */
const METHODS = ["abort", "chdir", "cwd", "emitWarning", "exit", "getBuiltinModule", "memoryUsage", "nextTick", "umask", "uptime"] as const;
const methods = Object.fromEntries(METHODS.map((name) => [name, (process[name] as Listener).bind(process)])) as Pick<Process, (typeof METHODS)[number]>;
export const { abort, chdir, cwd, emitWarning, exit, getBuiltinModule, memoryUsage, nextTick, umask, uptime } = methods;
export { highResolutionTime as hrtime };
export default process;
