// What the host workers of the behaviour tests are written with; it runs inside their cells. A worker exports
// cases({ name: async ({ env, request, ctx }) => ... }) as its default: GET / lists the names, GET /case/NAME runs one
// and answers {ok} or {ok, message}. A case fails by throwing.

/** A code object for the loader: one module's text or a table of modules, and whatever else it has. */
export function worker(modules, more) {
    const table = typeof modules === "string" ? { "main.js": modules } : modules;
    return { compatibilityDate: "2026-01-01", mainModule: Object.keys(table)[0], modules: table, ...more };
}

// --- Showing values --------------------------------------------------------------------------------------------------

function show(value, seen = []) {
    if (typeof value === "string") return JSON.stringify(value.length > 400 ? `${value.slice(0, 400)}...` : value);
    if (typeof value === "bigint") return `${value}n`;
    if (Object.is(value, -0)) return "-0";
    if (typeof value !== "object" || value === null) return String(value);
    if (seen.includes(value)) return "(cycle)";
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (value instanceof Date || value instanceof RegExp) return String(value);
    const inside = [...seen, value];
    const list = (items) => items.slice(0, 20).map((item) => show(item, inside)).join(", ");
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (Array.isArray(value)) return `[${list(value)}]`;
    if (value instanceof Map || value instanceof Set) return `${kind}(${list([...value])})`;
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return `${kind}[${list([...value])}]`;
    return `${kind}{${Object.keys(value).map((key) => `${key}: ${show(value[key], inside)}`).join(", ")}}`;
}

// --- Comparing values ------------------------------------------------------------------------------------------------

function bytesOf(value) {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function sameLists(a, b, met) {
    return a.length === b.length && a.every((item, i) => same(item, b[i], met));
}

/** Own properties with their values; a hole in an array differs from undefined. */
function sameProperties(a, b, met) {
    const keys = Object.keys(a);
    return (
        sameLists(keys.toSorted(), Object.keys(b).toSorted(), met) && keys.every((key) => same(a[key], b[key], met))
    );
}

function sameObjects(a, b, met) {
    const kind = Object.prototype.toString.call(a);
    if (kind !== Object.prototype.toString.call(b) || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (a instanceof Date) return Object.is(a.getTime(), b.getTime());
    if (a instanceof RegExp) return String(a) === String(b);
    if (a instanceof Map || a instanceof Set) return sameLists([...a], [...b], met);
    if (a instanceof ArrayBuffer || ArrayBuffer.isView(a)) return sameLists([...bytesOf(a)], [...bytesOf(b)], met);
    if (a instanceof Boolean || a instanceof Number || a instanceof String) return Object.is(a.valueOf(), b.valueOf());
    if (a instanceof Error) {
        if (a.name !== b.name || a.message !== b.message || !same(a.cause, b.cause, met)) return false;
    }
    if (Array.isArray(a) && a.length !== b.length) return false;
    return sameProperties(a, b, met);
}

/** Whether two values are equal to whoever walks through them: kinds, contents, and where they share or cycle. */
export function same(a, b, met = new Map()) {
    if (Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (met.has(a)) return met.get(a) === b;
    met.set(a, b);
    return sameObjects(a, b, met);
}

// --- Expectations ----------------------------------------------------------------------------------------------------

export function fail(expected, got, what = "") {
    throw new Error(`${what && `${what}: `}expected ${expected}, got ${got}`);
}

export function equal(got, expected, what) {
    if (!same(got, expected)) fail(show(expected), show(got), what);
}

export function ok(condition, what) {
    if (!condition) throw new Error(`expected ${what}, got the opposite`);
}

/** `expected` is {name, message}; a message may be a RegExp. */
function checkError(error, expected) {
    const fits =
        error instanceof Error || error instanceof DOMException
            ? (expected.name === undefined || error.name === expected.name) &&
              (expected.message instanceof RegExp
                  ? expected.message.test(error.message)
                  : expected.message === undefined || error.message === expected.message)
            : false;
    if (fits) return error;
    const text = expected.message instanceof RegExp ? String(expected.message) : show(expected.message);
    const got = error instanceof Error || error instanceof DOMException
        ? `${error.name}: ${show(error.message)}`
        : show(error);
    return fail(`${expected.name ?? "an error"}: ${text}`, got);
}

/** Calls `body`, which must throw at once; returns what it threw. */
export function throws(body, expected) {
    let result;
    try {
        result = body();
    } catch (error) {
        return checkError(error, expected);
    }
    return fail(`${expected.name ?? "an error"} to be thrown`, show(result));
}

/** Awaits a promise that must reject; returns the reason. */
export async function rejects(promise, expected) {
    let result;
    try {
        result = await promise;
    } catch (error) {
        return checkError(error, expected);
    }
    return fail(`a rejection with ${expected.name ?? "an error"}`, `the value ${show(result)}`);
}

/** The text that a loaded worker's start fails with, in front of the original message. */
export const START_FAILED = "Failed to start Worker:\n";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again and again until `probe` gives something; fails when that takes far too long, under whatever load. */
export async function until(what, probe) {
    for (let waited = 0; waited < 20_000; waited += 10) {
        const found = await probe();
        if (found) return found;
        await sleep(10);
    }
    return fail(what, "nothing in 20 s");
}

// --- The worker ------------------------------------------------------------------------------------------------------

async function runCase(run, context) {
    try {
        await run(context);
        return { ok: true };
    } catch (error) {
        return { ok: false, message: error instanceof Error ? error.message : show(error) };
    }
}

/** The default export of a host worker. `routes` answer what the runner asks beside the cases, by path. */
export function cases(table, routes = {}) {
    return {
        async fetch(request, env, ctx) {
            const { pathname } = new URL(request.url);
            if (pathname === "/") return Response.json(Object.keys(table));
            const name = decodeURIComponent(pathname.slice("/case/".length));
            if (pathname.startsWith("/case/") && Object.hasOwn(table, name)) {
                return Response.json(await runCase(table[name], { request, env, ctx }));
            }
            const route = routes[pathname];
            return route ? route(request, env, ctx) : new Response("no such route", { status: 404 });
        },
    };
}
