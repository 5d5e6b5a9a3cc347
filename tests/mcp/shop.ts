// Tools for the tests of mayfly mcp: a little shop.

export interface Item {
    id: number;
    name: string;
    /** in cents */
    price: number;
}

const items: Item[] = Array.from({ length: 40 }, (_, n) => ({ id: n + 1, name: `item ${n + 1}`, price: 100 + 7 * n }));

/** Lists all items. */
export function listItems(): Item[] {
    return items;
}

/** Finds an item by its id. Fails if there is none. */
export async function getItem(input: { id: number }): Promise<Item> {
    const item = items.find(({ id }) => id === input.id);
    if (!item) throw new Error(`there is no item ${input.id}`);
    return item;
}

/** Adds two numbers. */
export const add = (a: number, b = 1): number => a + b;

/** A lot of text. */
export function bigText(input: { characters: number }): string {
    return "x".repeat(input.characters);
}

export function never(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 1e6));
}

export function loop(): void {
    for (;;);
}

/** Throws what is no error. */
export function refuse(kind: string): never {
    const circular = { kind, itself: {} };
    circular.itself = circular;
    const hostile = { get message() { throw 1; } };
    throw { text: "just text", object: { code: 1, message: "words" }, data: { reasons: ["a"] }, long: { data: "x".repeat(1e6) }, circular, hostile, nothing: null }[kind];
}

export function notATool(this: unknown): void {}
