// TypeScript's namespaces: sucrase takes all of them away, as if they had types alone. One that has values is found here.

import { parse } from "sucrase/dist/esm/parser";
import { TokenType } from "sucrase/dist/esm/parser/tokenizer/types";
import type { Place } from "../modules/record";

type Token = ReturnType<typeof parse>["tokens"][number];

const OPENS = new Set([TokenType.braceL, TokenType.dollarBraceL, TokenType.parenL, TokenType.bracketL]);
const CLOSES = new Set([TokenType.braceR, TokenType.parenR, TokenType.bracketR]);
const DECLARES_VALUE = new Set([TokenType._const, TokenType._let, TokenType._var, TokenType._function, TokenType._class, TokenType._enum]);

/** The tokens of a file, from which the text of each is told. */
class Tokens {
    readonly #source: string;
    readonly #list: Token[];

    constructor(source: string, isJsx: boolean) {
        this.#source = source;
        this.#list = parse(source, isJsx, true, false).tokens;
    }

    #word(index: number): string {
        const token = this.#list[index];
        return token === undefined ? "" : this.#source.slice(token.start, token.end);
    }

    /** Whether the declaration whose keyword stands there only says what is elsewhere. */
    #isDeclared(index: number): boolean {
        const before = this.#word(index - 1);
        return before === "declare" || (before === "abstract" && this.#word(index - 2) === "declare");
    }

    /** Behind the bracket that closes the one there, and whether values are declared directly inside. */
    #body(open: number): { end: number; hasValues: boolean } {
        let depth = 0;
        let hasValues = false;
        let index = open;
        for (; index < this.#list.length; index++) {
            const { type } = this.#list[index]!;
            if (OPENS.has(type)) depth++;
            if (CLOSES.has(type) && --depth === 0) break;
            if (depth === 1 && DECLARES_VALUE.has(type)) hasValues ||= !this.#isDeclared(index);
        }
        return { end: index + 1, hasValues };
    }

    /** Behind the names of a namespace that begins there; 0 if none does. */
    #namesEnd(index: number): number {
        if (this.#list[index]!.isType !== true || !/^(?:namespace|module|global)$/.test(this.#word(index))) return 0;
        let end = index + 1;
        while (end < this.#list.length && this.#list[end]!.type !== TokenType.braceL && /^[\w$."']|^[^\0-\x7f]/.test(this.#word(end))) end++;
        return this.#list[end]?.type === TokenType.braceL ? end : 0;
    }

    /** The first namespace with values: its names, and where they begin. */
    namespaceWithValues(): { name: string; at: number } | undefined {
        for (let index = 0; index < this.#list.length; index++) {
            const open = this.#namesEnd(index);
            if (open === 0) continue;
            const { end, hasValues } = this.#body(open);
            const at = this.#list[index]!.start;
            const name = this.#source.slice(this.#list[index + 1]!.start, this.#list[open - 1]!.end);
            if (this.#isDeclared(index)) index = end - 1;
            else if (hasValues) return { name, at };
        }
        return undefined;
    }
}

/** Throws a SyntaxError with the place of the first namespace with values as `loc`. The source is one that sucrase reads. */
export function refuseNamespaces(source: string, isJsx: boolean): void {
    if (!/\b(?:namespace|module)\s+[^\s"'=.;,(){}[\]]/.test(source)) return;
    const found = new Tokens(source, isJsx).namespaceWithValues();
    if (found === undefined) return;
    const before = source.slice(0, found.at).split("\n");
    const loc: Place = { line: before.length, column: before.at(-1)!.length + 1 };
    const text = `The namespace ${found.name} has values, which is not supported: put them into a module of their own, or into an object`;
    throw Object.assign(new SyntaxError(text), { loc });
}
