// Blob, File and FormData, and forms in bodies.

import { equal, ok, rejects, suite, throws } from "./harness.js";

const { test, run } = suite("forms");
export { run };

const multipart = (text, boundary = "xx") =>
    new Response(text.replaceAll("\n", "\r\n"), { headers: { "content-type": `multipart/form-data; boundary=${boundary}` } }).formData();

test("an empty blob", () => equal([new Blob().size, new Blob().type], [0, ""]));
test("parts are joined", async () => equal(await new Blob(["a", new Uint8Array([0x62]), new Blob(["c"])]).text(), "abc"));
test("an ArrayBuffer as part", async () => equal(await new Blob([new Uint8Array([0x62]).buffer]).text(), "b"));
test("other parts become strings", async () => equal(await new Blob([1, null]).text(), "1null"));
test("a string as parts throws", () => throws("TypeError", () => new Blob("abc")));
test("an object as parts throws", () => throws("TypeError", () => new Blob({})));
test("a Set of parts is fine", async () => equal(await new Blob(new Set(["a"])).text(), "a"));
test("the type is lower case", () => equal(new Blob([], { type: "TEXT/Plain" }).type, "text/plain"));
test("a type beyond ASCII is none", () => equal(new Blob([], { type: "a/\u00e4" }).type, ""));
test("endings stay", async () => equal(await new Blob(["a\r\nb"]).text(), "a\r\nb"));
test("endings become native", async () => equal(await new Blob(["a\r\nb\rc"], { endings: "native" }).text(), "a\nb\nc"));
test("other endings throw", () => throws("TypeError", () => new Blob([], { endings: "x" })));
test("the size is in bytes", () => equal(new Blob(["\u00e9"]).size, 2));
test("slice", async () => equal(await new Blob(["abcdef"]).slice(1, 3).text(), "bc"));
test("slice from the end", async () => equal(await new Blob(["abcdef"]).slice(-2).text(), "ef"));
test("slice beyond the end", async () => equal(await new Blob(["abc"]).slice(2, 10).text(), "c"));
test("slice the wrong way round", () => equal(new Blob(["abc"]).slice(2, 1).size, 0));
test("slice with a type", () => equal(new Blob(["abc"], { type: "a/b" }).slice(0, 1, "C/d").type, "c/d"));
test("slice without a type has none", () => equal(new Blob(["abc"], { type: "a/b" }).slice().type, ""));
test("arrayBuffer is a copy", async () => {
    const blob = new Blob(["a"]);
    new Uint8Array(await blob.arrayBuffer())[0] = 0;
    equal(await blob.text(), "a");
});
test("bytes of a blob", async () => equal([...(await new Blob(["a"]).bytes())], [0x61]));
test("stream of a blob", async () => equal(await new Response(new Blob(["ab"]).stream()).text(), "ab"));
test("a changed part does not change the blob", async () => {
    const part = new Uint8Array([0x61]);
    const blob = new Blob([part]);
    part[0] = 0x62;
    equal(await blob.text(), "a");
});
test("a file", () => {
    const file = new File(["ab"], "n.txt", { type: "a/b", lastModified: 5 });
    equal([file.name, file.size, file.type, file.lastModified], ["n.txt", 2, "a/b", 5]);
});
test("a file is a blob", () => ok(new File([], "") instanceof Blob));
test("a file without name throws", () => throws("TypeError", () => new File([])));
test("a file was modified now", () => ok(Math.abs(new File([], "").lastModified - Date.now()) < 60000));
test("toStringTag of a file", () => equal(String(new File([], "")), "[object File]"));

test("append and get", () => {
    const form = new FormData();
    form.append("a", "1");
    form.append("a", "2");
    equal([form.get("a"), form.getAll("a"), form.get("b"), form.getAll("b")], ["1", ["1", "2"], null, []]);
});
test("set replaces in place", () => {
    const form = new FormData();
    form.append("a", "1");
    form.append("b", "2");
    form.append("a", "3");
    form.set("a", "4");
    equal([...form], [["a", "4"], ["b", "2"]]);
});
test("delete and has", () => {
    const form = new FormData();
    form.append("a", "1");
    ok(form.has("a"));
    form.delete("a");
    ok(!form.has("a"));
});
test("keys and values", () => {
    const form = new FormData();
    form.append("b", "1");
    form.append("a", "2");
    equal([[...form.keys()], [...form.values()]], [["b", "a"], ["1", "2"]]);
});
test("forEach of a form", () => {
    const form = new FormData();
    form.append("a", "1");
    const seen = [];
    form.forEach((value, name, self) => seen.push(value, name, self === form));
    equal(seen, ["1", "a", true]);
});
test("values become strings in a form", () => {
    const form = new FormData();
    form.append("a", 1);
    equal(form.get("a"), "1");
});
test("one argument to append throws", () => throws("TypeError", () => new FormData().append("a")));
test("a string with a file name throws", () => throws("TypeError", () => new FormData().append("a", "b", "c")));
test("a blob becomes a file", () => {
    const form = new FormData();
    form.append("a", new Blob(["x"], { type: "t/u" }));
    equal([form.get("a").name, form.get("a").type, form.get("a") instanceof File], ["blob", "t/u", true]);
});
test("a blob with a name", () => {
    const form = new FormData();
    form.append("a", new Blob(["x"]), "n");
    equal(form.get("a").name, "n");
});
test("a file stays the same", () => {
    const form = new FormData();
    const file = new File(["x"], "n");
    form.append("a", file);
    ok(form.get("a") === file);
});
test("an argument to FormData throws", () => throws("TypeError", () => new FormData({})));

test("a form goes round", async () => {
    const form = new FormData();
    form.append("text", "a\nb");
    form.append('na"me', "\u00e9");
    form.append("file", new File([new Uint8Array([13, 10, 0, 255, 45, 45])], "f\u00e9.bin", { type: "a/b" }));
    const back = await new Response(form).formData();
    const file = back.get("file");
    equal([back.get("text"), back.get('na"me'), file.name, file.type], ["a\r\nb", "\u00e9", "f\u00e9.bin", "a/b"]);
    equal([...(await file.bytes())], [13, 10, 0, 255, 45, 45]);
});
test("an empty form goes round", async () => equal([...(await new Response(new FormData()).formData())], []));
test("a file without type gets one", async () => {
    const form = new FormData();
    form.append("a", new Blob(["x"]));
    ok((await new Response(form).text()).includes("Content-Type: application/octet-stream"));
});
test("line ends in names are escaped", async () => {
    const form = new FormData();
    form.append("a\nb", "x");
    ok((await new Response(form).text()).includes('name="a%0D%0Ab"'));
});
test("urlencoded", async () => {
    const response = new Response(new URLSearchParams([["a", "b c"], ["d", "\u00e9"]]));
    equal([...(await response.formData())], [["a", "b c"], ["d", "\u00e9"]]);
});
test("parts of a form", async () => {
    const form = await multipart('--xx\nContent-Disposition: form-data; name="a"\n\nb\n--xx\ncontent-disposition: form-data; name=c; filename="d"\nContent-Type: t/u\n\ne\n--xx--\n');
    equal([form.get("a"), form.get("c").name, form.get("c").type], ["b", "d", "t/u"]);
});
test("a file without type is text", async () => {
    const form = await multipart('--xx\nContent-Disposition: form-data; name="a"; filename="f"\n\nb\n--xx--');
    equal(form.get("a").type, "text/plain");
});
test("an empty part", async () => equal((await multipart('--xx\nContent-Disposition: form-data; name="a"\n\n\n--xx--')).get("a"), ""));
test("a preamble is passed over", async () => equal((await multipart('hi\n--xx\nContent-Disposition: form-data; name="a"\n\nb\n--xx--')).get("a"), "b"));
test("a quoted boundary", async () => equal((await multipart('--x x\nContent-Disposition: form-data; name="a"\n\nb\n--x x--', '"x x"')).get("a"), "b"));
test("what looks like a boundary is content", async () => equal((await multipart('--xx\nContent-Disposition: form-data; name="a"\n\n--x\n--xx--')).get("a"), "--x"));
test("a name inside a file name is none", async () => {
    equal([...(await multipart('--xx\nContent-Disposition: form-data; filename="; name=z"; name="a"\n\nb\n--xx--')).keys()], ["a"]);
});
test("no opening boundary rejects", () => rejects("TypeError", multipart("hello")));
test("no closing boundary rejects", () => rejects("TypeError", multipart('--xx\nContent-Disposition: form-data; name="a"\n\nb')));
test("a part without name rejects", () => rejects("TypeError", multipart("--xx\nContent-Type: a/b\n\nb\n--xx--")));
test("a part without end of headers rejects", () => rejects("TypeError", multipart('--xx\nContent-Disposition: form-data; name="a"\n--xx--')));
test("a part with a broken header rejects", () => rejects("TypeError", multipart("--xx\nnonsense\n\nb\n--xx--")));
test("another disposition rejects", () => rejects("TypeError", multipart('--xx\nContent-Disposition: attachment; name="a"\n\nb\n--xx--')));
test("an empty body rejects", () => rejects("TypeError", multipart("")));
test("no boundary rejects", () => rejects("TypeError", new Response("", { headers: { "content-type": "multipart/form-data" } }).formData()));
test("another type rejects", () => rejects("TypeError", new Response("a=b").formData()));
test("no type rejects", () => rejects("TypeError", new Response(new Uint8Array(1)).formData()));
test("too many parts reject", () => rejects("TypeError", multipart('--xx\nContent-Disposition: form-data; name="a"\n\nb\n'.repeat(100001) + "--xx--")));
