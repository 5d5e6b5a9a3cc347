// Names for TypeScript out of names that were never meant for it.

const RESERVED = new Set(
    (
        "abstract arguments await boolean break byte case catch char class const continue debugger default delete do double " +
        "else enum eval export extends false final finally float for function goto if implements import in instanceof int " +
        "interface let long native new null package private protected public return short static super switch " +
        "synchronized this throw throws transient true try typeof undefined var void volatile while with yield"
    ).split(" "),
);

/** Properties that no namespace has as functions: an object with these is awaited, or written as JSON, by them. */
const UNCALLABLE = new Set(["then", "toJSON"]);

/** Types that declarations use, so no type of a document may take their names. */
const TAKEN_TYPES = ["Array", "Promise", "Record", "Omit", "Uint8Array", "File", "Object", "String", "Number", "Boolean", "Symbol", "Function"];

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
    return RESERVED.has(clean) ? `${clean}_` : callableName(clean);
}

/** A function's name, or another where no namespace can have it. */
export function callableName(name: string): string {
    return UNCALLABLE.has(name) ? `${name}_` : name;
}

/** Letters and digits of all scripts, as identifiers may have them. */
function words(name: string): string[] {
    return name.normalize().split(/(?:\P{ID_Continue}|\p{Pc})+/u).filter((word) => word !== "");
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** `full-repository` as FullRepository. */
export function pascalCase(name: string): string {
    const joined = words(name).map(capital).join("");
    if (joined === "") return "Unnamed";
    return /^\p{ID_Start}/u.test(joined) ? joined : `T${joined}`;
}

/** `repos/list-for-user` as reposListForUser. */
export function camelCase(name: string): string {
    const pascal = words(name).map(capital).join("");
    const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
    if (camel === "") return "_";
    if (!/^\p{ID_Start}/u.test(camel)) return `_${camel}`;
    return RESERVED.has(camel) ? `${camel}_` : callableName(camel);
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
