// Node's modules in workers with nodejs_compat: the same module runs in node and in a cell, and gives the same.

import { generateKeyPairSync } from "node:crypto";

/** The text of a constant with keys, the same for node and the cell. */
function keys() {
    const [rsa, ec, ed] = [["rsa", { modulusLength: 2048 }], ["ec", { namedCurve: "P-256" }], ["ed25519"]].map((args) => generateKeyPairSync(...args));
    const pem = (key, type) => key.export({ format: "pem", type });
    return `const K = ${JSON.stringify({
        rsa: pem(rsa.privateKey, "pkcs8"), rsa1: pem(rsa.privateKey, "pkcs1"), rsaPublic: pem(rsa.publicKey, "spki"), rsaPublic1: pem(rsa.publicKey, "pkcs1"),
        ec: pem(ec.privateKey, "pkcs8"), ec1: pem(ec.privateKey, "sec1"), ecPublic: pem(ec.publicKey, "spki"), ed: pem(ed.privateKey, "pkcs8"),
    })};`;
}

/** Modules whose default export is called; results must survive JSON. */
const snippets = {
    "Buffer from text": `import { Buffer } from "node:buffer";
        export default () => ["héllo", "aGk=", "6869"].map((t, i) => Buffer.from(t, ["utf8", "base64", "hex"][i]).toString("latin1"));`,
    "Buffer reads and writes": `import { Buffer } from "buffer";
        export default () => {
            const b = Buffer.alloc(16);
            b.writeUInt32BE(0xdeadbeef, 0); b.writeDoubleLE(1.5, 4); b.writeInt16LE(-2, 12);
            return [b.toString("hex"), b.readUInt32BE(0), b.readDoubleLE(4), b.readInt16LE(12), b.indexOf("ef"), b.subarray(0, 2).toJSON()];
        };`,
    "Buffer joins, compares, fills": `import { Buffer } from "node:buffer";
        export default () => [Buffer.concat([Buffer.from("a"), Buffer.from("bc")]).toString(), Buffer.compare(Buffer.from("a"), Buffer.from("b")),
            Buffer.from("abc").equals(Buffer.from("abc")), Buffer.alloc(5, "xy").toString(), Buffer.byteLength("é"), Buffer.isBuffer(new Uint8Array(1)),
            Buffer.from([1, 2, 300]).join(), Buffer.from("abcdef").slice(1, -1).toString(), Buffer.isEncoding("UTF-8")];`,
    "Buffer's helpers": `import { isUtf8, isAscii, transcode, Buffer } from "node:buffer";
        export default () => [isUtf8(new Uint8Array([0xff])), isUtf8(Buffer.from("é")), isAscii(Buffer.from("é")), transcode(Buffer.from("é"), "utf8", "latin1").toString("hex")];`,
    "process.env makes texts": `export default () => {
            const { env } = process, refuses = (run) => { try { run(); return false; } catch (error) { return error instanceof TypeError; } };
            env.M_A = 5; env.M_A = 6; Object.assign(env, { M_B: true, M_C: undefined }); env.M_D = {};
            const seen = [env.M_A, env.M_B, env.M_C, env.M_D, refuses(() => { env.M_E = Symbol(); }), "M_E" in env, refuses(() => Object.defineProperty(env, "M_F", { get() {} }))];
            delete env.M_A; return [...seen, "M_A" in env, Object.keys(env).filter((name) => name.startsWith("M_")).sort()];
        };`,
    "util: styles and names of errors": `import util, { styleText, getSystemErrorName, isString } from "node:util";
        export default () => {
            const code = (run) => { try { return run(); } catch (error) { return [error.name, error.code]; } };
            return [styleText("red", "a", { validateStream: false }), styleText(["bold", "bgBlue"], "b", { validateStream: false }), getSystemErrorName(-2), getSystemErrorName(-111),
                isString?.("x") ?? true, util._extend({ a: 1 }, { b: 2 }), code(() => styleText("none", "a")), code(() => styleText("red", 5)), code(() => getSystemErrorName(5)),
                code(() => getSystemErrorName("x")), code(() => util.promisify(5)), code(() => util.callbackify(5)), util.inspect.colors.red];
        };`,
    "diagnostics channels": `import dc, { channel, tracingChannel } from "node:diagnostics_channel"; import { AsyncLocalStorage } from "node:async_hooks";
        export default async () => {
            const seen = [], plain = (m) => ({ ...m, ...(m.error && { error: m.error.message }) }), c = channel("one"), listen = (m, name) => seen.push([name, m]);
            seen.push(c.hasSubscribers, c === channel("one")); c.subscribe(listen); c.publish({ a: 1 }); seen.push(dc.hasSubscribers("one"), c.unsubscribe(listen), c.unsubscribe(listen)); c.publish({ a: 2 });
            const store = new AsyncLocalStorage(); c.bindStore(store, (m) => m.b); seen.push(c.runStores({ b: 3 }, (x) => [x, store.getStore()], null, 4), store.getStore() === undefined, c.unbindStore(store));
            const t = tracingChannel("op"), handlers = Object.fromEntries(["start", "end", "asyncStart", "asyncEnd", "error"].map((e) => [e, (m) => seen.push([e, plain(m)])])); t.subscribe(handlers);
            seen.push(t.traceSync((a) => a + 1, { sync: 1 }, null, 4), t.constructor.name, channel("tracing:op:start") === t.start); try { t.traceSync(() => { throw new Error("no"); }, {}); } catch (e) { seen.push(e.message); }
            seen.push(await t.tracePromise(async (a) => a, { promise: 1 }, null, 5), await t.tracePromise(async () => { throw new Error("never"); }, {}).catch((e) => e.message));
            await new Promise((done) => t.traceCallback((a, cb) => queueMicrotask(() => cb(null, a)), 1, { callback: 1 }, null, 6, (error, value) => done(seen.push(value)))); await 0;
            t.unsubscribe(handlers); seen.push(t.traceSync(() => 7)); return seen;
        };`,
    "errors of Buffer have codes": `export default () => {
            const b = Buffer.alloc(4), code = (run) => { try { return run(); } catch (error) { return [error.name, error.code]; } };
            return [() => Buffer.from(5), () => Buffer.from(null), () => Buffer.from(), () => Buffer.from({}), () => Buffer.from(Symbol()), () => Buffer.alloc("x"), () => Buffer.alloc(-1),
                () => b.readUInt8(9), () => b.readInt32LE(2), () => b.writeUInt8(300, 0), () => b.writeUInt16LE(1, 3), () => b.writeInt8(-200),
                () => Buffer.concat("x"), () => Buffer.concat([1]), () => Buffer.byteLength(5), () => Buffer.compare(1, 2), () => b.equals(5), () => b.compare(5), () => b.toString("nope"),
                () => Buffer.from("a", "nope"), () => b.fill("a", 0, 9), () => Buffer.alloc(3).swap16(), () => b.indexOf({}), () => b.fill("a", "nope"),
                () => Buffer.from(new ArrayBuffer(2), 5)].map(code);
        };`,
    "errors of events have codes": `import { EventEmitter, once } from "node:events";
        export default async () => {
            const e = new EventEmitter(), code = (run) => { try { run(); return "fine"; } catch (error) { return [error.name, error.code, error.message]; } };
            const seen = [() => e.on("a"), () => e.on("a", 5), () => e.once("a", {}), () => e.off("a"), () => e.prependListener("a", "b"), () => e.emit("error", new TypeError("own")), () => e.emit("error", 5),
                () => e.emit("error"), () => e.setMaxListeners(-1), () => e.setMaxListeners("1"), () => { EventEmitter.defaultMaxListeners = -1; }].map(code);
            const before = EventEmitter.defaultMaxListeners; EventEmitter.defaultMaxListeners = 20; seen.push(new EventEmitter().getMaxListeners()); EventEmitter.defaultMaxListeners = before;
            const c = new AbortController(), waiting = once(e, "x", { signal: c.signal }).catch((error) => [error.name, error.code]); c.abort(); seen.push(await waiting); return seen;
        };`,
    "crypto: ECDH": `import crypto, { createECDH, ECDH, getCurves } from "node:crypto";
        export default () => {
            const code = (run) => { try { return run(); } catch (error) { return error.code ?? "thrown"; } }, seen = [];
            for (const curve of ["prime256v1", "secp384r1", "secp521r1"]) {
                const a = createECDH(curve), b = createECDH(curve), p = a.generateKeys(); b.generateKeys();
                const secret = a.computeSecret(b.getPublicKey("hex", "compressed"), "hex", "hex"), restored = createECDH(curve); restored.setPrivateKey(a.getPrivateKey());
                seen.push(p.length, secret.length, secret === b.computeSecret(p, null, "hex"), restored.getPublicKey("hex") === p.toString("hex"), getCurves().includes(curve));
            }
            const e = createECDH("prime256v1"); e.setPrivateKey("01".repeat(32), "hex");
            seen.push(e.getPrivateKey("hex"), e.getPublicKey("hex"), e.getPublicKey("base64", "compressed"), e.getPublicKey("hex", "hybrid"), ECDH.convertKey(e.getPublicKey(), "prime256v1", null, "hex", "compressed"), e instanceof ECDH);
            return [...seen, code(() => createECDH("none")), code(() => e.computeSecret(Buffer.alloc(65, 4))), code(() => e.setPrivateKey(Buffer.alloc(32))), code(() => createECDH("prime256v1").getPublicKey()), crypto.createECDH === createECDH];
        };`,
    "crypto: primes": `import { generatePrimeSync, generatePrime, checkPrimeSync, checkPrime } from "node:crypto";
        export default async () => {
            const code = (run) => { try { return run(); } catch (error) { return error.code; } }, bits = (n) => n.toString(2).length;
            const p = generatePrimeSync(128, { bigint: true }), safe = generatePrimeSync(64, { bigint: true, safe: true }), bytes = generatePrimeSync(61);
            return [bits(p), checkPrimeSync(p), bits(safe), checkPrimeSync((safe - 1n) / 2n), bytes instanceof ArrayBuffer, bytes.byteLength, checkPrimeSync(bytes), bits(generatePrimeSync(3, { bigint: true })),
                [0n, 1n, 2n, 3n, 4n, 561n, 997n, 1009n, 1018081n, 2n ** 127n - 1n, 2n ** 127n + 1n, 3215031751n].map((n) => checkPrimeSync(n)), checkPrimeSync(Buffer.from([1, 1])),
                await new Promise((done) => checkPrime(2n ** 521n - 1n, (error, is) => done(is))), await new Promise((done) => generatePrime(32, { bigint: true }, (error, n) => done(bits(n)))),
                code(() => generatePrimeSync(0)), code(() => generatePrimeSync("x"))];
        };`,
    "crypto: errors have codes": `import crypto, { randomBytes, randomInt, timingSafeEqual, generateKey, getFips } from "node:crypto";
        export default async () => {
            const code = (run) => { try { return run(); } catch (error) { return [error.name, error.code]; } };
            return [code(() => randomBytes(-1)), code(() => randomInt(5, 1)), code(() => timingSafeEqual(Buffer.alloc(1), Buffer.alloc(2))), crypto.pseudoRandomBytes(3).length, getFips(),
                await new Promise((done) => generateKey("aes", { length: 128 }, (error, key) => done(key.symmetricKeySize)))];
        };`,
    "Buffer is a global": `export default () => globalThis.Buffer.from("x").toString("base64");`,
    EventEmitter: `import { EventEmitter, once } from "node:events";
        export default async () => {
            const e = new EventEmitter(), seen = [];
            e.on("a", (x) => seen.push(x)); e.once("a", () => seen.push("once")); e.prependListener("a", () => seen.push("first"));
            e.emit("a", 1); e.emit("a", 2);
            const waiting = once(e, "b"); e.emit("b", 3);
            let thrown; try { e.emit("error", new Error("x")); } catch (error) { thrown = error.message; }
            return [seen, await waiting, e.listenerCount("a"), e.eventNames(), thrown, e.off("z", () => {}) === e];
        };`,
    "EventEmitter is the default": `import Emitter from "events";
        export default () => { class A extends Emitter {} const a = new A(); let n = 0; a.on("x", () => n++); a.emit("x"); return [n, Emitter.EventEmitter === Emitter, Emitter.defaultMaxListeners]; };`,
    "EventEmitter as a function": `import { EventEmitter } from "node:events"; import { inherits } from "node:util";
        export default () => { function Old() { EventEmitter.call(this); } inherits(Old, EventEmitter); const o = new Old(), seen = []; o.on("a", (x) => seen.push(x)); o.emit("a", 1);
            class New extends EventEmitter {} return [seen, o instanceof EventEmitter, new New().constructor.name, EventEmitter.name, EventEmitter.prototype.constructor === EventEmitter, new New() instanceof EventEmitter, typeof EventEmitter.once]; };`,
    "streams: pipeline": `import { Readable, Transform, Writable, pipeline } from "node:stream"; import { pipeline as later, finished } from "node:stream/promises";
        export default async () => {
            const out = [], upper = () => new Transform({ transform(chunk, _, done) { done(null, String(chunk).toUpperCase()); } });
            const sink = () => new Writable({ write(chunk, _, done) { out.push(chunk.toString()); setTimeout(done, 1); } });
            await later(Readable.from(["a", "b"]), upper(), sink());
            await new Promise((done) => pipeline(Readable.from([Buffer.from("c")]), upper(), sink(), (error) => done(out.push(error ?? "fine"))));
            const broken = await later(Readable.from((function* () { yield "x"; throw new Error("broken"); })()), sink()).catch((error) => error.message);
            const s = sink(); s.end("d"); await finished(s);
            return [out, broken];
        };`,
    "streams: reading": `import Stream, { Readable, PassThrough, Duplex } from "node:stream"; import { text, json, buffer } from "node:stream/consumers";
        export default async () => {
            const r = new Readable({ read() { this.push("ab"); this.push(null); } }); r.setEncoding("utf8"); const chunks = []; for await (const c of r) chunks.push(c);
            const p = new PassThrough(); p.write("x"); p.end("y"); const events = []; const q = new PassThrough(); q.on("data", (d) => events.push(d.toString())).on("end", () => events.push("end")).on("close", () => events.push("close")); q.write("1"); q.end("2"); await new Promise((r) => q.on("close", r));
            const mapped = await Readable.from([1, 2, 3, 4]).filter((n) => n % 2).map(async (n) => n * 2).toArray();
            const d = new Duplex({ read() { this.push("r"); this.push(null); }, write(c, e, done) { events.push("w" + c); done(); } }); d.end("z");
            return [chunks, await text(p), events, mapped, await json(Readable.from(['{"a":', "1}"])), (await buffer(Readable.from([Buffer.from("hi")]))).toString("hex"), await text(d), r instanceof Stream, Stream.Readable === Readable, typeof Stream.prototype.pipe, new Readable({ highWaterMark: 5 }).readableHighWaterMark];
        };`,
    "streams: errors and backpressure": `import { Readable, Writable } from "node:stream";
        export default async () => {
            const w = new Writable({ highWaterMark: 3, write(c, e, done) { setTimeout(done, 1); } }); const seen = [w.write("abcd"), w.writableLength, w.writableNeedDrain]; await new Promise((r) => w.once("drain", r)); seen.push("drained");
            const r = new Readable({ read() { this.destroy(new Error("gone")); } }); r.resume(); await new Promise((done) => r.on("error", (error) => done(seen.push(error.message, r.destroyed))));
            try { w.end(); w.write("x"); } catch (e) { seen.push("thrown"); } await new Promise((done) => w.on("error", (e) => done(seen.push(e.code))));
            const c = new AbortController(), a = new Readable({ read() {}, signal: c.signal }); c.abort(); await new Promise((done) => a.on("error", (e) => done(seen.push(e.name)))); return seen;
        };`,
    "streams: to and from the web's": `import { Readable, Writable } from "node:stream"; import { ReadableStream as Web } from "node:stream/web"; import { text } from "node:stream/consumers";
        export default async () => {
            const a = await text(Readable.fromWeb(new Response("from the web").body)), b = await new Response(Readable.toWeb(Readable.from([Buffer.from("to "), Buffer.from("the web")]))).text(), got = [];
            const w = Writable.toWeb(new Writable({ write(c, e, done) { got.push(c.toString()); done(); } })).getWriter(); await w.write("x"); await w.close();
            const v = Writable.fromWeb(new WritableStream({ write(c) { got.push(typeof c === "string" ? c : Buffer.from(c).toString()); } })); await new Promise((done) => v.end("y", done));
            return [a, b, got, Web === ReadableStream];
        };`,
    "zlib at once": `import zlib, { gzipSync, gunzipSync, deflateSync, inflateSync, deflateRawSync, inflateRawSync, unzipSync, brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
        export default () => {
            const text = "a text that is long enough to be worth it ".repeat(50), bytes = Buffer.from(text), back = (b) => b.toString() === text;
            const two = Buffer.concat([gzipSync("one "), gzipSync("two"), Buffer.from("\0junk")]);
            const failing = (f) => { try { return f().length; } catch (e) { return [e.code, e.errno, e instanceof Error]; } };
            return [back(gunzipSync(gzipSync(text))), back(inflateSync(deflateSync(bytes))), back(inflateRawSync(deflateRawSync(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)))), back(unzipSync(gzipSync(bytes))), back(unzipSync(deflateSync(bytes))),
                back(brotliDecompressSync(brotliCompressSync(bytes))), gunzipSync(two).toString(), gzipSync(text, { level: 9 }).length <= gzipSync(text, { level: 1 }).length, gzipSync(text, { level: 0 }).length > text.length, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length < 100,
                failing(() => gunzipSync("nothing")), failing(() => gunzipSync(gzipSync(text).subarray(0, 30))), failing(() => inflateSync(deflateSync(text), { maxOutputLength: 10 })), failing(() => gzipSync({})), gunzipSync(gzipSync(text).subarray(0, 60), { finishFlush: constants.Z_SYNC_FLUSH }).length > 0,
                Buffer.isBuffer(gzipSync("")), gunzipSync(gzipSync("")).length, inflateSync(Buffer.from("eJxLTEoGAAJNASc=", "base64")).toString(), zlib.gzipSync === gzipSync, constants.Z_BEST_COMPRESSION, deflateSync("abc").toString("base64"), failing(() => unzipSync(Buffer.alloc(0)))];
        };`,
    "zlib later and as streams": `import { gzip, gunzip, createGzip, createGunzip, createBrotliCompress, createBrotliDecompress, createInflate, createUnzip, createDeflate, Gzip } from "node:zlib"; import { promisify } from "node:util"; import { Readable, Transform } from "node:stream"; import { pipeline } from "node:stream/promises"; import { text } from "node:stream/consumers";
        export default async () => {
            const big = Buffer.alloc(300000, "0123456789abcdef"), round = async (...through) => { let s = Readable.from([big.subarray(0, 7), big.subarray(7)]); for (const t of through) s = s.pipe(t); return (await text(s)) === big.toString(); };
            const failed = await pipeline(Readable.from([Buffer.from("not compressed")]), createInflate(), async (s) => { for await (const _ of s); }).catch((e) => e.code);
            return [(await promisify(gunzip)(await promisify(gzip)("later"))).toString(), await new Promise((done) => gunzip("wrong", (error, result) => done([error.code, result === undefined]))), await round(createGzip(), createGunzip()), await round(createBrotliCompress(), createBrotliDecompress()), await round(createDeflate({ level: 1 }), createUnzip()),
                failed, createGzip() instanceof Gzip, createGzip() instanceof Transform];
        };`,
    "util.format": `import { format } from "node:util";
        export default () => [format("%s %d %i %j %o %%", "a", 1.5, 2.7, { a: 1 }, [1]), format("a", "b", { c: 1 }), format("%s", null, undefined)];`,
    "util.inspect": `import util from "node:util";
        export default () => [util.inspect({ a: [1, { b: new Map([[1, 2]]) }] }), util.inspect("x"), util.inspect(new Set([1])), util.inspect({ [util.inspect.custom]: () => "mine" })];`,
    "util.promisify and callbackify": `import { promisify, callbackify } from "node:util";
        export default async () => {
            const f = promisify((a, done) => done(null, a + 1)), g = promisify((done) => done(new Error("no")));
            const called = await new Promise((r) => callbackify(async (a) => a * 2)(4, (error, value) => r([error, value])));
            return [await f(1), await g().catch((error) => error.message), called];
        };`,
    "util.isDeepStrictEqual": `import { isDeepStrictEqual as same } from "node:util";
        export default () => {
            const a = { x: 1 }; a.self = a; const b = { x: 1 }; b.self = b;
            return [same({ a: [1, new Map([[{ k: 1 }, new Set([2])]])] }, { a: [1, new Map([[{ k: 1 }, new Set([2])]])] }), same([1], { 0: 1 }), same(NaN, NaN), same(0, -0),
                same(a, b), same(new Date(1), new Date(2)), same(/a/g, /a/g), same(new Uint8Array([1]), new Uint8Array([1])), same({ a: undefined }, {}), same(Object("a"), Object("a"))];
        };`,
    "util.types": `import { types } from "node:util";
        export default () => [types.isPromise(Promise.resolve()), types.isDate(new Date()), types.isRegExp(/a/), types.isUint8Array(new Uint8Array()), types.isMap(new Map()),
            types.isAsyncFunction(async () => {}), types.isNativeError(new TypeError()), types.isTypedArray(new DataView(new ArrayBuffer(1))), types.isAnyArrayBuffer(new ArrayBuffer(1)), types.isGeneratorFunction(function* () {}), types.isBoxedPrimitive(Object(1n))];`,
    "util.inherits, deprecate, stripVTControlCharacters": `import { inherits, deprecate, stripVTControlCharacters } from "node:util";
        export default () => { function A() {} function B() {} inherits(B, A); return [new B() instanceof A, deprecate((x) => x + 1, "old")(1), stripVTControlCharacters("\\u001b[31mred\\u001b[39m")]; };`,
    path: `import path, { join, resolve, relative } from "node:path";
        export default () => [join("/a", "..", "b", "./c"), resolve("/x", "y", "../z"), relative("/a/b/c", "/a/d"), path.basename("/a/b.txt", ".txt"), path.extname("x.tar.gz"),
            path.dirname("/a/b/c"), path.parse("/home/u/f.txt"), path.format({ dir: "/d", base: "b" }), path.normalize("/a//b/../c/."), path.isAbsolute("a"), path.sep, path.posix.join("a", "b")];`,
    "path/posix": `import { join } from "node:path/posix"; export default () => join("a", "../b");`,
    url: `import { parse, fileURLToPath, pathToFileURL, URL, format } from "node:url";
        export default () => [parse("http://u:p@h:1/a/b?c=d#e", true).query.c, parse("/x?y").pathname, fileURLToPath("file:///a/b%20c"), pathToFileURL("/a b").href, new URL("http://a/../b").href, format(new URL("http://a/b"))];`,
    querystring: `import qs from "node:querystring";
        export default () => [qs.parse("a=1&b=2&a=3&c=%20x"), qs.stringify({ a: [1, 2], b: "x y", c: "" }), qs.escape("a b&"), qs.unescape("%41")];`,
    string_decoder: `import { StringDecoder } from "node:string_decoder";
        export default () => {
            const d = new StringDecoder("utf8"), e = Buffer.from("€é"), out = [];
            for (const byte of e) out.push(d.write(Buffer.from([byte])));
            const b = new StringDecoder("base64");
            return [out, d.end(), b.write(Buffer.from("ab")) , b.end(), new StringDecoder("utf16le").write(Buffer.from("6100e9", "hex"))];
        };`,
    "crypto hashes": `import { createHash, createHmac, timingSafeEqual, getHashes } from "node:crypto";
        export default () => [["md5", "sha1", "sha256", "sha384", "sha512"].map((a) => createHash(a).update("a").update(Buffer.from("bc")).digest("hex")),
            createHmac("sha256", "key").update("data").digest("base64"), createHash("sha256").update("616263", "hex").digest("base64url"),
            timingSafeEqual(Buffer.from("a"), Buffer.from("a")), timingSafeEqual(Buffer.from("a"), Buffer.from("b")), createHash("sha1").copy().update("x").digest("hex"),
            Buffer.isBuffer(createHash("md5").digest()), getHashes().includes("sha256")];`,
    "crypto's random values": `import { randomBytes, randomUUID, randomInt, randomFillSync, webcrypto } from "node:crypto";
        export default async () => [randomBytes(16).length, /^[0-9a-f-]{36}$/.test(randomUUID()), [...Array(200)].every(() => { const n = randomInt(3, 7); return n >= 3 && n < 7; }),
            randomFillSync(new Uint8Array(4)).length, (await new Promise((r) => randomBytes(8, (error, bytes) => r(bytes)))).length, typeof webcrypto.subtle, randomBytes(8).equals(randomBytes(8))];`,
    "crypto says what it has not": `import { createHash } from "node:crypto";
        export default () => { try { createHash("nothing"); } catch (error) { return error.message; } };`,
    "crypto keys": `import { createPrivateKey, createPublicKey, createSecretKey, KeyObject, generateKeyPairSync } from "node:crypto"; ${keys()}
        export default () => {
            const of = (k) => [k.type, k.asymmetricKeyType, String(k.asymmetricKeyDetails?.modulusLength), String(k.asymmetricKeyDetails?.publicExponent), k.asymmetricKeyDetails?.namedCurve, k.symmetricKeySize];
            const sorted = (jwk) => Object.entries(jwk).sort();
            const all = ["rsa", "rsa1", "ec", "ec1", "ed"].map((name) => createPrivateKey(K[name]));
            const fails = [() => createPrivateKey("nonsense"), () => createPrivateKey(K.rsaPublic), () => createPrivateKey(), () => createSecretKey(), () => createPublicKey(createSecretKey(Buffer.from("x"))), () => new KeyObject()]
                .map((f) => { try { return f(); } catch (error) { return error instanceof Error; } });
            return [all.map(of), all.map((k) => sorted(k.export({ format: "jwk" }))), all.map((k) => createPrivateKey({ key: k.export({ format: "jwk" }), format: "jwk" }).equals(k)),
                ["rsaPublic", "rsaPublic1", "ecPublic", "rsa", "ec1", "ed"].map((name) => createPublicKey(K[name]).export({ format: "pem", type: "spki" })),
                [all[0].equals(all[1]), all[0].export({ format: "pem", type: "pkcs1" }) === K.rsa1, all[2].export({ format: "pem", type: "sec1" }) === K.ec1, all[3].export({ format: "pem", type: "pkcs8" }) === K.ec, createPublicKey(K.rsa).export({ format: "pem", type: "pkcs1" }) === K.rsaPublic1],
                createPrivateKey({ key: all[0].export({ format: "der", type: "pkcs1" }), format: "der", type: "pkcs1" }).equals(all[0]), of(createSecretKey(Buffer.from("abc"))), createSecretKey("abc", "utf8").export({ format: "jwk" }),
                of(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey), of(generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey), fails];
        };`,
    "crypto signatures": `import crypto from "node:crypto"; import { promisify } from "node:util"; ${keys()}
        export default async () => {
            const data = Buffer.from("data"), { sign, verify, constants } = crypto, pss = { padding: constants.RSA_PKCS1_PSS_PADDING };
            const signature = sign("sha256", data, K.ec), flat = sign("sha256", data, { key: K.ec, dsaEncoding: "ieee-p1363" }), salted = sign("sha256", data, { key: K.rsa, ...pss, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
            return [crypto.createSign("RSA-SHA256").update("da").update("ta").sign(K.rsa, "base64"), sign("sha512", data, crypto.createPrivateKey(K.rsa1)).toString("hex"), sign(null, data, K.ed).toString("hex"),
                crypto.createVerify("sha256").update(data).verify(K.ecPublic, signature), verify("sha256", Buffer.from("else"), K.ecPublic, signature), verify("sha256", data, K.ecPublic, Buffer.from("junk")), verify("sha256", data, { key: K.ecPublic, dsaEncoding: "ieee-p1363" }, flat), signature[0], flat.length,
                [32, 20, undefined].map((saltLength) => verify("sha256", data, { key: K.rsaPublic, ...pss, ...(saltLength && { saltLength }) }, salted)), (await promisify(sign)("sha256", data, K.rsa)).length,
                ["sha1", "sha256"].map((oaepHash) => crypto.privateDecrypt({ key: K.rsa, oaepHash }, crypto.publicEncrypt({ key: K.rsaPublic, oaepHash }, data)).toString()),
                crypto.createHmac("sha256", crypto.createSecretKey(data)).update("x").digest("hex"), (() => { const [a, b] = [0, 1].map(() => crypto.generateKeyPairSync("x25519")); return crypto.diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey }).equals(crypto.diffieHellman({ privateKey: b.privateKey, publicKey: a.publicKey })); })()];
        };`,
    "crypto ciphers": `import { createCipheriv, createDecipheriv } from "node:crypto";
        export default () => ["aes-128-cbc", "aes-256-cbc", "aes-192-ctr", "aes-128-ecb", "aes-128-gcm", "AES-256-GCM", "chacha20-poly1305"].map((name) => {
            const secret = /chacha/.test(name) ? 32 : name.match(/\\d+/)[0] / 8, isTagged = /gcm|poly/i.test(name), key = Buffer.alloc(secret, 7), iv = name.endsWith("ecb") ? null : Buffer.alloc(isTagged ? 12 : 16, 9), options = isTagged ? { authTagLength: 16 } : undefined;
            const cipher = createCipheriv(name, key, iv, options); if (isTagged) cipher.setAAD(Buffer.from("aad"));
            const parts = [cipher.update("hello ", "utf8", "base64"), cipher.update("wörld, and a longer text", "utf8", "base64"), cipher.final("base64")], tag = isTagged ? cipher.getAuthTag() : undefined;
            const open = (aad) => { const d = createDecipheriv(name, key, iv, options); if (isTagged) d.setAAD(Buffer.from(aad)).setAuthTag(tag); return d.update(parts.join(""), "base64", "utf8") + d.final("utf8"); };
            let refused; try { open("else"); } catch (error) { refused = error.message; }
            return [parts, tag?.toString("hex"), open("aad"), refused];
        }).concat([["nothing", 16, 16], ["aes-128-cbc", 15, 16], ["aes-128-cbc", 16, 12]].map(([name, k, v]) => { try { createCipheriv(name, Buffer.alloc(k), Buffer.alloc(v)); } catch (error) { return [error.name, error.code]; } }));`,
    "crypto's derivation of keys": `import crypto from "node:crypto"; import { promisify } from "node:util";
        export default async () => [crypto.pbkdf2Sync("pw", "salt", 1000, 32, "sha256").toString("hex"), (await promisify(crypto.pbkdf2)("pw", "salt", 10, 20, "sha512")).toString("hex"),
            crypto.scryptSync("pw", "salt", 32).toString("hex"), (await promisify(crypto.scrypt)("pw", "salt", 16, { N: 1024, r: 4, p: 2 })).toString("hex"), Buffer.from(crypto.hkdfSync("sha256", "key", "salt", "info", 42)).toString("hex"),
            [3, 1 << 20].map((N) => { try { crypto.scryptSync("pw", "salt", 32, { N }); } catch (error) { return error.code; } })];`,
    "process.env is the worker's": `import process, { env } from "node:process";
        export default () => [env === process.env, globalThis.process === process, typeof process.nextTick, process.platform, Array.isArray(process.hrtime()), typeof process.hrtime.bigint()];`,
    "nextTick comes before timers": `export default () => new Promise((r) => { const o = []; setTimeout(() => { o.push("timer"); r(o); }, 0); process.nextTick((x) => o.push(x), "tick"); o.push("now"); });`,
    "timers/promises": `import { setTimeout as wait } from "node:timers/promises"; export default () => wait(1, "value");`,
    "timers": `import { setTimeout as later } from "node:timers"; export default () => new Promise((r) => later(() => r(1), 1));`,
    assert: `import assert from "node:assert";
        export default () => { const out = []; for (const f of [() => assert.equal(1, 2), () => assert.deepStrictEqual({ a: 1 }, { a: 1 }), () => assert(0, "zero"), () => assert.throws(() => { throw new TypeError("t"); }, TypeError)]) { try { f(); out.push("fine"); } catch (error) { out.push(error.name); } } return out; };`,
    "node:module": `import { builtinModules, isBuiltin } from "node:module"; export default () => [builtinModules.includes("path"), isBuiltin("node:fs"), isBuiltin("x")];`,
    "modules without a machine can be imported": `import fs from "node:fs"; import http from "node:http"; import cp from "node:child_process"; import os from "node:os"; import net from "node:net";
        export default () => [typeof fs.readFileSync, typeof http.request, typeof cp.spawn, os.EOL, typeof net.Socket];`,
};

export async function ask(server, body) {
    const response = await fetch(server.url, { method: "POST", body: JSON.stringify(body) });
    const { result, error } = await response.json();
    if (error !== undefined) throw new Error(error);
    return result;
}

const sameAsNode = Object.entries(snippets).map(([name, source]) => [
    name,
    async (server) => {
        const module = await import(`data:text/javascript,${encodeURIComponent(source)}`);
        const expected = JSON.stringify(await module.default());
        const actual = JSON.stringify(await ask(server, { modules: { "snippet.js": source } }));
        if (actual !== expected) throw new Error(`node gives ${expected}, the cell ${actual}`);
    },
]);

export async function fails(server, body, pattern) {
    try {
        await ask(server, body);
    } catch (error) {
        if (pattern.test(error.message)) return;
        throw error;
    }
    throw new Error("worked");
}

const rules = {
    "without the flag there is none": (server) =>
        fails(server, { flags: [], modules: { "snippet.js": 'import "node:buffer"; export default () => 1;' } }, /No such module "node:buffer"[^]*need the compatibility flag nodejs_compat/),
    "without the flag there are no globals": async (server) => {
        const source = "export default () => [typeof Buffer, typeof process, typeof global];";
        const found = await ask(server, { flags: [], modules: { "snippet.js": source } });
        if (found.join() !== "undefined,undefined,undefined") throw new Error(found.join());
    },
    "an unknown module is missing": (server) =>
        fails(server, { modules: { "snippet.js": 'import "node:nothing"; export default () => 1;' } }, /No such module "node:nothing"/),
    "a module of the worker's own goes before": async (server) => {
        const modules = { "snippet.js": 'import x from "path"; export default () => x;', path: { js: "export default 'own';" } };
        if ((await ask(server, { modules })) !== "own") throw new Error("the builtin was taken");
    },
    "CommonJS modules require them": async (server) => {
        const cjs = "const path = require('path'); const { EventEmitter } = require('node:events'); module.exports = () => [path.join('a', 'b'), typeof EventEmitter];";
        const modules = { "snippet.js": 'import f from "./lib.cjs"; export default () => f();', "lib.cjs": { cjs } };
        const found = await ask(server, { modules });
        if (found.join() !== "a/b,function") throw new Error(found.join());
    },
    "process.env holds texts and the JSON of values": async (server) => {
        const source = "export default () => process.env;";
        const variables = { A: "text", B: { c: [1] }, N: 1 };
        const found = await ask(server, { variables, modules: { "snippet.js": source } });
        if (JSON.stringify(found) !== '{"A":"text","B":"{\\"c\\":[1]}"}') throw new Error(JSON.stringify(found));
    },
    "process.env is empty before its date": async (server) => {
        const found = await ask(server, { date: "2025-01-01", variables: { A: "x" }, modules: { "snippet.js": "export default () => process.env;" } });
        if (Object.keys(found).length > 0) throw new Error(JSON.stringify(found));
    },
    "modules that only packages for machines use can be imported": async (server) => {
        const names = ["cluster", "console", "dgram", "domain", "inspector", "inspector/promises", "readline", "readline/promises", "repl",
            "sqlite", "sys", "test", "trace_events", "v8", "vm", "wasi"];
        const source = `${names.map((name, i) => `import m${i} from "node:${name}";`).join(" ")} import { runInThisContext } from "vm"; import util from "util";
            const say = (run) => { try { return run() ?? "nothing"; } catch (error) { return /not implemented/.test(error.message) ? "refused" : error.message; } };
            const [cluster, console_, dgram, domain, inspector, , readline, , repl, sqlite, sys, test, , v8, vm, wasi] = [${names.map((_, i) => `m${i}`)}];
            export default () => {
                const lines = [], out = { write: (text) => lines.push(text) }, c = new console_.Console({ stdout: out, stderr: out });
                c.log("a %d", 1); c.error("b");
                return [sys === util, console_ === console, lines, c instanceof console_.Console, cluster.isPrimary, typeof dgram.createSocket, new domain.Domain() instanceof domain.Domain,
                    typeof readline.createInterface({}).on, v8.getHeapStatistics().used_heap_size, vm.isContext({}),
                    [() => cluster.fork(), () => new inspector.Session(), () => repl.start(), () => new sqlite.DatabaseSync(":memory:"), () => test.mock.fn(),
                        () => v8.serialize({}), () => new v8.Serializer(), () => runInThisContext("1"), () => new wasi.WASI({ version: "preview1" })].map(say)];
            };`;
        const found = JSON.stringify(await ask(server, { date: "2026-11-20", modules: { "snippet.js": source } }));
        const wanted = JSON.stringify([true, true, ["a 1\n", "b\n"], true, true, "function", true, "function", 0, false, Array(9).fill("refused")]);
        if (found !== wanted) throw new Error(`expected ${wanted}, got ${found}`);
    },
    "later modules are there by their date or flag": async (server) => {
        const source = `import module from "node:module";
            export default async () => [await import("node:readline").then(() => true, () => false), process.getBuiltinModule("readline") !== undefined,
                module.builtinModules.includes("readline"), module.isBuiltin("test"), module.isBuiltin("node:test")];`;
        const cases = [["2026-03-16", [], false], ["2026-03-17", [], true], ["2026-03-16", ["enable_nodejs_readline_module"], true], ["2026-03-17", ["disable_nodejs_readline_module"], false]];
        for (const [date, flags, isThere] of cases) {
            const found = await ask(server, { date, flags: ["nodejs_compat", ...flags], modules: { "snippet.js": source } });
            if (found.join() !== [isThere, isThere, isThere, false, true].join()) throw new Error(`${date} ${flags}: ${found}`);
        }
    },
    "timeouts are objects, by their date or flag": async (server) => {
        const source = `import timers from "node:timers"; export default () => [typeof setTimeout(() => {}, 1), typeof setInterval(() => {}, 1), typeof timers.setTimeout(() => {}, 1)];`;
        const cases = [["2026-02-09", [], "number"], ["2026-02-10", [], "object"], ["2026-01-01", ["enable_nodejs_global_timers"], "object"], ["2026-11-20", ["no_nodejs_global_timers"], "number"]];
        for (const [date, flags, type] of cases) {
            const found = await ask(server, { date, flags: ["nodejs_compat", ...flags], modules: { "snippet.js": source } });
            if (found.join() !== `${type},${type},object`) throw new Error(`${date} ${flags}: ${found}`);
        }
        const found = await ask(server, { date: "2026-11-20", flags: ["no_nodejs_compat"], modules: { "snippet.js": "export default () => typeof setTimeout(() => {}, 1);" } });
        if (found !== "number") throw new Error(`without Node: ${found}`);
    },
    "timeouts do what they do at Cloudflare": async (server) => {
        const source = `const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
            export default async () => {
                let runs = 0; const count = () => runs++, seen = [];
                const t = setTimeout(count, 1, "x"), i = setInterval(() => {}, 1000);
                seen.push(setTimeout.name, t.constructor.name, i.unref() === i, i.hasRef(), i.ref().hasRef(), i.refresh() === i, +t > 0, typeof t[Symbol.dispose]); clearInterval(i);
                await pause(10); seen.push(runs); t.refresh(); await pause(10); seen.push(runs);
                clearTimeout(setTimeout(count, 1)); clearTimeout(+setTimeout(count, 1)); setTimeout(count, 1).close(); await pause(10); seen.push(runs);
                try { setTimeout("x"); } catch (error) { seen.push(error.code); }
                return seen;
            };`;
        const found = JSON.stringify(await ask(server, { date: "2026-11-20", modules: { "snippet.js": source } }));
        const wanted = JSON.stringify(["setTimeout", "Timeout", true, false, true, true, true, "function", 1, 2, 2, "ERR_INVALID_ARG_TYPE"]);
        if (found !== wanted) throw new Error(`expected ${wanted}, got ${found}`);
    },
    "names that packages import are there": async (server) => {
        const names = {
            util: "parseArgs, parseEnv, getCallSites, getSystemErrorMap, diff, log, isDate", crypto: "X509Certificate, getCipherInfo, generateKey, ECDH", console: "log, timeStamp",
            process: "argv0, stdout, stderr, stdin, exit, abort, chdir, umask, uptime, memoryUsage, emitWarning, getBuiltinModule, execArgv, release, title",
        };
        const imports = Object.entries(names).map(([name, list]) => `import { ${list.replace(/(\w+)/g, `$1 as ${name}_$1`)} } from "node:${name}";`).join(" ");
        const source = `${imports} export default () => [typeof process_uptime(), process_getBuiltinModule("util").isDate === util_isDate, crypto_X509Certificate.name];`;
        const found = await ask(server, { date: "2026-11-20", modules: { "snippet.js": source } });
        if (found.join() !== "number,true,X509Certificate") throw new Error(found.join());
    },
    "what crypto has not is said when used": async (server) => {
        for (const use of ["crypto.createDiffieHellman(512)", "crypto.getDiffieHellman('modp14')", "new crypto.X509Certificate('')", "crypto.generatePrimeSync(64, { add: 3n })"]) {
            const source = `import crypto, { X509Certificate } from "node:crypto"; export default () => { try { ${use}; } catch (error) { return error.code; } };`;
            const found = await ask(server, { modules: { "snippet.js": source } });
            if (found !== "ERR_METHOD_NOT_IMPLEMENTED") throw new Error(`${use}: ${found}`);
        }
    },
    "files are said to be missing when used": (server) =>
        fails(server, { modules: { "snippet.js": 'import fs from "node:fs"; export default () => fs.readFileSync("/etc/passwd", "utf8");' } }, /not implemented/),
};

export const suites = [
    { name: "nodejs", target: "nodejs.js", cases: { ...Object.fromEntries(sameAsNode), ...rules } },
];
