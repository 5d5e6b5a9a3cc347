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
    constants: () => require("unenv/node/constants"),
    crypto: () => require("./crypto"),
    diagnostics_channel: () => require("unenv/node/diagnostics_channel"),
    dns: () => require("unenv/node/dns"),
    "dns/promises": () => require("unenv/node/dns/promises"),
    events: () => require("./events"),
    fs: () => require("unenv/node/fs"),
    "fs/promises": () => require("unenv/node/fs/promises"),
    http: () => require("unenv/node/http"),
    http2: () => require("unenv/node/http2"),
    https: () => require("unenv/node/https"),
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
    stream: stream("stream"),
    "stream/consumers": stream("stream/consumers"),
    "stream/promises": stream("stream/promises"),
    "stream/web": stream("stream/web"),
    string_decoder: () => require("./string-decoder"),
    timers: () => require("./timers"),
    "timers/promises": () => require("./timers-promises"),
    tls: () => require("unenv/node/tls"),
    tty: () => require("unenv/node/tty"),
    url: () => require("unenv/node/url"),
    util: () => require("./util"),
    "util/types": () => require("./util-types"),
    worker_threads: () => require("unenv/node/worker_threads"),
    zlib: stream("zlib"),
};

/** Their names, without `node:`. */
export const names: ReadonlySet<string> = new Set(Object.keys(modules));

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
