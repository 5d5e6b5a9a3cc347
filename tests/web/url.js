// URL and URLSearchParams.

import { equal, ok, suite, throws } from "./harness.js";

const { test, run } = suite("url");
export { run };

// Input, base, and the serialised result; null for no URL.
const cases = [
    ["http://example.com", undefined, "http://example.com/"],
    ["http://example.com/", undefined, "http://example.com/"],
    ["https://example.com:8443/a/b?c=d#e", undefined, "https://example.com:8443/a/b?c=d#e"],
    ["https://example.com:443/", undefined, "https://example.com/"],
    ["http://example.com:80", undefined, "http://example.com/"],
    ["http://example.com:0/", undefined, "http://example.com:0/"],
    ["http://example.com:00080/", undefined, "http://example.com/"],
    ["http://example.com:65535/", undefined, "http://example.com:65535/"],
    ["http://example.com:65536/", undefined, null],
    ["http://example.com:/", undefined, "http://example.com/"],
    ["HTTP://EXAMPLE.COM/Path", undefined, "http://example.com/Path"],
    ["  http://example.com/ ", undefined, "http://example.com/"],
    ["http://exa\tmple.com/\n", undefined, "http://example.com/"],
    ["http:\\\\example.com\\a", undefined, "http://example.com/a"],
    ["http:example.com", undefined, "http://example.com/"],
    ["http:///example.com", undefined, "http://example.com/"],
    ["http://user:pass@example.com/", undefined, "http://user:pass@example.com/"],
    ["http://us@er:p@example.com/", undefined, "http://us%40er:p@example.com/"],
    ["http://example.com/a/./b/../c", undefined, "http://example.com/a/c"],
    ["http://example.com/a/%2e%2E/c", undefined, "http://example.com/c"],
    ["http://example.com/..", undefined, "http://example.com/"],
    ["http://example.com/a/.", undefined, "http://example.com/a/"],
    ["http://example.com/.well-known/x", undefined, "http://example.com/.well-known/x"],
    ["http://example.com/a..b/...", undefined, "http://example.com/a..b/..."],
    ["http://example.com/a b\"<>`{}^", undefined, "http://example.com/a%20b%22%3C%3E%60%7B%7D%5E"],
    ["http://example.com/\u00e9", undefined, "http://example.com/%C3%A9"],
    ["http://example.com/\ud800", undefined, "http://example.com/%EF%BF%BD"],
    ["http://example.com/%zz%41", undefined, "http://example.com/%zz%41"],
    ["http://example.com/?a b'\"<>", undefined, "http://example.com/?a%20b%27%22%3C%3E"],
    ["http://example.com/?\u00e9", undefined, "http://example.com/?%C3%A9"],
    ["http://example.com/?", undefined, "http://example.com/?"],
    ["http://example.com/#", undefined, "http://example.com/#"],
    ["http://example.com?a#b?c#d", undefined, "http://example.com/?a#b?c#d"],
    ["http://example.com/#a b`<>\"", undefined, "http://example.com/#a%20b%60%3C%3E%22"],
    ["http://example.com/?a|b[c]{d}", undefined, "http://example.com/?a|b[c]{d}"],
    ["http://127.0.0.1:8080/a", undefined, "http://127.0.0.1:8080/a"],
    ["http://127.1/", undefined, "http://127.0.0.1/"],
    ["http://0x7f.1/", undefined, "http://127.0.0.1/"],
    ["http://2130706433/", undefined, "http://127.0.0.1/"],
    ["http://256.0.0.1/", undefined, null],
    ["http://1.2.3.4.5/", undefined, null],
    ["http://a.1/", undefined, null],
    ["http://a.0x/", undefined, null],
    ["http://1.a/", undefined, "http://1.a/"],
    ["http://a_b.example/", undefined, "http://a_b.example/"],
    ["http://example.com./", undefined, "http://example.com./"],
    ["http://[::1]:80/", undefined, "http://[::1]/"],
    ["http://[2001:DB8:0:0:0:0:0:1]/", undefined, "http://[2001:db8::1]/"],
    ["http://[::127.0.0.1]/", undefined, "http://[::7f00:1]/"],
    ["http://[::1/", undefined, null],
    ["http://[1]/", undefined, null],
    ["http://b\u00fccher.example/", undefined, "http://xn--bcher-kva.example/"],
    ["http://xn--bcher-kva.example/", undefined, "http://xn--bcher-kva.example/"],
    ["http://\uff27o.com/", undefined, "http://go.com/"],
    ["http://stra\u00dfe.de/", undefined, "http://xn--strae-oqa.de/"],
    ["http://ex%41mple.com/", undefined, "http://example.com/"],
    ["http://exa mple.com/", undefined, null],
    ["http://exa<mple.com/", undefined, null],
    ["http://a%b/", undefined, null],
    ["http://", undefined, null],
    ["http://?a", undefined, null],
    ["https://\u00ad/", undefined, null],
    ["", undefined, null],
    ["/a", undefined, null],
    ["example.com", undefined, null],
    ["mailto:a@b.example", undefined, "mailto:a@b.example"],
    ["data:text/plain,a b", undefined, "data:text/plain,a b"],
    ["javascript:alert(1)", undefined, "javascript:alert(1)"],
    ["file:///a/b", undefined, "file:///a/b"],
    ["file://localhost/a", undefined, "file:///a"],
    ["file:///C|/a/../..", undefined, "file:///C:/"],
    ["ws://example.com:80/", undefined, "ws://example.com/"],
    ["custom://Host/a/../b", undefined, "custom://Host/b"],
    ["custom:/a/./b", undefined, "custom:/a/b"],
    ["blob:https://example.com/x", undefined, "blob:https://example.com/x"],
    ["/c?d", "http://example.com/a/b?x#y", "http://example.com/c?d"],
    ["c", "http://example.com/a/b?x#y", "http://example.com/a/c"],
    ["./c", "http://example.com/a/b", "http://example.com/a/c"],
    ["../c", "http://example.com/a/b/d", "http://example.com/a/c"],
    ["/../c", "http://example.com/a", "http://example.com/c"],
    ["?c", "http://example.com/a?b#d", "http://example.com/a?c"],
    ["#c", "http://example.com/a?b#d", "http://example.com/a?b#c"],
    ["", "http://example.com/a?b#d", "http://example.com/a?b"],
    ["//other.example/x", "http://example.com/a", "http://other.example/x"],
    ["/\\other.example/x", "http://example.com/a", "http://other.example/x"],
    ["/a", "http://u:p@example.com/", "http://u:p@example.com/a"],
    ["/a b", "http://example.com", "http://example.com/a%20b"],
    ["https://other.example", "http://example.com", "https://other.example/"],
    ["http://example.com", "nonsense", null],
    ["c", "mailto:a@b", null],
    ["#c", "mailto:a@b", "mailto:a@b#c"],
    ["c", "file:///a/b", "file:///a/c"],
];

for (const [input, base, expected] of cases) {
    const name = `${JSON.stringify(input)} on ${JSON.stringify(base)}`;
    test(name, () => equal(URL.parse(input, base)?.href ?? null, expected));
    if (expected !== null) {
        test(`${name} is stable`, () => equal(new URL(expected).href, expected));
    }
}

test("no URL throws", () => throws("TypeError", () => new URL("nonsense")));
test("no argument throws", () => throws("TypeError", () => new URL()));
test("canParse", () => equal([URL.canParse("http://a"), URL.canParse("a"), URL.canParse("a", "http://b")], [true, false, true]));
test("a URL as input", () => equal(new URL(new URL("http://a/b")).href, "http://a/b"));
test("a URL as base", () => equal(new URL("c", new URL("http://a/b")).href, "http://a/c"));
test("a URL as base that says it is another", () => {
    const base = new URL("http://a/b");
    base.toString = () => "http://other/b";
    equal(new URL("c", base).href, "http://other/c");
    base[Symbol.toPrimitive] = () => "http://third/b";
    equal(new URL("c", base).href, "http://third/c");
});
test("all parts", () => {
    const url = new URL("https://u:p@example.com:8080/a?b=c#d");
    const { origin, protocol, username, password, host, hostname, port, pathname, search, hash } = url;
    equal([origin, protocol, username, password, host, hostname, port, pathname, search, hash],
        ["https://example.com:8080", "https:", "u", "p", "example.com:8080", "example.com", "8080", "/a", "?b=c", "#d"]);
});
test("empty query and fragment show in href alone", () => {
    const url = new URL("http://a/?#");
    equal([url.search, url.hash, url.href], ["", "", "http://a/?#"]);
});
test("origin of others is null", () => equal([new URL("mailto:a").origin, new URL("file:///a").origin], ["null", "null"]));
test("origin of a blob URL", () => equal(new URL("blob:https://a/b").origin, "https://a"));
test("toJSON and toString", () => equal([JSON.stringify(new URL("http://a")), `${new URL("http://a")}`], ['"http://a/"', "http://a/"]));

// A URL, the part that is set, to what, and the result.
const edits = [
    ["http://a/b?c#d", "hash", "e", "http://a/b?c#e"],
    ["http://a/b?c#d", "hash", "#e f", "http://a/b?c#e%20f"],
    ["http://a/b?c#d", "hash", "", "http://a/b?c"],
    ["http://a/b?c#", "hash", "x", "http://a/b?c#x"],
    ["http://a/b?c#d", "search", "e=f", "http://a/b?e=f#d"],
    ["http://a/b?c#d", "search", "?e f", "http://a/b?e%20f#d"],
    ["http://a/b?c#d", "search", "", "http://a/b#d"],
    ["http://a/b", "search", "?", "http://a/b?"],
    ["http://a/b?c#d", "pathname", "/x/y", "http://a/x/y?c#d"],
    ["http://a/b?c#d", "pathname", "x", "http://a/x?c#d"],
    ["http://a/b?#", "pathname", "/x", "http://a/x?#"],
    ["http://a/b", "pathname", "/x/../y", "http://a/y"],
    ["http://a/b", "pathname", "/x?y#z", "http://a/x%3Fy%23z"],
    ["http://a/b", "pathname", "", "http://a/"],
    ["mailto:a", "pathname", "/b", "mailto:a"],
    ["http://a:81/b", "hostname", "c.example", "http://c.example:81/b"],
    ["http://a/b", "hostname", "C.example", "http://c.example/b"],
    ["http://a/b", "hostname", "c:90", "http://a/b"],
    ["http://a/b", "hostname", "", "http://a/b"],
    ["http://a/b", "hostname", "x y", "http://a/b"],
    ["http://a/b", "hostname", "127.1", "http://127.0.0.1/b"],
    ["http://a/b", "host", "c:90", "http://c:90/b"],
    ["http://a:81/b", "host", "c", "http://c:81/b"],
    ["http://a/b", "host", "c:80/x", "http://c/b"],
    ["http://a/b", "port", "90", "http://a:90/b"],
    ["http://a:90/b", "port", "", "http://a/b"],
    ["http://a:90/b", "port", "80", "http://a/b"],
    ["http://a:90/b", "port", "91x", "http://a:91/b"],
    ["http://a:90/b", "port", "x", "http://a:90/b"],
    ["http://a:90/b", "port", "99999", "http://a:90/b"],
    ["file:///a", "port", "80", "file:///a"],
    ["http://a/b", "protocol", "https", "https://a/b"],
    ["http://a:443/b", "protocol", "https:", "https://a/b"],
    ["http://a/b", "protocol", "custom", "http://a/b"],
    ["http://a/b", "username", "u@", "http://u%40@a/b"],
    ["http://a/b", "password", "p", "http://:p@a/b"],
    ["http://u:p@a/b", "password", "", "http://u@a/b"],
    ["http://u:p@a/b", "pathname", "/c", "http://u:p@a/c"],
    ["http://u:p@a/b", "search", "c", "http://u:p@a/b?c"],
    ["file:///a", "username", "u", "file:///a"],
    ["http://a/b", "href", "https://c", "https://c/"],
    ["http://a/b", "origin", "https://c", "http://a/b"],
];

for (const [input, part, value, expected] of edits) {
    test(`${input} with ${part} ${JSON.stringify(value)}`, () => {
        const url = new URL(input);
        Reflect.set(url, part, value);
        equal(url.href, expected);
    });
}

test("a wrong href throws", () => throws("TypeError", () => { new URL("http://a").href = "nonsense"; }));
test("searchParams is the same object each time", () => {
    const url = new URL("http://a/?b=c");
    ok(url.searchParams === url.searchParams && url.searchParams instanceof URLSearchParams);
});
test("searchParams changes the URL", () => {
    const url = new URL("http://a/?b=c#d");
    url.searchParams.append("e", "f g");
    equal([url.href, url.search], ["http://a/?b=c&e=f+g#d", "?b=c&e=f+g"]);
});
test("empty searchParams end the query", () => {
    const url = new URL("http://a/?b=c#d");
    url.searchParams.delete("b");
    equal(url.href, "http://a/#d");
});
test("search changes searchParams", () => {
    const url = new URL("http://a/?b=c");
    const params = url.searchParams;
    url.search = "d=e";
    equal([...params], [["d", "e"]]);
});
test("href changes searchParams", () => {
    const url = new URL("http://a/?b=c");
    const params = url.searchParams;
    url.href = "http://a/?d=e";
    equal([...params], [["d", "e"]]);
});
test("searchParams of an opaque URL", () => {
    const url = new URL("mailto:a?b=c");
    url.searchParams.set("b", "d");
    equal(url.href, "mailto:a?b=d");
});

// What search parameters are made from, and how they are serialised.
const serialised = [
    ["a=b&c=d", "a=b&c=d"],
    ["?a=b", "a=b"],
    ["??a=b", "%3Fa=b"],
    ["a", "a="],
    ["=b", "=b"],
    ["&&a=b&", "a=b"],
    ["a=b=c", "a=b%3Dc"],
    ["a+b=c%20d", "a+b=c+d"],
    ["a=%2B", "a=%2B"],
    ["a=%C3%A9", "a=%C3%A9"],
    ["a=\u00e9", "a=%C3%A9"],
    ["a=%FF", "a=%EF%BF%BD"],
    ["a=%zz%4", "a=%25zz%254"],
    ["a=\ud800", "a=%EF%BF%BD"],
    ["a=%EF%BB%BFb", "a=%EF%BB%BFb"],
    ["a=*-._~!'()", "a=*-._%7E%21%27%28%29"],
    [[["a", "b"], ["a", "c"]], "a=b&a=c"],
    [{ a: "b", c: 1 }, "a=b&c=1"],
    [new Map([["a", "b"]]), "a=b"],
    [undefined, ""],
    [null, "null="],
];

for (const [init, expected] of serialised) {
    test(`parameters from ${JSON.stringify(init)}`, () => equal(new URLSearchParams(init).toString(), expected));
}

test("parameters from parameters are a copy", () => {
    const first = new URLSearchParams("a=b");
    new URLSearchParams(first).set("a", "c");
    equal(first.get("a"), "b");
});
test("parameters from a form", () => {
    const form = new FormData();
    form.append("a", "b");
    equal(new URLSearchParams(form).toString(), "a=b");
});
test("a pair of one throws", () => throws("TypeError", () => new URLSearchParams([["a"]])));
test("get, getAll, has, size", () => {
    const params = new URLSearchParams("a=1&b=2&a=3");
    equal([params.get("a"), params.getAll("a"), params.has("b"), params.has("c"), params.get("c"), params.size], ["1", ["1", "3"], true, false, null, 3]);
});
test("has with a value", () => equal([new URLSearchParams("a=1").has("a", "1"), new URLSearchParams("a=1").has("a", "2")], [true, false]));
test("delete with a value", () => {
    const params = new URLSearchParams("a=1&a=2");
    params.delete("a", "1");
    equal(params.toString(), "a=2");
});
test("set replaces the first and drops the others", () => {
    const params = new URLSearchParams("a=1&b=2&a=3");
    params.set("a", "4");
    equal(params.toString(), "a=4&b=2");
});
test("sort is stable, by code units", () => {
    const params = new URLSearchParams("z=1&a=2&\u{1f308}=3&\ufb03=4&a=1");
    params.sort();
    equal([...params.keys()], ["a", "a", "z", "\u{1f308}", "\ufb03"]);
    equal(params.getAll("a"), ["2", "1"]);
});
test("forEach of parameters", () => {
    const seen = [];
    new URLSearchParams("a=b").forEach((value, name) => seen.push(value, name));
    equal(seen, ["b", "a"]);
});
test("deleting during iteration", () => {
    const params = new URLSearchParams("a=1&b=2&c=3");
    const seen = [];
    for (const [name] of params) {
        seen.push(name);
        params.delete(name);
    }
    equal(seen, ["a", "c"]);
});
test("too few arguments throw", () => throws("TypeError", () => new URLSearchParams().append("a")));
test("toStringTags", () => equal([String(Object.prototype.toString.call(new URL("http://a"))), Object.prototype.toString.call(new URLSearchParams())], ["[object URL]", "[object URLSearchParams]"]));

test("object URLs are not there, as in Workers", () => {
    throws("Error", () => URL.createObjectURL(new Blob(["x"])), "URL.createObjectURL() is not implemented");
    throws("Error", () => URL.revokeObjectURL("blob:x"), "URL.revokeObjectURL() is not implemented");
});
