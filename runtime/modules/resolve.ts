// Which module a specifier means: module names act as paths.

/** Specifiers that are names whoever says them. */
const SCHEME = /^(?:cloudflare|node|workerd):/;

/** Specifiers that are paths and nothing else. */
const PATH = /^(?:\/|\.\.?\/|\.\.?$)/;

/** The path without empty, `.` and `..` segments; undefined if it leads above the root. */
function normalPath(path: string): string | undefined {
    const segments: string[] = [];
    for (const segment of path.split("/")) {
        if (segment === "" || segment === ".") continue;
        if (segment !== "..") segments.push(segment);
        else if (segments.pop() === undefined) return undefined;
    }
    return segments.join("/") || ".";
}

/** A module's name in the form that specifiers are resolved to. */
export function normalName(name: string): string {
    if (!name.includes("/") && name !== "" && name !== "." && name !== "..") return name;
    return SCHEME.test(name) ? name : (normalPath(name) ?? name);
}

/**
 * The names that a specifier may mean, in the order in which they count: what it is as a path from its referrer and,
 * unless it begins with a dot or a slash, the name that it is. Empty if it leads above the root.
 */
export function candidates(specifier: string, referrer: string): string[] {
    if (SCHEME.test(specifier)) return [specifier];
    const isPath = PATH.test(specifier);
    const directory = specifier.startsWith("/") ? "" : referrer.slice(0, referrer.lastIndexOf("/") + 1);
    const path = normalPath(directory + specifier);
    const names = path === undefined ? [] : [path];
    return isPath ? names : [...new Set([...names, specifier])];
}

const TYPED = /\.[mc]?tsx?$/;

/** TypeScript's endings for those of JavaScript. */
const TYPED_ENDINGS: Record<string, string[]> = { ".js": [".ts", ".tsx"], ".jsx": [".tsx"], ".mjs": [".mts"] };

/**
 * The TypeScript modules that a TypeScript module may mean by a path where no module has that name itself: it writes
 * "./b" or, as the compiler leaves it, "./b.js" for b.ts. `path` is the first of the specifier's candidates.
 */
export function typescriptNames(specifier: string, path: string, referrer: string): string[] {
    if (!TYPED.test(referrer) || !PATH.test(specifier)) return [];
    const ending = /\.m?jsx?$/.exec(path)?.[0] ?? "";
    const endings = ending === "" ? [".ts", ".tsx", "/index.ts"] : (TYPED_ENDINGS[ending] ?? []);
    return endings.map((typed) => normalName(path.slice(0, path.length - ending.length) + typed));
}

/** The file: URL that import.meta.url shows; a worker's modules lie in /bundle, as in workerd. */
export function moduleUrl(name: string): string {
    return `file:///bundle/${name.split("/").map(encodeURIComponent).join("/")}`;
}
