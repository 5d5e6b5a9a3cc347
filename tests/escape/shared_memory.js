// Looks for memory that two threads could share, one of them counting time for the other.

export default () => {
    if (typeof SharedArrayBuffer !== "undefined") return "SharedArrayBuffer";
    if (typeof Worker !== "undefined") return "Worker";
    // WebAssembly's memory can be of that kind. Nobody else can get at it: no other thread, and no other cell.
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    try {
        structuredClone(buffer, { transfer: [buffer] });
    } catch {
        return undefined;
    }
    return "shared memory that can be sent";
};
