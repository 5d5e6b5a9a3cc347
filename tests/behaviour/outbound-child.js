// What the host worker of outbound.mjs does with a request that it is to make itself.
import { connect } from "cloudflare:sockets";

export default {
    async fetch(request) {
        const open = async (url) => {
            const socket = connect(url);
            await socket.opened;
            return socket;
        };
        /** Opens so many, one too many, and another one when one has been closed. */
        const sockets = async (url, count) => {
            const all = [];
            for (let i = 0; i < count; i++) all.push(await open(url));
            const words = [await open(url).then(() => "opened", (error) => String(error))];
            await all[0].close().catch(() => {});
            words.push(await open(url).then(() => "opened", (error) => String(error)));
            return words;
        };
        const { url, init, action } = await request.json();
        try {
            if (action === "thrice") for (let i = 0; i < 2; i++) await (await fetch(url)).text();
            if (action === "connect") {
                const socket = connect(url, init.options);
                const writer = socket.writable.getWriter();
                for (const text of init.write) await writer.write(new TextEncoder().encode(text));
                if (init.ends) await writer.close();
                await socket.opened;
                let got = "";
                const decoder = new TextDecoder();
                for await (const chunk of socket.readable) {
                    got += decoder.decode(chunk, { stream: true });
                    if (init.until && got.includes(init.until)) break;
                }
                if (!init.until) await socket.closed;
                return Response.json({ text: got });
            }
            if (action === "sockets") return Response.json({ text: await sockets(url, init.count) });
            if (action === "startTls") {
                const socket = connect(url, { secureTransport: "starttls" });
                const encode = (text) => new TextEncoder().encode(text);
                const plain = socket.writable.getWriter();
                await plain.write(encode(init.word));
                const reader = socket.readable.getReader();
                const heard = new TextDecoder().decode((await reader.read()).value);
                reader.releaseLock();
                plain.releaseLock();
                const secure = socket.startTls();
                const facts = [socket.upgraded, secure.upgraded, socket.secureTransport, secure.secureTransport, socket === secure];
                let twice;
                try { socket.startTls(); } catch (error) { twice = String(error); }
                const writer = secure.writable.getWriter();
                await writer.write(encode("words"));
                await secure.opened;
                await socket.closed;
                const { value } = await secure.readable.getReader().read();
                await writer.write(encode("more"));
                await secure.close();
                return Response.json({ text: [heard.slice(0, 3), new TextDecoder().decode(value), facts, twice] });
            }
            if (action === "startTlsWrong") {
                const words = [];
                for (const secureTransport of ["on", "off"]) {
                    const socket = connect(url, { secureTransport });
                    try { socket.startTls(); } catch (error) { words.push(String(error)); }
                    await socket.close().catch(() => {});
                }
                const socket = connect(url, { secureTransport: "starttls" });
                try { socket.startTls({ expectedServerHostname: "x" }); } catch (error) { words.push(String(error)); }
                await socket.close().catch(() => {});
                try { socket.startTls(); } catch (error) { words.push(String(error)); }
                return Response.json({ text: words });
            }
            if (action === "websocket") {
                const socket = new WebSocket(url, init.protocols ?? []);
                const heard = [];
                socket.addEventListener("message", ({ data }) => heard.push(typeof data === "string" ? data : data.byteLength));
                await new Promise((resolve, reject) => {
                    socket.addEventListener("open", resolve);
                    socket.addEventListener("error", ({ message }) => reject(new Error(message)));
                });
                for (const message of init.send) socket.send(typeof message === "number" ? new Uint8Array(message) : message);
                if (init.closes) socket.close(...init.closes);
                const end = await new Promise((resolve) => socket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean])));
                return Response.json({ text: { heard, end, protocol: socket.protocol, url: socket.url } });
            }
            if (action === "upgrade") {
                const response = await fetch(url, { headers: { ...init.headers, Upgrade: "websocket" } });
                const { status, statusText, webSocket } = response;
                if (webSocket === null) return Response.json({ status, statusText, text: await response.text(), headers: [...response.headers] });
                webSocket.accept();
                const heard = new Promise((resolve) => webSocket.addEventListener("message", ({ data }) => resolve(data)));
                webSocket.send("headers");
                const text = await heard;
                webSocket.close();
                return Response.json({ status, text });
            }
            if (init?.streams) init.body = new Response(init.body).body;
            const response = await fetch(url, init);
            if (action === "stream") return response;
            const headers = [...response.headers];
            const { status, url: at, redirected } = response;
            return Response.json({ status, text: await response.text(), url: at, redirected, headers });
        } catch (error) {
            return Response.json({ error: String(error) });
        }
    },
};
