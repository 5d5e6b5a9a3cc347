// node:async_hooks: AsyncLocalStorage and AsyncResource. Hooks, which Node itself advises against, are never called.

import { AsyncLocalStorage } from "../async/main";
import { AsyncResource } from "./async-resource";

export { AsyncLocalStorage, AsyncResource };
export const asyncWrapProviders = Object.freeze({ __proto__: null });
export const executionAsyncId = (): number => 0;
export const triggerAsyncId = (): number => 0;
const topLevel = {};
export const executionAsyncResource = (): object => topLevel;

class AsyncHook {
    enable(): this {
        return this;
    }
    disable(): this {
        return this;
    }
}
export const createHook = (): AsyncHook => new AsyncHook();
export default { AsyncLocalStorage, AsyncResource, asyncWrapProviders, createHook, executionAsyncId, executionAsyncResource, triggerAsyncId };
