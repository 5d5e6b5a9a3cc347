// Parts of sucrase that its package ships but does not declare at these paths.

declare module "sucrase/dist/esm/parser" {
    export function parse(
        code: string,
        isJSX: boolean,
        isTypeScript: boolean,
        isFlow: boolean,
    ): {
        tokens: import("sucrase/dist/types/parser/tokenizer/index").Token[];
        scopes: import("sucrase/dist/types/parser/tokenizer/state").Scope[];
    };
}

declare module "sucrase/dist/esm/parser/tokenizer" {
    export const IdentifierRole: { Access: number; ObjectShorthand: number };
}

declare module "sucrase/dist/esm/parser/tokenizer/types" {
    export const TokenType: Record<
        | "name" | "parenL" | "parenR" | "backQuote" | "braceL" | "braceR" | "dollarBraceL" | "bracketL" | "bracketR"
        | "_const" | "_let" | "_var" | "_function" | "_class" | "_enum",
        number
    >;
}

declare module "sucrase/dist/esm/TokenProcessor" {
    export default class TokenProcessor {
        constructor(code: string, tokens: unknown[], isFlow: boolean, disableESTransforms: boolean, helpers: never);
    }
}

declare module "sucrase/dist/esm/identifyShadowedGlobals" {
    import type TokenProcessor from "sucrase/dist/esm/TokenProcessor";
    export default function identifyShadowedGlobals(
        tokens: TokenProcessor,
        scopes: unknown[],
        globalNames: Set<string>,
    ): void;
}
