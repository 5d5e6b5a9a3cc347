// What the host worker of outbound.mjs does with a request that it is to make itself.
export default {
    async fetch(request) {
        const { url, init, action } = await request.json();
        try {
            if (action === "thrice") for (let i = 0; i < 2; i++) await (await fetch(url)).text();
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
