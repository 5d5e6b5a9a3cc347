// Live imports: names whose value may change after they were imported, and all imports within a cycle. Each reference in
// the body becomes a read of `$mf.l.NAME`, a getter. Rare, so the parser (sucrase's) is built only when needed; lines
// stay, and where columns move is noted for error places.

import identifyShadowedGlobals from "sucrase/dist/esm/identifyShadowedGlobals";
import { parse } from "sucrase/dist/esm/parser";
import { IdentifierRole } from "sucrase/dist/esm/parser/tokenizer";
import { TokenType } from "sucrase/dist/esm/parser/tokenizer/types";
import TokenProcessor from "sucrase/dist/esm/TokenProcessor";
import type { Shifts } from "../modules/shifts";

const LINE_BREAK = /\r\n|[\n\r\u2028\u2029]/g;

/** Rewrites every reference to one of `names` that no inner declaration shadows; throws what sucrase's parser throws. */
export function rewriteLive(body: string, names: Set<string>): { text: string; shifts: Shifts } {
    const file = parse(body, false, false, false);
    const processor = new TokenProcessor(body, file.tokens, false, true, undefined as never);
    identifyShadowedGlobals(processor, file.scopes, names);
    const shifts: Shifts = new Map();
    let text = "";
    let from = 0;
    let line = 1;
    let lineStart = 0;
    file.tokens.forEach((token, index) => {
        if (token.type !== TokenType.name || token.shadowsGlobal) return;
        const isShorthand = token.identifierRole === IdentifierRole.ObjectShorthand;
        if (token.identifierRole !== IdentifierRole.Access && !isShorthand) return;
        const name = body.slice(token.start, token.end);
        if (!names.has(name)) return;
        const next = file.tokens[index + 1]?.type;
        const isCalled = next === TokenType.parenL || next === TokenType.backQuote;
        const read = isCalled ? `(0,$mf.l.${name})` : `$mf.l.${name}`;
        const replacement = isShorthand ? `${name}:${read}` : read;
        for (const lineBreak of body.slice(from, token.start).matchAll(LINE_BREAK)) {
            line++;
            lineStart = from + lineBreak.index + lineBreak[0].length;
        }
        const shift = { column: token.start - lineStart + 1, before: name.length, after: replacement.length };
        shifts.set(line, [...(shifts.get(line) ?? []), shift]);
        text += body.slice(from, token.start) + replacement;
        from = token.end;
    });
    return { text: text + body.slice(from), shifts };
}
