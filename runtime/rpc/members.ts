// What of an object can be reached over RPC. Error texts: dynamic-workers.md 6.1, which are workerd's own.

import { RpcTarget, WorkerEntrypoint } from "../context";
import type { Hook, Path } from "./hook";

/** Names that no RPC call reaches on any target. */
const RESERVED = ["constructor", "dup"];

/** Names that belong to events, on entrypoints. */
const RESERVED_ON_ENTRYPOINT = [
    "fetch",
    "connect",
    "alarm",
    "webSocketMessage",
    "webSocketClose",
    "webSocketError",
];

export type Method = (this: unknown, ...args: unknown[]) => unknown;

export function checkName(name: string, isEntrypoint: boolean): void {
    if (RESERVED.includes(name) || (isEntrypoint && RESERVED_ON_ENTRYPOINT.includes(name))) {
        throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
    }
}

export function missing(name: string): TypeError {
    return new TypeError(`The RPC receiver does not implement the method "${name}".`);
}

export function notFunction(name: string): TypeError {
    return new TypeError(`"${name}" is not a function.`);
}

/** A member of a class's instance: what its prototypes have; own properties are the instance's private affair. */
function classMember(instance: object, name: string): unknown {
    checkName(name, instance instanceof WorkerEntrypoint);
    if (Object.hasOwn(instance, name)) throw missing(name);
    for (
        let prototype: unknown = Object.getPrototypeOf(instance);
        prototype !== null && prototype !== Object.prototype;
        prototype = Object.getPrototypeOf(prototype)
    ) {
        if (prototype === WorkerEntrypoint.prototype || prototype === RpcTarget.prototype) break;
        if (Object.hasOwn(prototype as object, name)) return (instance as Record<string, unknown>)[name];
    }
    throw missing(name);
}

function isPlain(value: object): boolean {
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

let isForeign = (_value: unknown): boolean => false;

/** Stubs of the npm package capnweb, whose members are remote ones; known once that is in use. */
export function setForeign(test: typeof isForeign): void {
    isForeign = test;
}

/** A stub of capnweb that may be kept: whoever it was given to has a copy only as long as the call lasts. */
export function keepForeign(value: object): object {
    return isForeign(value) ? (value as { dup(): object }).dup() : value;
}

/** The member `name` of a value; throws if there is none that RPC may reach. */
export function memberOf(value: unknown, name: string): unknown {
    if (typeof value === "function" && isForeign(value)) return (value as unknown as Record<string, unknown>)[name];
    if (typeof value !== "object" || value === null) throw missing(name);
    if (value instanceof RpcTarget || value instanceof WorkerEntrypoint) return classMember(value, name);
    if (!isPlain(value) || !Object.hasOwn(value, name)) throw missing(name);
    return (value as Record<string, unknown>)[name];
}

/** What a stub within a value stands for; undefined for everything else. */
export type Lookup = (value: unknown) => Hook | undefined;

/** What to do where a path meets a stub: the rest of it is the stub's. */
export type Onward = (hook: Hook, rest: Path, args: unknown[] | undefined) => unknown;

/** Whether whoever awaits the value gets another one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
    return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** Follows a path from a value, and calls what is at its end if there are arguments. */
export function follow(
    start: unknown,
    path: Path,
    args: unknown[] | undefined,
    lookup: Lookup,
    onward: Onward,
): unknown {
    let holder: unknown;
    let value = start;
    for (let i = 0; ; i++) {
        const hook = lookup(value);
        if (hook !== undefined) return onward(hook, path.slice(i), args);
        if (i > 0 && isThenable(value)) {
            return Promise.resolve(value).then((settled) => follow(settled, path.slice(i), args, lookup, onward));
        }
        if (i === path.length) break;
        holder = value;
        value = memberOf(value, path[i]!);
    }
    if (args === undefined) return typeof value === "function" && holder !== undefined ? bound(value, holder) : value;
    if (typeof value !== "function") throw notFunction(path.at(-1) ?? "(this)");
    return Reflect.apply(value, holder, args);
}

function bound(method: object, holder: unknown): Method {
    return (...args) => Reflect.apply(method as Method, holder, args) as unknown;
}
