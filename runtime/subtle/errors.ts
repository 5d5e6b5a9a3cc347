// The DOMExceptions of the Web Cryptography API. Their texts say what was wrong, and never anything of a key.

import { DOMException } from "../web/domexception";

export const operationError = (text = "The operation failed for an operation-specific reason") =>
    new DOMException(text, "OperationError");
export const dataError = (text: string) => new DOMException(text, "DataError");
export const syntaxError = (text: string) => new DOMException(text, "SyntaxError");
export const notSupported = (text: string) => new DOMException(text, "NotSupportedError");
export const invalidAccess = (text: string) => new DOMException(text, "InvalidAccessError");
