import type { Env } from "./expected.ts";

export async function use(env: Env): Promise<void> {
    const greeting: string = env.GREETING;
    const rows = await env.DB.find("x", { limit: 3, order: "id" });
    const owner: string | undefined = rows[0]?.owner?.name;
    // Before the counter is there, and after.
    const sum: number = await env.DB.counter().add(2);
    using_(await env.DB.open("a"));
    const value: number = await env.DB.counter().value;
    const f = await env.DB.maker(1);
    const next: number = await f(sum);
    await env.DB.color("blue", "red", undefined);
    const text: string = await env.DB.over(greeting + owner + value + next);
    const answer: Response = await env.DB.fetch("http://x/");
    // @ts-expect-error The result is a promise.
    const wrong: number = env.DB.counter().add(2);
    // @ts-expect-error No such colour.
    await env.DB.color("green", "red", undefined);
    // @ts-expect-error A private method.
    await env.DB.secret();
    // @ts-expect-error Not a member of an order.
    await env.DB.find("x", { order: "size" });
    void [text, answer, wrong];
}

function using_(counter: Awaited<ReturnType<Env["DB"]["counter"]>>): void {
    void counter.add();
}
