// The global scope as an event target, and what becomes of exceptions and rejections that nobody caught.
// The EventTarget behind it is built when a worker first adds a listener; without one, reports go straight to the host.

import { hooks } from "./host";
import { lazy } from "./lazy";
import type { EventListenerLike, EventTarget, Event } from "./events";

declare const require: (path: string) => unknown;

const events = lazy(() => require("./events") as typeof import("./events"));
let target: EventTarget | undefined;
let reporting = false;

/** The global addEventListener, which builds the target behind the global scope. */
export function addEventListener(type: string, listener: EventListenerLike | null, options?: unknown): void {
    target ??= new (events().EventTarget)();
    target.addEventListener(type, listener, options);
}

/** The global removeEventListener; without a target there is nothing to remove. */
export function removeEventListener(type: string, listener: EventListenerLike | null, options?: unknown): void {
    target?.removeEventListener(type, listener, options);
}

/** Dispatches an event to the global scope's listeners; false if one of them prevented the default. */
export function dispatchEvent(event: Event): boolean {
    target ??= new (events().EventTarget)();
    return target.dispatchEvent(event);
}

/** Reports an exception: to `error` listeners of the global scope first, then to the host unless they prevented it. */
export function reportException(error: unknown): void {
    // An `error` listener that throws must not report into itself.
    if (target !== undefined && !reporting) {
        reporting = true;
        try {
            const message = `Uncaught ${typeof error === "object" && error !== null && !(error instanceof Error) ? "#<Object>" : String(error)}`;
            if (!target.dispatchEvent(new (events().ErrorEvent)("error", { error, message, cancelable: true }))) {
                return;
            }
        } finally {
            reporting = false;
        }
    }
    hooks.report(error);
}

/**
 * Dispatches `unhandledrejection` or `rejectionhandled` to the global scope's listeners.
 * Returns false if one of them prevented the default, that is, dealt with the rejection.
 */
export function dispatchRejection(type: string, promise: Promise<unknown>, reason: unknown): boolean {
    if (target === undefined) {
        return true;
    }
    return target.dispatchEvent(new (events().PromiseRejectionEvent)(type, { promise, reason, cancelable: true }));
}
