// A host worker whose requests and responses are not those that runtime/practice.ts expects; and which keeps its stubs, so that no
// collection finds their workers.

import { worker } from "./check.js";

const { text } = Response.prototype;

Response.prototype.text = async function () {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return text.call(this);
};

const kept = [];

export default {
    async fetch(request, env) {
        const stub = env.LOADER.load(worker("export default { fetch: () => new Response('child') };"));
        kept.push(stub);
        return new Response(await (await stub.getEntrypoint().fetch(request)).text());
    },
};
