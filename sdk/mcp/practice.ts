// Practice in what `mayfly mcp` is for: to read what models write, and to run it. Parsers, and all that a call passes through, run at a
// tenth of their speed until the engine has compiled them, and the first hundreds of executions would pay for that. So while nobody asks
// for anything such messages are answered, with sandboxes and all, against functions that do nothing; half a second of CPU, once.

import { Catalog, type Source } from "./catalog";
import { DEFAULT_LIMITS, type Loader } from "./execute";
import { answerMessage } from "./protocol";
import { Tools } from "./tools";

const TURNS = 400;
const PAUSE_MS = 5;
const BUSY_MS = 100;

/** As models write: a function, statements, TypeScript in a fence. */
const SAMPLES = [
    `async () => {
    const found = [];
    for (let i = 0; i < 3; i++) {
        const { items } = await api.list({ page: i, query: \`n:\${i}\` });
        found.push(...items.filter((item) => item.open && item.id > 1));
    }
    return { total: found.length, first: found[0]?.name ?? "none" };
}`,
    `const { data } = await api.get({ id: "a", deep: { list: [1, 2.5], on: true } });
// The names alone.
const names = data.map(({ name, ...rest }) => name.replace(/[a-z]+/g, (word) => word.toUpperCase()));
if (names.length === 0) throw new Error("Nothing there");
names.join(", ")`,
    "Here it is:\n\n```ts\ninterface Item { id: number; tags?: string[] }\n" +
        "async function main(): Promise<Item[]> {\n    const all = (await Promise.all([1, 2].map((id) => api.get({ id })))) as Item[];\n" +
        "    return all.sort((a, b) => b.id - a.id).slice(0, 10);\n}\n```\n",
];

const ITEMS = [{ id: 1, name: "one", open: true }, { id: 2, name: "two", open: false, tags: ["a"] }];

const api: Source = {
    namespace: "api",
    title: "",
    entries: ["list", "get"].map((name) => ({ name, summary: "", words: "" })),
    declare: () => ({ signatures: [], types: [] }),
    type: () => [],
    call: async (name) => (name === "list" ? { items: ITEMS } : { data: ITEMS }),
};

/** Practises now and then until it has been enough; `isBusy` says whether there is something to do. */
export function startPractice(loader: Loader, isBusy: () => boolean): void {
    const tools = Promise.resolve(new Tools(new Catalog([api]), loader, DEFAULT_LIMITS, async () => {}));
    let turn = 0;
    const practise = async (): Promise<void> => {
        if (!isBusy()) {
            const code = SAMPLES[turn % SAMPLES.length]!;
            await answerMessage(tools, { jsonrpc: "2.0", id: ++turn, method: "tools/call", params: { name: "execute", arguments: { code } } });
        }
        if (turn < TURNS) setTimeout(() => void practise(), isBusy() ? BUSY_MS : PAUSE_MS);
    };
    setTimeout(() => void practise(), BUSY_MS);
}
