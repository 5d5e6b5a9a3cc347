// Names for TypeScript out of names that were never meant for it.

const RESERVED = new Set(
    (
        "abstract arguments await boolean break byte case catch char class const continue debugger default delete do double " +
        "else enum eval export extends false final finally float for function goto if implements import in instanceof int " +
        "interface let long native new null package private protected public return short static super switch " +
        "synchronized this throw throws transient true try typeof undefined var void volatile while with yield"
    ).split(" "),
);

/** Types that declarations use, so no type of a document may take their names. */
const TAKEN_TYPES = ["Array", "Promise", "Record", "Uint8Array", "Object", "String", "Number", "Boolean", "Symbol", "Function"];

/** An identifier that needs no quotes as a property; ASCII only, so that nothing looks like what it is not. */
export function isIdentifier(name: string): boolean {
    return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name);
}

/** A property's key, quoted if it must be. */
export function propertyKey(name: string): string {
    return isIdentifier(name) ? name : quote(name);
}

/** A string literal that stays on its line. */
export function quote(value: string): string {
    return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** A tool's name as an identifier; the rules of @cloudflare/codemode, so that code for one runs on the other. */
export function sanitizeToolName(name: string): string {
    let clean = name.replace(/[-.\s]/g, "_").replace(/[^A-Za-z0-9_$]/g, "");
    if (clean === "") return "_";
    if (/^[0-9]/.test(clean)) clean = `_${clean}`;
    return RESERVED.has(clean) ? `${clean}_` : clean;
}

function words(name: string): string[] {
    return name.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** `full-repository` as FullRepository. */
export function pascalCase(name: string): string {
    const joined = words(name).map(capital).join("");
    if (joined === "") return "Unnamed";
    return /^[0-9]/.test(joined) ? `T${joined}` : joined;
}

/** `repos/list-for-user` as reposListForUser. */
export function camelCase(name: string): string {
    const pascal = words(name).map(capital).join("");
    return sanitizeToolName(pascal.charAt(0).toLowerCase() + pascal.slice(1));
}

/** Gives each name out once: whoever comes later gets a number behind it. */
export class Names {
    readonly #taken: Set<string>;

    constructor(taken: Iterable<string> = []) {
        this.#taken = new Set(taken);
    }

    static ofTypes(): Names {
        return new Names(TAKEN_TYPES);
    }

    claim(wanted: string): string {
        let name = wanted;
        for (let n = 2; this.#taken.has(name); n++) name = `${wanted}${n}`;
        this.#taken.add(name);
        return name;
    }
}
