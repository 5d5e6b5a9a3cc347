// Bodies of requests and responses: what goes in, what comes out, and that it comes out once.

import { equal, ok, rejects, suite, throws } from "./harness.js";

const { test, run } = suite("body");
export { run };

const usedText = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const type = (body) => new Response(body).headers.get("content-type");
const bytes = (...values) => new Uint8Array(values);
const list = (array) => [...new Uint8Array(array)];

function streamOf(...chunks) {
    return new ReadableStream({
        start(controller) {
            chunks.forEach((chunk) => controller.enqueue(chunk));
            controller.close();
        },
    });
}

test("text of a string", async () => equal(await new Response("h\u00e9").text(), "h\u00e9"));
test("text of bytes", async () => equal(await new Response(bytes(0x68, 0xc3, 0xa9)).text(), "h\u00e9"));
test("text of an ArrayBuffer", async () => equal(await new Response(bytes(0x68).buffer).text(), "h"));
test("text of a view into a buffer", async () => equal(await new Response(bytes(1, 0x68, 0x69, 2).subarray(1, 3)).text(), "hi"));
test("text of a DataView", async () => equal(await new Response(new DataView(bytes(0x68, 0x69).buffer, 1)).text(), "i"));
test("text of a Uint16Array", async () => equal(await new Response(new Uint16Array([0x6868])).text(), "hh"));
test("text of a Blob", async () => equal(await new Response(new Blob(["a", "b"])).text(), "ab"));
test("text of search parameters", async () => equal(await new Response(new URLSearchParams({ a: "b c" })).text(), "a=b+c"));
test("nothing is no body where there can be none", () => {
    for (const nothing of ["", bytes(), new Blob([]), new URLSearchParams()]) {
        const response = new Response(nothing, { status: 204 });
        equal([response.body, [...response.headers]], [null, []]);
    }
    throws("TypeError", () => new Response("x", { status: 304 }), "Response with null body status (101, 204, 205, or 304) cannot have a body.");
    throws("TypeError", () => new Response(streamOf(), { status: 205 }));
});
test("a response with a WebSocket is one of status 101", () => {
    const [webSocket] = Object.values(new WebSocketPair());
    throws("RangeError", () => new Response(null, { webSocket }), "Responses with a WebSocket must have status code 101.");
    equal(new Response("", { status: 101, webSocket }).webSocket === webSocket, true);
});
test("text of a number", async () => equal(await new Response(5).text(), "5"));
test("text of a stream", async () => equal(await new Response(streamOf(bytes(0x68), bytes(0x69))).text(), "hi"));
test("text of no body", async () => equal(await new Response().text(), ""));
test("a byte order mark goes from a string", async () => equal(await new Response("\ufeffa").text(), "a"));
test("a byte order mark goes from bytes", async () => equal(await new Response(bytes(0xef, 0xbb, 0xbf, 0x61)).text(), "a"));
test("invalid UTF-8 is replaced", async () => equal(await new Response(bytes(0xff, 0x61)).text(), "\ufffda"));
test("a lone surrogate is replaced", async () => equal(await new Response("a\ud800").text(), "a\ufffd"));
test("json", async () => equal(await new Response('{"a":[1,null]}').json(), { a: [1, null] }));
test("json of a string that is none rejects", () => rejects("SyntaxError", new Response("{").json()));
test("json of no body rejects", () => rejects("SyntaxError", new Response().json()));
test("arrayBuffer", async () => equal(list(await new Response("ab").arrayBuffer()), [0x61, 0x62]));
test("arrayBuffer of no body", async () => equal((await new Response().arrayBuffer()).byteLength, 0));
test("arrayBuffer of a view has its length", async () => equal((await new Response(bytes(1, 2, 3).subarray(1)).arrayBuffer()).byteLength, 2));
test("bytes", async () => ok((await new Response("ab").bytes()) instanceof Uint8Array));
test("blob has the content type", async () => equal((await new Response("a", { headers: { "content-type": "A/b" } }).blob()).type, "a/b"));
test("blob of no type", async () => equal((await new Response(bytes(1)).blob()).type, ""));
test("blob's size", async () => equal((await new Response("abc").blob()).size, 3));
test("bytes given are copied", async () => {
    const given = bytes(0x61);
    const response = new Response(given);
    given[0] = 0x62;
    equal(await response.text(), "a");
});
test("bytes of a clone are apart", async () => {
    const response = new Response(bytes(1, 2));
    const clone = response.clone();
    (await response.bytes())[0] = 9;
    equal(list(await clone.bytes()), [1, 2]);
});
test("a clone of a blob's body leaves the blob alone", async () => {
    const blob = new Blob(["ab"]);
    (await new Response(blob).bytes())[0] = 0;
    equal(await blob.text(), "ab");
});

test("type of a string", () => equal(type("x"), "text/plain;charset=UTF-8"));
test("type of bytes", () => equal(type(bytes(1)), null));
test("type of a stream", () => equal(type(streamOf()), null));
test("type of search parameters", () => equal(type(new URLSearchParams()), "application/x-www-form-urlencoded;charset=UTF-8"));
test("type of a form", () => ok(/^multipart\/form-data; boundary=.{10,70}$/.test(type(new FormData()))));
test("type of a blob with one", () => equal(type(new Blob([], { type: "a/b" })), "a/b"));
test("type of a blob without", () => equal(type(new Blob([])), null));
test("a given type stays", () => equal(new Response("x", { headers: { "Content-Type": "a/b" } }).headers.get("content-type"), "a/b"));

test("bodyUsed is false first", () => equal(new Response("x").bodyUsed, false));
test("bodyUsed is true at once", () => {
    const response = new Response("x");
    void response.text();
    equal(response.bodyUsed, true);
});
test("reading twice rejects", async () => {
    const response = new Response("x");
    await response.text();
    await rejects("TypeError", response.text(), usedText);
});
for (const method of ["arrayBuffer", "blob", "bytes", "formData", "json"]) {
    test(`${method} after text rejects`, async () => {
        const response = new Response("a=b", { headers: { "content-type": "application/x-www-form-urlencoded" } });
        await response.text();
        await rejects("TypeError", response[method](), usedText);
    });
}
test("body is the same stream each time", () => {
    const response = new Response("x");
    ok(response.body === response.body && response.body instanceof ReadableStream);
});
test("asking for body does not use it", async () => {
    const response = new Response("x");
    ok(!response.body.locked && !response.bodyUsed);
    equal(await response.text(), "x");
});
test("a body read through its stream is used", async () => {
    const response = new Response("xy");
    const reader = response.body.getReader();
    equal(list((await reader.read()).value), [0x78, 0x79]);
    ok(response.bodyUsed);
    ok((await reader.read()).done);
});
test("a locked body rejects", async () => {
    const response = new Response("x");
    response.body.getReader();
    await rejects("TypeError", response.text(), "This ReadableStream is currently locked to a reader.");
});
test("a body read in part rejects", async () => {
    const response = new Response("x");
    const reader = response.body.getReader();
    await reader.read();
    reader.releaseLock();
    await rejects("TypeError", response.text(), usedText);
});
test("a cancelled body is used", async () => {
    const response = new Response("x");
    await response.body.cancel();
    ok(response.bodyUsed);
});
test("the stream of a used body is locked to who used it", async () => {
    const response = new Response("x");
    await response.text();
    ok(response.bodyUsed && response.body.locked);
    throws("TypeError", () => response.body.getReader());
});
test("a body is a byte stream", async () => {
    const reader = new Response("abc").body.getReader({ mode: "byob" });
    equal(list((await reader.read(new Uint8Array(2))).value), [0x61, 0x62]);
    equal(list((await reader.read(new Uint8Array(2))).value), [0x63]);
    ok((await reader.read(new Uint8Array(2))).done);
});
test("a body can be iterated", async () => {
    const seen = [];
    for await (const chunk of new Response("ab").body) seen.push(...chunk);
    equal(seen, [0x61, 0x62]);
});
test("a locked stream is no body", () => {
    const stream = streamOf();
    stream.getReader();
    throws("TypeError", () => new Response(stream));
});
test("a stream that was read is no body", async () => {
    const stream = streamOf(bytes(1));
    const reader = stream.getReader();
    await reader.read();
    reader.releaseLock();
    throws("TypeError", () => new Response(stream));
});
test("body is the stream that was given", () => {
    const stream = streamOf();
    ok(new Response(stream).body === stream);
});
test("a stream of strings rejects where its own worker reads it", () => rejects("TypeError", new Response(streamOf("x")).text(), "This ReadableStream did not return bytes."));
test("a stream of buffers and views is fine", async () => {
    equal(await new Response(streamOf(bytes(0x61).buffer, new Uint16Array([0x6262]))).text(), "abb");
});
test("an error of the stream rejects", () => {
    const stream = new ReadableStream({ start: (controller) => controller.error(new RangeError("no")) });
    return rejects("RangeError", new Response(stream).text(), "no");
});
test("one body as another's", async () => equal(await new Response(new Response("x").body).text(), "x"));
test("cloning a stream tees it", async () => {
    const response = new Response(streamOf(bytes(0x61)));
    const clone = response.clone();
    equal([await clone.text(), await response.text()], ["a", "a"]);
});
test("cloning after asking for body", async () => {
    const response = new Response("ab");
    ok(response.body !== null);
    const clone = response.clone();
    equal([await clone.text(), await response.text()], ["ab", "ab"]);
});
test("cloning with a locked body throws", () => {
    const response = new Response("x");
    response.body.getReader();
    throws("TypeError", () => response.clone());
});
test("a request's body reads the same", async () => {
    equal(await new Request("http://x.test/", { method: "POST", body: "x" }).text(), "x");
});

for (const [url, type, text] of [
    ["data:,response%27s%20body", "text/plain;charset=US-ASCII", "response's body"],
    ["data:text/html;charset=utf-8,<b>%C3%A9</b>#hash", "text/html;charset=utf-8", "<b>\u00e9</b>"],
    ["data:image/png;base64,cmVzcG9uc2U=", "image/png", "response"],
    ["data:;base64,YQ%3D%3D", "text/plain;charset=US-ASCII", "a"],
    ["data:;charset=x,y", "text/plain;charset=x", "y"],
    ["data:nonsense,y", "text/plain;charset=US-ASCII", "y"],
]) {
    test(`fetch of ${url}`, async () => {
        const response = await fetch(url);
        equal([response.status, response.url.slice(0, 5), response.headers.get("content-type"), await response.text()], [200, "data:", type, text]);
    });
}
test("fetch of no data: URL", async () => {
    for (const url of ["data:nothing", "data:;base64,?"]) equal(await fetch(url).then(() => "answered", (error) => error.name), "TypeError");
});
