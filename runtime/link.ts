// temporary
import type { LoadHead } from "./code";
import { native } from "./web/host";
export async function linkWorker(
    head: LoadHead,
    tail: Uint8Array,
    builtins: Record<string, Record<string, unknown>>,
    askOwner: (name: string) => Promise<{ kind: string; bytes: Uint8Array } | undefined>,
): Promise<Record<string, unknown>> {
    void askOwner;
    try {
        const bytes = tail.subarray(0, head.modules[0]!.size);
        const scan = native.scan(head.mainModule, bytes);
        let prefix = '(function($x){"use strict";';
        for (const i of scan.imports) prefix += `const ${i.local}=$x.b["${scan.requests[i.request]!.specifier}"]["${i.name}"];`;
        const suffix = "\n;return {" + scan.exports.map((e) => `${e.exported}:${e.local}`).join(",") + "}})";
        const f = native.compile(scan.handle, prefix, suffix, head.mainModule) as (x: unknown) => Record<string, unknown>;
        return f({ b: builtins });
    } catch (e) {
        throw new Error("Failed to start Worker:\n" + String(e));
    }
}
