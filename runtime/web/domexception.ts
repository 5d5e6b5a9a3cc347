// DOMException: an Error whose name says what kind it is, and whose old numeric code follows from the name.

import { brand } from "./brand";

const codes: Record<string, readonly [constant: string, code: number]> = {
    IndexSizeError: ["INDEX_SIZE_ERR", 1],
    DOMStringSizeError: ["DOMSTRING_SIZE_ERR", 2],
    HierarchyRequestError: ["HIERARCHY_REQUEST_ERR", 3],
    WrongDocumentError: ["WRONG_DOCUMENT_ERR", 4],
    InvalidCharacterError: ["INVALID_CHARACTER_ERR", 5],
    NoDataAllowedError: ["NO_DATA_ALLOWED_ERR", 6],
    NoModificationAllowedError: ["NO_MODIFICATION_ALLOWED_ERR", 7],
    NotFoundError: ["NOT_FOUND_ERR", 8],
    NotSupportedError: ["NOT_SUPPORTED_ERR", 9],
    InUseAttributeError: ["INUSE_ATTRIBUTE_ERR", 10],
    InvalidStateError: ["INVALID_STATE_ERR", 11],
    SyntaxError: ["SYNTAX_ERR", 12],
    InvalidModificationError: ["INVALID_MODIFICATION_ERR", 13],
    NamespaceError: ["NAMESPACE_ERR", 14],
    InvalidAccessError: ["INVALID_ACCESS_ERR", 15],
    ValidationError: ["VALIDATION_ERR", 16],
    TypeMismatchError: ["TYPE_MISMATCH_ERR", 17],
    SecurityError: ["SECURITY_ERR", 18],
    NetworkError: ["NETWORK_ERR", 19],
    AbortError: ["ABORT_ERR", 20],
    URLMismatchError: ["URL_MISMATCH_ERR", 21],
    QuotaExceededError: ["QUOTA_EXCEEDED_ERR", 22],
    TimeoutError: ["TIMEOUT_ERR", 23],
    InvalidNodeTypeError: ["INVALID_NODE_TYPE_ERR", 24],
    DataCloneError: ["DATA_CLONE_ERR", 25],
};

/** The message is the Error's own; the name is fixed when it is made. */
export class DOMException extends Error {
    readonly #name: string;

    /** The second argument is the name, or as in Node an object with `name` and `cause`. */
    constructor(message: unknown = "", options: unknown = "Error") {
        super(String(message));
        if (typeof options === "object" && options !== null) {
            const { name, cause } = options as { name?: unknown; cause?: unknown };
            this.#name = name === undefined ? "Error" : String(name);
            if ("cause" in options) {
                Object.defineProperty(this, "cause", { value: cause, writable: true, configurable: true });
            }
        } else {
            this.#name = String(options);
        }
    }

    override get name(): string {
        return this.#name;
    }

    // Error declares `name` as a property; a setter that does nothing keeps assignment harmless, as in browsers.
    override set name(_value: string) {}

    get code(): number {
        return Object.hasOwn(codes, this.#name) ? codes[this.#name]![1] : 0;
    }
}

for (const [constant, value] of Object.values(codes)) {
    Object.defineProperty(DOMException, constant, { value, enumerable: true });
    Object.defineProperty(DOMException.prototype, constant, { value, enumerable: true });
}
for (const accessor of ["name", "code"]) {
    Object.defineProperty(DOMException.prototype, accessor, { enumerable: true });
}
brand(DOMException, "DOMException");

/** Says how much was asked for and how much there is, where that is known. */
export class QuotaExceededError extends DOMException {
    readonly #quota: number | null;
    readonly #requested: number | null;

    constructor(message: unknown = "", options: { quota?: number; requested?: number } = {}) {
        super(message, "QuotaExceededError");
        this.#quota = options.quota ?? null;
        this.#requested = options.requested ?? null;
    }
    get quota(): number | null {
        return this.#quota;
    }
    get requested(): number | null {
        return this.#requested;
    }
}
brand(QuotaExceededError, "QuotaExceededError");
