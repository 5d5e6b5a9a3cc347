// WebSocket through ingress, the host worker and a dynamic worker, with a real client (npm's ws).

import { once } from "node:events";
import WebSocket from "ws";
import { Raw } from "./raw.mjs";
import { ask, until } from "./server.mjs";

function expect(what, got, expected) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

/** Opens, sends, and gathers until the connection ends. */
async function talk(server, path, messages, options = {}) {
    const socket = new WebSocket(server.url.replace("http", "ws") + path, options.protocols ?? []);
    const heard = [];
    socket.on("message", (data, isBinary) => {
        heard.push(isBinary ? [...data].length : data.toString());
        if (heard.length === options.closeAfter) socket.close(1000, "enough");
    });
    await once(socket, "open");
    for (const message of messages) socket.send(message);
    const [code, reason] = await once(socket, "close");
    return { heard, code, reason: reason.toString(), protocol: socket.protocol };
}

const cases = {
    "a worker's own socket": async (server) => {
        const { heard, code } = await talk(server, "/own", ["a", "b"], { closeAfter: 2 });
        expect("messages", [heard, code], [["own a", "own b"], 1000]);
    },
    "through a dynamic worker, text and bytes, closed by it": async (server) => {
        const messages = ["a", Buffer.alloc(600_000), "x".repeat(300_000), "bye"];
        const { heard, code, reason, protocol } = await talk(server, "/", messages, { protocols: ["chat"] });
        expect("messages", heard, ["welcome", "echo a", 600_000, `echo ${"x".repeat(300_000)}`]);
        expect("end", [code, reason, protocol], [3001, "as you wish", "chat"]);
    },
    "a server's reason to close": async (server) => {
        const { code, reason } = await talk(server, "/", ["restart"], { protocols: ["chat"] });
        expect("end", [code, reason], [1012, "back soon"]);
    },
    "a client that closes, and one that vanishes": async (server) => {
        await talk(server, "/", [], { closeAfter: 1, protocols: ["chat"] });
        await until("the worker's close event", async () => /1000 enough true/.test(await ask(server, "/")));
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/`, ["chat"]);
        await once(socket, "message");
        socket.terminate();
        await until("the worker's close event", async () => /1006 {2}false/.test(await ask(server, "/")));
    },
    "between workers": async (server) => {
        const heard = ["welcome", "echo text", { 0: 1, 1: 2, 2: 3 }];
        expect("messages", JSON.parse(await ask(server, "/inner")), [3001, "as you wish", ...heard]);
    },
    "an upgrade that is not taken is an ordinary request": async (server) => {
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/uninvited`);
        await once(socket, "open");
        socket.terminate();
        const refused = new WebSocket(`${server.url.replace("http", "ws")}/inner`);
        const [error] = await once(refused, "error");
        expect("answer", error.message, "Unexpected server response: 200");
    },
    "a socket for a request that asked for none": async (server) => {
        const response = await fetch(`${server.url}/uninvited`);
        expect("status", response.status, 500);
    },
    "calls that come too early or too late": async (server) => {
        const [unaccepted, closed] = ["You must call accept() on this WebSocket before sending messages.", "Can't call WebSocket send() after close()."];
        expect("words", JSON.parse(await ask(server, "/untimely")), [`TypeError: ${unaccepted}`, `TypeError: ${unaccepted}`, `TypeError: ${closed}`, "nothing",
            `TypeError: ${closed}`, "error", 3]);
    },
    "garbage in place of frames ends the connection": async (server) => {
        const head = "GET /own HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        const { text } = await new Raw(server).write(head).write("\xff\xff\xff\xff garbage").untilEnded();
        expect("accept", /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i.test(text), true);
    },
};

export const suites = [{ name: "sockets", target: "sockets.js", cases }];
