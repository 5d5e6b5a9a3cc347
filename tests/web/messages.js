// Request and Response: construction, fields, errors.

import { equal, ok, suite, throws } from "./harness.js";

const { test, run } = suite("messages");
export { run };

const url = "https://example.com/path";
const rangeText = "Responses may only be constructed with status codes in the range 200 to 599, inclusive.";

test("a request has the method GET", () => equal(new Request(url).method, "GET"));
test("a request's URL is serialised", () => equal(new Request("HTTPS://EXAMPLE.com").url, "https://example.com/"));
test("a request from a URL object", () => equal(new Request(new URL(url)).url, url));
test("a relative URL throws", () => throws("TypeError", () => new Request("/a"), "Invalid URL: /a"));
test("an empty URL throws", () => throws("TypeError", () => new Request(""), "Invalid URL: "));
test("redirect is follow", () => equal(new Request(url).redirect, "follow"));
test("redirect can be manual", () => equal(new Request(url, { redirect: "manual" }).redirect, "manual"));
test("another redirect throws", () => throws("TypeError", () => new Request(url, { redirect: "x" })));
test("methods are upper-cased", () => equal(new Request(url, { method: "post" }).method, "POST"));
test("PATCH is a method", () => equal(new Request(url, { method: "patch" }).method, "PATCH"));
test("an own method is fine", () => equal(new Request(url, { method: "PURGE" }).method, "PURGE"));
test("an invalid method throws", () => throws("TypeError", () => new Request(url, { method: "A B" })));
test("CONNECT throws", () => throws("TypeError", () => new Request(url, { method: "CONNECT" })));
test("headers from init", () => equal(new Request(url, { headers: { a: "b" } }).headers.get("a"), "b"));
test("headers are the same object each time", () => {
    const request = new Request(url);
    ok(request.headers === request.headers);
});
test("a GET with a body throws", () => throws("TypeError", () => new Request(url, { body: "x" }), "Request with a GET or HEAD method cannot have a body."));
test("a HEAD with a body throws", () => throws("TypeError", () => new Request(url, { method: "HEAD", body: "x" })));
test("a GET with a null body is fine", () => equal(new Request(url, { body: null }).body, null));
test("a request without body has body null", () => equal(new Request(url).body, null));
test("a request without body is not used", async () => {
    const request = new Request(url);
    equal(await request.text(), "");
    equal(request.bodyUsed, false);
});
test("cf is passed on", () => equal(new Request(url, { cf: { a: 1 } }).cf, { a: 1 }));
test("a signal that is none throws", () => throws("TypeError", () => new Request(url, { signal: {} })));
test("the signal follows the one given", () => {
    const controller = new AbortController();
    const request = new Request(url, { signal: controller.signal });
    equal(request.signal.aborted, false);
    controller.abort("why");
    equal([request.signal.aborted, request.signal.reason], [true, "why"]);
});
test("a request without signal has one that rests", () => equal(new Request(url).signal.aborted, false));
test("the signal is the same object each time", () => {
    const request = new Request(url);
    ok(request.signal === request.signal);
});
test("a request from a request takes its fields", () => {
    const first = new Request(url, { method: "PUT", headers: { a: "1" }, redirect: "manual", body: "x" });
    const second = new Request(first);
    equal([second.method, second.url, second.headers.get("a"), second.redirect], ["PUT", url, "1", "manual"]);
});
test("a request from a request takes its body", async () => {
    const first = new Request(url, { method: "PUT", body: "x" });
    equal(await new Request(first).text(), "x");
    equal(first.bodyUsed, true);
});
test("a request from a used request throws", async () => {
    const first = new Request(url, { method: "PUT", body: "x" });
    await first.text();
    throws("TypeError", () => new Request(first));
});
test("init's body replaces that of the request", async () => {
    const first = new Request(url, { method: "PUT", body: "x" });
    equal(await new Request(first, { body: "y" }).text(), "y");
    equal(first.bodyUsed, false);
});
test("init's headers replace those of the request", () => {
    const first = new Request(url, { headers: { a: "1" } });
    equal([...new Request(first, { headers: { b: "2" } }).headers], [["b", "2"]]);
});
test("a request's headers are copied", () => {
    const first = new Request(url, { headers: { a: "1" } });
    new Request(first).headers.set("a", "2");
    equal(first.headers.get("a"), "1");
});
test("a request as init", () => equal(new Request("https://other.example/", new Request(url, { method: "PUT" })).method, "PUT"));
test("cloning keeps both bodies", async () => {
    const request = new Request(url, { method: "POST", body: "abc" });
    const clone = request.clone();
    equal([await request.text(), await clone.text()], ["abc", "abc"]);
});
test("cloning a used request throws", async () => {
    const request = new Request(url, { method: "POST", body: "abc" });
    await request.text();
    throws("TypeError", () => request.clone());
});
test("a request with a subclass", () => {
    class Mine extends Request {}
    const request = new Mine(url);
    ok(request instanceof Mine && request instanceof Request);
    equal(request.url, url);
});
test("Request and Response share Body", () => ok(new Request(url) instanceof Body && new Response() instanceof Body));
test("toStringTag of Request", () => equal(Object.prototype.toString.call(new Request(url)), "[object Request]"));
test("getters check their this", () => throws("TypeError", () => Request.prototype.url));

test("a response has status 200", () => equal(new Response().status, 200));
test("a response is ok", () => ok(new Response().ok));
test("a response with status 404 is not", () => ok(!new Response(null, { status: 404 }).ok));
test("statusText is empty", () => equal(new Response().statusText, ""));
test("statusText from init", () => equal(new Response(null, { statusText: "Fine" }).statusText, "Fine"));
test("an invalid statusText throws", () => throws("TypeError", () => new Response(null, { statusText: "a\nb" })));
test("status 199 throws", () => throws("RangeError", () => new Response(null, { status: 199 }), rangeText));
test("status 600 throws", () => throws("RangeError", () => new Response(null, { status: 600 }), rangeText));
test("status 0 throws", () => throws("RangeError", () => new Response(null, { status: 0 }), rangeText));
test("status 101 alone throws", () => throws("RangeError", () => new Response(null, { status: 101 }), rangeText));
test("status 599 is fine", () => equal(new Response(null, { status: 599 }).status, 599));
for (const status of [204, 205, 304]) {
    test(`status ${status} with a body throws`, () => throws("TypeError", () => new Response("x", { status })));
    test(`status ${status} without a body is fine`, () => equal(new Response(null, { status }).status, status));
}
test("type is default", () => equal(new Response().type, "default"));
test("url is empty", () => equal(new Response().url, ""));
test("redirected is false", () => equal(new Response().redirected, false));
test("webSocket is null", () => equal(new Response().webSocket, null));
test("a response without body has body null", () => equal(new Response().body, null));
test("an empty string is a body", () => ok(new Response("").body !== null));
test("headers from init of a response", () => equal(new Response("", { headers: [["a", "b"]] }).headers.get("a"), "b"));
test("a response as init", () => equal(new Response("x", new Response("y", { status: 201 })).status, 201));
test("Response.error has type error", () => equal([Response.error().type, Response.error().status], ["error", 0]));
test("Response.error's headers are immutable", () => throws("TypeError", () => Response.error().headers.set("a", "b")));
test("Response.json serialises", async () => equal(await Response.json({ a: [1] }).text(), '{"a":[1]}'));
test("Response.json sets the type", () => equal(Response.json(1).headers.get("content-type"), "application/json"));
test("Response.json keeps a given type", () => equal(Response.json(1, { headers: { "Content-Type": "a/b" } }).headers.get("content-type"), "a/b"));
test("Response.json keeps the status", () => equal(Response.json(1, { status: 418 }).status, 418));
test("Response.json of undefined throws", () => throws("TypeError", () => Response.json(undefined)));
test("Response.json of a cycle throws", () => throws("TypeError", () => { const a = {}; a.a = a; Response.json(a); }));
test("Response.json with status 204 throws", () => throws("TypeError", () => Response.json({}, { status: 204 })));
test("Response.redirect has status 302", () => equal(Response.redirect(url).status, 302));
test("Response.redirect sets location", () => equal(Response.redirect("https://example.com").headers.get("location"), "https://example.com/"));
test("Response.redirect with a status", () => equal(Response.redirect(url, 308).status, 308));
test("Response.redirect with a wrong status throws", () => throws("RangeError", () => Response.redirect(url, 200)));
test("Response.redirect to no URL throws", () => throws("TypeError", () => Response.redirect("http://[")));
test("Response.redirect's headers are immutable", () => throws("TypeError", () => Response.redirect(url).headers.set("a", "b")));
test("a response's clone is apart", () => {
    const response = new Response("x", { status: 201, headers: { a: "1" } });
    const clone = response.clone();
    clone.headers.set("a", "2");
    equal([clone.status, response.headers.get("a")], [201, "1"]);
});
test("cloning a used response throws", async () => {
    const response = new Response("x");
    await response.text();
    throws("TypeError", () => response.clone());
});
test("toStringTag of Response", () => equal(Object.prototype.toString.call(new Response()), "[object Response]"));
