// `using` and `await using`, which the engine does not know. Declarations become constants, and the block around them
// disposes of what they hold; text is only put in, never over a line's end. ECMA-262, 2027 edition, 9.13 "Disposable
// Resources" says in which order, and what becomes of errors.
//
//   { using a = X; ... }            {const $mf_u1=$mf_u.o();try{const a=$mf_u.a($mf_u1,X); ...}catch($mf_x){$mf_u.f($mf_u1,$mf_x)}finally{$mf_u.d($mf_u1)}}
//   for (using a of X) B            for (const a of X) {const $mf_u1=...;try{$mf_u.a($mf_u1,a);B}catch...}
//
// A module's own statements stay where they are, since what it exports is read at its end: what they hold is disposed of
// there, unless the module fails before.

import type { Shifts } from "../modules/shifts";
import { apply, childrenOf, parseBody, type Edit, type Tree } from "./edits";

/** What the rewritten text calls; stands in front of it. o: open, a: add, f: failed, d: dispose, D: the same of `await`. */
const HELPERS = `const $mf_u={o:()=>({s:[],h:false,e:undefined}),\
a(r,v,w){if(v===null||v===undefined){if(w)r.s.push(null);return v}\
if(typeof v!=="object"&&typeof v!=="function")throw new TypeError("using: the value is no object.");\
let m=w?v[Symbol.asyncDispose]:undefined;if(m===undefined||m===null)m=v[Symbol.dispose];\
if(typeof m!=="function")throw new TypeError("using: the object has no [Symbol.dispose]() method.");r.s.push([v,m]);return v},\
f(r,e){r.h=true;r.e=e},\
x(r,e){if(r.h)e=typeof SuppressedError==="function"?new SuppressedError(e,r.e):\
Object.defineProperty(Object.assign(new Error("An error was suppressed during disposal."),{error:e,suppressed:r.e}),"name",{value:"SuppressedError"});\
r.h=true;r.e=e},\
d(r){for(let n;n=r.s.pop();)try{n[1].call(n[0])}catch(e){$mf_u.x(r,e)}if(r.h)throw r.e},\
async D(r){for(let n;(n=r.s.pop())!==undefined;)try{await(n&&n[1].call(n[0]))}catch(e){$mf_u.x(r,e)}if(r.h)throw r.e}};`;

/** Those statement lists that may hold declarations: their kind, and the field with the list. */
const LISTS: Record<string, true> = { BlockStatement: true, StaticBlock: true, Program: true };

const isUsing = (node: Tree | null | undefined): boolean =>
    node?.type === "VariableDeclaration" && (node.kind === "using" || node.kind === "await using");

class Lowering {
    readonly #edits: Edit[] = [];
    #names = 0;

    run(program: Tree): Edit[] {
        this.#walk(program);
        return this.#edits.sort((a, b) => a.at - b.at);
    }

    #put(at: number, text: string, before = 0): void {
        this.#edits.push({ at, before, text });
    }

    #walk(node: Tree): void {
        if (LISTS[node.type]) return this.#list(node);
        if (node.type === "ForOfStatement" && isUsing(node.left as Tree)) return this.#forOf(node);
        if (node.type === "ForStatement" && isUsing(node.init as Tree | null)) return this.#for(node);
        for (const child of childrenOf(node)) this.#walk(child);
    }

    #end(name: string, isAwaited: boolean): string {
        return `}catch($mf_x){$mf_u.f(${name},$mf_x)}finally{${isAwaited ? "await $mf_u.D" : "$mf_u.d"}(${name})}`;
    }

    #list(node: Tree): void {
        const statements = node.body as Tree[];
        const declarations = statements.filter(isUsing);
        const name = declarations.length > 0 ? `$mf_u${++this.#names}` : "";
        const isAwaited = declarations.some(({ kind }) => kind === "await using");
        const first = statements.find((statement) => statement.directive === undefined);
        const isModule = node.type === "Program";
        if (name !== "") this.#put(first!.start, `const ${name}=$mf_u.o();${isModule ? "" : "try{"}`);
        for (const statement of statements) {
            if (isUsing(statement)) this.#declaration(statement, name);
            else this.#walk(statement);
        }
        if (name === "") return;
        if (isModule) this.#put(node.end, `\n;${isAwaited ? "await $mf_u.D" : "$mf_u.d"}(${name});`);
        else this.#put(node.end - 1, this.#end(name, isAwaited));
    }

    /** Values are noted on their way. */
    #declaration(node: Tree, name: string): void {
        const isAwaited = node.kind === "await using";
        const declared = node.declarations as { id: Tree; init: Tree }[];
        this.#put(node.start, "const ", declared[0]!.id.start - node.start);
        for (const { init } of declared) {
            this.#put(init.start, `$mf_u.a(${name},(`);
            this.#walk(init);
            this.#put(init.end, isAwaited ? "),1)" : "))");
        }
    }

    #forOf(node: Tree): void {
        const left = node.left as Tree;
        const { id } = (left.declarations as { id: Tree }[])[0]!;
        const isAwaited = left.kind === "await using";
        const name = `$mf_u${++this.#names}`;
        this.#put(left.start, "const ", id.start - left.start);
        this.#walk(node.right as Tree);
        const body = node.body as Tree;
        this.#put(body.start, `{const ${name}=$mf_u.o();try{$mf_u.a(${name},${id.name as string}${isAwaited ? ",1" : ""});`);
        this.#walk(body);
        this.#put(body.end, `${this.#end(name, isAwaited)}}`);
    }

    #for(node: Tree): void {
        const init = node.init as Tree;
        const name = `$mf_u${++this.#names}`;
        this.#put(node.start, `{const ${name}=$mf_u.o();try{`);
        this.#declaration(init, name);
        for (const child of [node.test, node.update, node.body] as (Tree | null)[]) if (child) this.#walk(child);
        this.#put(node.end, `${this.#end(name, init.kind === "await using")}}`);
    }
}

/**
 * The body of a module without such declarations, and what is to stand in front of it; undefined if there are none. Throws
 * what acorn throws of a body that is wrong elsewhere: the engine does not read beyond the first declaration.
 */
export function lowerUsing(body: string, isScript: boolean): { text: string; shifts: Shifts; prologue: string } | undefined {
    const edits = new Lowering().run(parseBody(body, isScript));
    return edits.length === 0 ? undefined : { ...apply(body, edits), prologue: HELPERS };
}
