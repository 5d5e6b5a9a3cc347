// JSON Schema as it arrives: values that nobody has checked. Every schema here is `unknown` until one of these
// functions has looked at it; documents may be wrong, cyclic or hostile, and nothing here throws for that.

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A property that the object itself has. */
export function own(object: unknown, key: string): unknown {
    return isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}

export function list(value: unknown): unknown[] {
    return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
    return typeof value === "string" ? value : "";
}

/** The names in `required`; OpenAPI 2's `required: true` on a property is none. */
export function requiredNames(schema: Json): Set<string> {
    return new Set(list(own(schema, "required")).filter((name) => typeof name === "string"));
}

function decodeSegment(segment: string): string {
    let decoded = segment;
    try {
        decoded = decodeURIComponent(segment);
    } catch {
        // Not percent-encoded, so it is what it says.
    }
    return decoded.replaceAll("~1", "/").replaceAll("~0", "~");
}

export function pointerSegments(pointer: string): string[] {
    return pointer.split("/").slice(1).map(decodeSegment);
}

function step(value: unknown, segment: string): unknown {
    if (Array.isArray(value)) return /^\d+$/.test(segment) ? value[Number(segment)] : undefined;
    return own(value, segment);
}

/** Values that a document may be, with what YAML's aliases repeat in it: some hundred bytes can be many thousand million. */
const VALUES_MAX = 2_000_000;

/** How many values this is if what is shared counts each time that it stands there; Infinity if it contains itself. */
function expandedSize(root: unknown): number {
    const sizes = new Map<object, number>();
    const open = new Set<object>();
    const sizeOf = (value: unknown): number => (typeof value === "object" && value !== null ? (sizes.get(value) ?? Infinity) : 1);
    const waiting = [root];
    while (waiting.length > 0) {
        const value = waiting.at(-1);
        if (typeof value === "object" && value !== null && !sizes.has(value)) {
            const inner = Object.values(value);
            if (!open.has(value)) {
                open.add(value);
                for (const one of inner) waiting.push(one);
                continue;
            }
            sizes.set(value, inner.reduce((sum: number, one) => sum + sizeOf(one), 1));
        }
        waiting.pop();
    }
    return sizeOf(root);
}

/** Refuses a document that aliases make too large to be walked. */
export function checkExpansion(root: unknown): void {
    const size = expandedSize(root);
    if (size <= VALUES_MAX) return;
    throw new Error(`its aliases make ${size === Infinity ? "an endless document" : `${size} values`} of it, and ${VALUES_MAX} are the most`);
}

/** A document, and what its references mean. */
export class SchemaDocument {
    readonly root: unknown;
    #anchors: Map<string, string> | undefined;

    constructor(root: unknown) {
        this.root = root;
    }

    /** The pointer that a $ref means: itself, or where its anchor stands; undefined if it leads out of the document. */
    pointer(ref: string): string | undefined {
        if (ref === "" || ref === "#" || ref === "#/") return "#";
        if (ref.startsWith("#/")) return ref;
        return this.#anchored().get(ref);
    }

    /** What its references point to, in the order in which they stand in it. */
    targets(): Set<string> {
        const targets = new Set<string>();
        const seen = new Set<unknown>();
        const waiting: unknown[] = [this.root];
        while (waiting.length > 0) {
            const value = waiting.pop();
            if (typeof value !== "object" || value === null || seen.has(value)) continue;
            seen.add(value);
            const ref = own(value, "$ref");
            const pointer = typeof ref === "string" ? this.pointer(ref) : undefined;
            if (pointer !== undefined) targets.add(pointer);
            for (const inner of Object.values(value).reverse()) waiting.push(inner);
        }
        return targets;
    }

    /** What stands at a pointer; undefined if nothing does. */
    at(pointer: string): unknown {
        let value = this.root;
        for (const segment of pointerSegments(pointer)) value = step(value, segment);
        return value;
    }

    /** Follows references until something else stands there; undefined if they go in a circle or lead nowhere. */
    resolve(value: unknown): unknown {
        const seen = new Set<string>();
        while (typeof own(value, "$ref") === "string") {
            const pointer = this.pointer((value as { $ref: string }).$ref);
            if (pointer === undefined || seen.has(pointer)) return undefined;
            seen.add(pointer);
            value = this.at(pointer);
        }
        return value;
    }

    /** `$anchor` and `$id` of subschemas; looked for once, and only in documents that refer by them. */
    #anchored(): Map<string, string> {
        if (this.#anchors) return this.#anchors;
        const anchors = (this.#anchors = new Map<string, string>());
        const seen = new Set<unknown>();
        const waiting: [unknown, string][] = [[this.root, "#"]];
        for (let next = waiting.pop(); next; next = waiting.pop()) {
            const [value, pointer] = next;
            if (typeof value !== "object" || value === null || seen.has(value)) continue;
            seen.add(value);
            const anchor = own(value, "$anchor");
            const id = own(value, "$id");
            if (typeof anchor === "string" && !anchors.has(`#${anchor}`)) anchors.set(`#${anchor}`, pointer);
            if (typeof id === "string" && !anchors.has(id)) anchors.set(id, pointer);
            for (const [key, inner] of Object.entries(value)) {
                waiting.push([inner, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`]);
            }
        }
        return anchors;
    }
}
