// TextEncoder, TextDecoder, their streams, atob and btoa.

import { equal, ok, rejects, suite, throws } from "./harness.js";

const { test, run } = suite("encoding");
export { run };

const encode = (text) => [...new TextEncoder().encode(text)];
const decode = (values, label, options) => new TextDecoder(label, options).decode(new Uint8Array(values));

/** Decodes piece after piece, and ends. */
function pieces(label, parts, options) {
    const decoder = new TextDecoder(label, options);
    return parts.map((part) => decoder.decode(new Uint8Array(part), { stream: true })).concat(decoder.decode());
}

test("encode ASCII", () => equal(encode("az"), [0x61, 0x7a]));
test("encode two, three and four bytes", () => equal(encode("\u00e9\u20ac\u{1f600}"), [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80]));
test("encode what is as long as it is short of", () => equal(encode("é\ud800"), [0xc3, 0xa9, 0xef, 0xbf, 0xbd]));
test("encode lone surrogates", () => equal(encode("\ud800a\udc00"), [0xef, 0xbf, 0xbd, 0x61, 0xef, 0xbf, 0xbd]));
test("encode nothing", () => equal(new TextEncoder().encode().length, 0));
test("encode undefined is nothing", () => equal(new TextEncoder().encode(undefined).length, 0));
test("encode a number", () => equal(encode(12), [0x31, 0x32]));
test("encoding of the encoder", () => equal(new TextEncoder().encoding, "utf-8"));
test("encodeInto", () => {
    const into = new Uint8Array(8);
    equal(new TextEncoder().encodeInto("a\u20ac", into), { read: 2, written: 4 });
    equal([...into], [0x61, 0xe2, 0x82, 0xac, 0, 0, 0, 0]);
});
test("encodeInto without room for all", () => equal(new TextEncoder().encodeInto("a\u20acb", new Uint8Array(3)), { read: 1, written: 1 }));
test("encodeInto splits no pair", () => equal(new TextEncoder().encodeInto("\u{1f600}", new Uint8Array(3)), { read: 0, written: 0 }));
test("encodeInto counts pairs as two", () => equal(new TextEncoder().encodeInto("\u{1f600}a", new Uint8Array(4)), { read: 2, written: 4 }));
test("encodeInto an exact fit", () => equal(new TextEncoder().encodeInto("abc", new Uint8Array(3)), { read: 3, written: 3 }));
test("encodeInto what is no Uint8Array throws", () => throws("TypeError", () => new TextEncoder().encodeInto("a", new Uint16Array(2))));

test("decode", () => equal(decode([0x61, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80]), "a\u00e9\u{1f600}"));
test("decode nothing", () => equal(new TextDecoder().decode(), ""));
test("decode a buffer", () => equal(new TextDecoder().decode(new Uint8Array([0x61]).buffer), "a"));
test("decode a view", () => equal(new TextDecoder().decode(new DataView(new Uint8Array([0x61, 0x62]).buffer, 1)), "b"));
test("decode a string throws", () => throws("TypeError", () => new TextDecoder().decode("a")));
test("decode invalid bytes", () => equal(decode([0x61, 0xff, 0x62]), "a\ufffdb"));
test("decode overlong forms", () => equal(decode([0xc0, 0x80]), "\ufffd\ufffd"));
test("decode a surrogate", () => equal(decode([0xed, 0xa0, 0x80]), "\ufffd\ufffd\ufffd"));
test("decode beyond Unicode", () => equal(decode([0xf4, 0x90, 0x80, 0x80]), "\ufffd\ufffd\ufffd\ufffd"));
test("decode a cut character", () => equal(decode([0xe2, 0x82]), "\ufffd"));
test("fatal throws", () => throws("TypeError", () => decode([0xff], "utf-8", { fatal: true })));
test("fatal decodes what is valid", () => equal(decode([0x61], "utf-8", { fatal: true }), "a"));
test("fatal at the end of a stream", () => throws("TypeError", () => pieces("utf-8", [[0xe2]], { fatal: true })));
test("the byte order mark goes", () => equal(decode([0xef, 0xbb, 0xbf, 0x61]), "a"));
test("only the first one goes", () => equal(decode([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf]), "\ufeff"));
test("ignoreBOM keeps it", () => equal(decode([0xef, 0xbb, 0xbf, 0x61], "utf-8", { ignoreBOM: true }), "\ufeffa"));
test("a stream of bytes", () => equal(pieces("utf-8", [[0xe2], [0x82], [0xac, 0x61]]), ["", "", "\u20aca", ""]));
test("a stream cut at its end", () => equal(pieces("utf-8", [[0x61, 0xf0, 0x9f]]), ["a", "\ufffd"]));
test("a stream does not wait for what cannot come", () => equal(pieces("utf-8", [[0xe0, 0x41]]), ["\ufffdA", ""]));
test("a stream does not wait for a bad second byte", () => equal(pieces("utf-8", [[0xf0, 0x80]]), ["\ufffd\ufffd", ""]));
test("a stream with a split byte order mark", () => equal(pieces("utf-8", [[0xef, 0xbb], [0xbf, 0x61]]), ["", "a", ""]));
test("a stream loses its first mark only", () => equal(pieces("utf-8", [[0x61], [0xef, 0xbb, 0xbf]]), ["a", "\ufeff", ""]));
test("a decoder can be used again", () => {
    const decoder = new TextDecoder();
    decoder.decode(new Uint8Array([0xe2]), { stream: true });
    equal(decoder.decode(), "\ufffd");
    equal(decoder.decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])), "a");
});
test("labels do not mind case and space", () => equal(new TextDecoder(" UTF8\n").encoding, "utf-8"));
test("latin1 is windows-1252", () => equal(new TextDecoder("latin1").encoding, "windows-1252"));
test("ascii is windows-1252", () => equal(new TextDecoder("us-ascii").encoding, "windows-1252"));
test("l1 is windows-1252", () => equal(new TextDecoder("l1").encoding, "windows-1252"));
test("utf-16 is utf-16le", () => equal(new TextDecoder("utf-16").encoding, "utf-16le"));
test("an unknown label throws", () => throws("RangeError", () => new TextDecoder("nonsense")));
test("an empty label throws", () => throws("RangeError", () => new TextDecoder("")));
test("fields of a decoder", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    equal([decoder.fatal, decoder.ignoreBOM], [true, true]);
});
test("windows-1252", () => equal(decode([0x80, 0xe9, 0x9f], "windows-1252"), "\u20ac\u00e9\u0178"));
test("windows-1252 has no marks", () => equal(decode([0xef, 0xbb, 0xbf], "windows-1252"), "\u00ef\u00bb\u00bf"));
test("utf-16le", () => equal(decode([0x61, 0, 0xac, 0x20], "utf-16le"), "a\u20ac"));
test("utf-16be", () => equal(decode([0, 0x61, 0x20, 0xac], "utf-16be"), "a\u20ac"));
test("utf-16le loses its mark", () => equal(decode([0xff, 0xfe, 0x61, 0], "utf-16le"), "a"));
test("utf-16le with an odd byte", () => equal(decode([0x61, 0, 0x61], "utf-16le"), "a\ufffd"));
test("utf-16le with a lone surrogate", () => equal(decode([0, 0xd8, 0x61, 0], "utf-16le"), "\ufffda"));
test("utf-16le fatal", () => throws("TypeError", () => decode([0, 0xd8], "utf-16le", { fatal: true })));
test("a stream of utf-16le", () => equal(pieces("utf-16le", [[0x3d], [0xd8, 0x00], [0xde]]).join("|"), "||\u{1f600}|"));
test("koi8-r", () => equal(decode([0xf0, 0xd2, 0xc9], "koi8-r"), "\u041f\u0440\u0438"));
test("iso-8859-2", () => equal(decode([0xb1], "latin2"), "\u0105"));
test("windows-1251", () => equal(decode([0xcf], "cp1251"), "\u041f"));
test("iso-8859-7 with a hole", () => equal(decode([0xae], "greek"), "\ufffd"));
test("iso-8859-7 with a hole, fatal", () => throws("TypeError", () => decode([0xae], "greek", { fatal: true })));

async function through(transform, chunks) {
    const writer = transform.writable.getWriter();
    const written = Promise.all([...chunks.map((chunk) => writer.write(chunk)), writer.close()]);
    const seen = [];
    for await (const chunk of transform.readable) seen.push(chunk);
    await written;
    return seen;
}

test("TextEncoderStream", async () => equal((await through(new TextEncoderStream(), ["a", "\u00e9"])).map((chunk) => [...chunk]), [[0x61], [0xc3, 0xa9]]));
test("TextEncoderStream joins pairs", async () => equal((await through(new TextEncoderStream(), ["\ud83d", "\ude00"])).map((chunk) => [...chunk]), [[0xf0, 0x9f, 0x98, 0x80]]));
test("TextEncoderStream ends half a pair", async () => equal((await through(new TextEncoderStream(), ["\ud83d"])).map((chunk) => [...chunk]), [[0xef, 0xbf, 0xbd]]));
test("TextDecoderStream", async () => equal((await through(new TextDecoderStream(), [new Uint8Array([0xc3]), new Uint8Array([0xa9])])).join(""), "\u00e9"));
test("TextDecoderStream fatal", () => rejects("TypeError", through(new TextDecoderStream("utf-8", { fatal: true }), [new Uint8Array([0xff])])));

test("btoa", () => equal(btoa("hello"), "aGVsbG8="));
test("btoa of nothing", () => equal(btoa(""), ""));
test("btoa of high bytes", () => equal(btoa("\xff\xfe"), "//4="));
test("btoa of a number", () => equal(btoa(1), "MQ=="));
test("btoa beyond Latin-1", () => throws("InvalidCharacterError", () => btoa("\u0100")));
test("btoa without argument", () => throws("TypeError", () => btoa()));
test("atob", () => equal(atob("aGVsbG8="), "hello"));
test("atob without padding", () => equal(atob("aGVsbG8"), "hello"));
test("atob with white space", () => equal(atob(" aG Vs\tbG\n8=\f\r"), "hello"));
test("atob of high bytes", () => equal(atob("//4="), "\xff\xfe"));
test("atob with stray bits", () => equal(atob("YR=="), "a"));
test("atob of nothing", () => equal(atob(""), ""));
for (const bad of ["a", "abcde", "ab=c", "ab=", "=", "ab*d", "abcd====", "YQ===", "ab\u00a0cd", "a-_b", "\u0100"]) {
    test(`atob of ${JSON.stringify(bad)}`, () => throws("InvalidCharacterError", () => atob(bad)));
}
test("a megabyte there and back", () => {
    const text = "\0\x7f\xff".repeat(350000);
    ok(atob(btoa(text)) === text);
});
