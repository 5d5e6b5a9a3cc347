// Stands in for the package `tr46` when whatwg-url asks for it (an alias of the build), so that its 220 kB of tables
// are built only for a host name that is not ASCII.

import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

interface Tr46 {
    toASCII(domain: string, options: object): string | null;
}

const tr46 = lazy(() => require("../../node_modules/tr46/index.js") as Tr46);

/** The host name as ASCII labels, or null if it is not valid; options are those of tr46. */
export function toASCII(domain: string, options: object): string | null {
    return tr46().toASCII(domain, options);
}
