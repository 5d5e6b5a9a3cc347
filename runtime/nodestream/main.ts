// node:stream and node:zlib: a part of the runtime beside that of Node's other modules, evaluated when a worker first names
// one of them. Streams are readable-stream, which is Node's own code; zlib's work on native.codec.

type Load = () => Record<string, unknown>;

declare const require: (path: string) => Record<string, unknown>;

export const modules: Record<string, Load> = {
    stream: () => require("./stream"),
    "stream/consumers": () => require("./consumers"),
    "stream/promises": () => require("./promises"),
    "stream/web": () => require("./web"),
    zlib: () => require("./zlib"),
};
