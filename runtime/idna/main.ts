// Host names that are not ASCII: a part of the runtime, since its tables are a third of what all else is.

declare const require: (path: string) => unknown;

interface Tr46 {
    /** The host name as ASCII labels, or null if it is not valid. */
    toASCII(domain: string, options: object): string | null;
}

export const { toASCII } = require("tr46") as Tr46;
