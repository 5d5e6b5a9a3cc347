// Stands in for the package `tr46` when whatwg-url asks for it (an alias of the build), so that its tables are loaded only
// for a host name that is not ASCII.

import { part } from "../parts";
import { lazy } from "./lazy";

const tr46 = lazy(() => part<typeof import("../idna/main")>("idna"));

/** The host name as ASCII labels, or null if it is not valid; options are those of tr46. */
export function toASCII(domain: string, options: object): string | null {
    return tr46().toASCII(domain, options);
}
