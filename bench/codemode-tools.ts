// The tools of `mayfly mcp` in the benchmark; codemode-host.js has the same.

export const add = ({ a, b }: { a: number; b: number }): { sum: number } => ({ sum: a + b });
