// What the tests of the way out reach and must not reach: servers on loopback, a name server of their own, and an
// authority that signs for them. All end with the tests.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import dgram from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import zlib from "node:zlib";
import { WebSocketServer } from "ws";

const listening = (server, port, address) =>
    new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, address, () => resolve(server));
    });

// --- Names -----------------------------------------------------------------------------------------------------------

function labels(name) {
    return Buffer.concat([...name.split(".").map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)])), Buffer.from([0])]);
}

function readName(packet, at) {
    const parts = [];
    for (; packet[at] !== 0; at += packet[at] + 1) parts.push(packet.toString("latin1", at + 1, at + 1 + packet[at]));
    return { name: parts.join(".").toLowerCase(), end: at + 1 };
}

function addressBytes(text) {
    if (!text.includes(":")) return Buffer.from(text.split(".").map(Number));
    const [head, tail = ""] = text.split("::");
    const words = (part) => (part === "" ? [] : part.split(":"));
    const [a, b] = [words(head), words(tail)];
    const all = text.includes("::") ? [...a, ...Array(8 - a.length - b.length).fill("0"), ...b] : a;
    return Buffer.from(all.map((w) => w.padStart(4, "0")).join(""), "hex");
}

const A = 1, CNAME = 5, AAAA = 28;

function record(name, type, ttl, data) {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(type, 0);
    fixed.writeUInt16BE(1, 2);
    fixed.writeUInt32BE(ttl, 4);
    fixed.writeUInt16BE(data.length, 8);
    return Buffer.concat([labels(name), fixed, data]);
}

/** `zone` maps names to lists of addresses, {cname}, {silent} or a function that gives one of them for each question. */
export async function startNames(zone) {
    const socket = dgram.createSocket("udp4");
    const asked = [];
    socket.on("message", (packet, from) => {
        const { name, end } = readName(packet, 12);
        const type = packet.readUInt16BE(end);
        asked.push(name);
        const found = typeof zone[name] === "function" ? zone[name](type) : zone[name];
        if (found?.silent) return;
        const answers = [];
        let at = name, entry = found;
        if (entry?.cname) {
            answers.push(record(at, CNAME, entry.ttl ?? 0, labels(entry.cname)));
            at = entry.cname;
            entry = zone[at];
        }
        for (const address of entry?.addresses ?? entry ?? []) {
            const kind = address.includes(":") ? AAAA : A;
            if (kind === type) answers.push(record(at, kind, entry.ttl ?? 0, addressBytes(address)));
        }
        const head = Buffer.alloc(12);
        packet.copy(head, 0, 0, 2);
        head.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
        head.writeUInt16BE(1, 4);
        head.writeUInt16BE(answers.length, 6);
        socket.send(Buffer.concat([head, packet.subarray(12, end + 4), ...answers]), from.port, from.address);
    });
    await new Promise((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return { address: `127.0.0.1:${socket.address().port}`, asked, stop: () => socket.close() };
}

// --- Servers ---------------------------------------------------------------------------------------------------------

/** A directory with an authority and a certificate of its for these names. */
export function makeCertificates(names) {
    const dir = mkdtempSync(join(tmpdir(), "mayfly-outbound-"));
    const openssl = (...args) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=test authority");
    openssl("req", ...key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=test");
    writeFileSync(join(dir, "names"), `subjectAltName=${names.map((n) => `DNS:${n}`).join(",")}`);
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
        "-extfile", "names", "-out", "cert.pem");
    return { dir, ca: join(dir, "ca.pem"), file: (name) => join(dir, name), remove: () => rmSync(dir, { recursive: true }) };
}

const text = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString("latin1");
};

const CODINGS = { gzip: zlib.gzipSync, br: zlib.brotliCompressSync, deflate: zlib.deflateSync, rawdeflate: zlib.deflateRawSync,
    ...(zlib.zstdCompressSync ? { zstd: zlib.zstdCompressSync } : {}) };

/** What every server of the tests answers; `hits` gets each request's line, `ends` those that ended otherwise: late, so no request's. */
function originHandler(hits, ends) {
    const held = [];
    return async (request, response) => {
        const url = new URL(request.url, "http://origin");
        const query = url.searchParams;
        hits.push({ method: request.method, url: request.url, headers: request.headers, address: request.socket?.localAddress });
        switch (url.pathname) {
            case "/echo": {
                const body = await text(request);
                response.setHeader("content-type", "application/json");
                response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body,
                    version: request.httpVersion }));
                break;
            }
            case "/status":
                response.writeHead(Number(query.get("code")), { "x-two": ["a", "b"], "set-cookie": ["a=1", "b=2"] });
                response.end(query.get("code") === "204" ? undefined : "body");
                break;
            case "/loop":
                return void response.writeHead(302, { location: "/loop" }).end();
            case "/redirect":
                response.writeHead(Number(query.get("code") ?? 302), { location: query.get("to") });
                response.end("moved");
                break;
            case "/reflect": { // the value of a header, in pieces and forms
                const value = String(request.headers[query.get("header")] ?? "");
                const escaped = [...value].map((c) => `\\u00${c.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
                const form = { base64: Buffer.from(`xy:${value}`).toString("base64"), json: escaped }[query.get("form")] ?? value;
                if (query.has("charset")) response.setHeader("content-type", `text/plain; charset="${query.get("charset")}"`);
                response.setHeader("x-reflected", form);
                response.statusMessage = "OK";
                for (const piece of `before ${form} after`.match(new RegExp(`.{1,${query.get("size") ?? 1000}}`, "g"))) {
                    response.write(piece);
                    await new Promise((resolve) => setImmediate(resolve));
                }
                response.end();
                break;
            }
            case "/coded": {
                const coding = query.get("coding");
                const body = CODINGS[coding](Buffer.from("coded ".repeat(5000)));
                response.setHeader("content-encoding", coding === "rawdeflate" ? "deflate" : coding);
                response.end(query.has("cut") ? body.subarray(0, body.length - 8) : body);
                break;
            }
            case "/bomb":
                response.setHeader("content-encoding", "gzip");
                response.end(zlib.gzipSync(Buffer.alloc(Number(query.get("bytes")))));
                break;
            case "/bytes": {
                let left = Number(query.get("n"));
                const block = Buffer.alloc(65536, "x");
                const more = () => {
                    while (left > 0) {
                        const size = Math.min(left, block.length);
                        left -= size;
                        if (!response.write(block.subarray(0, size))) return response.once("drain", more);
                    }
                    response.end();
                };
                more();
                break;
            }
            case "/hold":
                held.push(response);
                if (held.length === Number(query.get("n"))) for (const each of held.splice(0)) each.end("x".repeat(2000));
                break;
            case "/never":
                break;
            case "/early":
                response.end("early");
                break;
            case "/crash":
                response.write("half");
                setTimeout(() => request.socket.destroy(), 20);
                break;
            default:
                response.end(`reached ${url.pathname}`);
        }
    };
}

/** A text message as one frame. */
function textFrame(text) {
    const payload = Buffer.from(text);
    const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
    return Buffer.concat([Buffer.from([0x81, ...length]), payload]);
}

const acceptOf = (request) =>
    createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

/** Opens a WebSocket by hand, and writes what it was asked with in pieces of so many bytes, its head and all. */
async function writeInPieces(request, socket, { size, text, closes }) {
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(request)}\r\n\r\n`;
    const messages = text.map((one) => textFrame(one.replace("KEY", request.headers["x-key"]).replace("PART", request.headers["x-key"]?.slice(0, 9))));
    const all = Buffer.concat([Buffer.from(head), ...messages, ...(closes ? [Buffer.from([0x88, 2, 0x0b, 0xb9])] : [])]);
    socket.setNoDelay(true);
    for (let at = 0; at < all.length; at += size) {
        socket.write(all.subarray(at, at + size));
        await new Promise((resolve) => setTimeout(resolve, 1));
    }
}

/** Sends a message in fragments of so many characters, with a ping before each when it says so. */
function sendInFragments(ws, { size, text, pings }) {
    for (let at = 0; at < text.length; at += size) {
        if (pings) ws.ping("are you there?");
        ws.send(text.slice(at, at + size), { fin: at + size >= text.length });
    }
}

/** Answers upgrades: an echo that also tells what it was asked with, and some answers that are none. */
function acceptSockets(server, hits, ends) {
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, handleProtocols: (protocols) => [...protocols].at(-1) });
    server.on("upgrade", (request, socket, head) => {
        const { pathname, searchParams } = new URL(request.url, "http://origin");
        hits.push({ method: "UPGRADE", url: request.url, headers: request.headers });
        socket.on("error", () => {});
        const answers = {
            "/ws/refuse": "HTTP/1.1 403 No Entry\r\nX-Why: because\r\nX-Empty:\r\nContent-Length: 6\r\n\r\nsorry!",
            "/ws/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "/ws/moved": "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            "/ws/forged": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            "/ws/extended": `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(request)}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
            "/ws/garbage": "nonsense\r\n\r\n",
            "/ws/large": `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(1000000)}`,
        };
        if (answers[pathname] !== undefined) return socket.end(answers[pathname]);
        if (pathname === "/ws/silent") return;
        if (pathname === "/ws/interim") {
            const hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(4000);
            const pour = () => {
                while (!socket.destroyed && socket.write(hints));
            };
            socket.on("drain", pour);
            return pour();
        }
        if (pathname === "/ws/pieces") return void writeInPieces(request, socket, JSON.parse(searchParams.get("how")));
        sockets.handleUpgrade(request, socket, head, (ws) => {
            ws.on("error", () => {});
            ws.on("close", (code, reason) => ends.push({ url: request.url, code, reason: String(reason) }));
            ws.on("message", (data, isBinary) => {
                if (String(data) === "bye") ws.close(3001, "as you wish");
                else if (String(data) === "vanish") ws.send("gone", () => ws.terminate());
                else if (String(data) === "headers") ws.send(JSON.stringify(request.headers));
                else ws.send(data, { binary: isBinary });
            });
            if (searchParams.has("greets")) ws.send(searchParams.get("greets"));
            if (searchParams.has("fragments")) {
                const [how, key] = [JSON.parse(searchParams.get("fragments")), request.headers["x-key"]];
                for (const text of how.text) sendInFragments(ws, { ...how, text: text.replaceAll("KEY", key).replaceAll("PART", key.slice(0, 9)) });
                // Pongs come when the client has read that far.
                let pongs = how.pings ? Math.ceil(how.text.at(-1).replaceAll("KEY", key).length / how.size) : 0;
                ws.on("pong", () => --pongs === 0 && ws.close(3001, "all ponged"));
                if (how.compressed) ws._socket.write(Buffer.from([0xc1, 1, 0]));
            }
        });
    });
}

/** A server that speaks plainly until it is asked for TLS, as mail servers do. */
function upgradeToTls(options) {
    return (socket) => {
        socket.on("error", () => {});
        socket.once("data", (data) => {
            const line = data.toString();
            if (line === "REFUSE\n") return socket.end("no");
            socket.write(line.startsWith("EARLY") ? "GO\nplain words that a thief put in\n" : "GO\n", () => {
                const secure = new tls.TLSSocket(socket, { isServer: true, ...options });
                secure.on("error", () => socket.destroy());
                secure.on("data", (bytes) => secure.write(`secure ${bytes}`));
                secure.on("end", () => secure.end());
            });
        });
    };
}

/** A proxy that knows CONNECT and its password, and writes down where it was sent. */
export async function startProxy(credentials) {
    const asked = [];
    const server = http.createServer((request, response) => {
        asked.push(`${request.method} ${request.url}`);
        response.writeHead(400).end();
    });
    server.on("connect", (request, socket, head) => {
        asked.push(request.url);
        socket.on("error", () => {});
        const expected = `Basic ${Buffer.from(credentials).toString("base64")}`;
        if (request.headers["proxy-authorization"] !== expected) return socket.end("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n");
        const { hostname, port } = new URL(`http://${request.url}`);
        const upstream = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => {
            socket.write("HTTP/1.1 200 OK\r\nX-Proxy: was here\r\n\r\n");
            upstream.write(head);
            upstream.pipe(socket).pipe(upstream);
        });
        upstream.on("error", () => socket.destroy());
    });
    await listening(server, 0, "127.0.0.1");
    return { asked, port: server.address().port, stop: () => (server.close(), server.closeAllConnections()) };
}

export async function startOrigin(certificates) {
    const hits = [], ends = [];
    const handler = originHandler(hits, ends);
    const plain = await listening(http.createServer(handler), 0, "127.0.0.1");
    const { port } = plain.address();
    const second = await listening(http.createServer(handler), port, "127.0.0.2");
    const six = await listening(http.createServer(handler), port, "::1").catch(() => undefined);
    const options = { key: readFileSync(certificates.file("key.pem")), cert: readFileSync(certificates.file("cert.pem")), allowHTTP1: true };
    const secure = await listening(http2.createSecureServer(options, handler), 0, "127.0.0.1");
    // Echo what they get, and end when their client does.
    const echo = (socket) => socket.on("error", () => {}).pipe(socket);
    const raw = await listening(net.createServer({ allowHalfOpen: true }, echo), 0, "127.0.0.1");
    for (const server of [plain, secure]) acceptSockets(server, hits, ends);
    const starts = await listening(net.createServer({ allowHalfOpen: true }, upgradeToTls(options)), 0, "127.0.0.1");
    const rawSecure = await listening(tls.createServer(options, echo), 0, "127.0.0.1");
    const servers = [plain, second, six, secure, raw, rawSecure, starts].filter(Boolean);
    const sessions = new Set();
    secure.on("session", (session) => sessions.add(session));
    return {
        hits, ends, port, startTlsPort: starts.address().port, tcpPort: raw.address().port, tlsPort: rawSecure.address().port, securePort: secure.address().port, hasSix: six !== undefined,
        stop() {
            for (const session of sessions) session.destroy();
            for (const server of servers) {
                server.close();
                server.closeAllConnections?.();
            }
        },
    };
}
