// What a worker's stub stands for: known to the runtime by the stub's identity, out of the worker's reach.

import type { Hook, Path } from "./hook";

export interface StubState {
    readonly kind: "stub" | "promise" | "property" | "service" | "loopback";
    readonly hook: Hook;
    /** What was read of the hook, for a property. */
    readonly path: Path;
    isDisposed: boolean;
    /** For a property: the stub or promise that it was read from. */
    readonly owner?: StubState;
    /** For a promise, once somebody asked for its value. */
    promise?: Promise<unknown>;
    /** Members of a service that were read before. */
    members?: Map<string, unknown>;
    /** Members of its own, by name; they are not called over RPC. */
    readonly own?: Record<string, unknown>;
}

const states = new WeakMap<object, StubState>();

export function setState(stub: object, state: StubState): void {
    states.set(stub, state);
}

export function stateOf(stub: object): StubState | undefined {
    return states.get(stub);
}
