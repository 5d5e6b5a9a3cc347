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
