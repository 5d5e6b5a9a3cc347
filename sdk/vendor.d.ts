// The parts of untyped npm packages that the sdk uses, and nothing more of them.

declare module "js-yaml" {
    export const CORE_SCHEMA: unique symbol;
    export function load(text: string, options?: { schema?: typeof CORE_SCHEMA }): unknown;
}
