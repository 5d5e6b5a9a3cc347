// Practice in reading what models write: parsers run at a tenth of their speed until the engine has compiled them, and the
// first hundred executions would pay for that. It is done while nobody asks for anything; 0.3 s of CPU, once.

import { normalizeCode } from "../code/normalize";

const TURNS = 200;
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

/** Practises now and then until it has been enough; `isBusy` says whether there is something to do. */
export function startPractice(isBusy: () => boolean): void {
    let turn = 0;
    const practise = (): void => {
        if (!isBusy()) {
            for (const sample of SAMPLES) normalizeCode(sample, ["api"]);
            turn++;
        }
        if (turn < TURNS) setTimeout(practise, isBusy() ? BUSY_MS : PAUSE_MS);
    };
    setTimeout(practise, BUSY_MS);
}
