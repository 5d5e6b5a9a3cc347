// Errors as Node's modules throw them: their `code` is what packages look at.

declare const require: (path: string) => unknown;

/** Only when something is wrong: it is large. */
function inspect(value: unknown): string {
    return (require("../web/inspect") as typeof import("../web/inspect")).inspect(value);
}

export function withCode<E extends Error>(error: E, code: string): E {
    return Object.assign(error, { code });
}

function received(value: unknown): string {
    if (value === undefined || value === null) return `Received ${String(value)}`;
    if (typeof value === "function") return `Received function ${value.name}`;
    if (typeof value === "object") return `Received an instance of ${value.constructor?.name ?? "Object"}`;
    const text = inspect(value);
    return `Received type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

/** `type` is the end of a sentence: "of type string", "an instance of Buffer". */
export function invalidType(name: string, type: string, value: unknown): TypeError {
    return withCode(new TypeError(`The "${name}" argument must be ${type}. ${received(value)}`), "ERR_INVALID_ARG_TYPE");
}

export function invalidValue(name: string, reason: string, value: unknown): TypeError {
    return withCode(new TypeError(`The argument '${name}' ${reason}. Received ${inspect(value)}`), "ERR_INVALID_ARG_VALUE");
}

/** `range` is the end of a sentence: "a negative integer", ">= 0". */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
    return withCode(new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`), "ERR_OUT_OF_RANGE");
}

export function checkFunction(name: string, value: unknown): void {
    if (typeof value !== "function") throw invalidType(name, "of type function", value);
}

export function checkCount(name: string, value: unknown): void {
    if (typeof value !== "number") throw invalidType(name, "of type number", value);
    if (!(value >= 0)) throw outOfRange(name, ">= 0", value);
}

// --- For unenv's EventEmitter (mends-events.sed), which calls them with `new` ----------------------------------------

export function invalidInstance(name: string, types: string | string[], value: unknown): TypeError {
    return invalidType(name, `an instance of ${[types].flat().join(" or ")}`, value);
}

export function invalidThis(type: string): TypeError {
    return withCode(new TypeError(`Value of "this" must be of type ${type}`), "ERR_INVALID_THIS");
}

export function unhandledError(value: unknown): Error {
    return withCode(new Error(`Unhandled error. (${inspect(value)})`), "ERR_UNHANDLED_ERROR");
}

export function abortError(message = "The operation was aborted", options?: ErrorOptions): Error {
    const error = new Error(message, options);
    error.name = "AbortError";
    return withCode(error, "ABORT_ERR");
}

// --- What there is none of -------------------------------------------------------------------------------------------

/** A function that nothing here can do. */
export function notImplemented(name: string): () => never {
    return () => {
        throw withCode(new Error(`The ${name} method is not implemented`), "ERR_METHOD_NOT_IMPLEMENTED");
    };
}

/** A class that cannot be made. */
export function notImplementedClass(name: string): new () => object {
    const absent = class {
        constructor() {
            notImplemented(name)();
        }
    };
    return Object.defineProperty(absent, "name", { value: name.replace(/.*\./, "") });
}
