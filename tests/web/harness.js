// The harness of the web platform's checks. They run inside a dynamic worker, so it uses nothing but the language and
// setTimeout. A file makes one suite, adds its checks with test(), and exports the suite's run().

function show(value) {
    try {
        return typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
    } catch {
        return String(value);
    }
}

function same(a, b) {
    if (Object.is(a, b)) {
        return true;
    }
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
        return false;
    }
    const keys = Object.keys(a);
    return (
        Array.isArray(a) === Array.isArray(b) &&
        keys.length === Object.keys(b).length &&
        keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
    );
}

/** Fails unless the values are the same, arrays and plain objects by their content. */
export function equal(actual, expected) {
    if (!same(actual, expected)) {
        throw new Error(`got ${show(actual)}, not ${show(expected)}`);
    }
}

export function ok(value) {
    if (!value) {
        throw new Error(`got ${show(value)}`);
    }
}

function checkError(error, name, message) {
    if (error?.name !== name) {
        throw new Error(`threw ${error}, not a ${name}`);
    }
    if (message !== undefined && error.message !== message) {
        throw new Error(`said ${show(error.message)}, not ${show(message)}`);
    }
}

/** Fails unless `body` throws an error of this name, with this message if one is given. */
export function throws(name, body, message) {
    let result;
    try {
        result = body();
    } catch (error) {
        checkError(error, name, message);
        return;
    }
    throw new Error(`returned ${show(result)}, and should have thrown a ${name}`);
}

/** Fails unless the promise rejects with an error of this name, with this message if one is given. */
export async function rejects(name, promise, message) {
    let result;
    try {
        result = await promise;
    } catch (error) {
        checkError(error, name, message);
        return;
    }
    throw new Error(`resolved to ${show(result)}, and should have been rejected with a ${name}`);
}

/** A suite: test() adds a check, run() runs them all in order and tells how many passed and which failed how. */
export function suite(title) {
    const checks = [];
    return {
        test(name, body) {
            checks.push({ name, body });
        },
        async run() {
            const failures = [];
            for (const { name, body } of checks) {
                try {
                    await body();
                } catch (error) {
                    failures.push(`${title}: ${name}: ${error?.message ?? error}`);
                }
            }
            return { passed: checks.length - failures.length, failures };
        },
    };
}
