import { Hono } from "hono";
import { sign, verify } from "hono/jwt";
import { streamText } from "hono/streaming";

const app = new Hono();
app.use(async (c, next) => {
    await next();
    c.header("x-after", "yes");
});
app.get("/users/:id{[0-9]+}", (c) => c.json({ id: Number(c.req.param("id")), q: c.req.query("q") }));
app.post("/form", async (c) => c.text((await c.req.parseBody()).name));
app.get("/stream", (c) => streamText(c, async (stream) => { for (const word of ["a", "b"]) await stream.write(word); }));
app.onError((error, c) => c.text(error.message, 500));
app.get("/broken", () => { throw new Error("broken"); });

export const run = async () => {
    const get = async (path, init) => {
        const response = await app.request(path, init);
        return [response.status, await response.text()];
    };
    const token = await sign({ sub: "me" }, "secret", "HS256");
    const form = new FormData();
    form.set("name", "Ada");
    return [
        await get("/users/7?q=x"), await get("/users/x"), await get("/form", { method: "POST", body: form }), await get("/stream"),
        await get("/broken"), (await verify(token, "secret", "HS256")).sub, (await app.request("/stream")).headers.get("x-after"),
    ];
};
export const expected = [[200, '{"id":7,"q":"x"}'], [404, "404 Not Found"], [200, "Ada"], [200, "ab"], [500, "broken"], "me", "yes"];
