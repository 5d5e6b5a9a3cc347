import { AutoRouter, error, withContent } from "itty-router";

const router = AutoRouter();
router.get("/todos/:id", ({ params, query }) => ({ id: params.id, query })).post("/todos", withContent, ({ content }) => content).all("*", () => error(404, "none"));

export const run = async () => {
    const ask = async (path, init) => {
        const response = await router.fetch(new Request(`http://host${path}`, init));
        return [response.status, await response.json()];
    };
    return [await ask("/todos/3?a=1&a=2"), await ask("/todos", { method: "POST", body: '{"x":1}', headers: { "content-type": "application/json" } }), await ask("/x")];
};
export const expected = [[200, { id: "3", query: { a: ["1", "2"] } }], [200, { x: 1 }], [404, { status: 404, error: "none" }]];
