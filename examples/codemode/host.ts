// Code Mode with Cloudflare's package as it is published: the model gets one tool, writes code against typed functions,
// and the code runs in a sandbox that can call them and nothing else.
//
//     npm ci && npm run build && mayfly serve wrangler.jsonc
//     curl -d 'async () => codemode.getWeather({ location: "Oslo" })' http://127.0.0.1:8787/

import { DynamicWorkerExecutor } from "@cloudflare/codemode";
import { createCodeTool } from "@cloudflare/codemode/ai";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";
import { scriptedModel } from "./model";

const tools = {
    getWeather: tool({
        description: "Get weather for a location",
        inputSchema: z.object({ location: z.string() }),
        execute: async ({ location }) => ({ location, celsius: location.length }),
    }),
    sendEmail: tool({
        description: "Send an email",
        inputSchema: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
        execute: async ({ to, subject }) => `Sent "${subject}" to ${to}`,
    }),
};

export default {
    async fetch(request: Request, env: { LOADER: never }): Promise<Response> {
        if (request.method !== "POST") return new Response("POST the code that the model is to write.\n");
        const code = await request.text();
        const executor = new DynamicWorkerExecutor({ loader: env.LOADER });
        const { text, steps } = await generateText({
            model: scriptedModel([{ tool: "codemode", input: { code } }, { text: "Done." }]),
            tools: { codemode: createCodeTool({ tools, executor }) },
            stopWhen: stepCountIs(5),
            prompt: "What is the weather in Oslo?",
        });
        const results = steps.flatMap(({ content }) => content.filter(({ type }) => /^tool-(?:result|error)$/.test(type)));
        return Response.json({ text, results });
    },
};
