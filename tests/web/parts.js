// The parts of the platform that are loaded when they are first named: WebCrypto, compression, legacy encodings,
// URLPattern, HTMLRewriter, EventSource, caches, message channels, WebSocketPair. web-platform-tests (make wpt) go deeper.

import { equal, ok, rejects, suite, throws } from "./harness.js";

const { test, run } = suite("parts");
export { run };

const text = (string) => new TextEncoder().encode(string);
const hex = (buffer) => new Uint8Array(buffer).toHex();

test("digests of the standards' own examples", async () => {
    equal(hex(await crypto.subtle.digest("SHA-256", text("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    equal(hex(await crypto.subtle.digest("MD5", text("abc"))), "900150983cd24fb0d6963f7d28e17f72");
});

test("DigestStream", async () => {
    const stream = new crypto.DigestStream("SHA-1");
    const writer = stream.getWriter();
    await writer.write(text("a"));
    await writer.write("bc");
    await writer.close();
    equal([hex(await stream.digest), String(stream.bytesWritten)], ["a9993e364706816aba3e25717850c26c9cd0d89d", "3"]);
});

test("HMAC, RFC 4231 case 2", async () => {
    const key = await crypto.subtle.importKey("raw", text("Jefe"), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    const signature = await crypto.subtle.sign("HMAC", key, text("what do ya want for nothing?"));
    equal(hex(signature), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    equal(await crypto.subtle.verify("HMAC", key, signature, text("what do ya want for something?")), false);
});

test("a key that is not extractable stays inside", async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    await rejects("InvalidAccessError", crypto.subtle.exportKey("raw", key));
    await rejects("InvalidAccessError", crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array(16)));
    equal(JSON.stringify(key), "{}");
});

test("what a worker does to a key's attributes changes nothing of the key", async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    key.usages.push("decrypt");
    key.algorithm.name = "AES-CBC";
    const params = { name: "AES-GCM", iv: new Uint8Array(12) };
    const sealed = await crypto.subtle.encrypt(params, key, text("secret"));
    await rejects("InvalidAccessError", crypto.subtle.decrypt(params, key, sealed));
    Object.defineProperty(key, "usages", { value: ["decrypt"] });
    Object.defineProperty(key, "extractable", { value: true });
    await rejects("InvalidAccessError", crypto.subtle.decrypt(params, key, sealed));
    await rejects("InvalidAccessError", crypto.subtle.exportKey("raw", key));

    const hmac = await crypto.subtle.importKey("raw", text("Jefe"), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
    hmac.algorithm.hash.name = "SHA-1";
    hmac.algorithm.hash = 5;
    equal((await crypto.subtle.sign("HMAC", hmac, text("x"))).byteLength, 32);
    const jwk = await crypto.subtle.exportKey("jwk", hmac);
    jwk.key_ops.push("verify");
    equal([jwk.alg, (await crypto.subtle.exportKey("jwk", hmac)).key_ops, hmac.algorithm === hmac.algorithm], ["HS256", ["sign"], true]);
});

test("AES-GCM notices a change", async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt", "decrypt"]);
    const params = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: text("head") };
    const sealed = await crypto.subtle.encrypt(params, key, text("secret"));
    equal(new TextDecoder().decode(await crypto.subtle.decrypt(params, key, sealed)), "secret");
    await rejects("OperationError", crypto.subtle.decrypt({ ...params, additionalData: text("tail") }, key, sealed));
});

test("an AES-CTR counter that begins again", async () => {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-CTR", false, ["encrypt"]);
    const encrypt = (counter, bits, length) => crypto.subtle.encrypt({ name: "AES-CTR", counter, length: bits }, key, new Uint8Array(length));
    const last = new Uint8Array(16);
    last[15] = 255;
    const both = hex(await encrypt(last, 8, 32));
    equal(both.slice(32), hex(await encrypt(new Uint8Array(16), 8, 16)));
    await rejects("OperationError", encrypt(new Uint8Array(16), 1, 48));
});

test("signatures of every kind, through JSON Web Keys", async () => {
    const kinds = [
        [{ name: "ECDSA", namedCurve: "P-521" }, { name: "ECDSA", hash: "SHA-512" }],
        [{ name: "Ed25519" }, "Ed25519"],
        [{ name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }],
        [{ name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-1" }, "RSASSA-PKCS1-v1_5"],
    ];
    for (const [generate, sign] of kinds) {
        const { publicKey, privateKey } = await crypto.subtle.generateKey(generate, true, ["sign", "verify"]);
        const secret = await crypto.subtle.importKey("jwk", await crypto.subtle.exportKey("jwk", privateKey), generate, false, ["sign"]);
        const open = await crypto.subtle.importKey("spki", await crypto.subtle.exportKey("spki", publicKey), generate, true, ["verify"]);
        const signature = await crypto.subtle.sign(sign, secret, text("message"));
        equal([generate.name, await crypto.subtle.verify(sign, open, signature, text("message"))], [generate.name, true]);
        equal(await crypto.subtle.verify(sign, open, signature, text("massage")), false);
    }
});

test("agreement", async () => {
    for (const algorithm of [{ name: "ECDH", namedCurve: "P-256" }, { name: "X25519" }]) {
        const [a, b] = await Promise.all([1, 2].map(() => crypto.subtle.generateKey(algorithm, false, ["deriveBits"])));
        const bits = (own, other) => crypto.subtle.deriveBits({ name: algorithm.name, public: other.publicKey }, own.privateKey, 128);
        equal(hex(await bits(a, b)), hex(await bits(b, a)));
    }
});

test("hostile keys are refused, and nothing else happens", async () => {
    const junk = crypto.getRandomValues(new Uint8Array(300));
    for (const [format, algorithm, usages] of [
        ["pkcs8", { name: "RSA-PSS", hash: "SHA-256" }, ["sign"]],
        ["spki", { name: "ECDSA", namedCurve: "P-256" }, ["verify"]],
        ["raw", { name: "ECDH", namedCurve: "P-384" }, []],
        ["raw", { name: "Ed25519" }, ["verify"]],
    ]) {
        await rejects("DataError", crypto.subtle.importKey(format, junk, algorithm, true, usages));
    }
    const jwk = { kty: "RSA", n: "AA", e: "AA", d: "AA", p: "", q: "!", dp: "", dq: "", qi: "" };
    await rejects("DataError", crypto.subtle.importKey("jwk", jwk, { name: "RSA-PSS", hash: "SHA-256" }, true, ["sign"]));
});

const through = async (bytes, stream) => new Uint8Array(await new Response(new Response(bytes).body.pipeThrough(stream)).arrayBuffer());

test("compression there and back, and what is corrupt", async () => {
    const bytes = text("mayfly ".repeat(40_000));
    for (const format of ["gzip", "deflate", "deflate-raw", "brotli"]) {
        const small = await through(bytes, new CompressionStream(format));
        ok(small.length < 2000);
        equal(hex(await through(small, new DecompressionStream(format))), hex(bytes));
        await rejects("TypeError", through(small.subarray(0, small.length - 4), new DecompressionStream(format)));
        await rejects("TypeError", through(new Uint8Array([...small, 0]), new DecompressionStream(format)));
    }
});

test("legacy encodings", () => {
    const decode = (label, ...bytes) => new TextDecoder(label).decode(new Uint8Array(bytes));
    equal(decode("gb18030", 0xc4, 0xe3), "\u4f60");
    equal(decode("sjis", 0x82, 0xa0), "\u3042");
    equal(decode("euc-kr", 0xb0, 0xa1), "\uac00");
    equal(decode("koi8-r", 0xf0), "\u041f");
    equal(new TextDecoder("x-sjis").encoding, "shift_jis");
});

test("URLPattern", () => {
    equal(new URLPattern({ pathname: "/books/:id(\\d+)" }).exec("http://a/books/12").pathname.groups, { id: "12" });
    equal(new URLPattern("https://*.example.com/*").test("https://a.example.org/"), false);
    // What the library is mended in.
    equal(new URLPattern({ port: "80" }).test({ port: "8\t0/x" }), true);
    equal(new URLPattern({ hostname: "exam\nple.com#hash" }).hostname, "example.com");
    equal(new URLPattern({ pathname: "/:a\u{10450}b" }).exec({ pathname: "/x" }).pathname.groups, { "a\u{10450}b": "x" });
    equal(new URLPattern({ pathname: "/([[a-z]--a])" }).test({ pathname: "/a" }), false);
});

test("HTMLRewriter, with a handler that waits", async () => {
    const rewriter = new HTMLRewriter()
        .on("a[href]", { async element(a) { await scheduler.wait(1); a.setAttribute("href", `${a.getAttribute("href")}!`); } })
        .on("p", { text(chunk) { if (chunk.text !== "") chunk.replace(chunk.text.toUpperCase()); } })
        .onDocument({ end(end) { end.append("<!--end-->", { html: true }); } });
    equal(await rewriter.transform(new Response("<p>one <a href=/x>two</a></p>")).text(), '<p>ONE <a href="/x!">TWO</a></p><!--end-->');
    let refused;
    try { new HTMLRewriter().on("a[", {}); } catch (error) { refused = error.name; }
    equal(refused, "TypeError");
    await rejects("RangeError", new HTMLRewriter().on("p", { element() { throw new RangeError("mine"); } }).transform(new Response("<p>")).text());
});

const rewrite = (html, handlers) => new HTMLRewriter().on("p", handlers).transform(new Response(html)).text();

test("HTMLRewriter takes anything for a string", async () => {
    const element = (p) => {
        p.setAttribute("a", 5).setAttribute("b", undefined).removeAttribute(5).append(null).append({});
        p.prepend(p.hasAttribute(5));
    };
    equal(await rewrite("<p 5>x</p>", { element }), '<p a="5" b="undefined">falsexnull[object Object]</p>');
    equal(await rewrite("<p>x</p>", { text: (chunk) => void (chunk.text && chunk.replace(7)) }), "<p>7</p>");
    await rejects("TypeError", rewrite("<p>x</p>", { element: (p) => void p.append(Symbol("x")) }));
    const missing = "Failed to execute 'setAttribute' on 'Element': parameter 2 is not of type 'string'.";
    await rejects("TypeError", rewrite("<p>", { element: (p) => void p.setAttribute("a") }), missing);
});

test("HTMLRewriter inserts what Responses and streams bring, in order", async () => {
    const element = (p) => {
        p.append(new Response("<b>1</b>"), { html: true }).append("2").append(new Response("<3>").body);
        p.before(new Response("4"));
        p.onEndTag((end) => void end.after(new Response("5")));
    };
    equal(await rewrite("<p>x</p>", { element }), "4<p>x<b>1</b>2&lt;3&gt;</p>5");
    const failing = new ReadableStream({ start: (controller) => controller.error(new RangeError("broken off")) });
    await rejects("RangeError", rewrite("<p>", { element: (p) => void p.append(failing) }), "broken off");
    let kept;
    await rewrite("<p>", { element: (p) => void (kept = p) });
    throws("TypeError", () => kept.append(new Response("late")));
});

test("HTMLRewriter gives the error of a handler, and calls no other", async () => {
    const fail = async () => {
        await 1;
        throw new RangeError("oops");
    };
    let calls = 0;
    const handlers = [{ element: fail }, { text: fail }, { element: (p) => void p.onEndTag(fail) }, { element: () => ++calls && fail() }];
    for (const each of handlers) await rejects("RangeError", rewrite("<p>x</p><p>y</p>", each), "oops");
    equal(calls, 1);
    await rejects("Error", rewrite("<p>", { element() { throw "no error"; } }), "no error");
});

test("HTMLRewriter lets go of a body that is cancelled while a handler waits", async () => {
    const { promise, resolve } = Promise.withResolvers();
    const { body } = new HTMLRewriter().on("p", { element: () => promise }).transform(new Response("<p>x</p>"));
    const reader = body.getReader();
    const read = reader.read();
    await new Promise((after) => setTimeout(after, 5));
    await reader.cancel("no more");
    resolve();
    equal((await read).done, true);
});

test("HTMLRewriter refuses what is no selector, and no handler", () => {
    throws("TypeError", () => new HTMLRewriter().on("", {}), "Parser error: The selector is empty.");
    const text = "Incorrect type for the 'element' field on 'ElementContentHandlers': the provided value is not of type 'function'.";
    throws("TypeError", () => new HTMLRewriter().on("p", { element: 5 }), text);
    new HTMLRewriter().on("p", null).onDocument();
});

test("EventSource of a stream", async () => {
    const source = EventSource.from(new Response("event: tick\nid: 7\ndata: a\ndata: b\n\n").body);
    const { data, lastEventId } = await new Promise((resolve) => source.addEventListener("tick", resolve));
    equal([data, lastEventId], ["a\nb", "7"]);
});

test("caches keep what Cache-Control allows", async () => {
    const put = (path, headers) => caches.default.put(`http://cache${path}`, new Response("kept", { headers }));
    await put("/a", { "cache-control": "max-age=60", etag: '"1"' });
    await put("/b", { "cache-control": "no-store" });
    await put("/c", { "cache-control": "max-age=60", "set-cookie": "a=b" });
    const hit = await caches.default.match("http://cache/a#part");
    equal([await hit.text(), hit.headers.get("cf-cache-status")], ["kept", "HIT"]);
    equal((await caches.default.match(new Request("http://cache/a", { headers: { "if-none-match": '"1"' } }))).status, 304);
    equal([await caches.default.match("http://cache/b"), await caches.default.match("http://cache/c")], [undefined, undefined]);
    equal(await (await caches.open("other")).match("http://cache/a"), undefined);
    equal([await caches.default.delete("http://cache/a"), await caches.default.delete("http://cache/a")], [true, false]);
    await rejects("TypeError", caches.default.put(new Request("http://cache/", { method: "POST" }), new Response("")));
});

test("caches answer for a part, and for what has not changed", async () => {
    const cache = await caches.open("conditional");
    const dated = { "last-modified": "Sat, 01 Jan 2000 00:00:00 GMT", etag: 'W/"e"', "content-length": "6" };
    await cache.put("http://c/dated", new Response("abcdef", { headers: dated }));
    const ask = async (headers) => {
        const response = await cache.match(new Request("http://c/dated", { headers }));
        return [response.status, await response.text(), response.headers.get("content-range")];
    };
    equal(await ask({ range: "bytes=1-3" }), [206, "bcd", "bytes 1-3/6"]);
    equal(await ask({ range: "bytes=4-" }), [206, "ef", "bytes 4-5/6"]);
    equal(await ask({ range: "bytes=-2" }), [206, "ef", "bytes 4-5/6"]);
    equal(await ask({ range: "bytes=2-99" }), [206, "cdef", "bytes 2-5/6"]);
    equal(await ask({ range: "bytes=6-" }), [416, "", "bytes */6"]);
    for (const range of ["bytes=", "bytes=-", "bytes=3-1", "bytes=0-1,3-4", "lines=1-2"]) equal(await ask({ range }), [200, "abcdef", null]);
    for (const tags of ['"e"', 'W/"e"', '"x, y", W/"e"', "*"]) equal((await ask({ "if-none-match": tags }))[0], 304);
    equal((await ask({ "if-none-match": '"x", "y"', "if-modified-since": dated["last-modified"] }))[0], 200);
    equal((await ask({ "if-modified-since": dated["last-modified"] }))[0], 304);
    equal((await ask({ "if-modified-since": "Fri, 31 Dec 1999 00:00:00 GMT" }))[0], 200);
    equal((await ask({ "if-modified-since": "never" }))[0], 200);
});

test("caches stay within their budget", async () => {
    for (let i = 0; i < 20; i++) await caches.default.put(`http://big/${i}`, new Response(new Uint8Array(1 << 20)));
    equal(await caches.default.match("http://big/0"), undefined);
    ok((await caches.default.match("http://big/19")) !== undefined);
});

test("MessageChannel, and a port that is sent through another", async () => {
    const { port1, port2 } = new MessageChannel();
    const inner = new MessageChannel();
    port1.postMessage({ map: new Map([[1, "a"]]) });
    port1.postMessage("port", [inner.port2]);
    const first = await new Promise((resolve) => { port2.onmessage = resolve; });
    equal(first.data.map.get(1), "a");
    const second = await new Promise((resolve) => { port2.onmessage = resolve; });
    inner.port1.postMessage("through");
    equal(await new Promise((resolve) => { second.ports[0].onmessage = ({ data }) => resolve(data); }), "through");
});

test("WebSocketPair", async () => {
    const { 0: a, 1: b } = new WebSocketPair();
    b.accept();
    b.send("before");
    const heard = new Promise((resolve) => a.addEventListener("message", ({ data }) => resolve(data)));
    a.accept();
    equal(await heard, "before");
    const closed = new Promise((resolve) => b.addEventListener("close", ({ code, reason }) => resolve([code, reason])));
    a.close(4000, "over");
    equal(await closed, [4000, "over"]);
    let refused;
    try { a.close(5); } catch (error) { refused = error.name; }
    equal(refused, "InvalidAccessError");
    try { a.close(undefined, "why"); } catch (error) { refused = error.message; }
    equal(refused, "If you specify a WebSocket close reason, you must also specify a code.");
});

test("a WebSocket closes with every code that may be sent", async () => {
    const closeWith = (code) => new Promise((resolve) => {
        const [near, far] = new WebSocketPair();
        near.accept();
        far.accept();
        far.addEventListener("close", (event) => resolve(event.code));
        try { near.close(code, "why"); } catch (error) { resolve(`${error.name}: ${error.message}`); }
    });
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1016, 2999, 3000, 4999, "1001"]) {
        equal(await closeWith(code), Number(code));
    }
    for (const [code, said] of [[999], [1004], [1005], [1006], [1015], [5000], [66536], [-1], [NaN, 0], [null, 0]]) {
        equal(await closeWith(code), `InvalidAccessError: Invalid WebSocket close code: ${said ?? code}.`);
    }
});

test("a half-open WebSocket answers a close itself", async () => {
    const [near, far] = new WebSocketPair();
    near.accept();
    far.accept({ allowHalfOpen: true });
    const told = new Promise((resolve) => far.addEventListener("close", ({ code }) => resolve(code)));
    const heard = new Promise((resolve) => near.addEventListener("message", ({ data }) => resolve(data)));
    const closed = new Promise((resolve) => near.addEventListener("close", ({ code, reason }) => resolve([code, reason])));
    near.close(4001, "going");
    equal([await told, far.readyState, near.readyState], [4001, WebSocket.CLOSING, WebSocket.CLOSING]);
    far.send("last words");
    equal(await heard, "last words");
    far.close(4002, "gone");
    equal([await closed, far.readyState, near.readyState], [[4002, "gone"], WebSocket.CLOSED, WebSocket.CLOSED]);
});

