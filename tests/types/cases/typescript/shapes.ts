export type Shape = { kind: "a" } | { kind: "b" };
