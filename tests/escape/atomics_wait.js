// Waits inside of running code, which would be a timer as fine as the kernel's.

export default () => {
    for (const array of [new Int32Array(4), new BigInt64Array(4)]) {
        try {
            return `Atomics.wait: ${Atomics.wait(array, 0, array[0], 1)}`;
        } catch {
            continue;
        }
    }
};
