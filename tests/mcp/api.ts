// What the programs of tests/sdk/code-cases.mjs call.

export async function get(input?: { id?: number }): Promise<{ id: number; name: string }> {
    return { id: input?.id ?? 0, name: `n${input?.id ?? 0}` };
}

export async function list(): Promise<number[]> {
    return [1, 2, 3];
}
