// What workers hold: RpcStub, RpcPromise, RpcProperty and Fetcher. All are proxies whose members are remote, but for
// the few that JavaScript or RPC itself gives a meaning.

import { Request } from "../web/request";
import { remoteError } from "../thrown";
import { decode } from "./decoder";
import { BrokenHook, disposeAll, disposedError, type Disposable, type Hook, type Path } from "./hook";
import { setState, stateOf, type StubState } from "./state";
import { setResultMakers, TargetHook } from "./target";
import { encodeThrown, OwnArguments, setStubMaker } from "./values";
import { setThenableTest } from "./encoder";
import { lazy } from "../web/lazy";
import type { Connect } from "../sockets";

declare const require: (path: string) => unknown;

const redirects = lazy(() => require("../redirects") as typeof import("../redirects"));
const sockets = lazy(() => require("../sockets") as typeof import("../sockets"));

/** Members in a row that one call may name, as in Workers. */
const PATH_MAX = 64;
/** Members of a service that are kept to be given again. */
const MEMBERS_MAX = 64;

type Function_ = (...args: unknown[]) => unknown;

function illegal(): never {
    throw new TypeError("Illegal constructor");
}

/** The classes that stubs are instances of. */
export class Fetcher {
    constructor() {
        illegal();
    }
}
export class RpcPromise {
    constructor() {
        illegal();
    }
}
export class RpcProperty {
    constructor() {
        illegal();
    }
}
export class RpcStub {
    constructor(target: unknown) {
        if ((typeof target !== "object" && typeof target !== "function") || target === null) {
            throw new TypeError("Failed to construct 'RpcStub': constructor parameter 1 is not of type 'Object'.");
        }
        return makeStub(new TargetHook(target)) as RpcStub;
    }
}

const KINDS = {
    stub: { tag: "JsRpcStub", cls: RpcStub },
    promise: { tag: "JsRpcPromise", cls: RpcPromise },
    property: { tag: "JsRpcProperty", cls: RpcProperty },
    service: { tag: "Fetcher", cls: Fetcher },
    loopback: { tag: "LoopbackServiceStub", cls: Fetcher },
} as const;

/** Names that JavaScript asks any object for; a stub that sent them on would look like a promise or a primitive. */
const LOCAL: Record<string, unknown> = {
    __proto__: null,
    then: undefined,
    catch: undefined,
    finally: undefined,
    toJSON: undefined,
    prototype: undefined,
    valueOf: Object.prototype.valueOf,
    toString: Object.prototype.toString,
};

// --- Calls -----------------------------------------------------------------------------------------------------------

function hookFor(state: StubState): Hook {
    return (state.owner ?? state).isDisposed ? new BrokenHook(disposedError()) : state.hook;
}

function call(state: StubState, path: Path, args: unknown[]): RpcPromise {
    let answer: Hook;
    try {
        answer = hookFor(state).call(path, new OwnArguments(args));
    } catch (error) {
        answer = new BrokenHook(error);
    }
    return makePromise(answer);
}

/** The value of a promise or property. A promise's is asked for once, a property's each time. */
function valueOf(state: StubState): Promise<unknown> {
    if (state.kind === "property") {
        return new Promise((resolve) => resolve(hookFor(state).get(state.path).pull()));
    }
    return (state.promise ??= hookFor(state).pull());
}

const PROMISE_METHODS = new Set(["then", "catch", "finally"]);

function promiseMethod(state: StubState, name: "then" | "catch" | "finally"): Function_ {
    return (...args) => {
        const promise = valueOf(state);
        return (promise[name] as Function_).apply(promise, args);
    };
}

export function disposeState(state: StubState): void {
    if (state.isDisposed) return;
    state.isDisposed = true;
    collected.unregister(state);
    state.hook.dispose();
}

function dup(state: StubState): object {
    if (state.isDisposed) throw disposedError();
    const hook = state.hook.dup();
    if (state.kind === "promise") return makePromise(hook);
    return state.kind === "service" ? makeService(hook) : makeStub(hook);
}

// --- Members ---------------------------------------------------------------------------------------------------------

function symbolMember(state: StubState, name: symbol): unknown {
    if (name === Symbol.toStringTag) return KINDS[state.kind].tag;
    return name === Symbol.dispose && state.kind !== "loopback" ? () => disposeState(state) : undefined;
}

function member(state: StubState, name: string): unknown {
    const own = state.own;
    if (own !== undefined && Object.hasOwn(own, name)) return own[name];
    if (name === "constructor") return KINDS[state.kind].cls;
    if (PROMISE_METHODS.has(name) && (state.kind === "promise" || state.kind === "property")) {
        return promiseMethod(state, name as "then");
    }
    if (name in LOCAL) return LOCAL[name];
    if (name === "dup" && (state.kind === "stub" || state.kind === "promise")) return () => dup(state);
    return makeProperty(state, name);
}

function makeProperty(state: StubState, name: string): unknown {
    const kept = state.members?.get(name);
    if (kept !== undefined) return kept;
    if (state.path.length >= PATH_MAX) {
        throw new TypeError(`RPC pipelined property path is too deep (max ${PATH_MAX}).`);
    }
    const property = makeProxy({
        kind: "property",
        hook: state.hook,
        path: [...state.path, name],
        owner: state.owner ?? state,
        isDisposed: false,
    });
    if (state.members !== undefined && state.members.size < MEMBERS_MAX) state.members.set(name, property);
    return property;
}

/** The traps of one stub; its target says only whether it can be called, and is shared. */
class Handler implements ProxyHandler<object> {
    readonly state: StubState;

    constructor(state: StubState) {
        this.state = state;
    }

    get(_: object, name: PropertyKey): unknown {
        return typeof name === "symbol" ? symbolMember(this.state, name) : member(this.state, name as string);
    }

    apply(_: object, __: unknown, args: unknown[]): unknown {
        const { state } = this;
        return state.kind === "loopback" ? (state.own!.bind as Function_)(...args) : call(state, state.path, args);
    }

    construct(): object {
        return illegal();
    }

    set(): boolean {
        throw new TypeError("Cannot assign to a property of a stub.");
    }

    defineProperty(): boolean {
        throw new TypeError("Cannot define a property of a stub.");
    }

    deleteProperty(): boolean {
        return false;
    }

    has(_: object, name: PropertyKey): boolean {
        return typeof name === "string" && (!(name in LOCAL) || member(this.state, name) !== undefined);
    }

    getPrototypeOf(): object {
        return KINDS[this.state.kind].cls.prototype;
    }

    setPrototypeOf(): boolean {
        return false;
    }

    preventExtensions(): boolean {
        return false;
    }

    ownKeys(): string[] {
        return [];
    }

    getOwnPropertyDescriptor(): undefined {
        return undefined;
    }
}

/** What stubs that can be called stand on: a function without properties that could not be hidden. */
const CALLABLE = (() => undefined) as unknown as { name?: string; length?: number };
delete CALLABLE.name;
delete CALLABLE.length;
const OBJECT = {};

/** Promises and properties are no values, so nobody looks for what they stand for. */
function makeProxy(state: StubState): object {
    const proxy = new Proxy(state.kind === "service" ? OBJECT : CALLABLE, new Handler(state)) as object;
    if (state.kind !== "promise" && state.kind !== "property") setState(proxy, state);
    return proxy;
}

/** Which of the two a value is that has no state. */
function kindOfThenable(value: object): "RpcPromise" | "RpcProperty" | undefined {
    if (typeof value !== "function") return undefined;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === RpcPromise.prototype) return "RpcPromise";
    return prototype === RpcProperty.prototype ? "RpcProperty" : undefined;
}

// --- Making them -----------------------------------------------------------------------------------------------------

/** Stubs that were collected give back what they held. */
const collected = new FinalizationRegistry<{ state: Pick<StubState, "hook"> }>(({ state }) => state.hook.dispose());

function watched(proxy: object, state: StubState): object {
    collected.register(proxy, { state: { hook: state.hook } }, state);
    return proxy;
}

export function makeStub(hook: Hook): object {
    const state: StubState = { kind: "stub", hook, path: [], isDisposed: false };
    return watched(makeProxy(state), state);
}

export function makePromise(hook: Hook): RpcPromise {
    return makeProxy({ kind: "promise", hook, path: [], isDisposed: false }) as RpcPromise;
}

function toRequest(input: unknown, init: unknown): Request {
    return input instanceof Request && init === undefined ? input : new Request(input as Request, init as object);
}

function serviceMembers(hook: Hook): Record<string, unknown> {
    return {
        fetch: async (input: unknown, init?: unknown) => {
            const request = toRequest(input, init);
            return request.redirect === "follow" ? redirects().fetchFollowing(request, hook) : hook.fetch!(request);
        },
        connect: (address: unknown, options?: object) => sockets().connectTo(hook.connect?.bind(hook), address, options),
    };
}

/** Makes connections to a stub's connect handler. */
export function connectOf(stub: object): Connect {
    const { hook } = stateOf(stub)!;
    if (hook.connect === undefined) throw new Error("This stub has no connect().");
    return hook.connect.bind(hook);
}

/** A Fetcher: `fetch()` is its own, every other member is remote. */
export function makeService(hook: Hook): Fetcher {
    const own = serviceMembers(hook);
    const state: StubState = { kind: "service", hook, path: [], isDisposed: false, own, members: new Map() };
    return watched(makeProxy(state), state) as Fetcher;
}

/** `ctx.exports.X`: a Fetcher without props that, called, makes one with props. */
export function makeLoopback(hook: Hook, bind: (options: unknown) => Fetcher): object {
    const own = { ...serviceMembers(hook), bind };
    return makeProxy({ kind: "loopback", hook, path: [], isDisposed: false, own });
}

// --- Tails -----------------------------------------------------------------------------------------------------------

export type TailCall = (events: readonly object[]) => unknown;

/** How a stub's tail handler is called. */
export function makeTailCall(stub: object): TailCall {
    const { hook } = stateOf(stub)!;
    return (events) => (hook.tail === undefined ? hook.call(["tail"], new OwnArguments([events])).pull() : hook.tail(events));
}

// --- Results ---------------------------------------------------------------------------------------------------------

function nothingToDispose(): void {}

/** A result as its caller gets it: what is an object disposes of the stubs within. */
export function ownResult(value: unknown, stubs: Disposable[]): unknown {
    if (typeof value !== "object" || value === null || stateOf(value) !== undefined) return value;
    const dispose = stubs.length === 0 ? nothingToDispose : () => disposeAll(stubs);
    return Object.defineProperty(value, Symbol.dispose, { __proto__: null, value: dispose, writable: true, configurable: true });
}

/** What was thrown in this cell, as a caller over RPC gets it. */
function thrownHere(thrown: unknown): unknown {
    const { head, tail } = encodeThrown(thrown);
    return remoteError(decode(head, tail));
}

setResultMakers(ownResult, thrownHere);
setThenableTest(kindOfThenable);
setStubMaker((hook, stubs) => {
    const stub = hook.fetch === undefined ? makeStub(hook) : makeService(hook);
    stubs.push(stub as Disposable);
    return stub;
});

