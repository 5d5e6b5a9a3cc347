// What is said of wrong arguments, in the words of V8's Web IDL bindings. `where` is, for example,
// "execute 'append' on 'FormData'" or "construct 'File'".

/** Throws TypeError unless at least `wanted` arguments were given. */
export function needArguments(where: string, wanted: number, given: number): void {
    if (given < wanted) {
        const plural = wanted > 1 ? "s" : "";
        throw new TypeError(`Failed to ${where}: ${wanted} argument${plural} required, but only ${given} present.`);
    }
}

/** The error for a parameter, counted from 1, that is not of a type. */
export function wrongType(where: string, parameter: number, type: string): TypeError {
    return new TypeError(`Failed to ${where}: parameter ${parameter} is not of type '${type}'.`);
}
