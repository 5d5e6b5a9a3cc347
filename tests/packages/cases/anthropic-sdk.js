import Anthropic from "@anthropic-ai/sdk";

const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const stream = [
    event({ type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "x", content: [], usage: { input_tokens: 1, output_tokens: 0 } } }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } }),
    event({ type: "content_block_stop", index: 0 }),
    event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } }),
    event({ type: "message_stop" }),
].join("");

export const run = async () => {
    const fetch = async (_url, init) =>
        JSON.parse(init.body).model === "missing"
            ? Response.json({ type: "error", error: { type: "not_found_error", message: "model" } }, { status: 404 })
            : new Response(stream, { headers: { "content-type": "text/event-stream" } });
    const client = new Anthropic({ apiKey: "k", fetch, maxRetries: 0 });
    const ask = (model) => client.messages.stream({ model, max_tokens: 9, messages: [{ role: "user", content: "?" }] }).finalMessage();
    const message = await ask("x");
    const failure = await ask("missing").catch((error) => [error.status, error instanceof Anthropic.NotFoundError]);
    return [message.content[0].text, message.stop_reason, failure];
};
export const expected = ["Hello", "end_turn", [404, true]];
