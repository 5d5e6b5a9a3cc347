// Node's modules for workers with nodejs_compat: a part of the runtime, evaluated when a worker first names one of them,
// and then only what that one needs. unenv's where those are good, ours where it has none. Modules that need a machine
// around them (files, sockets, processes) can be imported, since packages do so without need, and throw when used.

declare const require: (path: string) => Record<string, unknown>;

type Load = () => Record<string, unknown>;

/** Streams and what stands on them are a part of their own. */
const stream = (name: string): Load => () => (require("../nodestream/main").modules as Record<string, Load>)[name]!();

const modules: Record<string, Load> = {
    assert: () => require("./assert"),
    "assert/strict": () => require("./assert"),
    async_hooks: () => require("./async-hooks"),
    buffer: () => require("./buffer"),
    child_process: () => require("unenv/node/child_process"),
    cluster: () => require("unenv/node/cluster"),
    console: () => require("./console"),
    constants: () => require("unenv/node/constants"),
    crypto: () => require("./crypto"),
    dgram: () => require("unenv/node/dgram"),
    diagnostics_channel: () => require("./diagnostics-channel"),
    dns: () => require("unenv/node/dns"),
    "dns/promises": () => require("unenv/node/dns/promises"),
    domain: () => require("unenv/node/domain"),
    events: () => require("./events"),
    fs: () => require("unenv/node/fs"),
    "fs/promises": () => require("unenv/node/fs/promises"),
    http: () => require("unenv/node/http"),
    http2: () => require("unenv/node/http2"),
    https: () => require("unenv/node/https"),
    inspector: () => require("unenv/node/inspector"),
    "inspector/promises": () => require("unenv/node/inspector/promises"),
    module: () => require("./module"),
    net: () => require("unenv/node/net"),
    os: () => require("unenv/node/os"),
    path: () => require("unenv/node/path"),
    "path/posix": () => require("unenv/node/path/posix"),
    "path/win32": () => require("unenv/node/path/win32"),
    perf_hooks: () => require("unenv/node/perf_hooks"),
    process: () => require("./process"),
    punycode: () => require("unenv/node/punycode"),
    querystring: () => require("unenv/node/querystring"),
    readline: () => require("unenv/node/readline"),
    "readline/promises": () => require("unenv/node/readline/promises"),
    repl: () => require("unenv/node/repl"),
    sqlite: () => require("unenv/node/sqlite"),
    stream: stream("stream"),
    "stream/consumers": stream("stream/consumers"),
    "stream/promises": stream("stream/promises"),
    "stream/web": stream("stream/web"),
    string_decoder: () => require("./string-decoder"),
    sys: () => require("./util"),
    test: () => require("./test"),
    timers: () => require("./timers"),
    "timers/promises": () => require("./timers-promises"),
    tls: () => require("unenv/node/tls"),
    trace_events: () => require("unenv/node/trace_events"),
    tty: () => require("unenv/node/tty"),
    url: () => require("unenv/node/url"),
    util: () => require("./util"),
    "util/types": () => require("./util-types"),
    v8: () => require("./v8"),
    vm: () => require("unenv/node/vm"),
    wasi: () => require("unenv/node/wasi"),
    worker_threads: () => require("unenv/node/worker_threads"),
    zlib: stream("zlib"),
};

/** The dates since which Cloudflare has those that a worker can also ask for, or decline, by a flag of their own. */
const sinceDate: Record<string, string> = {
    console: "2025-09-21",
    vm: "2025-10-01",
    cluster: "2025-12-04",
    domain: "2025-12-04",
    trace_events: "2025-12-04",
    wasi: "2025-12-04",
    dgram: "2026-01-29",
    inspector: "2026-01-29",
    sqlite: "2026-01-29",
    readline: "2026-03-17",
    repl: "2026-03-17",
    v8: "2026-03-17",
};

const present = new Set(Object.keys(modules));

/** Their names, without `node:`. */
export const names: ReadonlySet<string> = present;

/** Those that are found under `node:` alone, since packages and modules of workers have their names. */
export const prefixed: ReadonlySet<string> = new Set(["test"]);

/** Takes away what a worker of these flags and this date does not have; called before any is loaded. */
export function withhold(flags: readonly string[], date: string): void {
    for (const name of names) {
        const [family] = name.split("/") as [string];
        const since = sinceDate[family];
        if (since === undefined || flags.includes(`enable_nodejs_${family}_module`)) continue;
        if (date >= since && !flags.includes(`disable_nodejs_${family}_module`)) continue;
        present.delete(name);
        delete modules[name];
    }
}

const made = new Map<string, Record<string, unknown>>();

/** The namespace of a module; undefined if there is none of that name. */
export function load(name: string): Record<string, unknown> | undefined {
    const known = made.get(name);
    if (known !== undefined || !Object.hasOwn(modules, name)) return known;
    const exports = modules[name]!();
    const namespace: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, value] of Object.entries(exports)) namespace[key] = value;
    namespace.default ??= { ...namespace };
    Object.defineProperty(namespace, Symbol.toStringTag, { value: "Module" });
    made.set(name, Object.freeze(namespace));
    return namespace;
}
