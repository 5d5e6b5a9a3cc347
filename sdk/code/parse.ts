// Code as a syntax tree, by Babel's parser: TypeScript where it must be, JavaScript where it can be.

import type { ParserOptions, ParserPlugin } from "@babel/parser";
import { babel } from "./parsers";

/** A node of the tree, as far as it is looked at here. */
export interface Node {
    type: string;
    start: number;
    end: number;
    [key: string]: unknown;
}

export interface Parsed {
    /** The code that was parsed; lines stand where they were in what the model wrote. */
    text: string;
    body: Node[];
    /** Set if the whole text is one expression that would read as a block. */
    expression?: Node;
    isTypeScript: boolean;
}

/** A fault in the code, at a place that counts from 1. */
export class CodeError extends Error {
    readonly line: number;
    readonly column: number;
    readonly text: string;

    constructor(message: string, text: string, line: number, column: number) {
        super(message);
        this.name = "SyntaxError";
        this.text = text;
        this.line = line;
        this.column = column;
    }
}

const options = (plugins: ParserPlugin[]): ParserOptions => ({
    sourceType: "module",
    allowReturnOutsideFunction: true,
    allowAwaitOutsideFunction: true,
    allowNewTargetOutsideFunction: true,
    plugins,
    attachComment: false,
});

/** An error about a node. */
export function errorAt(node: Node, text: string, message: string): CodeError {
    const { line, column } = (node.loc as { start: { line: number; column: number } }).start;
    return new CodeError(message, text, line, column + 1);
}

interface BabelError {
    message: string;
    /** What Babel would have to be told to take it. */
    missingPlugin?: string[];
    loc?: { line: number; column: number };
}

/** Syntax that the engine does not have. */
function unsupported([plugin]: string[]): string {
    if (plugin === "decorators") return "Decorators are not supported: call the function yourself.";
    if (plugin === "decoratorAutoAccessors") return "accessor is not supported: use a field, or get and set.";
    return `This syntax is not supported (${plugin}).`;
}

function codeError(error: unknown, text: string): unknown {
    const { message, missingPlugin, loc } = error as BabelError;
    if (loc === undefined) return error;
    const words = missingPlugin ? unsupported(missingPlugin) : message.replace(/ \(\d+:\d+\)$/, "");
    return new CodeError(words, text, loc.line, loc.column + 1);
}

/** Directives are strings that stand at the top; here they may be the result. */
function statements(program: Node): Node[] {
    const directives = (program.directives as Node[]).map((directive) => ({
        ...directive,
        type: "ExpressionStatement",
        expression: { ...(directive.value as Node), type: "StringLiteral" },
    }));
    return [...directives, ...(program.body as Node[])];
}

/** `{ a: 1 }` and `{}` read as blocks, but nobody writes a block for its own sake. */
function asObject(text: string, plugins: ParserPlugin[]): Node | undefined {
    const trimmed = text.trim().replace(/;$/, "");
    if (!trimmed.startsWith("{") || !trimmed.endsWith("}")) return undefined;
    try {
        const start = text.indexOf("{");
        const node = babel().parseExpression(trimmed, options(plugins)) as unknown as Node;
        return { ...node, start: start + node.start, end: start + node.end };
    } catch {
        return undefined;
    }
}

/** Parses a program; throws CodeError. */
export function parseProgram(text: string): Parsed {
    const attempt = (plugins: ParserPlugin[]): Parsed => {
        const expression = asObject(text, plugins);
        const isTypeScript = plugins.length > 0;
        if (expression) return { text, body: [], expression, isTypeScript };
        const file = babel().parse(text, options(plugins)) as unknown as { program: Node };
        return { text, body: statements(file.program), isTypeScript };
    };
    try {
        return attempt([]);
    } catch {
        // Perhaps it is TypeScript.
    }
    try {
        return attempt(["typescript"]);
    } catch (error) {
        throw codeError(error, text);
    }
}
