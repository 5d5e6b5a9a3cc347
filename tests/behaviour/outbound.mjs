// The way out, seen from both of its ends: host workers and dynamic workers that fetch, and servers on loopback that are
// reached or not. Names are resolved by a name server of the tests' own.

import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { makeCertificates, startNames, startOrigin, startProxy } from "./origin.mjs";
import { ask, BINARY, processTree, residentBytes, sleep, startServer, until } from "./server.mjs";

const SECRET = "s3cret/with+base64~and.more";
const OTHER = "another-secret-entirely";

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

function matches(what, got, pattern) {
    if (!pattern.test(String(got))) throw new Error(`${what}: expected ${pattern}, got ${JSON.stringify(got)}`);
}

// --- The place -------------------------------------------------------------------------------------------------------

let rebound = 0;

/** Names that lead where no rule points, one for each kind of address. */
const INWARD = {
    "loopback.test": ["127.0.0.1"], "loopback2.test": ["127.9.9.9"], "any.test": ["0.0.0.0"], "any8.test": ["0.1.2.3"],
    "private10.test": ["10.0.0.1"], "private172.test": ["172.31.255.255"], "private192.test": ["192.168.1.1"],
    "shared.test": ["100.64.0.1"], "link.test": ["169.254.1.1"], "metadata.test": ["169.254.169.254"],
    "azure.test": ["168.63.129.16"], "alibaba.test": ["100.100.100.200"], "oracle.test": ["192.0.0.192"],
    "multicast.test": ["224.0.0.251"], "broadcast.test": ["255.255.255.255"], "reserved.test": ["240.0.0.1"],
    "bench.test": ["198.18.0.1"], "doc.test": ["203.0.113.7"], "six.test": ["::1"], "sixany.test": ["::"],
    "mapped.test": ["::ffff:7f00:1"], "mappedprivate.test": ["::ffff:a00:1"], "compatible.test": ["::7f00:1"],
    "translated.test": ["::ffff:0:7f00:1"], "nat64.test": ["64:ff9b::7f00:1"], "nat64local.test": ["64:ff9b:1::a00:1"],
    "sixtofour.test": ["2002:7f00:1::"], "teredo.test": ["2001::7f00:1"], "ula.test": ["fd12:3456::1"],
    "ulametadata.test": ["fd00:ec2::254"], "linklocal6.test": ["fe80::1"], "sitelocal.test": ["fec0::1"],
    "multicast6.test": ["ff02::1"], "doc6.test": ["2001:db8::1"], "unassigned6.test": ["4000::1"],
    "chain.test": { cname: "loopback.test" }, "chain2.test": { cname: "metadata.test" },
    "several.test": ["10.0.0.1", "127.0.0.1", "::1"],
};

const ZONE = {
    ...INWARD,
    "api.test": ["127.0.0.1"], "other.test": ["127.0.0.1"], "sub.api.test": ["127.0.0.1"], "deep.sub.api.test": ["127.0.0.1"],
    "second.test": ["127.0.0.2"], "fallback.test": ["127.0.0.3", "127.0.0.1"], "mixed.test": ["10.9.9.9", "127.0.0.1"],
    "cached.test": { addresses: ["127.0.0.1"], ttl: 60 },
    "rebind.test": (type) => (type === 28 ? [] : rebound++ === 0 ? ["127.0.0.2"] : ["127.0.0.1"]),
    "tcp.test": ["127.0.0.1"],
    "silent.test": { silent: true },
    "untrusted.test": ["127.0.0.1"],
};

async function startPlace(options = []) {
    const certificates = makeCertificates(["api.test", "other.test", "*.api.test", "localhost"]);
    const names = await startNames(ZONE);
    const origin = await startOrigin(certificates);
    const here = (name) => fileURLToPath(new URL(name, import.meta.url));
    for (const name of ["outbound.js", "outbound-child.js"]) writeFileSync(certificates.file(name), readFileSync(here(name)));
    writeFileSync(certificates.file("other-secret"), `${OTHER}\n`);
    const ports = [origin.port, origin.securePort];
    const near = { schemes: ["http", "https"], ports, addresses: ["127.0.0.1"] };
    const inject = [{ header: "X-Key", secret: "TOKEN" }, { header: "Authorization", secret: "OTHER", prefix: "Bearer " }];
    writeFileSync(certificates.file("wrangler.json"), JSON.stringify({
        name: "outbound", main: "outbound.js",
        worker_loaders: [
            { binding: "LOADER" },
            { binding: "LOADER_OPEN", outbound: { allow: [{ hosts: ["*"], schemes: ["http", "https"], ports: [...ports, 80, 443] }] } },
            { binding: "LOADER_PUBLIC", outbound: "public" },
            { binding: "LOADER_CLOSED", outbound: null },
            { binding: "LOADER_RULES", outbound: { allow: [
                { ...near, hosts: ["api.test"], paths: ["/echo", "/a/*/c", "/deep/**"], methods: ["GET", "PUT"] },
                { ...near, hosts: ["*.api.test"], schemes: ["https"] },
                { ...near, hosts: ["other.test"], headers: { "X-Set": "by the rule", "X-Gone": null } },
                { ...near, hosts: ["second.test"], addresses: ["127.0.0.0/30"], bytes: 100_000 },
                { ...near, hosts: ["cached.test"], requestsPerMinute: 3 },
                { ...near, hosts: ["untrusted.test"], timeoutMs: 300 },
            ] } },
            { binding: "LOADER_SECRET", outbound: { allow: [
                { ...near, hosts: ["api.test"], paths: ["/echo", "/reflect", "/redirect"], inject, schemes: ["https"] },
                { ...near, hosts: ["sub.api.test"], inject },
                { ...near, hosts: ["other.test"], inject, injectPlain: true, methods: ["GET"], paths: ["/echo", "/reflect"] },
                { ...near, hosts: ["cached.test", "api.test", "other.test"] },
            ] } },
        ],
        services: [{ binding: "GATE", service: "outbound", entrypoint: "Gate" }],
        mayfly: {
            secrets: { TOKEN: { env: "OUTBOUND_TEST_TOKEN" }, OTHER: { file: certificates.file("other-secret") } },
            outbound: { allow: [
                { hosts: ["tcp.test", "api.test"], schemes: ["tcp"], addresses: ["127.0.0.1"], ports: [origin.tcpPort, origin.tlsPort, origin.port, origin.startTlsPort] },
                { ...near, hosts: ["*"], addresses: ["127.0.0.1", "127.0.0.2/32", "127.0.0.3", "::1"] },
                { hosts: ["::1", "127.0.0.1"], schemes: ["http"], ports: [origin.port, 1] },
            ] },
            outbounds: [{ binding: "MADE", allow: [{ ...near, hosts: ["*.test"], inject, injectPlain: true }] }],
        },
    }));
    process.env.OUTBOUND_TEST_TOKEN = SECRET;
    const log = certificates.file("log");
    const server = await startServer(certificates.file("wrangler.json"),
        ["--dns", names.address, "--ca-file", certificates.ca, "--outbound-log", log, "--dev", ...options]);
    delete process.env.OUTBOUND_TEST_TOKEN;
    return { certificates, names, origin, server, log, http: (host, path) => `http://${host}:${origin.port}${path}`,
        https: (host, path) => `https://${host}:${origin.securePort}${path}` };
}

let place;

/** Has WHO make a request; answers {status, text, headers, url, redirected} or {error}. */
async function request(who, url, init, rules, action) {
    const query = rules === undefined ? "" : `?rules=${encodeURIComponent(JSON.stringify(rules))}`;
    return JSON.parse(await ask(place.server, `/${who}${query}`, { method: "POST", body: JSON.stringify({ url, init, action }) }));
}

/** A request that must reach nothing: it fails with this error, and no server hears of it. */
async function refused(who, url, pattern, init) {
    // One whose time was over may come only now.
    const asks = () => place.origin.hits.filter(({ url }) => url !== "/never" && url !== "/ws/silent").length;
    const before = asks();
    const { error, text } = await request(who, url, init);
    matches(url, error ?? `no error but ${text}`, pattern);
    expect(`requests that servers got for ${url}`, asks() - before, 0);
}

async function reached(who, url, init) {
    const answer = await request(who, url, init);
    if (answer.error !== undefined) throw new Error(`expected ${url} to be reached, got ${answer.error}`);
    return answer;
}

const lines = () => readFileSync(place.log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const headersOf = (answer) => JSON.parse(answer.text).headers;

/** The egress process: the second one is the one that works. */
function egress(server = place.server) {
    const tree = processTree(server.pid).map(({ pid }) => pid);
    return tree.filter((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "mayfly-egress");
}

// --- What comes back -------------------------------------------------------------------------------------------------

const both = (table) =>
    Object.fromEntries(["host", "inherited"].flatMap((who) =>
        Object.entries(table).map(([name, body]) => [`${name} (${who})`, () => body(who)])));

const fetches = {
    ...both({
        "method, headers and body arrive": async (who) => {
            const init = { method: "PUT", headers: { "x-own": "value", "x-latin": "caf\u00e9", "x-empty": "" }, body: "the body \u{1f41d}" };
            const got = JSON.parse((await reached(who, place.http("api.test", "/echo?a=b%20c"), init)).text);
            expect("method and URL", [got.method, got.url], ["PUT", "/echo?a=b%20c"]);
            expect("body", Buffer.from(got.body, "latin1").toString(), "the body \u{1f41d}");
            expect("headers", [got.headers["x-own"], got.headers["x-latin"], got.headers["x-empty"], got.headers["content-length"]],
                ["value", "caf\u00e9", "", "13"]);
        },
        "a large buffer tells its length": async (who) => {
            const got = JSON.parse((await reached(who, place.http("api.test", "/echo"), { method: "PUT", body: "a".repeat(200_000) })).text);
            expect("headers", [got.headers["content-length"], got.headers["transfer-encoding"], got.body.length], ["200000", undefined, 200_000]);
        },
        "status, repeated headers and no body": async (who) => {
            const answer = await reached(who, place.http("api.test", "/status?code=204"));
            expect("204", [answer.status, answer.text], [204, ""]);
            const headers = answer.headers.filter(([name]) => name === "set-cookie" || name === "x-two").map(([, value]) => value);
            expect("headers", headers, ["a=1", "b=2", "a, b"]);
        },
        "HEAD has headers and no body": async (who) => {
            const answer = await reached(who, place.http("api.test", "/bytes?n=10"), { method: "HEAD" });
            expect("HEAD", [answer.status, answer.text], [200, ""]);
        },
        "https by a trusted authority, in HTTP/2": async (who) => {
            const got = JSON.parse((await reached(who, place.https("api.test", "/echo"))).text);
            expect("version", got.version, "2.0");
        },
        "https by a name that the certificate lacks": (who) =>
            refused(who, place.https("untrusted.test", "/echo"), /failed: SSL.*no alternative certificate subject name/),
        "redirects are followed": async (who) => {
            const to = encodeURIComponent(place.http("other.test", "/echo"));
            const answer = await reached(who, place.http("api.test", `/redirect?to=${to}`));
            expect("end", [answer.redirected, answer.url], [true, place.http("other.test", "/echo")]);
        },
        "a relative redirect of a POST becomes a GET": async (who) => {
            const answer = await reached(who, place.http("api.test", "/redirect?to=echo"), { method: "POST", body: "gone" });
            const got = JSON.parse(answer.text);
            expect("request", [got.method, got.body, got.headers["content-type"]], ["GET", "", undefined]);
        },
        "307 and 308 send a buffer again, however large": async (who) => {
            for (const [code, size] of [[307, 3_000_000], [308, 65_537]]) {
                const url = place.http("api.test", `/redirect?code=${code}&to=${encodeURIComponent(`/redirect?code=${code}&to=/echo`)}`);
                const { method, body } = JSON.parse((await reached(who, url, { method: "POST", body: "x".repeat(size) })).text);
                expect("request", [method, body.length], ["POST", size]);
            }
            const seen = JSON.parse((await reached(who, place.http("api.test", "/redirect?code=303&to=/echo"), { method: "POST", body: "x".repeat(3_000_000) })).text);
            expect("request", [seen.method, seen.body], ["GET", ""]);
        },
        "307 does not send a stream again, however small": async (who) => {
            const init = { method: "POST", body: "a stream", streams: true };
            const { error } = await request(who, place.http("api.test", "/redirect?code=307&to=/echo"), init);
            matches("error", error, /its body is a stream or very large: it cannot be sent again/);
            expect("body", JSON.parse((await reached(who, place.http("api.test", "/echo"), init)).text).body, "a stream");
        },
        "307 keeps method and body": async (who) => {
            const answer = await reached(who, place.http("api.test", "/redirect?code=307&to=/echo"), { method: "POST", body: "kept" });
            const got = JSON.parse(answer.text);
            expect("request", [got.method, got.body], ["POST", "kept"]);
        },
        "a redirect to another origin takes no credentials along": async (who) => {
            const to = encodeURIComponent(place.http("other.test", "/echo"));
            const headers = { authorization: "Basic own", cookie: "own=1", "x-own": "stays" };
            const got = headersOf(await reached(who, place.http("api.test", `/redirect?to=${to}`), { headers }));
            expect("headers", [got.authorization, got.cookie, got["x-own"]], [undefined, undefined, "stays"]);
        },
        "redirect: manual gives the redirect": async (who) => {
            const answer = await reached(who, place.http("api.test", "/redirect?to=/echo"), { redirect: "manual" });
            expect("answer", [answer.status, answer.text, answer.redirected], [302, "moved", false]);
        },
        "endless redirects end": async (who) => {
            const { error } = await request(who, place.http("other.test", "/loop"));
            matches("error", error, /^TypeError: fetch\(\) of http:\/\/other.test.* failed: it was redirected too often$/);
        },
        "a server that is not there": (who) => refused(who, "http://127.0.0.1:1/", /failed: it refused the connection/),
        "a server that ends in the middle": async (who) => {
            const { error } = await request(who, place.http("api.test", "/crash"));
            matches("error", error, /failed: (transfer closed|Recv failure|it closed)/);
        },
        "a name that is not there": (who) => refused(who, "http://nowhere.test/", /no rule for its host allows its port/),
    }),
    "bodies of 5 MB stream both ways": async () => {
        const response = await fetch(`${place.server.url}/gate`, { method: "POST",
            body: JSON.stringify({ url: "http://w/count", init: { method: "POST", body: "x".repeat(5_000_000) } }) });
        expect("bytes that the gate counted", JSON.parse(await response.text()).text, "5000000");
        const answer = await reached("inherited", place.http("api.test", "/bytes?n=5000000"));
        expect("bytes", answer.text.length, 5_000_000);
    },
    "IPv6": async () => {
        if (place.origin.hasSix) await reached("host", `http://[::1]:${place.origin.port}/echo`);
    },
    "the next address is tried": () => reached("host", place.http("fallback.test", "/echo")),
    "an answer that lives is asked for once": async () => {
        const count = () => place.names.asked.filter((name) => name === "cached.test").length;
        await reached("host", place.http("cached.test", "/echo"));
        const before = count();
        await reached("host", place.http("cached.test", "/echo"));
        expect("questions", count(), before);
    },
    ...Object.fromEntries(["gzip", "br", "deflate", "rawdeflate"].map((coding) => [`${coding} is decoded`, async () => {
        const answer = await reached("inherited", place.http("api.test", `/coded?coding=${coding}`));
        expect("text", answer.text, "coded ".repeat(5000));
        expect("content-encoding", answer.headers.find(([name]) => name === "content-encoding"), undefined);
    }])),
    "a coded body that is cut is an error": async () => {
        const { error } = await request("inherited", place.http("api.test", "/coded?coding=gzip&cut"));
        matches("error", error, /ended too early/);
    },
    "an abort reaches the server": async () => {
        const abort = new AbortController();
        const asked = fetch(`${place.server.url}/host`, { method: "POST", signal: abort.signal,
            body: JSON.stringify({ url: place.http("api.test", "/never") }) }).catch(() => {});
        await until("the request", () => place.origin.hits.some(({ url }) => url === "/never"));
        abort.abort();
        await asked;
    },
};

// --- globalOutbound --------------------------------------------------------------------------------------------------

const FORBIDDEN = "Error: This worker is not permitted to access the internet via global functions like fetch(). It must use " +
    "capabilities (such as bindings in 'env') to talk to the outside world.";

const outbounds = {
    "null forbids, in Cloudflare's words": async () => expect("error", (await request("null", place.http("api.test", "/"))).error, FORBIDDEN),
    "a loader whose outbound is null, too": async () => expect("error", (await request("closed", place.http("api.test", "/"))).error, FORBIDDEN),
    "a stub gets the request whole": async () => {
        await ask(place.server, "/seen");
        const init = { method: "POST", headers: { "x-own": "1" }, body: "whole" };
        const answer = await request("gate", "https://nowhere.example:8443/p?q=1", init);
        expect("answer", [answer.status, answer.text, answer.headers.find(([n]) => n === "x-gate")?.[1]], [203, "from the gate", "yes"]);
        const [[method, url, headers, body]] = JSON.parse(await ask(place.server, "/seen"));
        expect("request", [method, url, body, Object.fromEntries(headers)["x-own"]], ["POST", "https://nowhere.example:8443/p?q=1", "whole", "1"]);
    },
    "props of a stub are its entrypoint's": async () => {
        await ask(place.server, "/seen");
        await request("props", "https://nowhere.example/");
        await request("loopback", "https://nowhere.example/");
        const seen = JSON.parse(await ask(place.server, "/seen"));
        expect("props", seen.map((each) => each[4]), [{ tenant: "t1" }, {}]);
    },
    "requests of a call are limited": async () => {
        const { error } = await request("few", "https://nowhere.example/", undefined, undefined, "thrice");
        matches("error", error, /^Error: Too many subrequests\./);
    },
    "a stub's error is the worker's": async () => expect("error", (await request("gate", "http://w/throws")).error, "RangeError: the gate is closed"),
    "a stub's own fetch goes out as its worker's": async () => {
        const answer = await request("gate", place.http("api.test", "/through"));
        expect("answer", answer.text, "reached /through");
    },
    "a made outbound goes as far as its rules": async () => {
        const near = { hosts: ["api.test"], schemes: ["http"], ports: [place.origin.port], addresses: ["127.0.0.1"] };
        const good = await request("made", place.http("api.test", "/echo"), undefined, [near]);
        expect("status", good.status, 200);
        const bad = await request("made", place.http("other.test", "/echo"), undefined, [near]);
        matches("error", bad.error, /no rule of this worker's policy names its host/);
    },
    "a made outbound does not go beyond its binding": async () => {
        const wide = { hosts: ["*"], schemes: ["http"], ports: [place.origin.port], addresses: ["0.0.0.0/0"] };
        const { error } = await request("made", place.http("127.0.0.1", "/echo"), undefined, [wide]);
        matches("error", error, /no rule of this worker's policy names its host/);
        const second = await request("made", place.http("second.test", "/echo"), undefined, [wide]);
        matches("error", second.error, /127\.0\.0\.2 is a loopback address/);
    },
    "a made outbound injects what its rules name": async () => {
        const near = { hosts: ["api.test"], schemes: ["https"], ports: [place.origin.securePort], addresses: ["127.0.0.1"],
            inject: [{ header: "x-key", secret: "TOKEN" }] };
        await request("made", place.https("api.test", "/echo"), undefined, [near]);
        expect("header", place.origin.hits.at(-1).headers["x-key"], SECRET);
        const { error } = await request("made", place.https("api.test", "/echo"), undefined, [{ ...near, inject: [{ header: "x", secret: "NONE" }] }]);
        matches("error", error, /inject: there is no secret named "NONE"/);
    },
    "a made outbound's mistakes are told": async () => {
        const { error } = await request("made", place.http("api.test", "/"), undefined, [{ hosts: ["a..b"] }]);
        matches("error", error, /^Error: fetch\(\) of http:\/\/api\.test:\d+\/ failed: mayfly\.outbounds\.MADE\.allow\[0\]\.hosts: "a\.\.b" is neither/);
    },
};

// --- connect() -------------------------------------------------------------------------------------------------------

const sixSockets = {
    "six connections at once, and no seventh": async () => {
        const { text, error } = await request("inherited", `tcp.test:${place.origin.tcpPort}`, { count: 6 }, undefined, "sockets");
        const words = "Error: Too many simultaneous outbound connections. (limits.connections is 6, used 7)";
        expect("words", text ?? error, [words, "opened"]);
        // They have ended with that call.
        const again = await request("inherited", `tcp.test:${place.origin.tcpPort}`, { count: 6 }, undefined, "sockets");
        expect("words", again.text ?? again.error, [words, "opened"]);
    },
};

const connected = async (who, address, init) => {
    const answer = await request(who, address, init, undefined, "connect");
    if (answer.error !== undefined) throw new Error(`expected a connection to ${address}, got ${answer.error}`);
    return answer.text;
};

const connections = both({
    "connect() over TCP": async (who) => {
        const init = { write: ["one ", "two"], ends: true };
        expect("echo", await connected(who, `tcp.test:${place.origin.tcpPort}`, { ...init, options: { allowHalfOpen: true } }), "one two");
    },
    "connect() with TLS": async (who) => {
        const init = { write: ["secret"], until: "secret", options: { secureTransport: "on" } };
        expect("echo", await connected(who, `api.test:${place.origin.tlsPort}`, init), "secret");
    },
    "connect() with TLS to another name": async (who) => {
        const init = { write: [], until: "x", options: { secureTransport: "on" } };
        const { error } = await request(who, `tcp.test:${place.origin.tlsPort}`, init, undefined, "connect");
        matches("error", error, /connect\(\) to tcp\.test:\d+ failed: SSL/);
    },
    "connect() carries a megabyte": async (who) => {
        const init = { write: Array.from({ length: 16 }, () => "x".repeat(65536)), ends: true, options: { allowHalfOpen: true } };
        expect("bytes", (await connected(who, `tcp.test:${place.origin.tcpPort}`, init)).length, 1 << 20);
    },
    "connect() speaks HTTP": async (who) => {
        const init = { write: ["GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"] };
        matches("answer", await connected(who, `api.test:${place.origin.port}`, init), /^HTTP\/1\.1 200 OK\r\n[^]*reached \/plain/);
    },
    "connect() where no rule leads": async (who) => {
        for (const [address, pattern] of [["other.test:25", /not allowed: no rule for its host/], ["tcp.test:22", /not allowed: no rule for its host/],
            ["[::1]:22", /not allowed/], ["127.0.0.1:1", /not allowed/]]) {
            const { error } = await request(who, address, { write: [] }, undefined, "connect");
            matches(address, error, pattern);
        }
    },
});

const noConnections = {
    "connect() with null": async () => {
        const { error } = await request("null", `tcp.test:${place.origin.tcpPort}`, { write: [] }, undefined, "connect");
        expect("error", error, FORBIDDEN);
    },
    "connect() with a stub that has none": async () => {
        const { error } = await request("gate", `tcp.test:${place.origin.tcpPort}`, { write: [] }, undefined, "connect");
        expect("error", error, "TypeError: Handler does not export a connect() function.");
    },
    "connect() arrives at a stub's connect handler": async () => {
        const init = { write: ["one ", "two"], ends: true, options: { allowHalfOpen: true } };
        expect("echo", await connected("wires", "Example.com:1234", init), '["Example.com:1234",null,{"tenant":"t2"}] one two');
    },
    "a connect handler that goes on by itself": async () => {
        const init = { write: ["x".repeat(300_000), "end"], ends: true, options: { allowHalfOpen: true } };
        expect("bytes", (await connected("wires", `onward.tcp.test:${place.origin.tcpPort}`, init)).length, 300_003);
    },
    "a connect handler that throws": async () => {
        const { error } = await request("wires", "throws.test:1", { write: [] }, undefined, "connect");
        expect("error", error, "RangeError: no wire for you");
    },
    "connect() of stubs": async () => {
        expect("texts", JSON.parse(await ask(place.server, "/stubs")), ['["example.com:1234",null,{"n":1}] abc', "bcd",
            "TypeError: Handler does not export a connect() function.", "RangeError: no wire for you"]);
    },
    "startTls() through a connect handler": async () => {
        const { error } = await request("wires", "x:1", { word: "GO" }, undefined, "startTls");
        matches("error", error, /cannot go over to TLS/);
    },
};

const secured = both({
    "startTls()": async (who) => {
        const { text, error } = await request(who, `api.test:${place.origin.startTlsPort}`, { word: "STARTTLS\n" }, undefined, "startTls");
        expect("talk", text ?? error, ["GO\n", "secure words", [true, false, "starttls", "on", false],
            "TypeError: startTls has already been called on this socket, or the socket was transferred over RPC."]);
    },
    "startTls() drops what was not protected": async (who) => {
        const { text, error } = await request(who, `api.test:${place.origin.startTlsPort}`, { word: "EARLY\n" }, undefined, "startTls");
        if (error === undefined) expect("talk", text.slice(0, 2), ["GO\n", "secure words"]);
        else matches("error", error, /startTls\(\) with api\.test:\d+ failed/);
    },
    "startTls() with another name's certificate": async (who) => {
        const { error } = await request(who, `tcp.test:${place.origin.startTlsPort}`, { word: "STARTTLS\n" }, undefined, "startTls");
        matches("error", error, /startTls\(\) with tcp\.test:\d+ failed: hostname mismatch/i);
    },
    "startTls() where there is no TLS": async (who) => {
        const { error } = await request(who, `tcp.test:${place.origin.tcpPort}`, { word: "echo" }, undefined, "startTls");
        matches("error", error, /startTls\(\) with tcp\.test:\d+ failed: there was no TLS handshake/);
    },
    "startTls() where it is not meant": async (who) => {
        const { text } = await request(who, `tcp.test:${place.origin.tcpPort}`, {}, undefined, "startTlsWrong");
        expect("words", text, ["TypeError: Cannot startTls on a TLS socket.",
            "TypeError: The `secureTransport` socket option must be set to 'starttls' for startTls to be used.",
            "TypeError: The expectedServerHostname option is not currently supported in startTls.",
            "TypeError: The connection was closed before startTls could be started."]);
    },
});

// --- WebSockets ------------------------------------------------------------------------------------------------------

const socketed = (who, url, init) => request(who, url, init, undefined, "websocket");
const upgraded = (who, url, headers) => request(who, url, { headers }, undefined, "upgrade");

let talk = 0;

const sockets = both({
    "new WebSocket()": async (who) => {
        const url = place.http("api.test", "/ws?greets=hello").replace("http", "ws");
        const { text, error } = await socketed(who, url, { send: ["one", 300_000, "x".repeat(70_000), "bye"], protocols: ["a", "b"] });
        expect("talk", text ?? error, { heard: ["hello", "one", 300_000, "x".repeat(70_000)], end: [3001, "as you wish", true], protocol: "b", url });
    },
    "new WebSocket() over TLS, closed by the worker": async (who) => {
        const { text, error } = await socketed(who, place.https("api.test", "/ws").replace("http", "ws"), { send: [], closes: [3002, "enough"] });
        expect("end", text?.end ?? error, [3002, "enough", true]);
    },
    "the close of either side reaches the other, and is answered": async (who) => {
        const talks = [[{ send: ["bye"] }, [3001, "as you wish"]], [{ send: [], closes: [3002, "enough"] }, [3002, "enough"]], [{ send: [], closes: [] }, [1005, ""]]];
        for (const [init, words] of talks) {
            const url = `/ws?talk=${++talk}`, ended = () => place.origin.ends.find((end) => end.url === url);
            const { text, error } = await socketed(who, place.http("api.test", url).replace("http", "ws"), init);
            expect("the worker's end", text?.end ?? error, [...words, true]);
            await until("the server's end", ended);
            const { code, reason } = ended();
            expect("the server's end", [code, reason], words);
        }
    },
    "a server that vanishes": async (who) => {
        const { text, error } = await socketed(who, place.http("api.test", "/ws").replace("http", "ws"), { send: ["one", "vanish"] });
        expect("talk", text === undefined ? error : [text.heard, text.end], [["one", "gone"], [1006, "", false]]);
    },
    "fetch() with Upgrade": async (who) => {
        const { status, text, error } = await upgraded(who, place.https("api.test", "/ws?x=1"), { "X-Own": "mine", "Sec-WebSocket-Key": "theirs", "Sec-WebSocket-Extensions": "permessage-deflate" });
        expect("status", status ?? error, 101);
        const headers = JSON.parse(text);
        expect("headers", [headers["x-own"], headers.upgrade, headers["sec-websocket-version"], headers["sec-websocket-extensions"], headers["sec-websocket-key"].length, headers.host],
            ["mine", "websocket", "13", undefined, 24, `api.test:${place.origin.securePort}`]);
    },
    "an upgrade that is refused is an ordinary answer": async (who) => {
        const { status, statusText, text, headers } = await upgraded(who, place.http("api.test", "/ws/refuse"));
        expect("answer", [status, statusText, text, headers], [403, "No Entry", "sorry!", [["content-length", "6"], ["x-empty", ""], ["x-why", "because"]]]);
        const chunked = await upgraded(who, place.http("api.test", "/ws/chunked"));
        expect("answer", [chunked.status, chunked.text], [200, "abcde"]);
        expect("status of a redirect", (await upgraded(who, place.http("api.test", "/ws/moved"))).status, 302);
        matches("error", (await socketed(who, place.http("api.test", "/ws/refuse"), { send: [] })).error, /answered 403 and opened no WebSocket/);
    },
    "answers that make no sense": async (who) => {
        for (const path of ["/ws/forged", "/ws/garbage", "/ws/interim", "/ws/extended"]) {
            matches(path, (await upgraded(who, place.http("api.test", path))).error, /its answer to the upgrade makes no sense/);
        }
        matches("large", (await upgraded(who, place.http("api.test", "/ws/large"))).error, /its answer is too large/);
    },
});

const socketRules = {
    "WebSockets are under the same rules": async () => {
        await refused("rules", place.http("fallback.test", "/ws"), /no rule of this worker's policy names its host/, { headers: { Upgrade: "websocket" } });
        await refused("rules", place.http("api.test", "/ws"), /no rule for its host allows its path/, { headers: { Upgrade: "websocket" } });
        await refused("open", place.http("loopback.test", "/ws"), /is a loopback address/, { headers: { Upgrade: "websocket" } });
        expect("with null", (await socketed("null", place.http("api.test", "/ws"), { send: [] })).error.includes("not permitted to access the internet"), true);
    },
    "secrets are injected into the handshake, and scrubbed from what comes back": async () => {
        const { text, error } = await upgraded("secret", place.https("sub.api.test", "/ws"), { "X-Key": "own" });
        if (error !== undefined) throw new Error(error);
        const hit = place.origin.hits.findLast(({ method }) => method === "UPGRADE");
        expect("header", hit.headers["x-key"], SECRET);
        expect("what the worker saw", [text.includes(SECRET), JSON.parse(text)["x-key"]], [false, "*".repeat(SECRET.length)]);
        matches("over http", (await upgraded("secret", place.http("sub.api.test", "/ws"))).error, /does not go over plain http/);
    },
    ...Object.fromEntries([1, 5, 64, 5000].map((size) => [`a secret in a message that comes in pieces of ${size}`, async () => {
        const how = { size, text: ["before KEY after", "KEY", `${"x".repeat(300)}KEY`, "PART", "KEYKEY PART"], closes: true };
        const url = place.https("sub.api.test", `/ws/pieces?how=${encodeURIComponent(JSON.stringify(how))}`).replace("http", "ws");
        const { text, error } = await socketed("secret", url, { send: [] });
        const [stars, part] = ["*".repeat(SECRET.length), SECRET.slice(0, 9)];
        expect("heard", text?.heard ?? error, [`before ${stars} after`, stars, "x".repeat(300) + stars, part, `${stars}KEY ${part}`]);
    }])),
    ...Object.fromEntries([1, 7, 20, 26, 1000].map((size) => [`a secret in a message of fragments of ${size}`, async () => {
        const how = { size, text: ["before KEY after", `PART KEYKEY${"x".repeat(300)}PART`] };
        const url = place.https("sub.api.test", `/ws?fragments=${encodeURIComponent(JSON.stringify(how))}`).replace("http", "ws");
        const { text, error } = await socketed("secret", url, { send: ["bye"] });
        const [stars, part] = ["*".repeat(SECRET.length), SECRET.slice(0, 9)];
        expect("heard", text?.heard ?? error, [`before ${stars} after`, `${part} ${stars}${stars}${"x".repeat(300)}${part}`]);
    }])),
    "pings between the fragments of a secret are answered": async () => {
        const how = { size: 5, text: ["KEY"], pings: true };
        const url = place.https("sub.api.test", `/ws?fragments=${encodeURIComponent(JSON.stringify(how))}`).replace("http", "ws");
        const { text, error } = await socketed("secret", url, { send: [] });
        expect("talk", [text?.heard ?? error, text?.end[1]], [["*".repeat(SECRET.length)], "all ponged"]);
    },
    "where a secret went, compressed frames end the WebSocket": async () => {
        const how = { size: 50, text: ["KEY"], compressed: true };
        const url = place.https("sub.api.test", `/ws?fragments=${encodeURIComponent(JSON.stringify(how))}`).replace("http", "ws");
        const { text, error } = await socketed("secret", url, { send: [] });
        expect("heard", text?.heard ?? error, ["*".repeat(SECRET.length)]);
        expect("end", text.end.slice(0, 1).concat(text.end.at(-1)), [1006, false]);
        // Those before, which have been closed, may end later.
        matches("log", lines().findLast((line) => line.error !== undefined).error, /it sent what is no frame of a WebSocket/);
    },
    "a message that ends with the beginning of a secret waits for nothing": async () => {
        const how = { size: 5000, text: ["PART"], closes: false };
        const { text, error } = await upgraded("secret", place.https("sub.api.test", `/ws/pieces?how=${encodeURIComponent(JSON.stringify(how))}`));
        expect("heard", text ?? error, SECRET.slice(0, 9));
    },
    "a WebSocket through a stub's fetch()": async () => {
        const { text, error } = await socketed("wires", place.http("api.test", "/ws").replace("http", "ws"), { send: ["through", "bye"] });
        expect("talk", text?.heard ?? error, ["through"]);
    },
    "a handshake that never ends": async () => {
        const { error } = await upgraded("rules", place.http("untrusted.test", "/ws/silent"));
        matches("error", error, /the handshake with untrusted\.test:\d+ took too long/);
    },
};

// --- Rules -----------------------------------------------------------------------------------------------------------

const NOT_ALLOWED = (what) => new RegExp(`is not allowed: no rule for its host allows its ${what}`);

const rules = {
    "a host of a rule": () => reached("rules", place.http("api.test", "/echo")),
    "a host that no rule names": () => refused("rules", place.http("fallback.test", "/echo"), /no rule of this worker's policy names its host/),
    "a host in capitals and with a dot is the same": () => reached("rules", place.http("API.test.", "/echo")),
    "a suffix that is no label": () => refused("rules", place.http("evilapi.test", "/echo"), /names its host/),
    "a subdomain": () => reached("rules", place.https("sub.api.test", "/echo")),
    "a subdomain over plain http": () => refused("rules", place.http("sub.api.test", "/echo"), NOT_ALLOWED("scheme")),
    "a method that is not named": () => refused("rules", place.http("api.test", "/echo"), NOT_ALLOWED("method"), { method: "POST" }),
    "a path that is not named": () => refused("rules", place.http("api.test", "/other"), NOT_ALLOWED("path")),
    "a part of a path": () => reached("rules", place.http("api.test", "/a/b/c")),
    "a part is one part": () => refused("rules", place.http("api.test", "/a/b/b/c"), NOT_ALLOWED("path")),
    "any depth": () => reached("rules", place.http("api.test", "/deep/1/2/3")),
    "dots lead out": () => refused("rules", place.http("api.test", "/deep/../other"), NOT_ALLOWED("path")),
    "encoded dots": () => refused("rules", place.http("api.test", "/deep/%2e%2e/other"), NOT_ALLOWED("path")),
    "an encoded slash": () => refused("rules", place.http("api.test", "/deep/..%2fother"), NOT_ALLOWED("path")),
    "a doubly encoded dot": () => refused("rules", place.http("api.test", "/deep/%252e%252e/other"), NOT_ALLOWED("path")),
    "an encoded backslash": () => refused("rules", place.http("api.test", "/deep/..%5cother"), NOT_ALLOWED("path")),
    "a port that is not named": () => refused("rules", "http://api.test:1/echo", NOT_ALLOWED("port")),
    "a redirect out of the rules": async () => {
        const { error } = await request("rules", place.http("other.test", `/redirect?to=${encodeURIComponent(place.http("fallback.test", "/echo"))}`));
        matches("error", error, /fetch\(\) of http:\/\/fallback\.test.* is not allowed: no rule/);
    },
    "headers are set and removed": async () => {
        const got = headersOf(await reached("rules", place.http("other.test", "/echo"), { headers: { "x-set": "own", "x-gone": "own" } }));
        expect("headers", [got["x-set"], got["x-gone"]], ["by the rule", undefined]);
    },
    "bytes are limited": async () => {
        const { error } = await request("rules", place.http("second.test", "/bytes?n=1000000"));
        matches("error", error, /over the bytes that its rule allows/);
    },
    "requests a minute are limited": async () => {
        const answers = [];
        for (let i = 0; i < 8; i++) answers.push(await request("rules", place.http("cached.test", "/echo")));
        const over = answers.filter(({ error }) => /no more requests in this minute/.test(error));
        if (over.length < 2 || answers[0].status !== 200) throw new Error(`expected 3 of 8 to pass, got ${JSON.stringify(answers.map((a) => a.error))}`);
    },
    "time is limited": async () => {
        const { error } = await request("rules", place.http("untrusted.test", "/never"));
        matches("error", error, /it took too long/);
    },
};

// --- Not a way in ----------------------------------------------------------------------------------------------------

const REFUSED = /is a .* address, which no rule of its policy names/;
const INVALID = /Invalid URL|failed: (its host is not valid|it carries credentials|only http and https)/;
/** Addresses in every spelling that some parser takes. */
const SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.",
    "0x7f.0.0.0x", "0", "0.0.0.0", "127.127.127.127", "10.1", "0xa9fea9fe", "2852039166", "169.254.169.254", "0251.0376.0251.0376",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]", "[fd00::1]", "[fe80::1]", "[ff02::1]", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]",
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\u2460\u2461\u2466.0.0.1",
    "127\u30020\u30020\u30021", "loc\u00adalhost", "%31%32%37.0.0.1",
];
const BROKEN = ["[fe80::1%25eth0]", "127.0.0.256", "1.2.3.4.5", "127.0.0.08", "a b.test", "a%00b.test", "[::1", "api.test%2f", "999999999999"];

const inward = {
    ...Object.fromEntries(SPELLINGS.map((host) => [`http://${host}`, () => refused("open", `http://${host}:${place.origin.port}/`, REFUSED)])),
    ...Object.fromEntries(BROKEN.map((host) => [`no host: ${host}`, () => refused("open", `http://${host}:${place.origin.port}/`, INVALID)])),
    ...Object.fromEntries(Object.keys(INWARD).map((name) => [`a name for ${JSON.stringify(INWARD[name])}`,
        () => refused("open", `http://${name}:${place.origin.port}/`, REFUSED)])),
    "credentials before another host": () => refused("open", `http://api.test@127.0.0.1:${place.origin.port}/`, /credentials|loopback/),
    "a backslash before another host": () => refused("open", `http://127.0.0.1:${place.origin.port}\\@api.test/`, REFUSED),
    "a fragment before another host": () => refused("open", `http://127.0.0.1:${place.origin.port}#@api.test/`, REFUSED),
    "a tab in a host": () => refused("open", `http://127.0.\t0.1:${place.origin.port}/`, REFUSED),
    ...Object.fromEntries(["file:///etc/passwd", "ftp://127.0.0.1/", "unix:/run/docker.sock", "gopher://127.0.0.1:70/", "ws://127.0.0.1/", "http+unix://%2frun%2fx/"]
        .map((url) => [`no scheme of fetch(): ${url}`, () => refused("open", url, /Fetch API cannot load|only http and https|Invalid URL|no host|not a valid URL|is not valid/)])),
    "data: is answered within the cell": async () => {
        const before = place.origin.hits.length;
        const answer = await reached("public", "data:,x");
        expect("answer", [answer.status, answer.text, place.origin.hits.length - before], [200, "x", 0]);
    },
    "a redirect inward": async () => {
        for (const to of ["http://127.0.0.1:1/", "http://[::1]/", "http://loopback.test/", "//localhost/", "file:///etc/passwd", "gopher://x/", "data:,x"]) {
            const { error } = await request("secret", place.http("cached.test", `/redirect?to=${encodeURIComponent(to)}`));
            matches(to, error, /no rule|only http and https|cannot go/);
        }
    },
    "a name that is bound anew": async () => {
        rebound = 0;
        const only = [{ hosts: ["rebind.test"], schemes: ["http"], ports: [place.origin.port], addresses: ["127.0.0.2"] }];
        const before = place.origin.hits.length;
        const first = await request("host", place.http("rebind.test", "/echo"));
        expect("status", first.status, 200);
        expect("server", place.origin.hits[before].address, "127.0.0.2");
        const second = await request("rules", place.http("rebind.test", "/echo"), undefined, only);
        matches("error", second.error, /not allowed/);
    },
    "a public policy reaches nothing here": () => refused("public", place.http("api.test", "/"), REFUSED),
    "of a name's addresses only those that are named": async () => {
        const answer = await reached("rules", place.http("api.test", "/echo"));
        expect("status", answer.status, 200);
        await reached("host", place.http("mixed.test", "/echo"));
    },
    "the supervisor's own port": async () => {
        const before = place.server.errors;
        const { error } = await request("host", `http://127.0.0.1:${place.server.port}/`);
        matches("error", error, /no rule for its host allows its port|mayfly's own/);
        expect("errors", place.server.errors, before);
    },
    "a header that ends a line": async () => {
        for (const value of ["a\r\nx-evil: 1", "a\nb", "a\0b"]) {
            await refused("open", place.http("api.test", "/echo"), /header|Invalid/i, { headers: { "x-own": value } });
        }
    },
    "headers of the connection are not the worker's": async () => {
        const headers = { host: "evil.test", connection: "upgrade", upgrade: "h2c", te: "trailers", "transfer-encoding": "chunked",
            "content-length": "3", "proxy-authorization": "x", expect: "100-continue" };
        const got = JSON.parse((await reached("host", place.http("api.test", "/echo"), { method: "POST", headers, body: "twelve bytes" })).text);
        expect("host", got.headers.host, `api.test:${place.origin.port}`);
        expect("body", got.body, "twelve bytes");
        for (const name of ["upgrade", "te", "proxy-authorization", "expect", "transfer-encoding"]) expect(name, got.headers[name], undefined);
    },
    "CONNECT and TRACE": async () => {
        for (const method of ["CONNECT", "TRACE", "TRACK"]) await refused("open", place.http("api.test", "/"), /Invalid HTTP method|method/, { method });
    },
    "a bomb costs no memory": async () => {
        const response = await fetch(`${place.server.url}/inherited`, { method: "POST",
            body: JSON.stringify({ url: place.http("api.test", `/bomb?bytes=${300 << 20}`), action: "stream" }) });
        const reader = response.body.getReader();
        await reader.read();
        await sleep(300);
        const most = Math.max(...place.server.tree().map(({ pid }) => residentBytes(pid)));
        await reader.cancel();
        if (most > 250 << 20) throw new Error(`expected no process above 250 MiB, got one with ${most >> 20}`);
    },
};

// --- Secrets ---------------------------------------------------------------------------------------------------------

const STARS = "*".repeat(SECRET.length);

const secrets = {
    "a secret goes along, and the worker's own header does not": async () => {
        await reached("secret", place.https("api.test", "/echo"), { headers: { "x-key": "own", authorization: "own" } });
        const { headers } = place.origin.hits.at(-1);
        expect("headers", [headers["x-key"], headers.authorization], [SECRET, `Bearer ${OTHER}`]);
    },
    "the worker sees asterisks": async () => {
        const { text } = await reached("secret", place.https("api.test", "/echo"));
        expect("x-key", JSON.parse(text).headers["x-key"], STARS);
        if (text.includes(SECRET) || text.includes(OTHER)) throw new Error(`expected no secret, got ${text}`);
    },
    ...Object.fromEntries([1, 2, 3, 7, 26, 27, 28, 1000].map((size) => [`an echo in pieces of ${size}`, async () => {
        const answer = await reached("secret", place.https("api.test", `/reflect?header=x-key&size=${size}`));
        expect("text", answer.text, `before ${STARS} after`);
        expect("header", answer.headers.find(([name]) => name === "x-reflected")[1], STARS);
    }])),
    "an echo in base64": async () => {
        const answer = await reached("secret", place.https("api.test", "/reflect?header=x-key&form=base64&size=5"));
        const form = Buffer.from(`xy:${SECRET}`).toString("base64");
        if (answer.text.includes(form.slice(6, 30))) throw new Error(`expected asterisks, got ${answer.text}`);
        matches("text", answer.text, /^before .{1,8}\*{20,}.{0,4} after$/);
    },
    "an echo in JSON's escapes": async () => {
        for (const size of [1, 4, 1000]) {
            const answer = await reached("secret", place.https("api.test", `/reflect?header=x-key&form=json&size=${size}`));
            expect(`pieces of ${size}`, answer.text, `before ${"*".repeat(6 * SECRET.length)} after`);
            expect("header", answer.headers.find(([name]) => name === "x-reflected")[1], "*".repeat(6 * SECRET.length));
        }
    },
    "an answer in a charset that is not searched": async () => {
        for (const charset of ["UTF-16LE", "utf-16", "utf-32be", "unicode"]) {
            const { error } = await request("secret", place.https("api.test", `/reflect?header=x-key&charset=${charset}`));
            matches(charset, error, /failed: its response has a charset that cannot be searched for secrets/);
        }
        await reached("secret", place.https("api.test", "/reflect?header=x-key&charset=latin1"));
    },
    "not on a path, method or host of another rule": async () => {
        for (const url of [place.https("api.test", "/other"), place.http("api.test", "/echo"), place.http("cached.test", "/echo")]) {
            await reached("secret", url);
            expect(url, place.origin.hits.at(-1).headers["x-key"], undefined);
        }
        await reached("secret", place.http("other.test", "/echo"), { method: "POST", body: "" });
        expect("POST", place.origin.hits.at(-1).headers["x-key"], undefined);
    },
    "not over plain http": () => refused("secret", place.http("sub.api.test", "/echo"), /does not go over plain http/),
    "over plain http where the rule says so": async () => {
        await reached("secret", place.http("other.test", "/echo"));
        expect("x-key", place.origin.hits.at(-1).headers["x-key"], SECRET);
    },
    "not after a redirect to another origin": async () => {
        for (const to of [place.http("cached.test", "/echo"), place.http("other.test", "/echo")]) {
            await reached("secret", place.https("api.test", `/redirect?to=${encodeURIComponent(to)}`));
            const { url, headers } = place.origin.hits.at(-1);
            expect(to, [url, headers["x-key"], headers.authorization], ["/echo", undefined, undefined]);
        }
    },
    "along with a redirect within its origin": async () => {
        await reached("secret", place.https("api.test", "/redirect?to=/echo"));
        expect("x-key", place.origin.hits.at(-1).headers["x-key"], SECRET);
    },
    "a worker cannot ask for pieces": async () => {
        await reached("secret", place.https("api.test", "/echo"), { headers: { range: "bytes=0-3", "accept-encoding": "x-odd" } });
        const { headers } = place.origin.hits.at(-1);
        expect("headers", [headers.range, headers["accept-encoding"]], [undefined, "gzip, deflate, br, zstd"]);
    },
    "the log names secrets and tells none": async () => {
        await reached("secret", place.https("api.test", "/echo"));
        const line = lines().at(-1);
        expect("line", [line.worker, line.policy, line.dynamicWorker, line.rule, line.host, line.status, line.secrets],
            ["outbound", "worker_loaders.LOADER_SECRET.outbound", "secret", "allow[0]", "api.test", 200, ["TOKEN", "OTHER"]]);
        const text = readFileSync(place.log, "utf8") + place.server.errors + place.server.output;
        if (text.includes(SECRET) || text.includes(OTHER)) throw new Error("expected no secret in log and output");
    },
    "tails are told what the log says": async () => {
        const records = async () => {
            let events = [];
            await until("a tail's event", async () => (events = JSON.parse(await ask(place.server, "/told"))).length > 0);
            return events.flatMap(({ diagnosticsChannelEvents }) => diagnosticsChannelEvents);
        };
        await reached("tailed", place.https("api.test", "/redirect?to=/echo"));
        const [{ channel, message, timestamp }, ...more] = await records();
        expect("channel", [channel, more.length, Math.abs(timestamp - Date.now()) < 60_000], ["mayfly:outbound", 0, true]);
        expect("record", message, lines().at(-1));
        expect("its rule", [message.rule, message.status, message.redirects, message.secrets], ["allow[0]", 200, 1, ["TOKEN", "OTHER"]]);
        await refused("tailed", place.http("fallback.test", "/echo"), /names its host/);
        matches("refusal", (await records())[0].message.error, /names its host/);
        expect("talk", (await socketed("tailed", place.https("sub.api.test", "/ws").replace("http", "ws"), { send: ["bye"] })).text.end[0], 3001);
        expect("WebSocket", (await records()).map(({ message: { host, status } }) => [host, status]), [["sub.api.test", 101]]);
    },
    "tails are told what a stub was asked": async () => {
        const record = async (...asked) => {
            let events = [];
            await request(...asked);
            await until("a tail's event", async () => (events = JSON.parse(await ask(place.server, "/told"))).length > 0);
            const { time, ms, dynamicWorker, ...rest } = events[0].diagnosticsChannelEvents[0].message;
            expect("time", [Math.abs(Date.parse(time) - Date.now()) < 60_000, ms >= 0, dynamicWorker], [true, true, ""]);
            return rest;
        };
        const fetched = await record("tailed-gate", "http://stub.test:81/a?b", { method: "POST", body: "12345" });
        const asked = { method: "POST", scheme: "http", host: "stub.test", port: 81, path: "/a" };
        expect("record", fetched, { ...asked, status: 203, sentBytes: 5, receivedBytes: 13 });
        const init = { write: ["abc"], ends: true, options: { allowHalfOpen: true } };
        const connected = await record("tailed-wires", "example.com:1234", init, undefined, "connect");
        const received = '["example.com:1234",null,{}] abc'.length;
        expect("record", connected, { method: "CONNECT", host: "example.com", port: 1234, sentBytes: 3, receivedBytes: received });
        const { error } = await record("tailed-wires", "throws.test:1", { write: [] }, undefined, "connect");
        expect("error", error, "no wire for you");
    },
    "the supervisor has forgotten it": () => {
        const environment = readFileSync(`/proc/${place.server.pid}/environ`, "latin1");
        if (environment.includes(SECRET)) throw new Error("expected no secret in the supervisor's environment");
    },
    "refused requests are in the log, too": async () => {
        await refused("rules", place.http("fallback.test", "/echo"), /names its host/);
        matches("error", lines().at(-1).error, /names its host/);
    },
};

// --- Load, and ends --------------------------------------------------------------------------------------------------

/** `mayfly run`, on a snippet that fetches its input and gives status, x-key as the server saw it, and the text. */
function run(url, ...options) {
    const file = place.certificates.file("snippet.ts");
    writeFileSync(file, `export default async (url: string) => {
        if (url === "") return "nothing to do";
        const response = await fetch(url, { method: "POST", body: "from a snippet" });
        return [response.status, await response.text()];
    }`);
    const env = { ...process.env, RUN_TOKEN: SECRET };
    return new Promise((resolve) => {
        execFile(BINARY, ["run", file, "--json", JSON.stringify(url), ...options], { env }, (error, out, err) =>
            resolve({ status: error?.code ?? 0, out, err }));
    });
}

const commands = {
    "mayfly run has no network": async () => matches("words", (await run(place.http("127.0.0.1", "/echo"))).err, /not permitted to access the internet/),
    "mayfly run --allow-net": async () => {
        const { out, status, err } = await run(place.http("127.0.0.1", "/echo"), "--allow-net", `127.0.0.1:${place.origin.port}`);
        expect("status", [status, err], [0, ""]);
        expect("body", JSON.parse(JSON.parse(out)[1]).body, "from a snippet");
    },
    "mayfly run --allow-net with another port": async () => {
        const { err } = await run(place.http("127.0.0.1", "/echo"), "--allow-net", "127.0.0.1:1");
        matches("words", err, /no rule for its host allows its port/);
    },
    "mayfly run --allow-net '*' is what is public": async () => {
        const { err } = await run("http://127.0.0.1/", "--allow-net", "*");
        matches("words", err, /loopback address/);
    },
    "mayfly run --secret": async () => {
        const host = `localhost:${place.origin.securePort}`;
        const { out, err } = await run(place.https("localhost", "/echo"), "--ca-file", place.certificates.ca, "--secret",
            `${host}:X-Key=Bearer RUN_TOKEN`);
        expect("errors", err, "");
        expect("what the snippet saw", JSON.parse(JSON.parse(out)[1]).headers["x-key"], `Bearer ${STARS}`);
        expect("what the server saw", place.origin.hits.at(-1).headers["x-key"], `Bearer ${SECRET}`);
    },
    "mayfly run with two secrets for a host": async () => {
        const host = `localhost:${place.origin.securePort}`, named = (header) => ["--secret", `${host}:${header}=RUN_TOKEN`];
        const to = [place.https("localhost", "/echo"), "--ca-file", place.certificates.ca];
        expect("errors", (await run(...to, ...named("X-One"), ...named("X-Two"))).err, "");
        const { headers } = place.origin.hits.at(-1);
        expect("what the server saw", [headers["x-one"], headers["x-two"]], [SECRET, SECRET]);
        matches("twice", (await run(...to, ...named("X-One"), ...named("x-one"))).err, /--secret: the header x-one has one for this host already/);
    },
    "mayfly run tells what is wrong": async () => {
        matches("port", (await run("http://x/", "--allow-net", "x:99999")).err, /--allow-net takes HOST or HOST:PORT/);
        matches("secret", (await run("http://x/", "--secret", "x:Y=NOT_SET")).err, /with a variable that is set, and there is no NOT_SET/);
        // Also to a snippet that fetches nothing.
        const idle = (...options) => run("", "--allow-net", "x", ...options);
        for (const option of ["--ca-file=/nowhere", `--ca-file=${place.certificates.file("snippet.ts")}`]) {
            matches("authorities", (await idle(option)).err, /cannot read the certificates of authorities in /);
        }
        matches("proxy", (await idle("--proxy=env:NOT_SET")).err, /the variable NOT_SET, which is not set/);
        matches("host", (await run("http://x/", "--allow-net", "a..b")).err, /policy has a mistake.*"a\.\.b" is neither/);
    },
};

/** What `mayfly serve` says of a configuration that it does not take. */
async function startFailure(mayfly, more = {}, options = []) {
    const file = place.certificates.file("wrong.json");
    writeFileSync(file, JSON.stringify({ name: "wrong", main: "outbound.js", mayfly, ...more }));
    return startServer(file, options).then((server) => server.stop().then(() => "it started"), (error) => error.message);
}

const configurations = {
    "a rule with a mistake": async () => {
        const more = { worker_loaders: [{ binding: "L", outbound: { allow: [{ hosts: ["a"], port: 1 }] } }] };
        matches("words", await startFailure({}, more), /egress cannot start: worker_loaders\.L\.outbound\.allow\[0\]: a rule has no "port"/);
    },
    "a secret that is not there": async () => {
        matches("words", await startFailure({ secrets: { S: { env: "NOT_SET_ANYWHERE" } } }), /the secret S: the environment variable NOT_SET_ANYWHERE is not set; set it/);
        matches("words", await startFailure({ secrets: { S: { file: "/nonexistent/x" } } }), /the secret S: the file \/nonexistent\/x: No such file/);
        matches("words", await startFailure({ secrets: { S: { file: "/dev/null" } } }), /the secret S: the file \/dev\/null is empty/);
        matches("words", await startFailure({ secrets: { S: { credential: "x" } } }), /the secret S: there are no credentials; a systemd unit/);
        matches("words", await startFailure({ secrets: { S: {} } }), /the secret S: name one of env, file and credential/);
    },
    "nobody is served before secrets have been read": async () => {
        const pipe = place.certificates.file("slow-secret");
        execFileSync("mkfifo", [pipe]);
        const writer = await open(pipe, "r+");
        const failure = startFailure({ secrets: { S: { file: pipe } } });
        await Promise.race([failure, sleep(6000)]); // longer than a host worker needs
        await writer.write("x".repeat(10_000));
        matches("words", await failure, /the secret S: the file .*slow-secret: File too large/);
        await writer.close();
    },
    "options that are wrong, without policies": async () => {
        matches("authorities", await startFailure(undefined, {}, ["--ca-file", "/nowhere"]), /egress cannot start: cannot read the certificates of authorities in \/nowhere/);
        matches("name servers", await startFailure(undefined, {}, ["--dns", "nonsense"]), /egress cannot start: the name servers nonsense cannot be used: name them as ADDRESS/);
    },
    "a server outlives an egress process that cannot start again": async () => {
        const [file, authorities] = [place.certificates.file("plain.json"), place.certificates.file("gone.pem")];
        writeFileSync(file, JSON.stringify({ name: "plain", main: "outbound.js" }));
        copyFileSync(place.certificates.ca, authorities);
        const server = await startServer(file, ["--ca-file", authorities]);
        const fails = async () => JSON.parse(await ask(server, "/host", { method: "POST", body: JSON.stringify({ url: "http://api.test/" }) })).error;
        rmSync(authorities);
        process.kill(egress(server)[0], "SIGKILL");
        await until("its end", () => /the egress process has ended/.test(server.errors));
        for (let i = 0; i < 3; i++) matches("error", await fails(), /egress process/);
        matches("words", server.errors, /egress cannot start, so that fetch\(\) fails: cannot read the certificates .* in .*gone\.pem/);
        const { code, left } = await server.stop();
        expect("end", [code, left], [0, 0]);
    },
    "a secret that a rule names and nobody has": async () => {
        const outbound = { allow: [{ hosts: ["a"], inject: [{ header: "x", secret: "S" }] }] };
        matches("words", await startFailure({ outbound }), /mayfly\.outbound\.allow\[0\]\.inject: there is no secret named "S"/);
    },
};

const endings = {
    ...commands,
    ...configurations,
    "1,000 requests in flight from 200 cells": async () => {
        // The server answers none before all have come.
        const url = encodeURIComponent(place.http("cached.test", "/hold?n=1000&i="));
        const answer = JSON.parse(await ask(place.server, `/many?cells=200&each=5&url=${url}`, { signal: AbortSignal.timeout(150_000) }));
        expect("answers", answer.length, 1000);
        expect("whole ones", answer.filter((n) => n === 2000).length, 1000);
    },
    "slow readers bound the memory": async () => {
        const readers = await Promise.all(Array.from({ length: 40 }, async () => {
            const response = await fetch(`${place.server.url}/inherited`, { method: "POST",
                body: JSON.stringify({ url: place.http("cached.test", "/bytes?n=50000000"), action: "stream" }) });
            return response.body.getReader();
        }));
        await Promise.all(readers.map((reader) => reader.read()));
        await sleep(500);
        const sizes = egress().map(residentBytes);
        await Promise.all(readers.map((reader) => reader.cancel()));
        if (Math.max(...sizes) > 120 << 20) throw new Error(`expected egress below 120 MiB, got ${Math.max(...sizes) >> 20}`);
    },
    "a crash fails what is under way, and the next request works": async () => {
        const [, worker] = egress();
        const seen = place.origin.hits.length;
        const under = request("inherited", place.http("api.test", "/never"));
        await until("the request", () => place.origin.hits.length > seen && place.origin.hits.at(-1).url === "/never");
        process.kill(worker, "SIGKILL");
        expect("error", (await under).error, "Error: The egress process ended while the request was under way.");
        await reached("secret", place.https("api.test", "/echo"));
        expect("secret", place.origin.hits.at(-1).headers["x-key"], SECRET);
        matches("words", place.server.errors, /egress ended with wait status 0x9 and is started again/);
    },
    "the supervisor's end is egress's": async () => {
        const pids = egress();
        expect("processes", pids.length, 2);
        place.names.stop();
        const { code, left } = await place.server.stop();
        expect("end", [code, left], [0, 0]);
        place.origin.stop();
        place.certificates.remove();
        place = undefined;
    },
};

// --- The operator's proxy --------------------------------------------------------------------------------------------

let proxy;

const proxied = {
    "requests go through it, to the address that was judged": async () => {
        const { status, headers } = await reached("inherited", place.https("api.test", "/echo"));
        expect("answer", [status, headers.some(([name]) => name === "x-proxy")], [200, false]);
        await reached("inherited", place.http("api.test", "/echo"));
        expect("asked", proxy.asked.splice(0), [`127.0.0.1:${place.origin.securePort}`, `127.0.0.1:${place.origin.port}`]);
        expect("host", place.origin.hits.at(-1).headers.host, `api.test:${place.origin.port}`);
    },
    "connections and WebSockets too": async () => {
        expect("echo", await connected("inherited", `tcp.test:${place.origin.tcpPort}`, { write: ["one"], ends: true, options: { allowHalfOpen: true } }), "one");
        expect("talk", (await socketed("inherited", place.https("api.test", "/ws").replace("http", "ws"), { send: ["a", "bye"] })).text?.heard, ["a"]);
        expect("asked", proxy.asked.splice(0), [`127.0.0.1:${place.origin.tcpPort}`, `127.0.0.1:${place.origin.securePort}`]);
    },
    "what the rules refuse never reaches it": async () => {
        await refused("open", place.http("loopback.test", "/"), /is a loopback address/);
        await refused("open", place.http("metadata.test", "/"), /address, which no rule of its policy names/);
        await refused("rules", place.http("fallback.test", "/"), /no rule of this worker's policy names its host/);
        expect("asked", proxy.asked, []);
    },
    "mayfly run --proxy": async () => {
        const net = ["--allow-net", `127.0.0.1:${place.origin.port}`];
        process.env.RUN_PROXY = `http://us%20er:pass%2Fword@127.0.0.1:${proxy.port}`;
        const { out, err } = await run(place.http("127.0.0.1", "/echo"), ...net, "--proxy", "env:RUN_PROXY");
        delete process.env.RUN_PROXY;
        expect("errors", err, "");
        expect("body", JSON.parse(JSON.parse(out)[1]).body, "from a snippet");
        expect("asked", proxy.asked.splice(0), [`127.0.0.1:${place.origin.port}`]);
        matches("not set", (await run(place.http("127.0.0.1", "/echo"), ...net, "--proxy", "env:RUN_PROXY")).err, /from the variable RUN_PROXY, which is not set/);
        matches("wrong", (await run(place.http("127.0.0.1", "/echo"), ...net, "--proxy", "ftp://x")).err, /the proxy must be http:/);
        matches("without its password", (await run(place.http("127.0.0.1", "/echo"), ...net, "--proxy", `http://127.0.0.1:${proxy.port}`)).err, /failed/);
        proxy.asked.splice(0);
    },
    "what is not there fails through it": async () => {
        const { error } = await request("host", "http://127.0.0.1:1/");
        matches("error", error, /fetch\(\) of http:\/\/127\.0\.0\.1:1\/ failed/);
    },
    "its end": async () => {
        await place.server.stop();
        for (const each of [proxy, place.names, place.origin]) each.stop();
        place.certificates.remove();
        place = undefined;
    },
};

const withProxy = (table) => Object.fromEntries(Object.entries(table).map(([name, body]) => [name, async () => {
    proxy ??= await startProxy("us er:pass/word");
    process.env.OUTBOUND_TEST_PROXY = `http://us%20er:pass%2Fword@127.0.0.1:${proxy.port}`;
    place ??= await startPlace(["--proxy", "env:OUTBOUND_TEST_PROXY"]);
    delete process.env.OUTBOUND_TEST_PROXY;
    await body();
}]));

/** One server for all of it: it is started by the first case that is run, and ended by the last. */
const withPlace = (table) => Object.fromEntries(Object.entries(table).map(([name, body]) => [name, async () => {
    place ??= await startPlace();
    await body();
}]));

export const suites = [
    { name: "outbound", cases: withPlace({ ...fetches, ...outbounds, ...connections, ...sixSockets, ...noConnections, ...secured, ...sockets, ...socketRules, ...rules, ...secrets }) },
    { name: "outbound inward", cases: withPlace(inward) },
    { name: "outbound ends", cases: withPlace(endings) },
    { name: "proxy", cases: withProxy(proxied) },
];
