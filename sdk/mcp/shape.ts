// What a value is, in a few words of TypeScript: for who took it to be something else.

const DEPTH_MAX = 3;
const KEYS_MAX = 12;
const TEXT_CHARACTERS_MAX = 60;
export const SHAPE_CHARACTERS_MAX = 300;

/** Elements that are looked at: lists have much of the same. */
const ELEMENTS_MAX = 5;

const isPlain = (value: unknown): value is object => Object.prototype.toString.call(value) === "[object Object]";

/** Shapes of what stands in one place; a list that happens to be empty says nothing beside others. */
function united(shapes: string[]): string {
    const different = [...new Set(shapes)];
    return (different.some((one) => one.endsWith("[]") && one !== "[]") ? different.filter((one) => one !== "[]") : different).join(" | ");
}

/** Objects of one list as one: what some do not have is optional. */
function shapeOfObjects(values: object[], depth: number): string {
    const keys = [...new Set(values.flatMap((value) => Object.keys(value)))];
    if (depth >= DEPTH_MAX) return keys.length > 0 ? "{ … }" : "{}";
    const members = keys.slice(0, KEYS_MAX).map((key) => {
        const having = values.filter((value) => Object.hasOwn(value, key));
        const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
        return `${name}${having.length < values.length ? "?" : ""}: ${united(having.map((value) => shape((value as Record<string, unknown>)[key], depth + 1)))}`;
    });
    if (keys.length > members.length) members.push("…");
    return members.length > 0 ? `{ ${members.join("; ")} }` : "{}";
}

function shapeOfElements(all: unknown[], depth: number): string {
    const values = all.slice(0, ELEMENTS_MAX);
    return values.length > 0 && values.every(isPlain) ? shapeOfObjects(values, depth) : united(values.map((one) => shape(one, depth)));
}

function shape(value: unknown, depth: number): string {
    if (value === null || value === undefined) return String(value);
    if (typeof value !== "object") return typeof value;
    if (Array.isArray(value)) {
        if (value.length === 0) return "[]";
        const elements = shapeOfElements(value, depth);
        return /^[^{}]* \| /.test(elements) ? `(${elements})[]` : `${elements}[]`;
    }
    if (value instanceof Map) return `Map<${shapeOfElements([...value.keys()], depth)}, ${shapeOfElements([...value.values()], depth)}>`;
    if (value instanceof Set) return `Set<${shapeOfElements([...value], depth)}>`;
    return isPlain(value) ? shapeOfObjects([value], depth) : Object.prototype.toString.call(value).slice(8, -1);
}

/** The shape of a value; a text comes with its beginning, which tells what it is a text of. */
export function shapeOf(value: unknown): string {
    let words: string;
    try {
        words = shape(value, 0);
    } catch {
        words = typeof value;
    }
    if (typeof value === "string") words += ` ${JSON.stringify(value.length > TEXT_CHARACTERS_MAX ? `${value.slice(0, TEXT_CHARACTERS_MAX)}…` : value)}`;
    return words.length > SHAPE_CHARACTERS_MAX ? `${words.slice(0, SHAPE_CHARACTERS_MAX)}…` : words;
}
