// node:assert: unenv's, whose errors forget their name.

import assert, { AssertionError } from "unenv/node/assert";

Object.defineProperty(AssertionError.prototype, "name", { value: "AssertionError", writable: true, configurable: true });

export * from "unenv/node/assert";
export default assert;
