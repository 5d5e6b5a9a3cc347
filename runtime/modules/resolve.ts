// Which module a specifier means: module names act as paths.

/** Resolves ./ and ../ against the referrer's name; any other specifier is a name itself. */
export function resolveSpecifier(specifier: string, referrer: string): string {
    if (!specifier.startsWith("./") && !specifier.startsWith("../") && !specifier.startsWith("/")) return specifier;
    const segments = specifier.startsWith("/") ? [] : referrer.split("/").slice(0, -1);
    for (const segment of specifier.split("/")) {
        if (segment === "" || segment === ".") continue;
        if (segment === "..") segments.pop();
        else segments.push(segment);
    }
    return segments.join("/");
}

/** The file: URL that import.meta.url shows; a worker's modules lie in /bundle, as in workerd. */
export function moduleUrl(name: string): string {
    return `file:///bundle/${name.split("/").map(encodeURIComponent).join("/")}`;
}
