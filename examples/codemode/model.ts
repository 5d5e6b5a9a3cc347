// A model that says what it was told to say: it stands in for a real one, so that the example needs no key. Each answer
// is a tool call or a text; put any model of the AI SDK in its place.

import type { LanguageModel } from "ai";

export type Answer = { text: string } | { tool: string; input: unknown };

type Model = Exclude<LanguageModel, string>;
type Result = Awaited<ReturnType<Model["doGenerate"]>>;

const usage = {
    inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 0, text: 0, reasoning: 0 },
};

/** The messages that a scripted model was given, for a look at what a real one would have read. */
export const prompts: unknown[] = [];

export function scriptedModel(answers: Answer[]): Model {
    let next = 0;
    const model = {
        specificationVersion: "v3",
        provider: "scripted",
        modelId: "scripted",
        supportedUrls: {},
        async doGenerate(options: unknown): Promise<Result> {
            prompts.push(options);
            const answer = answers[next++] ?? { text: "That was all." };
            const content =
                "text" in answer
                    ? { type: "text", text: answer.text }
                    : { type: "tool-call", toolCallId: `call-${next}`, toolName: answer.tool, input: JSON.stringify(answer.input) };
            const reason = "text" in answer ? "stop" : "tool-calls";
            return { content: [content], finishReason: { unified: reason, raw: reason }, usage, warnings: [] } as unknown as Result;
        },
        doStream() {
            throw new Error("The scripted model does not stream.");
        },
    };
    return model as unknown as Model;
}
