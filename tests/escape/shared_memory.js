// Looks for memory that two threads could share, one of them counting time for the other.

export default () => {
    if (typeof SharedArrayBuffer !== "undefined") return "SharedArrayBuffer";
    if (typeof Worker !== "undefined") return "Worker";
    // WebAssembly's memory can be of that kind.
    try {
        return String(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
    } catch {
        return undefined;
    }
};
