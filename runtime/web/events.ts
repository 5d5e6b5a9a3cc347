// Events and their targets after the DOM standard, without a tree: a target is alone on its path, so there is no
// capturing and no bubbling to do, and `composedPath()` has one entry at most.

import { needArguments, wrongType } from "./arguments";
import { brand } from "./brand";
import { DOMException } from "./domexception";
import { reportException } from "./global";

export interface EventInit {
    bubbles?: boolean;
    cancelable?: boolean;
    composed?: boolean;
}

export type EventListenerLike = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface EventState {
    target: EventTarget | null;
    currentTarget: EventTarget | null;
    dispatching: boolean;
    stopped: boolean;
    stoppedAtOnce: boolean;
    prevented: boolean;
    inPassiveListener: boolean;
    trusted: boolean;
}

let stateOf: (event: Event) => EventState;

/** What the standard has; the changing part stands in one object that the target may write. */
export class Event {
    readonly #type: string;
    readonly #init: Required<EventInit>;
    readonly #state: EventState = {
        target: null,
        currentTarget: null,
        dispatching: false,
        stopped: false,
        stoppedAtOnce: false,
        prevented: false,
        inPassiveListener: false,
        trusted: false,
    };

    static {
        stateOf = (event) => event.#state;
    }

    constructor(type: string, init: EventInit = {}) {
        needArguments("construct 'Event'", 1, arguments.length);
        this.#type = String(type);
        this.#init = { bubbles: !!init?.bubbles, cancelable: !!init?.cancelable, composed: !!init?.composed };
    }

    get type(): string {
        return this.#type;
    }
    get target(): EventTarget | null {
        return this.#state.target;
    }
    get srcElement(): EventTarget | null {
        return this.#state.target;
    }
    get currentTarget(): EventTarget | null {
        return this.#state.currentTarget;
    }
    get eventPhase(): number {
        return this.#state.dispatching ? 2 : 0;
    }
    get bubbles(): boolean {
        return this.#init.bubbles;
    }
    get cancelable(): boolean {
        return this.#init.cancelable;
    }
    get composed(): boolean {
        return this.#init.composed;
    }
    get defaultPrevented(): boolean {
        return this.#state.prevented;
    }
    get isTrusted(): boolean {
        return this.#state.trusted;
    }
    /** Zero, as in Workers: events are no clock. */
    get timeStamp(): number {
        return 0;
    }
    get returnValue(): boolean {
        return !this.#state.prevented;
    }
    set returnValue(value: boolean) {
        if (!value) {
            this.preventDefault();
        }
    }
    get cancelBubble(): boolean {
        return this.#state.stopped;
    }
    set cancelBubble(value: boolean) {
        if (value) {
            this.#state.stopped = true;
        }
    }

    composedPath(): EventTarget[] {
        const { currentTarget } = this.#state;
        return currentTarget === null ? [] : [currentTarget];
    }

    stopPropagation(): void {
        this.#state.stopped = true;
    }

    stopImmediatePropagation(): void {
        this.#state.stopped = true;
        this.#state.stoppedAtOnce = true;
    }

    preventDefault(): void {
        if (this.#init.cancelable && !this.#state.inPassiveListener) {
            this.#state.prevented = true;
        }
    }
}

for (const [value, name] of ["NONE", "CAPTURING_PHASE", "AT_TARGET", "BUBBLING_PHASE"].entries()) {
    Object.defineProperty(Event, name, { value, enumerable: true });
    Object.defineProperty(Event.prototype, name, { value, enumerable: true });
}

interface Listener {
    callback: EventListenerLike;
    capture: boolean;
    once: boolean;
    passive: boolean;
    removed: boolean;
}

interface ListenerOptions {
    capture?: boolean;
    once?: boolean;
    passive?: boolean;
    signal?: EventTarget & { readonly aborted: boolean };
}

function flatten(options: unknown): ListenerOptions {
    return typeof options === "object" && options !== null ? options : { capture: !!options };
}

function callListener(listener: Listener, event: Event, target: EventTarget): void {
    const { callback } = listener;
    try {
        if (typeof callback === "function") {
            callback.call(target, event);
        } else {
            callback.handleEvent(event);
        }
    } catch (error) {
        reportException(error);
    }
}

/** Lists of listeners by type, made when the first one is added; many targets never have any. */
export class EventTarget {
    #listeners: Map<string, Listener[]> | undefined;

    addEventListener(type: string, callback: EventListenerLike | null, options?: unknown): void {
        const { capture, once, passive, signal } = flatten(options);
        if (signal !== undefined && !(signal instanceof EventTarget)) {
            throw new TypeError("Failed to execute 'addEventListener': the signal is not of type 'AbortSignal'.");
        }
        if (callback === null || callback === undefined) {
            return;
        }
        if (typeof callback !== "function" && typeof callback !== "object") {
            throw wrongType("execute 'addEventListener'", 2, "EventListener");
        }
        if (signal?.aborted) {
            return;
        }
        this.#listeners ??= new Map();
        type = String(type);
        const list = this.#listeners.get(type) ?? [];
        if (list.some((other) => other.callback === callback && other.capture === !!capture)) {
            return;
        }
        // Listeners added during a dispatch are not called by it: the dispatch walks a list that is never changed.
        this.#listeners.set(type, [
            ...list,
            { callback, capture: !!capture, once: !!once, passive: !!passive, removed: false },
        ]);
        signal?.addEventListener("abort", () => this.removeEventListener(type, callback, { capture }), { once: true });
    }

    removeEventListener(type: string, callback: EventListenerLike | null, options?: unknown): void {
        const capture = !!flatten(options).capture;
        type = String(type);
        const list = this.#listeners?.get(type);
        const found = list?.find((other) => other.callback === callback && other.capture === capture);
        if (list === undefined || found === undefined) {
            return;
        }
        found.removed = true;
        const rest = list.filter((other) => other !== found);
        if (rest.length > 0) {
            this.#listeners!.set(type, rest);
        } else {
            this.#listeners!.delete(type);
        }
    }

    dispatchEvent(event: Event): boolean {
        if (!(event instanceof Event)) {
            throw wrongType("execute 'dispatchEvent' on 'EventTarget'", 1, "Event");
        }
        const state = stateOf(event);
        if (state.dispatching) {
            throw new DOMException("The event is already being dispatched.", "InvalidStateError");
        }
        state.dispatching = true;
        state.target = state.currentTarget = this;
        this.#call(event, state);
        state.dispatching = state.stopped = state.stoppedAtOnce = false;
        state.currentTarget = null;
        return !state.prevented;
    }

    #call(event: Event, state: EventState): void {
        if (state.stopped) {
            return;
        }
        for (const listener of this.#listeners?.get(event.type) ?? []) {
            if (listener.removed) {
                continue;
            }
            if (listener.once) {
                this.removeEventListener(event.type, listener.callback, { capture: listener.capture });
            }
            state.inPassiveListener = listener.passive;
            callListener(listener, event, this);
            state.inPassiveListener = false;
            if (state.stoppedAtOnce) {
                return;
            }
        }
    }
}

/** Dispatches an event that the platform made, which `isTrusted` tells apart from a worker's own. */
export function dispatchTrusted(target: EventTarget, event: Event): boolean {
    stateOf(event).trusted = true;
    return target.dispatchEvent(event);
}

type Handler = ((event: Event) => unknown) | null;

/**
 * Defines `target.onNAME` on a class: setting a function listens, setting another replaces it in its place in the
 * order, setting anything else stops listening.
 */
export function defineHandler(cls: { prototype: EventTarget }, type: string): void {
    const handlers = new WeakMap<EventTarget, { current: Handler }>();
    Object.defineProperty(cls.prototype, `on${type}`, {
        enumerable: true,
        configurable: true,
        get(this: EventTarget): Handler {
            return handlers.get(this)?.current ?? null;
        },
        set(this: EventTarget, value: unknown) {
            const handler = typeof value === "function" ? (value as Handler) : null;
            const known = handlers.get(this);
            if (known !== undefined) {
                known.current = handler;
            } else if (handler !== null) {
                const slot = { current: handler as Handler };
                handlers.set(this, slot);
                this.addEventListener(type, (event) => slot.current?.call(this, event));
            }
        },
    });
}

export class CustomEvent extends Event {
    readonly #detail: unknown;

    constructor(type: string, init: EventInit & { detail?: unknown } = {}) {
        super(type, init);
        this.#detail = init?.detail ?? null;
    }
    get detail(): unknown {
        return this.#detail;
    }
}

export interface MessageEventInit extends EventInit {
    data?: unknown;
    origin?: string;
    lastEventId?: string;
    source?: unknown;
    ports?: unknown[];
}

export class MessageEvent extends Event {
    readonly #message: MessageEventInit;

    constructor(type: string, init: MessageEventInit = {}) {
        super(type, init);
        this.#message = { ...init };
    }
    get data(): unknown {
        return this.#message.data ?? null;
    }
    get origin(): string {
        return String(this.#message.origin ?? "");
    }
    get lastEventId(): string {
        return String(this.#message.lastEventId ?? "");
    }
    get source(): unknown {
        return this.#message.source ?? null;
    }
    get ports(): unknown[] {
        return this.#message.ports ?? [];
    }
}

export interface CloseEventInit extends EventInit {
    code?: number;
    reason?: string;
    wasClean?: boolean;
}

export class CloseEvent extends Event {
    readonly #close: CloseEventInit;

    constructor(type: string, init: CloseEventInit = {}) {
        super(type, init);
        this.#close = { ...init };
    }
    get code(): number {
        return Number(this.#close.code ?? 0);
    }
    get reason(): string {
        return String(this.#close.reason ?? "");
    }
    get wasClean(): boolean {
        return !!this.#close.wasClean;
    }
}

export interface ErrorEventInit extends EventInit {
    message?: string;
    filename?: string;
    lineno?: number;
    colno?: number;
    error?: unknown;
}

export class ErrorEvent extends Event {
    readonly #error: ErrorEventInit;

    constructor(type: string, init: ErrorEventInit = {}) {
        super(type, init);
        this.#error = { ...init };
    }
    get message(): string {
        return String(this.#error.message ?? "");
    }
    get filename(): string {
        return String(this.#error.filename ?? "");
    }
    get lineno(): number {
        return Number(this.#error.lineno ?? 0);
    }
    get colno(): number {
        return Number(this.#error.colno ?? 0);
    }
    get error(): unknown {
        return this.#error.error;
    }
}

export class PromiseRejectionEvent extends Event {
    readonly #promise: Promise<unknown>;
    readonly #reason: unknown;

    constructor(type: string, init: EventInit & { promise: Promise<unknown>; reason?: unknown }) {
        super(type, init);
        this.#promise = init.promise;
        this.#reason = init.reason;
    }
    get promise(): Promise<unknown> {
        return this.#promise;
    }
    get reason(): unknown {
        return this.#reason;
    }
}

const eventAccessors = ["type", "target", "currentTarget", "eventPhase", "bubbles", "cancelable", "composed",
    "defaultPrevented", "isTrusted"];

brand(Event, "Event", eventAccessors);
brand(EventTarget, "EventTarget");
brand(CustomEvent, "CustomEvent", [...eventAccessors, "detail"]);
brand(MessageEvent, "MessageEvent", [...eventAccessors, "data", "origin", "lastEventId"]);
brand(CloseEvent, "CloseEvent", [...eventAccessors, "code", "reason", "wasClean"]);
brand(ErrorEvent, "ErrorEvent", [...eventAccessors, "message", "filename", "lineno", "colno", "error"]);
brand(PromiseRejectionEvent, "PromiseRejectionEvent", [...eventAccessors, "promise", "reason"]);
