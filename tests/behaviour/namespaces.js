// Loader namespaces: bindings with the same id share their named workers, others do not. This worker has the flag
// `experimental` as well, so what is open to its kind only stands here too. dynamic-workers.md 1.1, 1.4, rows A5 and A13.

import { cases, equal, throws, worker } from "./check.js";

const COUNTER = "let calls = 0; export default { count(_) { return ++calls; } };";

const count = (stub) => stub.getEntrypoint().count(null);

export default cases({
    "bindings with one id share their names": async ({ env }) => {
        let asked = 0;
        const ask = () => {
            asked++;
            return worker(COUNTER);
        };
        equal(await count(env.ONE.get("x", ask)), 1);
        equal(await count(env.OTHER.get("x", ask)), 2);
        equal([await count(env.ONE.get("x", ask)), asked], [3, 1]);
    },
    "bindings of another id, or of none, do not": async ({ env }) => {
        const ask = () => worker(COUNTER);
        equal(await count(env.ONE.get("y", ask)), 1);
        equal(await count(env.PRIVATE.get("y", ask)), 1);
        equal(await count(env.OWN.get("y", ask)), 1);
        equal([await count(env.PRIVATE.get("y", ask)), await count(env.OWN.get("y", ask))], [2, 2]);
    },
    "what has no name is never shared": async ({ env }) => {
        const ask = () => worker(COUNTER);
        equal([await count(env.ONE.get(null, ask)), await count(env.OTHER.get(null, ask))], [1, 1]);
        equal([await count(env.ONE.load(ask())), await count(env.OTHER.load(ask()))], [1, 1]);
    },
    "a failure in one namespace is none in another": async ({ env }) => {
        const ask = () => worker(COUNTER);
        await count(env.ONE.get("z", () => worker("broken("))).catch(() => {});
        equal([await count(env.PRIVATE.get("z", ask)), await count(env.OTHER.get("z", ask))], [1, 1]);
    },
    "allowExperimental is open to a worker with the flag": async ({ env }) => {
        equal(await count(env.ONE.load(worker(COUNTER, { allowExperimental: true }))), 1);
    },
    "streamingTails get past the flag, and are not there yet": ({ env }) => {
        const code = worker(COUNTER, { allowExperimental: true, streamingTails: [{}] });
        throws(() => env.ONE.load(code), {
            name: "Error",
            message: "'streamingTails' is not supported by this version of mayfly.",
        });
    },
});
