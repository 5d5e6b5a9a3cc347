// Code as models write it, made into one async function. What counts as its result is what its writer most likely
// meant: a `return`, the value of the last expression or declaration, the function that was defined last.

import { sucrase } from "./parsers";
import { Edits, type Place } from "./edits";
import { cleaned, extractCode, HAS_FENCE } from "./extract";
import { errorAt, type Node, type Parsed } from "./parse";
import { generatedToSource } from "./source-map";
import { boundNames, declaredBy, declaredNames, usedNames } from "./tree";

export interface Normalized {
    /** The imports of the module that it is to stand in, on one line. */
    imports: string;
    /**
     * An expression: a function of one object, the scope. Its result, awaited, is the code's; or a function that wants
     * to be called the same way. It stands in the first line, behind whatever a module needs.
     */
    code: string;
    /** From a place in a module whose first line is the first of `code`, to the one in what was written. */
    original: (place: Place) => Place;
    /** What was written, lines in place; for showing the line of an error. */
    source: string;
    /** The names that the code declares, wherever. */
    declared: () => string[];
}

/** Names under which a model defines what is to be run. */
const MAIN = /^(?:main|run|execute|handler|default|solution|task)$/i;

/** Babel has null where there is none. */
const child = (node: Node | undefined, key: string): Node | undefined => (node?.[key] as Node | null | undefined) ?? undefined;
const nodes = (node: Node | undefined, key: string): Node[] => (node?.[key] as Node[] | undefined) ?? [];
const nameOf = (node: Node | undefined): string => (child(node, "id")?.name as string | undefined) ?? "";

const isTypeOnly = ({ type, declare, exportKind, importKind }: Node): boolean =>
    declare === true || /^TS(?:TypeAlias|Interface|Declare)/.test(type) || exportKind === "type" || importKind === "type";

/** Statements that only define: a program of such alone is meant to have its last function called. */
function isDefinition(statement: Node): boolean {
    if (/^(?:Function|Class|TSEnum|TSModule)Declaration$|^EmptyStatement$/.test(statement.type)) return true;
    return isTypeOnly(statement) || statement.type === "ImportDeclaration";
}

/** Makes one change after the other; each statement is changed once. */
class Rewriter {
    readonly edits: Edits;
    readonly #text: string;
    readonly imports: string[] = [];

    constructor(text: string) {
        this.#text = text;
        this.edits = new Edits(text);
    }

    #source({ start, end }: Node): string {
        return this.#text.slice(start, end);
    }

    /** The value of an expression becomes the result. `end` may have a semicolon before it. */
    returnExpression(start: number, end: number): void {
        this.edits.insert(start, "return (");
        this.edits.insert(this.#text[end - 1] === ";" ? end - 1 : end, ")");
    }

    /** An expression's value becomes the result once all that follows it has run, since it may need that. */
    keep(start: number, end: number, last: number): void {
        this.edits.insert(start, "const $default = (");
        this.edits.insert(this.#text[end - 1] === ";" ? end - 1 : end, ");");
        this.edits.insert(last, ";return $default;");
    }

    /** Imports stand outside the function; of what they name, that which is needed. */
    hoist(statement: Node, isNeeded: (specifier: Node) => boolean): void {
        this.edits.blank(statement.start, statement.end);
        const named = nodes(statement, "specifiers");
        const needed = named.filter((specifier) => !isTypeOnly(specifier) && isNeeded(specifier));
        if (isTypeOnly(statement) || (named.length > 0 && needed.length === 0)) return;
        const isListed = ({ type }: Node): boolean => type === "ImportSpecifier";
        const list = needed.filter(isListed).map((specifier) => this.#source(specifier));
        const clauses = needed.filter((specifier) => !isListed(specifier)).map((specifier) => this.#source(specifier));
        if (list.length > 0) clauses.push(`{${list.join(",")}}`);
        const from = this.#text.slice(child(statement, "source")!.start, statement.end).replaceAll("\n", " ");
        this.imports.push(`import ${clauses.join(",")}${clauses.length > 0 ? " from " : ""}${from}`);
    }

    /** What is imported by name from a module that has a namespace's name is taken from the namespace. */
    takeFrom(namespace: string, statement: Node): void {
        this.edits.blank(statement.start, statement.end);
        const taken = nodes(statement, "specifiers").filter((specifier) => specifier.type === "ImportSpecifier" && !isTypeOnly(specifier));
        const parts = taken.map((specifier) => `${this.#source(child(specifier, "imported")!)}:${String(child(specifier, "local")!.name)}`);
        this.edits.insert(statement.start, `const {${parts.join(",")}}=${namespace};`);
    }

    /** Takes `export` away; gives the declaration behind it, if there is one. */
    unexport(statement: Node): Node | undefined {
        const declaration = child(statement, "declaration");
        this.edits.blank(statement.start, declaration?.start ?? statement.end);
        return declaration;
    }

    /** Takes `export default` away; gives where its value begins. */
    unexportDefault(statement: Node): number {
        const start = statement.start + /^export\s+default/.exec(this.#source(statement))![0].length;
        this.edits.blank(statement.start, start);
        return start;
    }

    /** A namespace becomes a constant with what it exports, if that is more than types. */
    unfoldNamespace(statement: Node): void {
        const body = child(statement, "body")!;
        if (body.type !== "TSModuleBlock" || child(statement, "id")?.type !== "Identifier") {
            throw errorAt(statement, this.#text, "Namespaces with dots in their names are not supported: use an object.");
        }
        const exported: string[] = [];
        for (const inner of nodes(body, "body")) {
            const declaration = inner.type === "ExportNamedDeclaration" ? this.unexport(inner) : inner;
            if (declaration?.type === "TSModuleDeclaration") this.unfoldNamespace(declaration);
            if (declaration && declaration !== inner && !isTypeOnly(declaration)) exported.push(...declaredBy(declaration));
        }
        if (exported.length === 0) return;
        this.edits.insert(statement.start, `const ${nameOf(statement)}=(()=>{`);
        this.edits.blank(statement.start, body.start + 1);
        this.edits.insert(body.end - 1, `;return {${exported.join(",")}};`);
        this.edits.insert(body.end, ")();");
    }

    /** Has the statement yield its value as the result, if it can. Returns whether it does. */
    complete(statement: Node): boolean {
        switch (statement.type) {
            case "ExpressionStatement":
                this.returnExpression(statement.start, statement.end);
                return true;
            case "VariableDeclaration": {
                const id = child(nodes(statement, "declarations").at(-1), "id");
                if (id === undefined) return false;
                const names = boundNames(id).join(",");
                const value = id.type === "ObjectPattern" ? `{${names}}` : id.type === "ArrayPattern" ? `[${names}]` : names;
                this.edits.insert(statement.end, `;return ${value};`);
                return true;
            }
            case "FunctionDeclaration":
            case "ClassDeclaration":
            case "TSEnumDeclaration": {
                const name = nameOf(statement);
                if (name === "") return false;
                this.edits.insert(statement.end, `;return ${name};`);
                return true;
            }
            case "BlockStatement":
                return this.completeLast(nodes(statement, "body"));
            case "IfStatement":
                return [child(statement, "consequent"), child(statement, "alternate")]
                    .map((branch) => branch !== undefined && this.#completeBranch(branch))
                    .includes(true);
            case "SwitchStatement": {
                const cases = nodes(statement, "cases");
                return cases.map((one) => this.#completeCase(nodes(one, "consequent"), one === cases.at(-1))).includes(true);
            }
            case "TryStatement":
                return [child(statement, "block"), child(child(statement, "handler"), "body")]
                    .map((block) => block !== undefined && this.complete(block))
                    .includes(true);
            default:
                return false;
        }
    }

    /** A branch without braces can only be an expression: a declaration's value would need a second statement. */
    #completeBranch(branch: Node): boolean {
        return /^(?:ExpressionStatement|BlockStatement|IfStatement)$/.test(branch.type) && this.complete(branch);
    }

    /** What stands before the `break`, without which only the last case ends here. */
    #completeCase(statements: Node[], isLast: boolean): boolean {
        const last = statements.at(-1);
        if (last?.type === "BlockStatement") return this.#completeCase(nodes(last, "body"), isLast);
        const isEnded = last?.type === "BreakStatement" && child(last, "label") === undefined;
        return (isEnded || isLast) && this.completeLast(isEnded ? statements.slice(0, -1) : statements);
    }

    completeLast(statements: Node[]): boolean {
        const last = statements.findLast(({ type }) => type !== "EmptyStatement");
        return last !== undefined && this.complete(last);
    }
}

/** Of a program that only defines, the function to be called. */
function mainOf(statements: Node[]): Node | undefined {
    const functions = statements.filter(({ type }) => type === "FunctionDeclaration");
    return functions.find((statement) => MAIN.test(nameOf(statement))) ?? functions.at(-1);
}

/**
 * What of an import is needed: what is used, other than as a type, and is not a name of the scope, which some import from
 * where their program would have it.
 */
function importFilter(body: Node[], scope: readonly string[]): (statement: Node) => (specifier: Node) => boolean {
    let used: Set<string> | undefined;
    return (statement) => {
        const isPlatform = /^(?:node|cloudflare):/.test(String(child(statement, "source")?.value));
        return (specifier) => {
            const name = String(child(specifier, "local")?.name);
            const imported = child(specifier, "imported");
            const isOfScope = !isPlatform && scope.includes(name) && (imported === undefined || imported.name === name);
            return !isOfScope && (used ??= usedNames(body)).has(name);
        };
    };
}

/** The namespace whose functions an import names as if it were a module: `import { list } from "./shop"`. */
function importedNamespace(statement: Node, scope: readonly string[]): string | undefined {
    const module = String(child(statement, "source")?.value);
    const name = /^(?!node:|cloudflare:)(?:.*\/)?([\w$]+)(?:\.[cm]?[jt]s)?$/.exec(module)?.[1];
    const isListed = nodes(statement, "specifiers").some((one) => one.type === "ImportSpecifier" && !scope.includes(String(child(one, "local")?.name)));
    return name !== undefined && scope.includes(name) && isListed && !isTypeOnly(statement) && !NODE_MODULES.has(name) ? name : undefined;
}

/** Modules of Node that a namespace may be called like, and whose functions are meant where they are imported by name. */
const NODE_MODULES = new Set("assert buffer console crypto dns events fs http https net os path process punycode stream timers tls tty url util vm zlib".split(" "));

/** `export default` decides; then what is exported; then the last statement. */
function rewrite({ body, expression }: Parsed, rewriter: Rewriter, scope: readonly string[]): void {
    if (expression) {
        rewriter.returnExpression(expression.start, expression.end);
        return;
    }
    const isImported = importFilter(body, scope);
    const statements: Node[] = [];
    let byDefault: Node | undefined;
    const exported: Node[] = [];
    for (const statement of body) {
        const namespace = statement.type === "ImportDeclaration" ? importedNamespace(statement, scope) : undefined;
        if (namespace !== undefined) rewriter.takeFrom(namespace, statement);
        else if (statement.type === "ImportDeclaration") rewriter.hoist(statement, isImported(statement));
        else if (statement.type === "ExportDefaultDeclaration") byDefault = statement;
        else if (statement.type === "ExportNamedDeclaration") {
            const declaration = rewriter.unexport(statement);
            if (!declaration) continue;
            if (isTypeOnly(declaration)) continue;
            statements.push(declaration);
            if (/^(?:Function|Variable)Declaration$/.test(declaration.type)) exported.push(declaration);
        } else if (statement.type === "ExportAllDeclaration") rewriter.edits.blank(statement.start, statement.end);
        else if (!isTypeOnly(statement)) statements.push(statement);
    }
    for (const statement of statements) if (statement.type === "TSModuleDeclaration") rewriter.unfoldNamespace(statement);
    if (byDefault) rewriteDefault(byDefault, statements, rewriter);
    else if (exported.length > 0) rewriter.complete(exported.find((d) => MAIN.test(nameOf(d))) ?? exported.at(-1)!);
    else {
        const main = statements.every(isDefinition) ? mainOf(statements) : undefined;
        if (main) rewriter.complete(main);
        else rewriter.completeLast(statements);
    }
}

function rewriteDefault(statement: Node, others: Node[], rewriter: Rewriter): void {
    const value = child(statement, "declaration")!;
    const start = rewriter.unexportDefault(statement);
    const isNamed = /^(?:Function|Class)Declaration$/.test(value.type) && nameOf(value) !== "";
    const last = others.findLast((other) => other.start > statement.start);
    if (isNamed) rewriter.complete(last ? { ...value, end: last.end } : value);
    else if (!last) rewriter.returnExpression(start, statement.end);
    else rewriter.keep(start, statement.end, last.end);
}

/** Whether nothing but a function was written, so that nothing around it can await. */
function isFunction({ body, expression }: Parsed): boolean {
    const [only, ...others] = body;
    const value = expression ?? (only?.type === "ExpressionStatement" ? child(only, "expression") : undefined);
    return others.length === 0 && /^(?:ArrowFunction|Function)Expression$/.test(value?.type ?? "");
}

/** Where CommonJS leaves its exports. */
const COMMONJS = "const module={exports:{}},exports=module.exports;";
const USES_COMMONJS = /\bmodule\.exports\b|\bexports\.\w/;

/** What an expression may begin with that is no statement of another kind. */
const BEGINS_EXPRESSION = /^(?:\s|\/\/.*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*(?:async\b|\()/;

/** What a text declares; nothing, where the engine takes what Babel does not. */
function namesIn(text: string): string[] {
    try {
        return declaredNames(extractCode(text).body);
    } catch {
        return [];
    }
}

/** A text that is an expression as it stands, such as the function that models are asked for, needs no tree. */
function normalizeExpression(text: string, expression: string, scope: readonly string[]): Normalized {
    const before = "return (";
    return {
        imports: "",
        code: `({${scope.join(",")}})=>{{\n${before}${expression}\n)}}`,
        source: text,
        declared: () => namesIn(text),
        original: ({ line, column }) => ({ line: line - 1, column: line === 2 ? column - before.length : column }),
    };
}

/**
 * Makes a function of what a model wrote; `scope` are the names that it finds. Throws CodeError for what is no code.
 * `isExpression` says whether a text is one expression that awaits nothing itself; without, all is parsed here.
 */
export function normalizeCode(written: string, scope: readonly string[] = [], isExpression?: (text: string) => boolean): Normalized {
    const text = cleaned(written);
    if (isExpression && BEGINS_EXPRESSION.test(text) && !HAS_FENCE.test(text) && !USES_COMMONJS.test(text)) {
        const expression = text.replace(/;\s*$/, "");
        if (isExpression(expression)) return normalizeExpression(text, expression, scope);
    }
    return normalizeParsed(extractCode(text), scope);
}

function normalizeParsed(parsed: Parsed, scope: readonly string[]): Normalized {
    const rewriter = new Rewriter(parsed.text);
    rewrite(parsed, rewriter, scope);
    const { text, original } = rewriter.edits.apply();
    const typeless = parsed.isTypeScript ? stripTypes(text) : { text, original: (place: Place) => place };
    const prelude = USES_COMMONJS.test(parsed.text) ? COMMONJS : "";
    // The code has a block of its own, so that it may declare the names of the scope.
    const head = `${isFunction(parsed) ? "" : "async"}({${scope.join(",")}})=>{${prelude}{`;
    return {
        imports: rewriter.imports.map((line) => `${line};`).join(""),
        code: `${head}\n${typeless.text}\n}}`,
        source: parsed.text,
        declared: () => declaredNames(parsed.expression ? [parsed.expression] : parsed.body),
        // The head has a line of its own: what an engine's wrapper does to columns, it does to the first line.
        original: ({ line, column }) => original(typeless.original({ line: line - 1, column })),
    };
}

function stripTypes(text: string): { text: string; original: (place: Place) => Place } {
    const { code, sourceMap } = sucrase().transform(text, {
        transforms: ["typescript"],
        disableESTransforms: true,
        production: true,
        filePath: "code.ts",
        sourceMapOptions: { compiledFilename: "code.ts" },
    });
    return { text: code, original: generatedToSource(sourceMap!.mappings) };
}
