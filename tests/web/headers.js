// Headers: validation, combination, order of iteration.

import { equal, ok, suite, throws } from "./harness.js";

const { test, run } = suite("headers");
export { run };

test("an empty list has no entries", () => equal([...new Headers()], []));
test("undefined as init is no init", () => equal([...new Headers(undefined)], []));
test("null as init throws", () => throws("TypeError", () => new Headers(null)));
test("a number as init throws", () => throws("TypeError", () => new Headers(1)));
test("from a record", () => equal(new Headers({ a: "1" }).get("a"), "1"));
test("from pairs", () => equal(new Headers([["a", "1"], ["b", "2"]]).get("b"), "2"));
test("from a Map", () => equal(new Headers(new Map([["a", "1"]])).get("a"), "1"));
test("from Headers", () => equal(new Headers(new Headers({ a: "1" })).get("a"), "1"));
test("a copy is independent", () => {
    const first = new Headers({ a: "1" });
    new Headers(first).set("a", "2");
    equal(first.get("a"), "1");
});
test("from a generator of pairs", () => equal([...new Headers((function* () { yield ["x", "y"]; })())], [["x", "y"]]));
test("a pair of one throws", () => throws("TypeError", () => new Headers([["a"]])));
test("a pair of three throws", () => throws("TypeError", () => new Headers([["a", "b", "c"]])));
test("a string as pair throws", () => throws("TypeError", () => new Headers(["ab"])));
test("values become strings", () => equal(new Headers({ a: 1 }).get("a"), "1"));
test("undefined becomes a string", () => equal(new Headers({ a: undefined }).get("a"), "undefined"));
test("a symbol key throws", () => throws("TypeError", () => new Headers({ [Symbol("s")]: "1" })));
test("keys that are not enumerable are not read", () => {
    equal([...new Headers(Object.defineProperty({}, "a", { value: "1" }))], []);
});
test("names do not mind case", () => equal(new Headers({ "Content-Type": "x" }).get("cOnTeNt-tYpE"), "x"));
test("get of what is not there is null", () => equal(new Headers().get("a"), null));
test("get of an invalid name throws", () => throws("TypeError", () => new Headers().get("a b")));
test("has of an invalid name throws", () => throws("TypeError", () => new Headers().has("")));
test("delete of an invalid name throws", () => throws("TypeError", () => new Headers().delete("a:")));
test("append combines", () => {
    const headers = new Headers({ a: "1" });
    headers.append("A", "2");
    equal(headers.get("a"), "1, 2");
});
test("empty values combine too", () => equal(new Headers([["a", ""], ["a", ""]]).get("a"), ", "));
test("set replaces all", () => {
    const headers = new Headers([["a", "1"], ["b", "x"], ["A", "2"]]);
    headers.set("a", "3");
    equal([...headers], [["a", "3"], ["b", "x"]]);
});
test("delete removes all", () => {
    const headers = new Headers([["a", "1"], ["A", "2"]]);
    headers.delete("a");
    ok(!headers.has("a"));
});
test("delete of what is not there does nothing", () => new Headers().delete("a"));
test("has", () => ok(new Headers({ a: "" }).has("A")));
test("iteration is sorted and lower case", () => {
    equal([...new Headers([["Z", "1"], ["a", "2"], ["M", "3"]])], [["a", "2"], ["m", "3"], ["z", "1"]]);
});
test("keys", () => equal([...new Headers([["b", "1"], ["a", "2"]]).keys()], ["a", "b"]));
test("values", () => equal([...new Headers([["b", "1"], ["a", "2"]]).values()], ["2", "1"]));
test("an iterator's prototypes", () => {
    const proto = Object.getPrototypeOf(new Headers().keys());
    equal(Object.getPrototypeOf(proto), Iterator.prototype);
    equal(Object.getOwnPropertyDescriptor(proto, "next").enumerable, true);
    equal(String(new Headers().entries()), "[object Headers Iterator]");
    equal(String(new URLSearchParams().entries()), "[object URLSearchParams Iterator]");
    equal(String(new FormData().entries()), "[object FormData Iterator]");
});
test("an iterator of others' pairs is refused", () => throws("TypeError", () => Headers.prototype.entries.call(new Map())));
test("a symbol as a name throws before its value is read", () => {
    const record = { get [Symbol("s")]() { throw new Error("was read"); } };
    throws("TypeError", () => new Headers(record));
});
test("entries is the iterator", () => equal(Headers.prototype.entries, Headers.prototype[Symbol.iterator]));
test("forEach gives value, name, headers and this", () => {
    const headers = new Headers({ a: "1" });
    const seen = [];
    headers.forEach(function (...args) { seen.push(this.t, ...args.slice(0, 2), args[2] === headers); }, { t: 5 });
    equal(seen, [5, "1", "a", true]);
});
test("forEach without function throws", () => throws("TypeError", () => new Headers().forEach()));
test("set-cookie is not combined in iteration", () => {
    const headers = new Headers([["set-cookie", "a=1"], ["x", "y"], ["Set-Cookie", "b=2"]]);
    equal([...headers], [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x", "y"]]);
});
test("get combines set-cookie", () => equal(new Headers([["set-cookie", "a"], ["set-cookie", "b"]]).get("set-cookie"), "a, b"));
test("getSetCookie", () => equal(new Headers([["set-cookie", "a"], ["Set-Cookie", "b"]]).getSetCookie(), ["a", "b"]));
test("getSetCookie without any", () => equal(new Headers().getSetCookie(), []));
test("arguments that are missing throw", () => {
    throws("TypeError", () => new Headers().set("a"), "Failed to execute 'set' on 'Headers': parameter 2 is not of type 'string'.");
    throws("TypeError", () => new Headers().append("a"));
    for (const method of ["get", "has", "delete", "getAll"]) throws("TypeError", () => new Headers()[method]());
    const headers = new Headers();
    headers.set("a", undefined);
    equal(headers.get("a"), "undefined");
});
test("getAll is for set-cookie", () => equal(new Headers([["set-cookie", "a"]]).getAll("Set-Cookie"), ["a"]));
test("getAll of another throws", () => throws("TypeError", () => new Headers().getAll("a")));
test("white space around values goes", () => equal(new Headers({ a: " \t\r\nx y\n" }).get("a"), "x y"));
test("a newline in a value throws", () => throws("TypeError", () => new Headers({ a: "x\ny" })));
test("a carriage return in a value throws", () => throws("TypeError", () => new Headers({ a: "x\ry" })));
test("a null in a value throws", () => throws("TypeError", () => new Headers({ a: "x\0y" })));
test("a value beyond Latin-1 throws", () => throws("TypeError", () => new Headers({ a: "\u0100" })));
test("a Latin-1 value is kept", () => equal(new Headers({ a: "\xe4" }).get("a"), "\xe4"));
test("a control character in a value is kept", () => equal(new Headers({ a: "x\x01y" }).get("a"), "x\x01y"));
test("an empty name throws", () => throws("TypeError", () => new Headers([["", "x"]])));
test("a space in a name throws", () => throws("TypeError", () => new Headers([["a b", "x"]])));
test("a colon in a name throws", () => throws("TypeError", () => new Headers([["a:b", "x"]])));
test("a name beyond ASCII throws", () => throws("TypeError", () => new Headers([["\xe4", "x"]])));
test("token characters in a name are fine", () => equal([...new Headers({ "!#$%&'*+-.^_`|~0": "x" })].length, 1));
test("a header appended during iteration is seen", () => {
    const headers = new Headers({ a: "1" });
    const seen = [];
    for (const [name] of headers) {
        seen.push(name);
        if (seen.length === 1) headers.append("b", "2");
    }
    equal(seen, ["a", "b"]);
});
test("a header deleted during iteration is not seen", () => {
    const headers = new Headers({ a: "1", b: "2", c: "3" });
    const seen = [];
    for (const [name] of headers) {
        seen.push(name);
        headers.delete("b");
    }
    equal(seen, ["a", "c"]);
});
test("toStringTag", () => equal(String(new Headers()), "[object Headers]"));
test("the class's name", () => equal(Headers.name, "Headers"));
test("methods check their this", () => throws("TypeError", () => Headers.prototype.get.call({}, "a")));
