// The host worker behind sockets.mjs: answers upgrades by itself under /own, and by a warm dynamic worker elsewhere.

const source = `
const closes = [];
export default {
    fetch(request) {
        if (request.headers.get("upgrade") !== "websocket") return new Response(closes.join());
        const { 0: client, 1: server } = new WebSocketPair();
        server.accept();
        server.addEventListener("message", ({ data }) => {
            if (data === "bye") server.close(3001, "as you wish");
            else if (data === "restart") server.close(1012, "back soon");
            else server.send(typeof data === "string" ? "echo " + data : data);
        });
        server.addEventListener("close", ({ code, reason, wasClean }) => closes.push([code, reason, wasClean].join(" ")));
        server.send("welcome");
        return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": "chat" } });
    },
};`;

function own() {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(`own ${data}`));
    return new Response(null, { status: 101, webSocket: client });
}

/** Speaks to the dynamic worker's socket itself, and tells what it heard. */
async function inner(entrypoint) {
    const { webSocket } = await entrypoint.fetch("http://inner/", { headers: { upgrade: "websocket" } });
    const heard = [];
    const closed = new Promise((resolve) => webSocket.addEventListener("close", ({ code, reason }) => resolve([code, reason])));
    webSocket.addEventListener("message", ({ data }) => {
        heard.push(typeof data === "string" ? data : new Uint8Array(data));
        if (heard.length === 3) webSocket.send("bye");
    });
    webSocket.accept();
    webSocket.send("text");
    webSocket.send(new Uint8Array([1, 2, 3]));
    return Response.json([...(await closed), ...heard]);
}

/** What becomes of calls that come too early or too late. */
async function untimely() {
    const tell = (f) => {
        try {
            return f() ?? "nothing";
        } catch ({ name, message }) {
            return `${name}: ${message}`;
        }
    };
    const [a, b] = Object.values(new WebSocketPair());
    const words = [tell(() => a.send("x")), tell(() => a.close())];
    a.accept();
    b.accept();
    a.close(3000);
    words.push(tell(() => a.send("x")), tell(() => a.close()));
    await new Promise((resolve) => b.addEventListener("close", resolve));
    words.push(tell(() => b.send("x")));
    const early = new WebSocket("ws://inner/");
    const events = ["open", "error", "close"].map((type) => new Promise((resolve) => early.addEventListener(type, () => resolve(type))));
    early.close();
    words.push(await Promise.race(events), early.readyState);
    return Response.json(words);
}

export default {
    async fetch(request, env) {
        const { pathname } = new URL(request.url);
        if (pathname === "/untimely") return untimely();
        if (pathname === "/own") return own();
        if (pathname === "/uninvited") return new Response(null, { status: 101, webSocket: new WebSocketPair()[0] });
        const code = () => ({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": source }, globalOutbound: null });
        const entrypoint = env.LOADER.get("echo", code).getEntrypoint();
        return pathname === "/inner" ? inner(entrypoint) : entrypoint.fetch(request);
    },
};
