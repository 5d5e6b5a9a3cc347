// The parts that the sdk uses of the runtime (runtime/execution.ts) and of untyped npm packages, and nothing more of them.

declare module "mayfly:execution" {
    export function isExpression(text: string): boolean;
}

declare module "js-yaml" {
    export const CORE_SCHEMA: unique symbol;
    export function load(text: string, options?: { schema?: typeof CORE_SCHEMA }): unknown;
}
