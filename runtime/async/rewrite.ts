// Rewrites the text of a module so that the asynchronous context (frames.ts) outlives what the engine suspends. Text is
// only put in, never over a line's end, so lines stay, and where columns move is noted for error places:
//
//   await X                 $mf_a.r($mf_a.s(X),await $mf_a.v())        in a try: r(t=s(X),await v(),t=0)
//   yield X, yield* X       the same of X, yield*$mf_a.i(X)            in async generators
//   return X                return $mf_a.g(X)                          in async functions: X may be a thenable
//   for await (a of X) B    {let f;try{for await(a of f=$mf_a.i(X))B}finally{f&&$mf_a.c(f)}}
//   try {..} catch {..}     {let t=0;try{..}catch{t&&($mf_a.c(t),t=0);..}}   where the try awaits
//
// A rejection ends an await before r() is called; hence t, the context of an await that has not ended.

import type { Shifts } from "../modules/shifts";
import { apply, childrenOf, parseBody, type Edit, type Tree } from "./edits";

interface Try {
    name: string;
    isUsed: boolean;
}

/** The function around a node: what it may do, and the try that would catch what it awaits. */
interface Around {
    isAsync: boolean;
    isGenerator: boolean;
    attempt?: Try;
}

/** Expressions that are never a thenable. */
const PLAIN = new Set([
    "Literal", "TemplateLiteral", "BinaryExpression", "UnaryExpression", "UpdateExpression", "ArrayExpression", "AwaitExpression",
    "FunctionExpression", "ArrowFunctionExpression", "ClassExpression",
]);

const OUTSIDE: Around = { isAsync: false, isGenerator: false };

/** From behind `yield` to behind its star. */
const STAR = /(?:\s|\/\*[^]*?\*\/|\/\/.*)*\*/y;

class Rewriter {
    readonly #source: string;
    readonly #edits: Edit[] = [];
    #names = 0;

    constructor(source: string) {
        this.#source = source;
    }

    /** The changes, in their order. A script awaits nothing outside of functions. */
    run(program: Tree, isScript: boolean): Edit[] {
        this.#children(program, { isAsync: !isScript, isGenerator: false });
        return this.#edits.sort((a, b) => a.at - b.at);
    }

    #put(at: number, text: string, before = 0): void {
        this.#edits.push({ at, before, text });
    }

    /** Puts text around an expression; one with commas gets parentheses of its own. */
    #wrap(node: Tree, head: string, tail: string, around: Around): void {
        const hasCommas = node.type === "SequenceExpression";
        this.#put(node.start, hasCommas ? `${head}(` : head);
        this.#walk(node, around);
        this.#put(node.end, hasCommas ? `)${tail}` : tail);
    }

    #children(node: Tree, around: Around): void {
        for (const child of childrenOf(node)) this.#walk(child, around);
    }

    #walk(node: Tree, around: Around): void {
        switch (node.type) {
            case "FunctionDeclaration":
            case "FunctionExpression":
            case "ArrowFunctionExpression":
                return this.#function(node);
            case "StaticBlock":
                return this.#children(node, OUTSIDE);
            case "AwaitExpression":
                return this.#await(node, around);
            case "YieldExpression":
                return this.#yield(node, around);
            case "ReturnStatement":
                return node.argument ? this.#return(node.argument as Tree, around) : undefined;
            case "TryStatement":
                return this.#try(node, around);
            case "LabeledStatement":
            case "ForOfStatement":
                return this.#loop(node, around);
            default:
                return this.#children(node, around);
        }
    }

    #function(node: Tree): void {
        const around: Around = { isAsync: node.async === true, isGenerator: node.generator === true };
        for (const parameter of node.params as Tree[]) this.#walk(parameter, around);
        const body = node.body as Tree;
        if (body.type === "BlockStatement") this.#walk(body, around);
        else this.#return(body, around);
    }

    /** The text in front of what is awaited and that behind it. */
    #awaiting({ attempt }: Around): [string, string] {
        if (attempt === undefined) return ["$mf_a.r($mf_a.s(", "),await $mf_a.v())"];
        attempt.isUsed = true;
        return [`$mf_a.r(${attempt.name}=$mf_a.s(`, `),await $mf_a.v(),${attempt.name}=0)`];
    }

    #await(node: Tree, around: Around): void {
        const [head, tail] = this.#awaiting(around);
        this.#put(node.start, head, "await".length);
        this.#walk(node.argument as Tree, around);
        this.#put(node.end, tail);
    }

    #yield(node: Tree, around: Around): void {
        const argument = node.argument as Tree | null;
        if (!around.isAsync || argument === null) return this.#children(node, around);
        if (node.delegate !== true) return this.#wrap(argument, ...this.#awaiting(around), around);
        const { attempt } = around;
        if (attempt === undefined) return this.#wrap(argument, "$mf_a.i(", ")", around);
        attempt.isUsed = true;
        STAR.lastIndex = node.start + "yield".length;
        STAR.test(this.#source);
        this.#put(node.start, `$mf_a.k(${attempt.name}=$mf_a.i(`, STAR.lastIndex - node.start);
        this.#walk(argument, around);
        this.#put(node.end, `),yield*${attempt.name},${attempt.name}=0)`);
    }

    #return(argument: Tree, around: Around): void {
        // A generator awaits whatever it returns, and may have something to do finally.
        const isPlain = PLAIN.has(argument.type) && !(around.isGenerator && around.attempt);
        if (!around.isAsync || isPlain) return this.#walk(argument, around);
        const [head, tail] = around.isGenerator ? this.#awaiting(around) : ["$mf_a.g(", ")"];
        this.#wrap(argument, head, tail, around);
    }

    #try(node: Tree, around: Around): void {
        const attempt: Try = { name: `$mf_t${++this.#names}`, isUsed: false };
        const handler = node.handler as Tree | null;
        const finalizer = node.finalizer as Tree | null;
        const tried = { ...around, attempt };
        const first = this.#edits.length;
        this.#walk(node.block as Tree, tried);
        if (handler !== null) this.#walk(handler, finalizer === null ? around : tried);
        if (finalizer !== null) this.#walk(finalizer, around);
        if (!attempt.isUsed) return;
        const { name } = attempt;
        const back = `${name}&&($mf_a.c(${name}),${name}=0);`;
        const starts = [{ at: node.start, before: 0, text: `{let ${name}=0;` }];
        if (handler !== null) starts.push({ at: (handler.body as Tree).start + 1, before: 0, text: back });
        if (finalizer !== null) starts.push({ at: finalizer.start + 1, before: 0, text: back });
        this.#edits.splice(first, 0, ...starts);
        this.#put(node.end, "}");
    }

    /** A loop that awaits what it walks, with its labels. */
    #loop(node: Tree, around: Around): void {
        let loop = node;
        while (loop.type === "LabeledStatement") loop = loop.body as Tree;
        if (loop.type !== "ForOfStatement" || loop.await !== true) return this.#children(node, around);
        const name = `$mf_f${++this.#names}`;
        this.#put(node.start, `{let ${name};try{`);
        this.#walk(loop.left as Tree, around);
        this.#wrap(loop.right as Tree, `${name}=$mf_a.i(`, ")", around);
        this.#walk(loop.body as Tree, around);
        this.#put(node.end, `}finally{${name}&&$mf_a.c(${name})}}`);
    }
}

/**
 * Rewrites the body of a module, as the scanner left it. Undefined where acorn cannot read it: then the engine will say
 * what is wrong with it, or knows syntax that acorn does not.
 */
export function rewrite(body: string, isScript: boolean): { text: string; shifts: Shifts } | undefined {
    if (!/\b(?:async|await)\b/.test(body)) return { text: body, shifts: new Map() };
    let program: Tree;
    try {
        program = parseBody(body, isScript);
    } catch {
        return undefined;
    }
    return apply(body, new Rewriter(body).run(program, isScript));
}
