// What HTTP clients see of a host worker and of a dynamic worker behind it: bodies both ways, clients that vanish, clients
// that read slowly, clients that send garbage. Most cases are made twice, for the two workers.

import { randomBytes } from "node:crypto";
import { get, Raw } from "./raw.mjs";
import { ask, residentBytes, sleep, until } from "./server.mjs";

const MEBIBYTE = 1 << 20;
const BOTH = ["own", "dynamic"];

let tags = 0;
const newTag = () => `t${++tags}`;

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

async function state(server, who) {
    return JSON.parse(await ask(server, "/state"))[who];
}

/** Waits until the worker's list has the tag. */
function seen(server, who, list, tag) {
    return until(`${tag} among ${list} of ${who}`, async () => (await state(server, who))[list].includes(tag));
}

function block(at, size) {
    return new Uint8Array(size).map((_, i) => i * 7 + at);
}

function hashOf(chunks) {
    let hash = 1;
    for (const chunk of chunks) for (const byte of chunk) hash = (hash * 31 + byte) | 0;
    return hash;
}

function source(count, size) {
    let at = 0;
    return new ReadableStream({
        pull(controller) {
            if (at === count) controller.close();
            else controller.enqueue(block(at++, size));
        },
    });
}

const post = (server, path, body) =>
    fetch(server.url + path, { method: "POST", body, duplex: "half", signal: AbortSignal.timeout(30_000) });

/** Sends bytes on a connection of its own, and no more; gives what came back. */
async function exchange(server, bytes) {
    const { text } = await new Raw(server).write(bytes).end().untilEnded();
    return text;
}

// --- Cases -----------------------------------------------------------------------------------------------------------

function forBoth(table) {
    const all = {};
    for (const who of BOTH) {
        for (const [name, body] of Object.entries(table)) all[`${name} (${who})`] = (server) => body(server, who);
    }
    return all;
}

const answers = forBoth({
    "a request arrives as it was sent": async (server, who) => {
        const response = await fetch(`${server.url}/${who}/mirror?a=b%20c&d`, {
            method: "PUT",
            headers: { "x-own": "value", "content-type": "text/odd" },
            body: "the body \u{1f41d}",
        });
        const got = await response.json();
        const headers = Object.fromEntries(got.headers);
        expect("method, address, body", [got.method, got.url, got.body], [
            "PUT", `${server.url}/${who}/mirror?a=b%20c&d`, "the body \u{1f41d}",
        ]);
        expect("headers", [headers["x-own"], headers["content-type"], headers.host], ["value", "text/odd", `127.0.0.1:${server.port}`]);
    },
    "a response arrives as it was made": async (server, who) => {
        const response = await fetch(`${server.url}/${who}/headers`);
        expect("status", [response.status, response.statusText], [299, "Odd"]);
        expect("headers", [response.headers.get("x-a"), response.headers.getSetCookie()], ["1, 2", ["a=1", "b=2"]]);
        expect("body", await response.text(), "x");
        const empty = await fetch(`${server.url}/${who}/empty`);
        expect("an empty response", [empty.status, await empty.text()], [204, ""]);
    },
    "HEAD has no body": async (server, who) => {
        const raw = new Raw(server).write(`HEAD /${who}/headers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
        const { text } = await raw.untilEnded();
        if (!/^HTTP\/1\.1 299 /.test(text) || !text.endsWith("\r\n\r\n")) throw new Error(`expected a head alone, got ${text}`);
    },
    "10 MB up": async (server, who) => {
        const got = await (await post(server, `/${who}/digest`, source(160, 65536))).json();
        expect("digest", got, { hash: hashOf(Array.from({ length: 160 }, (_, at) => block(at, 65536))), length: 10 * MEBIBYTE });
    },
    "10 MB down": async (server, who) => {
        const response = await fetch(`${server.url}/${who}/produce?count=160&size=65536`);
        const bytes = new Uint8Array(await response.arrayBuffer());
        expect("digest", [bytes.length, hashOf([bytes])], [
            10 * MEBIBYTE, hashOf(Array.from({ length: 160 }, (_, at) => block(at, 65536))),
        ]);
    },
    "10 MB there and back at once": async (server, who) => {
        const response = await post(server, `/${who}/echo`, source(160, 65536));
        const bytes = new Uint8Array(await response.arrayBuffer());
        expect("digest", [bytes.length, hashOf([bytes])], [
            10 * MEBIBYTE, hashOf(Array.from({ length: 160 }, (_, at) => block(at, 65536))),
        ]);
    },
    "a body is compressed as its headers say, unless it is so already": async (server, who) => {
        for (const [coding, body] of [["gzip", "text"], ["br", "text"], ["gzip", "stream"], ["gzip", "packed"], ["gzip", "copied"]]) {
            const response = await fetch(`${server.url}/${who}/coded?coding=${coding}&body=${body}`);
            expect("coding", response.headers.get("content-encoding"), coding);
            expect(`${body} in ${coding}`, await response.text(), "coded ".repeat(1000));
        }
        expect("an unknown coding", await ask(server, `/${who}/coded?coding=none&body=text`), "coded ".repeat(1000));
    },
    "a worker reads what another one's headers say is compressed": async (server, who) => {
        if (who === "dynamic") expect("text", await ask(server, "/dynamic/read/coded?coding=gzip&body=text"), "coded ".repeat(1000));
    },
    "an echo answers before the request has ended": async (server, who) => {
        const raw = new Raw(server).write(`POST /${who}/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`);
        for (const text of ["first", "second", "third"]) {
            raw.write(`${text.length.toString(16)}\r\n${text}\r\n`);
            await raw.untilHas(text, () => raw.text.includes(text));
        }
        raw.write("0\r\n\r\n");
        await raw.untilHas("the end of the body", () => raw.text.endsWith("0\r\n\r\n"));
        raw.vanish();
    },
    "100 requests at once": async (server, who) => {
        const texts = await Promise.all(
            Array.from({ length: 100 }, (_, i) => ask(server, `/${who}/slow?ms=${(i * 13) % 50}&tag=n${i}`)),
        );
        expect("answers", texts, texts.map((_, i) => `n${i}`));
    },
    "pipelined requests are answered in their order": async (server, who) => {
        const raw = new Raw(server).write(
            get(`/${who}/slow?ms=60&tag=FIRST`) + get(`/${who}/slow?ms=0&tag=SECOND`) +
                `POST /${who}/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nTHIRD` +
                get(`/${who}/slow?ms=0&tag=FOURTH`, "Connection: close\r\n"),
        );
        await raw.untilEnded();
        expect("order", raw.text.match(/FIRST|SECOND|THIRD|FOURTH/g), ["FIRST", "SECOND", "THIRD", "FOURTH"]);
    },
    "a handler that throws": async (server, who) => {
        const response = await fetch(`${server.url}/${who}/throws`);
        const text = await response.text();
        expect("status", response.status, 500);
        if (text.includes("my own words")) throw new Error(`expected no details, got ${text}`);
        await until("the error among the server's words", () => server.errors.includes("my own words"));
    },
    "a handler that gives no Response": async (server, who) => {
        expect("status", (await fetch(`${server.url}/${who}/nothing`)).status, 500);
    },
    "a body that breaks off ends the connection, not the server": async (server, who) => {
        const { text } = await new Raw(server).write(get(`/${who}/failing?count=3`)).untilEnded();
        if (text.endsWith("0\r\n\r\n")) throw new Error("expected a body that is cut off, got a whole one");
        expect("the next one", await ask(server, `/${who}/slow?ms=0&tag=next`), "next");
    },
});

const vanishing = forBoth({
    "before the answer": async (server, who) => {
        const tag = newTag();
        const raw = new Raw(server).write(get(`/${who}/never?tag=${tag}`));
        await seen(server, who, "started", tag);
        raw.vanish();
        await seen(server, who, "aborted", tag);
    },
    "before the answer, by an abort of fetch": async (server, who) => {
        const tag = newTag();
        const controller = new AbortController();
        const call = fetch(`${server.url}/${who}/never?tag=${tag}`, { signal: controller.signal }).catch(() => {});
        await seen(server, who, "started", tag);
        controller.abort();
        await call;
        await seen(server, who, "aborted", tag);
    },
    "in the middle of the response": async (server, who) => {
        const tag = newTag();
        const raw = new Raw(server).write(get(`/${who}/produce?count=100000&size=65536&tag=${tag}`));
        await raw.untilHas("some of the body", () => raw.received.length > 100_000);
        raw.vanish();
        await seen(server, who, "cancelled", tag);
    },
    "in the middle of the request": async (server, who) => {
        const tag = newTag();
        const raw = new Raw(server).write(`POST /${who}/digest?tag=${tag} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nsome`);
        await seen(server, who, "started", tag);
        raw.vanish();
        await seen(server, who, "failed", tag);
    },
    "100 of them": async (server, who) => {
        const list = Array.from({ length: 100 }, newTag);
        const raws = list.map((tag) => new Raw(server).write(get(`/${who}/never?tag=${tag}`)));
        for (const tag of list) await seen(server, who, "started", tag);
        for (const raw of raws) raw.vanish();
        for (const tag of list) await seen(server, who, "aborted", tag);
    },
});

const pressure = forBoth({
    "a client that does not read holds the worker back": async (server, who) => {
        const tag = newTag();
        const { pulled } = await state(server, who);
        const raw = new Raw(server).write(get(`/${who}/produce?count=100000&size=65536&tag=${tag}`)).pause();
        let before = -1;
        let now = (await state(server, who)).pulled;
        while (now !== before || now === pulled) {
            await sleep(100);
            before = now;
            now = (await state(server, who)).pulled;
        }
        // Socket buffers on the way hold a few MB; 400 MB they do not.
        if (now - pulled > 400) throw new Error(`expected at most 400 blocks made ahead, got ${now - pulled}`);
        if (residentBytes(server.pid) > 100 * MEBIBYTE) throw new Error("expected a small supervisor, got one above 100 MB");
        raw.vanish();
        await seen(server, who, "cancelled", tag);
    },
    "a worker that does not read holds the client back": async (server, who) => {
        const tag = newTag();
        const raw = new Raw(server).write(
            `POST /${who}/never?tag=${tag} HTTP/1.1\r\nHost: h\r\nContent-Length: ${90 * MEBIBYTE}\r\n\r\n`,
        );
        await seen(server, who, "started", tag);
        for (let i = 0; i < 64; i++) raw.write(Buffer.alloc(MEBIBYTE));
        await sleep(300);
        if (residentBytes(server.pid) > 60 * MEBIBYTE) throw new Error("expected a small supervisor, got one above 60 MB");
        raw.vanish();
        await seen(server, who, "aborted", tag);
    },
});

/** What a server must survive. Each is sent on a connection of its own; some are answered with an error, some with silence. */
const garbage = {
    "random bytes": () => randomBytes(100_000),
    "a TLS hello": () => Buffer.from("16030100c8010000c40303", "hex"),
    "zeros": () => Buffer.alloc(10_000),
    "line ends": () => "\r\n".repeat(10_000),
    "a line without end": () => `GET /${"x".repeat(1_000_000)}`,
    "headers without end": () => `GET / HTTP/1.1\r\n${"X-Header: value\r\n".repeat(50_000)}`,
    "a header without end": () => `GET / HTTP/1.1\r\nX: ${"y".repeat(1_000_000)}\r\n\r\n`,
    "another version": () => "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    "HTTP/2": () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a bad method": () => "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
    "a bad header": () => "GET / HTTP/1.1\r\nHost: h\r\nBad Header : x\r\n\r\n",
    "a header with zeros": () => "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
    "two lengths": () => "POST /own/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": () => "POST /own/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": () => "POST /own/echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    "a length beyond numbers": () => `POST /own/echo HTTP/1.1\r\nHost: h\r\nContent-Length: ${"9".repeat(40)}\r\n\r\n`,
    "a chunk beyond numbers": () => `POST /own/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${"f".repeat(40)}\r\n`,
    "a chunk that is none": () => "POST /own/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "an address that is none": () => "GET http://[::bad HTTP/1.1\r\nHost: h\r\n\r\n",
    "a host that is none": () => "GET /own/mirror HTTP/1.1\r\nHost: a b\\c@\r\n\r\n",
    "an authority": () => "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "a path with raw bytes": () => Buffer.from("GET /own/mirror?\xff\xfe HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "latin1"),
    "nothing": () => "",
};

const hostile = Object.fromEntries(
    Object.entries(garbage).map(([name, make]) => [
        `garbage: ${name}`,
        async (server) => {
            const text = await exchange(server, make());
            if (text !== "" && !/^HTTP\/1\.1 [1-5]\d\d /.test(text)) throw new Error(`expected an answer or none, got ${text.slice(0, 200)}`);
            expect("the next one", await ask(server, "/dynamic/slow?ms=0&tag=next"), "next");
        },
    ]),
);

const others = {
    "a Host header that is none is refused": async (server) => {
        const statusOf = async (host) => {
            const raw = new Raw(server).write(`GET /own/mirror HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
            return (await raw.untilEnded()).text.split(" ")[1];
        };
        for (const host of ["a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "a:99999", "a:x", "a:80:80", "[::1", "[x]", "<a>", "\u00fc"]) expect(host, await statusOf(host), "400");
        for (const host of ["a", "A.b-c_d", "a:", "a:80", "[::1]", "[::1]:8080", "127.0.0.1:1", "xn--bcher-kva.example"]) expect(host, await statusOf(host), "200");
    },
    "OPTIONS * has a URL": async (server) => {
        const { text } = await new Raw(server).write("OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").untilEnded();
        expect("status", text.split(" ")[1], "200");
    },
    "connections that say nothing cost nothing": async (server) => {
        const raws = Array.from({ length: 200 }, () => new Raw(server));
        expect("the next one", await ask(server, "/own/slow?ms=0&tag=next"), "next");
        for (const raw of raws) raw.vanish();
    },
    "the host worker's console reaches the operator": async (server) => {
        await ask(server, "/own/logs");
        await until("both lines", () => /logged 42\n/.test(server.errors) && /an error line\n/.test(server.errors));
    },
};

export const suites = [
    { name: "clients", target: "clients.js", cases: { ...answers, ...others } },
    { name: "vanishing clients", target: "clients.js", cases: vanishing },
    { name: "slow clients", target: "clients.js", cases: pressure },
    { name: "hostile clients", target: "clients.js", cases: hostile },
];
