import OpenAI from "openai";

const events = ["Hel", "lo"].map((content) => `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] })}\n\n`);
const seen = [];

async function api(url, init) {
    const body = JSON.parse(init.body);
    seen.push([String(url), new Headers(init.headers).get("authorization"), body.model]);
    if (body.stream) return new Response([...events, "data: [DONE]\n\n"].join(""), { headers: { "content-type": "text/event-stream" } });
    return Response.json({ id: "1", object: "chat.completion", choices: [{ index: 0, message: { role: "assistant", content: "Hi" } }] });
}

export const run = async () => {
    const client = new OpenAI({ apiKey: "k", fetch: api });
    const messages = [{ role: "user", content: "?" }];
    const whole = await client.chat.completions.create({ model: "m", messages });
    let text = "";
    for await (const part of await client.chat.completions.create({ model: "m", messages, stream: true })) {
        text += part.choices[0]?.delta?.content ?? "";
    }
    return [whole.choices[0].message.content, text, seen];
};
const call = ["https://api.openai.com/v1/chat/completions", "Bearer k", "m"];
export const expected = ["Hi", "Hello", [call, call]];
