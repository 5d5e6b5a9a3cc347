// node:test: nothing runs tests in a worker. As at Cloudflare, what there is of it are names for mocks; here, these throw.

import { notImplemented, notImplementedClass } from "./errors";

const METHODS = ["fn", "method", "getter", "setter", "property", "reset", "restoreAll"];

export const MockFunctionContext = notImplementedClass("test.MockFunctionContext");
export const MockTracker = notImplementedClass("test.MockTracker");
export const mock: Record<string, unknown> = Object.fromEntries(METHODS.map((name) => [name, notImplemented(`test.mock.${name}`)]));
export default { MockFunctionContext, MockTracker, mock };
