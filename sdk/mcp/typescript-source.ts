// A TypeScript file as a source: its exported functions are the tools, declared as they are written. The file runs in a
// sandbox of its own, kept under its name; the code that calls it runs in another.

import { missingMethod } from "../code/errors";
import { babel } from "../code/parsers";
import { firstSentence } from "../types/comments";
import { propertyKey } from "../types/names";
import type { Node } from "../code/parse";
import type { Declaration, Entry, Source } from "./catalog";

/** Calls an exported function of the file, in its sandbox. */
export type CallExport = (name: string, args: unknown[]) => Promise<unknown>;

interface Declared {
    entry: Entry;
    signature: string;
}

const node = (value: unknown): Node | undefined => value as Node | undefined;
const nodes = (value: unknown): Node[] => (value as Node[] | undefined) ?? [];

/** The text of a comment in front, without its marks. */
function commentOf(statement: Node): string {
    const comments = (statement.leadingComments as { type: string; value: string }[] | undefined) ?? [];
    const last = comments.at(-1);
    if (!last) return "";
    return last.value.replace(/^\*/, "").replace(/^\s*\* ?/gm, "").trim();
}

/** What one exported declaration defines. */
function functionsOf(statement: Node, source: string): { name: string; signature: string; isType: boolean }[] {
    const slice = (part: Node | undefined): string => (part ? source.slice(part.start, part.end) : "");
    const signature = (name: string, f: Node): string => {
        const parameters = nodes(f.params).map((parameter) => parameterText(parameter, slice));
        const result = slice(node(f.returnType)).replace(/^:\s*/, "") || "unknown";
        const promised = /^Promise\s*</.test(result) ? result : `Promise<${result}>`;
        const generics = slice(node(f.typeParameters));
        return `${propertyKey(name)}${generics}(${parameters.join(", ")}): ${promised};`;
    };
    const declaration = node(statement.declaration);
    if (declaration?.type === "FunctionDeclaration") {
        const name = node(declaration.id)!.name as string;
        return [{ name, signature: signature(name, declaration), isType: false }];
    }
    if (declaration?.type === "VariableDeclaration") {
        return nodes(declaration.declarations).flatMap((item) => {
            const init = node(item.init);
            const id = node(item.id)!;
            if (id.type !== "Identifier" || !init || !/^(?:ArrowFunction|Function)Expression$/.test(init.type)) return [];
            return [{ name: id.name as string, signature: signature(id.name as string, init), isType: false }];
        });
    }
    return [];
}

/** A parameter without its default, which makes it optional. */
function parameterText(parameter: Node, slice: (part: Node | undefined) => string): string {
    if (parameter.type !== "AssignmentPattern") return slice(parameter);
    const left = node(parameter.left)!;
    const type = slice(node(left.typeAnnotation)) || ": unknown";
    const name = left.type === "Identifier" ? (left.name as string) : "input";
    return `${name}?${type}`;
}

export function typeScriptSource(namespace: string, source: string, call: CallExport): Source {
    const file = babel().parse(source, { sourceType: "module", plugins: ["typescript"], attachComment: true }) as unknown as { program: Node };
    const declared = new Map<string, Declared>();
    const types = new Map<string, string>();
    for (const statement of nodes(file.program.body)) {
        const inner = node(statement.declaration) ?? statement;
        if (/^TS(?:Interface|TypeAlias|Enum)Declaration$/.test(inner.type)) {
            types.set(node(inner.id)!.name as string, source.slice(inner.start, inner.end));
        }
        if (statement.type !== "ExportNamedDeclaration") continue;
        const comment = commentOf(statement);
        for (const { name, signature } of functionsOf(statement, source)) {
            const summary = firstSentence(comment, 120);
            const note = summary === "" ? "" : `/** ${summary.replaceAll("*/", "*\\/")} */\n`;
            declared.set(name, { entry: { name, summary, words: comment }, signature: note + signature });
        }
    }
    if (declared.size === 0) throw new Error("It exports no function.");
    /** The file's types that a text names, and those that they name. */
    const mentioned = (texts: string[]): Declaration[] => {
        const found = new Set<string>();
        const look = (text: string): void => {
            for (const [name, declaration] of types) {
                if (found.has(name) || !new RegExp(`\\b${name.replaceAll("$", "\\$")}\\b`).test(text)) continue;
                found.add(name);
                look(declaration);
            }
        };
        texts.forEach(look);
        return [...found].map((name) => ({ name, text: types.get(name)! }));
    };
    return {
        namespace,
        title: namespace,
        entries: [...declared.values()].map(({ entry }) => entry),
        declare(names) {
            const signatures = names.map((name) => ({ name, text: declared.get(name)!.signature }));
            return { signatures, types: mentioned(signatures.map(({ text }) => text)) };
        },
        type: (name) => (types.has(name) ? mentioned([name]) : []),
        call(name, args) {
            if (!declared.has(name)) throw new TypeError(missingMethod(namespace, name, declared.keys()));
            return call(name, args);
        },
    };
}
