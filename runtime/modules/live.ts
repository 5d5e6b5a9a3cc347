// Live imports: names whose value may change after they were imported, and all imports within a cycle. Each reference in
// the body becomes a read of `$mf.l.NAME`, a getter. Rare, so the parser (sucrase's) is built only when needed; lines
// stay, columns behind a reference move.

import identifyShadowedGlobals from "sucrase/dist/esm/identifyShadowedGlobals";
import { parse } from "sucrase/dist/esm/parser";
import { IdentifierRole } from "sucrase/dist/esm/parser/tokenizer";
import { TokenType } from "sucrase/dist/esm/parser/tokenizer/types";
import TokenProcessor from "sucrase/dist/esm/TokenProcessor";

/** Rewrites every reference to one of `names` that no inner declaration shadows. */
export function rewriteLive(body: string, names: Set<string>): string {
    const file = parse(body, false, false, false);
    const processor = new TokenProcessor(body, file.tokens, false, true, undefined as never);
    identifyShadowedGlobals(processor, file.scopes, names);
    let out = "";
    let from = 0;
    file.tokens.forEach((token, index) => {
        if (token.type !== TokenType.name || token.shadowsGlobal) return;
        const isShorthand = token.identifierRole === IdentifierRole.ObjectShorthand;
        if (token.identifierRole !== IdentifierRole.Access && !isShorthand) return;
        const name = body.slice(token.start, token.end);
        if (!names.has(name)) return;
        const next = file.tokens[index + 1]?.type;
        const isCalled = next === TokenType.parenL || next === TokenType.backQuote;
        const read = isCalled ? `(0,$mf.l.${name})` : `$mf.l.${name}`;
        out += body.slice(from, token.start) + (isShorthand ? `${name}:${read}` : read);
        from = token.end;
    });
    return out + body.slice(from);
}
