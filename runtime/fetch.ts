// The global fetch(): a worker's way out. Which one it has was decided when it was loaded; this version knows the
// closed one only.

/** workerd's text: dynamic-workers.md 2. */
const FORBIDDEN =
    "This worker is not permitted to access the internet via global functions like fetch(). It must use capabilities " +
    "(such as bindings in 'env') to talk to the outside world.";

const NOT_YET = "fetch() to the outside is not supported by this version of mayfly: it comes with its egress process.";

let outbound: null | "none" = null;

export function setOutbound(given: null | "none"): void {
    outbound = given === "none" ? "none" : null;
}

export function fetch(): Promise<never> {
    return Promise.reject(new Error(outbound === null ? FORBIDDEN : NOT_YET));
}
