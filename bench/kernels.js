// What the benchmark has both servers compute. Each kernel is a method that makes what it needs and returns a function;
// calling that is one run, and what it returns must be `expected[name]` on any engine. Methods stand alone: their text
// becomes the source of a dynamic worker.

export const expected = {
    json: 1056665, urls: 5000, headers: 71200, transform: 10485760, sha256: "e5b844cc57f57094", router: 23000, fib: 832040, wasm: 10753840,
    sort: 40000, regexp: 24000, strings: 638883, collections: 60000, matrix: 5,
};

/** The dynamic worker of one kernel. */
export function kernelModules(name) {
    const source = `
import wasm from "./kernel.wasm";
const run = { ${kernels[name]} }[${JSON.stringify(name)}](wasm);
export default { fetch: async () => Response.json({ kernel: ${JSON.stringify(name)}, result: await run() }) };`;
    if (name !== "wasm") return { "main.js": source.replace(/^import.*$/m, "const wasm = null;") };
    return { "main.js": source, "kernel.wasm": { wasm: new Uint8Array(collatz).buffer } };
}

/** Counts the steps of all numbers up to n to 1. (func (export "run") (param $n i32) (result i32) (local $i $x $steps i32)) */
const collatz = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f], // type 0: (i32) -> i32
    [3, 2, 1, 0], // function 0 has type 0
    [7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0], // and is exported as "run"
    [10, 73, 1, 71, 1, 3, 0x7f], // its code, with three locals
    [0x03, 0x40, 0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x21, 2], // loop: x = ++i
    [0x02, 0x40, 0x03, 0x40, 0x20, 2, 0x41, 1, 0x46, 0x0d, 1], // block, loop: leave when x == 1
    [0x20, 2, 0x41, 1, 0x71, 0x04, 0x7f], // x = x & 1
    [0x20, 2, 0x41, 3, 0x6c, 0x41, 1, 0x6a, 0x05, 0x20, 2, 0x41, 1, 0x76, 0x0b, 0x21, 2], // ? 3 * x + 1 : x >>> 1
    [0x20, 3, 0x41, 1, 0x6a, 0x21, 3, 0x0c, 0, 0x0b, 0x0b], // steps++, again
    [0x20, 1, 0x20, 0, 0x49, 0x0d, 0, 0x0b, 0x20, 3, 0x0b], // while i < n; steps
].flat();

const kernels = {
    json() {
        const rows = Array.from({ length: 9000 }, (_, i) => ({ id: i, name: `row number ${i}`, tags: ["a", "b", null], ok: i % 2 === 0, at: i / 7, in: { deep: [i, -i] } }));
        const text = JSON.stringify(rows);
        return () => JSON.stringify(JSON.parse(text)).length; // 1 MB
    },
    urls() {
        const paths = Array.from({ length: 1000 }, (_, i) => `https://user${i}.example.com:8${i % 10}43/a/b${i}/../c d?x=${i}&y=%20z&x=2#frag-${i}`);
        return () => {
            let sum = 0;
            for (const text of paths) {
                const url = new URL(text);
                url.searchParams.append("added", "yes");
                sum += url.pathname.split("/").length + url.searchParams.getAll("x").length - url.port.length + (url.href.includes("added=yes") ? 3 : 0);
                sum += new URL("../other?q=1", url).search.length - 3;
            }
            return sum;
        };
    },
    headers() {
        const names = Array.from({ length: 20 }, (_, i) => `X-Header-${i}`);
        return () => {
            let sum = 0;
            for (let round = 0; round < 200; round++) {
                const headers = new Headers({ "Content-Type": "text/plain", Accept: "*/*" });
                for (const name of names) headers.append(name, `value ${round % 10}`);
                for (const name of names) if (headers.has(name.toLowerCase())) headers.set(name, "other");
                for (const [name, value] of new Headers(headers)) sum += name.length + value.length;
                headers.delete("accept");
                sum += headers.get("x-header-7").length + headers.get("content-type").length;
            }
            return sum;
        };
    },
    transform() {
        const chunk = new Uint8Array(65536);
        return async () => {
            let left = 160;
            let size = 0;
            const source = new ReadableStream({ pull: (c) => (left-- > 0 ? c.enqueue(chunk) : c.close()) });
            const stream = source.pipeThrough(new TransformStream({ transform: (bytes, c) => c.enqueue(bytes.subarray(0)) }));
            for await (const bytes of stream) size += bytes.byteLength;
            return size;
        };
    },
    sha256() {
        const bytes = new Uint8Array(10 << 20);
        return async () => {
            const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
            return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
        };
    },
    router() {
        const routes = Array.from({ length: 200 }, (_, i) => {
            const names = [];
            const pattern = `/api/v${i % 3}/resource${i}/:id/part/:part`.replace(/:(\w+)/g, (_, name) => (names.push(name), "([^/]+)"));
            return { method: i % 2 ? "GET" : "POST", pattern: new RegExp(`^${pattern}/?$`), names };
        });
        const match = (method, path) => {
            for (const route of routes) {
                const found = route.method === method && route.pattern.exec(path);
                if (found) return Object.fromEntries(route.names.map((name, i) => [name, decodeURIComponent(found[i + 1])]));
            }
            return null;
        };
        return () => {
            let sum = 0;
            for (let i = 0; i < 1000; i++) {
                const at = (i * 7) % 200;
                const params = match(at % 2 ? "GET" : "POST", `/api/v${at % 3}/resource${at}/some%20id/part/ten`);
                sum += params.id.length + params.part.length + (match("GET", "/api/v9/none") ? 1 : 13);
            }
            return sum;
        };
    },
    fib() {
        const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
        return () => fib(30);
    },
    wasm(module) {
        const { run } = new WebAssembly.Instance(module).exports;
        return () => run(100000);
    },
    sort() {
        let seed = 1;
        const numbers = Array.from({ length: 40000 }, () => (seed = (seed * 16807) % 2147483647));
        const words = numbers.slice(0, 8000).map((number) => number.toString(36));
        return () => {
            const sorted = numbers.slice().sort((a, b) => a - b);
            const texts = words.slice().sort();
            const rows = words.map((word, i) => ({ word, i })).sort((a, b) => (a.word < b.word ? -1 : 1));
            return sorted.every((number, i) => i === 0 || sorted[i - 1] <= number) && rows[5].word === texts[5] ? sorted.length : 0;
        };
    },
    regexp() {
        const lines = Array.from({ length: 2000 }, (_, i) => `2026-01-${String((i % 28) + 1).padStart(2, "0")}T10:00:00Z host${i} GET /path/${i}?a=1&b=two "agent/${i}" <user${i}@example.com> ${i * 3} ms`);
        const text = lines.join("\n");
        return () => {
            let sum = 0;
            for (const found of text.matchAll(/(\d{4})-(\d\d)-(\d\d)T[\d:]+Z (\S+) (GET|POST) (\S+) "([^"]*)"/g)) sum += found.length;
            sum += text.match(/<[\w.]+@[\w.]+>/g).length + text.replace(/(\w+)=(\w+)/g, "$2:$1").split(/[?&]/).length - 1;
            sum += lines.filter((line) => /(?:a|b|c)*=two\b/i.test(line)).length;
            return sum;
        };
    },
    strings() {
        return () => {
            let text = "";
            for (let i = 0; i < 50000; i++) text += `${i},`;
            const parts = text.split(",");
            let out = [];
            for (const part of parts) if (part !== "") out.push(part.padStart(6, "0").toUpperCase());
            return out.join("-").length + text.indexOf("49999,");
        };
    },
    collections() {
        return () => {
            const map = new Map();
            const set = new Set();
            for (let i = 0; i < 40000; i++) {
                const key = `key ${i % 20000}`;
                map.set(key, (map.get(key) ?? 0) + 1);
                set.add(i & ~1);
            }
            let sum = 0;
            for (const [, count] of map) sum += count;
            for (const number of set) if (set.has(number)) sum++;
            return sum;
        };
    },
    matrix() {
        const n = 160;
        const a = Float64Array.from({ length: n * n }, (_, i) => (i % 7) - 3);
        const b = Float64Array.from({ length: n * n }, (_, i) => (i % 5) - 2);
        const c = new Float64Array(n * n);
        return () => {
            for (let i = 0; i < n; i++) {
                for (let j = 0; j < n; j++) {
                    let sum = 0;
                    for (let k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
                    c[i * n + j] = sum;
                }
            }
            let trace = 0;
            for (let i = 0; i < n; i++) trace += c[i * n + i];
            return trace;
        };
    },
};
