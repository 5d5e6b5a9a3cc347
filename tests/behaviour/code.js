// What load() makes of a code object, at once and before anything runs: dynamic-workers.md 1.4, every row of the table.

import { START_FAILED, cases, equal, ok, rejects, throws, worker } from "./check.js";

const MODULE = "export default { fetch() { return new Response('here'); }, size(n) { return n; } };";
const CODE_BYTES_MAX = 64 * 1024 * 1024;
const NAME_RULE =
    "Module name must end with '.js' or '.py' (or the content must be an object indicating the type explicitly). Got: ";

/** A case: load() of such code throws so. */
function refused(code, name, message) {
    return ({ env }) => throws(() => env.LOADER.load(code), { name, message });
}

function kinds(count) {
    return (
        "Each module must contain exactly one of 'js', 'cjs', 'text', 'data', 'json', 'py', or 'wasm'. " +
        `Module 'thing' contained ${count} properties.`
    );
}

async function answers(stub) {
    equal(await (await stub.getEntrypoint().fetch("http://w/")).text(), "here");
}

/** Code that weighs exactly so many bytes. */
function codeOfSize(bytes) {
    const main = "import data from './data.bin'; export default { size(_) { return data.byteLength; } };";
    return worker({ "main.js": main, "data.bin": { data: new ArrayBuffer(bytes - main.length) } });
}

function tooLarge(bytes) {
    return `Dynamic Worker code size (${bytes} bytes) exceeds the maximum allowed size of 67108864 bytes.`;
}

/** The number of bytes that an error names is above the limit and near what was handed in. */
function checkEnvError(env, value, atLeast) {
    const pattern = /^Dynamic Worker env size \((\d+) bytes\) exceeds the maximum allowed size of 1048576 bytes\.$/;
    const error = throws(() => env.LOADER.load(worker(MODULE, { env: value })), { name: "Error", message: pattern });
    const bytes = Number(pattern.exec(error.message)[1]);
    ok(bytes > 1048576 && bytes >= atLeast && bytes < atLeast * 2 + 1000, `about ${atLeast} bytes in: ${error.message}`);
}

const shapes = {
    "code that is no object": ({ env }) => {
        for (const code of [undefined, null, "text", 5]) {
            throws(() => env.LOADER.load(code), { name: "TypeError" });
        }
        throws(() => env.LOADER.load(), { name: "TypeError" });
    },
    "a missing compatibilityDate": refused({ mainModule: "a.js", modules: { "a.js": MODULE } }, "TypeError", /compatibilityDate/),
    "a missing mainModule": refused(
        { compatibilityDate: "2026-01-01", modules: { "a.js": MODULE } },
        "TypeError",
        /mainModule/,
    ),
    "missing modules": refused({ compatibilityDate: "2026-01-01", mainModule: "a.js" }, "TypeError", /modules/),
    "a compatibilityDate that is no string": refused(worker(MODULE, { compatibilityDate: 20260101 }), "TypeError"),
    "a mainModule that is no string": refused(worker(MODULE, { mainModule: {} }), "TypeError"),
    "modules that are no object": refused(worker(MODULE, { modules: "text" }), "TypeError"),
    "a getter that throws passes through": ({ env }) => {
        const code = worker(MODULE);
        Object.defineProperty(code, "modules", {
            get() {
                throw new RangeError("from a getter");
            },
        });
        throws(() => env.LOADER.load(code), { name: "RangeError", message: "from a getter" });
    },
};

const modules = {
    "no modules": refused(
        { compatibilityDate: "2026-01-01", mainModule: "a.js", modules: {} },
        "TypeError",
        "Dynamic Worker code must contain at least one module.",
    ),
    "a string module of another name": ({ env }) => {
        for (const name of ["notes.txt", "main", "main.wasm", "js", "main.js.map", ""]) {
            throws(() => env.LOADER.load(worker({ "a.js": MODULE, [name]: "text" })), {
                name: "TypeError",
                message: NAME_RULE + name,
            });
        }
    },
    "string modules in TypeScript are taken": async ({ env }) => {
        for (const name of ["a.ts", "a.tsx", "a.jsx", "a.mts"]) await answers(env.LOADER.load(worker({ [name]: MODULE })));
    },
    "an object module without a kind": refused(worker({ "a.js": MODULE, thing: {} }), "TypeError", kinds(0)),
    "an object module of an unknown kind": refused(worker({ "a.js": MODULE, thing: { css: "a" } }), "TypeError", kinds(0)),
    "an object module of two kinds": refused(worker({ "a.js": MODULE, thing: { js: "", text: "" } }), "TypeError", kinds(2)),
    "an object module of three kinds": refused(
        worker({ "a.js": MODULE, thing: { json: null, data: new ArrayBuffer(1), cjs: "" } }),
        "TypeError",
        kinds(3),
    ),
    "a module that is neither text nor object": ({ env }) => {
        for (const content of [null, undefined, 5, true]) {
            const error = throws(() => env.LOADER.load(worker({ "a.js": MODULE, thing: content })), { name: "TypeError" });
            ok(error.message.includes("thing"), `the module's name in: ${error.message}`);
        }
    },
    "content of the wrong type names the module and the kind": ({ env }) => {
        const wrong = [{ data: "text" }, { wasm: "text" }, { wasm: {} }, { json: () => {} }, { data: {} }];
        for (const content of wrong) {
            const error = throws(() => env.LOADER.load(worker({ "a.js": MODULE, thing: content })), { name: "TypeError" });
            ok(error.message.includes("thing"), `the module's name in: ${error.message}`);
            ok(error.message.includes(Object.keys(content)[0]), `the kind in: ${error.message}`);
        }
    },
    "JSON that is a cycle": ({ env }) => {
        const cycle = {};
        cycle.self = cycle;
        throws(() => env.LOADER.load(worker({ "a.js": MODULE, thing: { json: cycle } })), { name: "TypeError" });
    },
    "a Python module under a JavaScript main": ({ env }) => {
        const message = `Module "foo.py" is a Python module, but the main module isn't a Python module.`;
        for (const content of ["def f(): pass", { py: "def f(): pass" }]) {
            throws(() => env.LOADER.load(worker({ "a.js": MODULE, "foo.py": content })), { name: "TypeError", message });
        }
    },
    "a Python main": ({ env }) => {
        for (const content of ["def f(): pass", { py: "def f(): pass" }]) {
            throws(() => env.LOADER.load(worker({ "main.py": content })), {
                name: "Error",
                message: 'Module "main.py" is a Python module, and this version of mayfly does not run Python yet.',
            });
        }
    },
};

const sizes = {
    "64 MiB of code are taken": async ({ env }) => {
        const stub = env.LOADER.load(codeOfSize(CODE_BYTES_MAX));
        equal(await stub.getEntrypoint().size(0), CODE_BYTES_MAX - 86);
        stub[Symbol.dispose]();
    },
    "a byte more is not": ({ env }) => {
        throws(() => env.LOADER.load(codeOfSize(CODE_BYTES_MAX + 1)), { name: "Error", message: tooLarge(67108865) });
    },
    "code is weighed in bytes of UTF-8, over all modules": ({ env }) => {
        const text = "é".repeat(20 * 1024 * 1024);
        const code = worker({ "a.js": MODULE, "b.txt": { text }, "c.txt": { text } });
        const bytes = MODULE.length + 4 * text.length;
        throws(() => env.LOADER.load(code), { name: "Error", message: tooLarge(bytes) });
    },
    "an env of text above 1 MiB": ({ env }) => checkEnvError(env, { text: "x".repeat(1048577) }, 1048577),
    "an env of bytes above 1 MiB": ({ env }) => checkEnvError(env, { bytes: new Uint8Array(1048577) }, 1048577),
    "an env of text is weighed in UTF-8": ({ env }) => checkEnvError(env, { text: "é".repeat(600000) }, 1200000),
    "an env a little below 1 MiB is taken": async ({ env }) => {
        const source = "export default { size(_, env) { return [env.text.length, env.bytes.length]; } };";
        const given = { text: "x".repeat(500000), bytes: new Uint8Array(500000) };
        equal(await env.LOADER.load(worker(source, { env: given })).getEntrypoint().size(0), [500000, 500000]);
    },
    "an env that cannot be cloned": ({ env }) => {
        for (const value of [() => {}, { deep: [Symbol("s")] }, new WeakMap(), Promise.resolve()]) {
            throws(() => env.LOADER.load(worker(MODULE, { env: { value } })), { name: "DataCloneError" });
        }
    },
};

const options = {
    "allowExperimental without the flag": refused(
        worker(MODULE, { allowExperimental: true }),
        "Error",
        "'allowExperimental' is only allowed when the calling worker has the 'experimental' compat flag set.",
    ),
    "allowExperimental: false": ({ env }) => answers(env.LOADER.load(worker(MODULE, { allowExperimental: false }))),
    "streamingTails without allowExperimental": refused(
        worker(MODULE, { streamingTails: [] }),
        "Error",
        "Streaming tail workers are experimental. You must pass the option 'allowExperimental: true' to the worker " +
            "loader to use them",
    ),
    "tails that are no stubs": refused(
        worker(MODULE, { tails: [{}] }),
        "TypeError",
        "Incorrect type for the 'tails' field on 'WorkerCode': the provided value is not of type 'Fetcher'.",
    ),
    "no tails": ({ env }) => answers(env.LOADER.load(worker(MODULE, { tails: [] }))),
    "compatibility dates that are none": ({ env }) => {
        for (const date of ["", "yesterday", "2026-1-1", "2026-13-01", "2026-00-10", "2026-02-30", "2026-04-31T00", "1999-01-01"]) {
            const error = throws(() => env.LOADER.load(worker(MODULE, { compatibilityDate: date })), { name: "Error" });
            equal(error.message, `Invalid compatibility date: ${date}`);
        }
    },
    "a compatibility date in the future": async ({ env }) => {
        const dateIn = (days) => new Date(Date.now() + days * 86400e3).toISOString().slice(0, 10);
        await answers(env.LOADER.load(worker(MODULE, { compatibilityDate: dateIn(0) })));
        const error = throws(() => env.LOADER.load(worker(MODULE, { compatibilityDate: dateIn(2) })), { name: "Error" });
        const date = `"2\\d{3}-\\d\\d-\\d\\d"`;
        ok(new RegExp(`^Can't set compatibility date in the future: ${date}\\. Today's date \\(UTC\\) is ${date}\\.$`).test(error.message), error.message);
    },
    "compatibility flags that are none": refused(
        worker(MODULE, { compatibilityFlags: ["nodejs_compat", "Not A Flag"] }),
        "Error",
        /^No such compatibility flag: Not A Flag$/,
    ),
    "a compatibility flag given twice": refused(
        worker(MODULE, { compatibilityFlags: ["nodejs_compat", "nodejs_compat"] }),
        "Error",
        "Compatibility flag specified multiple times: nodejs_compat",
    ),
    "contradictory compatibility flags": refused(
        worker(MODULE, { compatibilityFlags: ["no_nodejs_compat", "enable_ctx_exports", "nodejs_compat", "disable_ctx_exports"] }),
        "Error",
        "Compatibility flags are mutually contradictory: enable_ctx_exports vs disable_ctx_exports\n" +
            "Compatibility flags are mutually contradictory: nodejs_compat vs no_nodejs_compat",
    ),
    "a bad date and a bad flag are both told": refused(
        worker(MODULE, { compatibilityDate: "never", compatibilityFlags: ["?"] }),
        "Error",
        "Invalid compatibility date: never\nNo such compatibility flag: ?",
    ),
    "flags that are no array": refused(worker(MODULE, { compatibilityFlags: "nodejs_compat" }), "TypeError"),
    "a child's own date and flags": async ({ env }) => {
        const more = { compatibilityDate: "2024-02-29", compatibilityFlags: ["nodejs_compat"] };
        await answers(env.LOADER.load(worker(MODULE, more)));
    },
    "limits are taken": ({ env }) => answers(env.LOADER.load(worker(MODULE, { limits: { cpuMs: 50, subRequests: 3 } }))),
    "a globalOutbound that is no stub": refused(
        worker(MODULE, { globalOutbound: {} }),
        "TypeError",
        "Incorrect type for the 'globalOutbound' field on 'WorkerCode': the provided value is not of type 'Fetcher'.",
    ),
    "a main module that is not among the modules": async ({ env }) => {
        const stub = env.LOADER.load(worker(MODULE, { mainModule: "other.js" }));
        const error = await rejects(stub.getEntrypoint().fetch("http://w/"), { name: "Error" });
        ok(error.message.startsWith(START_FAILED), `a failed start in: ${error.message}`);
        ok(error.message.includes("other.js"), `the module's name in: ${error.message}`);
    },
    "names that objects have anyway are no modules": async ({ env }) => {
        const stub = env.LOADER.load(worker(MODULE, { mainModule: "toString" }));
        const error = await rejects(stub.getEntrypoint().fetch("http://w/"), { name: "Error" });
        ok(error.message.startsWith(START_FAILED), `a failed start in: ${error.message}`);
    },
};

export default cases({ ...shapes, ...modules, ...sizes, ...options });
