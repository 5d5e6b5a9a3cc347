// The published executor of Code Mode in a host worker, on mayfly and on workerd alike: one request is one execution.

import { DynamicWorkerExecutor } from "@cloudflare/codemode";

const shop = { name: "shop", fns: { add: async ({ a, b }) => ({ sum: a + b }) } };

export default {
    async fetch(request, env) {
        if (request.method !== "POST") return new Response("ready");
        const executor = new DynamicWorkerExecutor({ loader: env.LOADER });
        const { result, error } = await executor.execute(await request.text(), [shop]);
        return error === undefined ? Response.json(result) : new Response(error, { status: 500 });
    },
};
