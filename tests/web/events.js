// Event, EventTarget, and AbortController with its signals.

import { equal, ok, rejects, suite, throws } from "./harness.js";

const { test, run } = suite("events");
export { run };

/** Dispatches an event and returns what the listeners pushed. */
function collect(set, init) {
    const target = new EventTarget();
    const seen = [];
    set(target, seen);
    target.dispatchEvent(new Event("e", init));
    return seen;
}

test("an event's fields", () => {
    const event = new Event("e", { bubbles: true, cancelable: 1 });
    equal([event.type, event.bubbles, event.cancelable, event.composed, event.defaultPrevented, event.isTrusted], ["e", true, true, false, false, false]);
});
test("an event without type throws", () => throws("TypeError", () => new Event()));
test("an event's target is null", () => equal([new Event("e").target, new Event("e").currentTarget], [null, null]));
test("a listener is called with the event", () => {
    const target = new EventTarget();
    const event = new Event("e");
    let seen;
    target.addEventListener("e", function (given) { seen = [given === event, this === target, given.target === target, given.eventPhase]; });
    target.dispatchEvent(event);
    equal(seen, [true, true, true, 2]);
});
test("after the dispatch the target stays", () => {
    const target = new EventTarget();
    const event = new Event("e");
    target.dispatchEvent(event);
    equal([event.target === target, event.currentTarget, event.eventPhase], [true, null, 0]);
});
test("listeners run in order", () => equal(collect((t, s) => { t.addEventListener("e", () => s.push(1)); t.addEventListener("e", () => s.push(2)); }), [1, 2]));
test("a listener counts once", () => equal(collect((t, s) => { const f = () => s.push(1); t.addEventListener("e", f); t.addEventListener("e", f); }), [1]));
test("capture makes it another", () => equal(collect((t, s) => { const f = () => s.push(1); t.addEventListener("e", f); t.addEventListener("e", f, true); }).length, 2));
test("other types are not called", () => equal(collect((t, s) => t.addEventListener("x", () => s.push(1))), []));
test("handleEvent", () => equal(collect((t, s) => t.addEventListener("e", { handleEvent() { s.push(1); } })), [1]));
test("null as listener is nothing", () => equal(collect((t) => t.addEventListener("e", null)), []));
test("a string as listener throws", () => throws("TypeError", () => new EventTarget().addEventListener("e", "x")));
test("once", () => {
    const target = new EventTarget();
    let count = 0;
    target.addEventListener("e", () => count++, { once: true });
    target.dispatchEvent(new Event("e"));
    target.dispatchEvent(new Event("e"));
    equal(count, 1);
});
test("remove", () => equal(collect((t, s) => { const f = () => s.push(1); t.addEventListener("e", f); t.removeEventListener("e", f); }), []));
test("remove with another capture does nothing", () => equal(collect((t, s) => { const f = () => s.push(1); t.addEventListener("e", f); t.removeEventListener("e", f, true); }), [1]));
test("a listener removed during the dispatch is not called", () => equal(collect((t, s) => {
    const f = () => s.push(2);
    t.addEventListener("e", () => t.removeEventListener("e", f));
    t.addEventListener("e", f);
}), []));
test("a listener added during the dispatch is not called", () => equal(collect((t, s) => t.addEventListener("e", () => t.addEventListener("e", () => s.push(2)))), []));
test("stopImmediatePropagation", () => equal(collect((t, s) => { t.addEventListener("e", (e) => e.stopImmediatePropagation()); t.addEventListener("e", () => s.push(1)); }), []));
test("stopPropagation lets the target's others run", () => equal(collect((t, s) => { t.addEventListener("e", (e) => e.stopPropagation()); t.addEventListener("e", () => s.push(1)); }), [1]));
test("preventDefault of what can be cancelled", () => {
    const target = new EventTarget();
    target.addEventListener("e", (event) => event.preventDefault());
    equal(target.dispatchEvent(new Event("e", { cancelable: true })), false);
});
test("preventDefault of what cannot", () => {
    const target = new EventTarget();
    target.addEventListener("e", (event) => event.preventDefault());
    equal(target.dispatchEvent(new Event("e")), true);
});
test("preventDefault in a passive listener", () => {
    const target = new EventTarget();
    target.addEventListener("e", (event) => event.preventDefault(), { passive: true });
    equal(target.dispatchEvent(new Event("e", { cancelable: true })), true);
});
test("returnValue", () => {
    const event = new Event("e", { cancelable: true });
    event.returnValue = false;
    ok(event.defaultPrevented);
});
test("dispatching what is no event throws", () => throws("TypeError", () => new EventTarget().dispatchEvent({ type: "e" })));
test("dispatching during the dispatch throws", () => equal(collect((t, s) => t.addEventListener("e", (event) => {
    try { t.dispatchEvent(event); } catch (error) { s.push(error.name); }
})), ["InvalidStateError"]));
test("composedPath", () => {
    const target = new EventTarget();
    let path;
    target.addEventListener("e", (event) => (path = event.composedPath()));
    const event = new Event("e");
    target.dispatchEvent(event);
    ok(path.length === 1 && path[0] === target && event.composedPath().length === 0);
});
test("a signal removes the listener", () => equal(collect((t, s) => {
    const controller = new AbortController();
    t.addEventListener("e", () => s.push(1), { signal: controller.signal });
    controller.abort();
}), []));
test("an aborted signal adds no listener", () => equal(collect((t, s) => t.addEventListener("e", () => s.push(1), { signal: AbortSignal.abort() })), []));
test("a listener that throws does not stop the others", () => {
    const stop = (event) => event.preventDefault();
    addEventListener("error", stop);
    const seen = collect((t, s) => { t.addEventListener("e", () => { throw new Error("x"); }); t.addEventListener("e", () => s.push(1)); });
    removeEventListener("error", stop);
    equal(seen, [1]);
});
test("phase constants", () => equal([Event.NONE, Event.AT_TARGET, new Event("e").BUBBLING_PHASE], [0, 2, 3]));
test("CustomEvent's detail", () => equal([new CustomEvent("e", { detail: 5 }).detail, new CustomEvent("e").detail], [5, null]));
test("MessageEvent's data", () => equal([new MessageEvent("m", { data: 5 }).data, new MessageEvent("m").data], [5, null]));
test("ErrorEvent's fields", () => {
    const event = new ErrorEvent("error", { message: "m", error: 5, lineno: 3 });
    equal([event.message, event.error, event.lineno, event.filename], ["m", 5, 3, ""]);
});
test("a subclass of EventTarget", () => {
    class Mine extends EventTarget {}
    ok(new Mine() instanceof EventTarget);
});
test("the global scope is a target", () => {
    let seen;
    const listener = (event) => (seen = event.detail);
    addEventListener("mine", listener);
    dispatchEvent(new CustomEvent("mine", { detail: 7 }));
    removeEventListener("mine", listener);
    equal(seen, 7);
});
test("reportError reaches listeners", () => {
    let seen;
    const listener = (event) => { seen = event.error; event.preventDefault(); };
    addEventListener("error", listener);
    reportError(42);
    removeEventListener("error", listener);
    equal(seen, 42);
});

test("a controller's signal", () => {
    const controller = new AbortController();
    ok(controller.signal === controller.signal && controller.signal instanceof AbortSignal && controller.signal instanceof EventTarget);
});
test("abort", () => {
    const controller = new AbortController();
    controller.abort();
    equal([controller.signal.aborted, controller.signal.reason.name, controller.signal.reason instanceof DOMException], [true, "AbortError", true]);
});
test("abort with a reason", () => {
    const controller = new AbortController();
    controller.abort(5);
    equal(controller.signal.reason, 5);
});
test("the second abort does nothing", () => {
    const controller = new AbortController();
    let count = 0;
    controller.signal.addEventListener("abort", () => count++);
    controller.abort(1);
    controller.abort(2);
    equal([controller.signal.reason, count], [1, 1]);
});
test("onabort", () => {
    const controller = new AbortController();
    let event;
    controller.signal.onabort = (given) => (event = given);
    controller.abort();
    equal([event.type, event.target === controller.signal, event.isTrusted], ["abort", true, true]);
});
test("onabort can be taken back", () => {
    const controller = new AbortController();
    let count = 0;
    controller.signal.onabort = () => count++;
    controller.signal.onabort = null;
    controller.abort();
    equal([count, controller.signal.onabort], [0, null]);
});
test("throwIfAborted", () => {
    throws("AbortError", () => AbortSignal.abort().throwIfAborted());
    new AbortController().signal.throwIfAborted();
});
test("a signal cannot be constructed", () => throws("TypeError", () => new AbortSignal(), "Illegal constructor"));
test("AbortSignal.abort with a reason", () => equal(AbortSignal.abort("r").reason, "r"));
test("any follows each", () => {
    const a = new AbortController();
    const b = new AbortController();
    const signal = AbortSignal.any([a.signal, b.signal]);
    equal(signal.aborted, false);
    b.abort("r");
    equal([signal.aborted, signal.reason], [true, "r"]);
});
test("any of an aborted one is aborted", () => equal(AbortSignal.any([new AbortController().signal, AbortSignal.abort(3)]).reason, 3));
test("any of none rests", () => equal(AbortSignal.any([]).aborted, false));
test("any of any", () => {
    const a = new AbortController();
    const signal = AbortSignal.any([AbortSignal.any([a.signal])]);
    let count = 0;
    signal.onabort = () => count++;
    a.abort();
    equal([signal.aborted, count], [true, 1]);
});
test("any of what is no signal throws", () => throws("TypeError", () => AbortSignal.any([{}])));
test("dependents are aborted before listeners run", () => {
    const a = new AbortController();
    const dependent = AbortSignal.any([a.signal]);
    let seen;
    a.signal.addEventListener("abort", () => (seen = dependent.aborted));
    a.abort();
    equal(seen, true);
});
test("timeout aborts with a TimeoutError", async () => {
    const signal = AbortSignal.timeout(1);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    equal(signal.reason.name, "TimeoutError");
});
test("a negative timeout throws", () => throws("TypeError", () => AbortSignal.timeout(-1)));
test("scheduler.wait can be aborted", async () => {
    const controller = new AbortController();
    const wait = scheduler.wait(100000, { signal: controller.signal });
    controller.abort();
    await rejects("AbortError", wait);
});
test("scheduler.wait with an aborted signal rejects", () => rejects("AbortError", scheduler.wait(1, { signal: AbortSignal.abort() })));
