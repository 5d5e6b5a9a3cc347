import { Hono } from "hono";
import { contextStorage, getContext } from "hono/context-storage";

const app = new Hono();
app.use(contextStorage());
app.use(async (c, next) => {
    c.set("user", c.req.query("user"));
    await next();
});
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
// Knows nothing of the request but what the context says.
const greet = async () => {
    await wait(getContext().var.user.length);
    try {
        await Promise.reject(new Error("no"));
    } catch {
        return `hello ${getContext().var.user}`;
    }
};
app.get("/", async (c) => c.text(await greet()));

export const run = async () => {
    const names = ["Ada", "Grace", "Alan", "Barbara"];
    const answers = names.map(async (name) => (await app.request(`/?user=${name}`)).text());
    let outside;
    try {
        getContext();
    } catch (error) {
        outside = error.message;
    }
    return [...(await Promise.all(answers)), outside];
};
export const expected = ["hello Ada", "hello Grace", "hello Alan", "hello Barbara", "Context is not available"];
