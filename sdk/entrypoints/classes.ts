// Classes as they look over RPC: what their prototypes have, and everything that comes back as a promise.

import { isIdentifier, propertyKey } from "../types/names";
import type { Node } from "../code/parse";
import { docOf, typeText, type Doc, type Parameter } from "./jsdoc";
import { node, nodes, type Meaning, type Module } from "./project";
import { argumentsOf, FETCH_SIGNATURE, walk, within, type Declared, type Scope, type Types } from "./types";

export type Role = "entrypoint" | "target";

const PACKAGES = new Set(["cloudflare:workers", "capnweb"]);
const RESERVED = new Set(["constructor", "dup"]);
const RESERVED_ON_ENTRYPOINT = new Set(["fetch", "connect", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]);
const HIDING = ["private", "protected", "internal", "ignore", "hidden"];
const DEPTH_MAX = 50;

/** What a class extends: something of the runtime, or another class. */
function superOf(types: Types, module: Module, declaration: Node): Meaning | undefined {
    const parent = node(declaration.superClass);
    if (parent?.type === "Identifier") return types.project.meaning(module, parent.name as string);
    if (parent?.type !== "MemberExpression") return undefined;
    const imported = module.imports.get((node(parent.object)?.name as string | undefined) ?? "");
    if (imported?.name !== "*") return undefined;
    return types.project.imported(module, { from: imported.from, name: (node(parent.property)?.name as string | undefined) ?? "" });
}

function isClass(meaning: Meaning | undefined): meaning is Extract<Meaning, { kind: "declared" }> {
    return meaning?.kind === "declared" && /^Class/.test(meaning.declaration.type);
}

/** How a class is reached over RPC; undefined if it is not. */
export function roleOf(types: Types, meaning: Meaning | undefined, depth = 0): Role | undefined {
    if (meaning?.kind === "package" && PACKAGES.has(meaning.from)) {
        return meaning.name === "WorkerEntrypoint" ? "entrypoint" : meaning.name === "RpcTarget" ? "target" : undefined;
    }
    if (!isClass(meaning) || depth > DEPTH_MAX) return undefined;
    return roleOf(types, superOf(types, meaning.module, meaning.declaration), depth + 1);
}

function keyOf(member: Node): string | undefined {
    const key = node(member.key);
    if (member.computed === true || key === undefined) return undefined;
    if (key.type === "Identifier") return key.name as string;
    return key.type === "StringLiteral" || key.type === "NumericLiteral" ? String(key.value) : undefined;
}

interface Member {
    name: string;
    kind: "method" | "get" | "field";
    node: Node;
    doc: Doc;
}

/** The members that others may use. Of overloads those that are declared, not the one that has the body. */
function membersOf(declaration: Node, role: Role | undefined): Member[] {
    const members: Member[] = [];
    for (const member of nodes(node(declaration.body)?.body)) {
        const name = keyOf(member);
        if (name === undefined || member.static === true || RESERVED.has(name)) continue;
        if (/^(?:private|protected)$/.test(String(member.accessibility ?? ""))) continue;
        const doc = docOf(member);
        if (HIDING.some((flag) => doc.flags.has(flag))) continue;
        if (role === "entrypoint" && name !== "fetch" && RESERVED_ON_ENTRYPOINT.has(name)) continue;
        if (/^(?:ClassMethod|TSDeclareMethod)$/.test(member.type)) {
            if (member.kind !== "method" && member.kind !== "get") continue;
            const isBody = member.type === "ClassMethod" && members.some((other) => other.name === name && other.node.type === "TSDeclareMethod");
            if (!isBody) members.push({ name, kind: member.kind, node: member, doc });
        } else if (role === undefined && member.type === "ClassProperty") {
            members.push({ name, kind: "field", node: member, doc });
        }
    }
    return members;
}

function comment(words: string): string {
    return words === "" ? "" : `/** ${words} */`;
}

/** A member's words, and those of its parameters. */
function wordsOf(doc: Doc): string {
    const parameters = doc.parameters.filter(({ name, text }) => text !== "" && !name.includes("."));
    const deprecated = doc.flags.has("deprecated") ? ["@deprecated"] : [];
    return [doc.description, ...parameters.map(({ name, text }) => `@param ${name} ${text}`), ...deprecated].filter((part) => part !== "").join(" ");
}

export class Classes {
    readonly #types: Types;

    constructor(types: Types) {
        this.#types = types;
    }

    /** The interface of a class under this name; of one that RPC does not reach, its fields and methods as they are. */
    declare(meaning: Extract<Declared, { kind: "declared" }>, name: string): string {
        const { module, declaration } = meaning;
        const types = this.#types;
        const role = roleOf(types, meaning);
        const doc = docOf(declaration);
        const scope = within({ module, text: module.text, bound: new Set() }, [
            ...nodes(node(declaration.typeParameters)?.params).map((one) => one.name as string),
            ...doc.templates.map(([template]) => template),
        ]);
        const members = membersOf(declaration, role);
        const lines = members.flatMap((member) => {
            const words = comment(wordsOf(member.doc));
            const text = role === "entrypoint" && member.name === "fetch" ? FETCH_SIGNATURE : this.#member(member, scope, role);
            return (words === "" ? [text] : [words, text]).map((line) => `  ${line}`);
        });
        const words = comment(doc.description);
        const head = `interface ${name}${this.#typeParameters(declaration, doc, scope)}${this.#heritage(declaration, doc, scope, members)}`;
        return `${words === "" ? "" : `${words}\n`}${head} {${lines.length > 0 ? `\n${lines.join("\n")}\n` : ""}}`;
    }

    #typeParameters(of: Node, { templates }: Doc, scope: Scope): string {
        const declared = node(of.typeParameters);
        if (declared !== undefined) return this.#types.text(declared, scope);
        if (templates.length === 0) return "";
        return `<${templates.map(([name, what]) => (what === undefined ? name : `${name} extends ${this.#types.jsdoc(what, scope)}`)).join(", ")}>`;
    }

    /** ` extends Base<T>`, without the members that this class has anew. */
    #heritage(declaration: Node, doc: Doc, scope: Scope, members: Member[]): string {
        const parent = superOf(this.#types, scope.module, declaration);
        if (!isClass(parent)) return "";
        const args = nodes(node(declaration.superTypeParameters ?? declaration.superTypeArguments)?.params);
        const texts = args.map((arg) => this.#types.text(arg, scope));
        const documented = doc.extends === undefined ? undefined : this.#types.jsdoc(doc.extends, scope);
        const base = documented !== undefined && documented !== "unknown" ? documented : this.#types.named(parent, parent.name, texts);
        const inherited = new Set(this.#inheritedNames(parent));
        const anew = [...new Set(members.map(({ name }) => name))].filter((name) => inherited.has(name)).map((name) => JSON.stringify(name));
        return ` extends ${anew.length === 0 ? base : `Omit<${base}, ${anew.join(" | ")}>`}`;
    }

    #inheritedNames(meaning: Meaning | undefined, depth = 0): string[] {
        if (!isClass(meaning) || depth > DEPTH_MAX) return [];
        const own = membersOf(meaning.declaration, roleOf(this.#types, meaning)).map(({ name }) => name);
        return [...own, ...this.#inheritedNames(superOf(this.#types, meaning.module, meaning.declaration), depth + 1)];
    }

    // --- Members -----------------------------------------------------------------------------------------------------

    #member({ name, kind, node: member, doc }: Member, outer: Scope, role: Role | undefined): string {
        const scope = within(outer, [
            ...nodes(node(member.typeParameters)?.params).map((one) => one.name as string),
            ...doc.templates.map(([template]) => template),
        ]);
        const key = propertyKey(name);
        if (kind === "field") {
            const annotation = node(node(member.typeAnnotation)?.typeAnnotation);
            const type = annotation ? this.#types.text(annotation, scope) : doc.type ? this.#types.jsdoc(doc.type, scope) : this.#inferred(node(member.value), scope);
            return `${key}${member.optional === true ? "?" : ""}: ${type};`;
        }
        const result = this.#resultOf(member, doc, scope, kind === "get");
        const text = role === undefined ? result.text : result.promised;
        if (kind === "get") return `readonly ${key}: ${text};`;
        return `${key}${this.#typeParameters(member, doc, scope)}(${this.#parameters(nodes(member.params), doc, scope)}): ${text};`;
    }

    #resultOf(member: Node, doc: Doc, scope: Scope, isGetter: boolean): { text: string; promised: string } {
        const annotation = node(node(member.returnType)?.typeAnnotation);
        if (annotation !== undefined) return this.#result(annotation, scope);
        const documented = doc.returns ?? (isGetter ? doc.type : undefined);
        const parsed = documented === undefined ? undefined : this.#types.parsed(documented);
        if (parsed !== undefined) return this.#result(parsed.node, { ...scope, text: parsed.text });
        const text = documented === undefined ? this.#inferredResult(member, scope) : "unknown";
        return { text, promised: this.#promise(text, this.#stubs.has(text)) };
    }

    /** Names of interfaces whose members can be called before the promise of them has settled. */
    readonly #stubs = new Set<string>();

    #promise(text: string, isStub: boolean): string {
        return isStub ? `Promise<${text}> & ${text}` : `Promise<${text}>`;
    }

    /** A result's type, and that of its promise: whatever was a promise already stays one. */
    #result(of: Node, scope: Scope): { text: string; promised: string } {
        const text = this.#types.text(of, scope);
        const inner = this.#settled(of);
        if (inner.length === 1 && inner[0]!.type === "TSFunctionType") {
            const f = this.#remoteFunction(inner[0]!, scope);
            return { text, promised: `Promise<${f}>` };
        }
        const settled = inner.map((one) => (one.type === "TSTypePredicate" ? "boolean" : this.#types.text(one, scope)));
        const isStub = inner.length === 1 && this.#isStub(inner[0]!, scope);
        return { text, promised: this.#promise(settled.join(" | "), isStub) };
    }

    /** The members of a union, each without the promise around it. */
    #settled(of: Node): Node[] {
        if (of.type === "TSUnionType") return nodes(of.types).flatMap((one) => this.#settled(one));
        if (of.type === "TSParenthesizedType") {
            const inner = this.#settled(node(of.typeAnnotation)!);
            return inner.length === 1 && inner[0]!.type !== "TSFunctionType" ? inner : [of];
        }
        const name = node(of.typeName)?.name;
        const args = argumentsOf(of);
        return of.type === "TSTypeReference" && (name === "Promise" || name === "PromiseLike") && args.length === 1 ? this.#settled(args[0]!) : [of];
    }

    #isStub(of: Node, scope: Scope): boolean {
        const name = node(of.typeName);
        if (of.type !== "TSTypeReference" || name?.type !== "Identifier" || scope.bound.has(name.name as string)) return false;
        return roleOf(this.#types, this.#types.project.meaning(scope.module, name.name as string)) !== undefined;
    }

    /** A function that comes back: calling it takes a promise as well. */
    #remoteFunction(of: Node, outer: Scope): string {
        const generics = node(of.typeParameters);
        const scope = within(outer, nodes(generics?.params).map((one) => one.name as string));
        const list = nodes(of.parameters ?? of.params).map((one) => this.#types.text(one, scope));
        const returned = node(node(of.typeAnnotation ?? of.returnType)?.typeAnnotation);
        const result = returned === undefined ? "Promise<unknown>" : this.#result(returned, scope).promised;
        return `${generics ? this.#types.text(generics, scope) : ""}(${list.join(", ")}) => ${result}`;
    }

    #parameters(params: Node[], doc: Doc, scope: Scope): string {
        const documented = doc.parameters.filter(({ name }) => !name.includes("."));
        const wanted = params.filter((one) => one.name !== "this");
        const taken = new Set<string>();
        const read = wanted.map((one, i) => {
            const found = this.#parameter(one, i, doc, documented, scope);
            let name = found.name;
            for (let n = 2; taken.has(name); n++) name = `${found.name}${n}`;
            taken.add(name);
            return { ...found, name };
        });
        const lastNeeded = read.findLastIndex(({ isOptional, isRest }) => !isOptional && !isRest);
        return read
            .map(({ name, type, isOptional, isRest }, i) => {
                if (isRest) return `...${name}: ${type}`;
                if (isOptional && i < lastNeeded) return `${name}: ${type} | undefined`;
                return `${name}${isOptional ? "?" : ""}: ${type}`;
            })
            .join(", ");
    }

    /** One parameter; a default makes it optional, and a pattern is called after what it takes apart. */
    #parameter(one: Node, at: number, doc: Doc, documented: Parameter[], scope: Scope): { name: string; type: string; isOptional: boolean; isRest: boolean } {
        const isRest = one.type === "RestElement";
        const inner = isRest ? node(one.argument)! : one.type === "AssignmentPattern" ? node(one.left)! : one;
        const own = inner.type === "Identifier" ? (inner.name as string) : undefined;
        const said = own === undefined ? documented[at] : documented.find(({ name }) => name === own);
        const annotation = node(node(one.typeAnnotation ?? inner.typeAnnotation)?.typeAnnotation);
        const initial = one.type === "AssignmentPattern" ? node(one.right) : undefined;
        const spoken = said?.name ?? "";
        return {
            name: own ?? (isIdentifier(spoken) ? spoken : "input"),
            type: this.#parameterType(annotation, said, initial, doc, isRest, scope),
            isOptional: initial !== undefined || inner.optional === true || (annotation === undefined && (said?.isOptional ?? false)),
            isRest,
        };
    }

    #parameterType(annotation: Node | undefined, said: Parameter | undefined, initial: Node | undefined, doc: Doc, isRest: boolean, scope: Scope): string {
        if (annotation !== undefined) {
            const text = this.#types.text(annotation, scope);
            // `x: () => void | undefined` would read otherwise.
            return /^TS(?:Function|Constructor|Conditional)Type$/.test(annotation.type) && initial !== undefined ? `(${text})` : text;
        }
        if (said?.type !== undefined) {
            const text = this.#types.jsdoc(typeText(doc.parameters, said), scope);
            if (!isRest) return text;
            return said.type.startsWith("...") ? text : /\[\]$|^Array</.test(text) ? text : `(${text})[]`;
        }
        if (isRest) return "unknown[]";
        return initial === undefined ? "unknown" : this.#inferred(initial, scope);
    }

    // --- What can be seen without types ------------------------------------------------------------------------------

    /** The type of an expression as far as it shows. */
    #inferred(of: Node | undefined, scope: Scope): string {
        switch (of?.type) {
            case "StringLiteral":
            case "TemplateLiteral":
                return "string";
            case "NumericLiteral":
                return "number";
            case "BigIntLiteral":
                return "bigint";
            case "BooleanLiteral":
                return "boolean";
            case "NullLiteral":
                return "null";
            case "UnaryExpression":
                return of.operator === "!" ? "boolean" : of.operator === "typeof" ? "string" : of.operator === "void" ? "void" : "unknown";
            case "BinaryExpression":
                return /^(?:[=!]==?|[<>]=?|in|instanceof)$/.test(of.operator as string) ? "boolean" : "unknown";
            case "ConditionalExpression":
                return union([this.#inferred(node(of.consequent), scope), this.#inferred(node(of.alternate), scope)]);
            case "NewExpression":
                return this.#made(of, scope);
            case "TSAsExpression":
            case "TSSatisfiesExpression": {
                const type = node(of.typeAnnotation)!;
                return node(type.typeName)?.name === "const" ? this.#inferred(node(of.expression), scope) : this.#types.text(type, scope);
            }
        }
        return "unknown";
    }

    #made(of: Node, scope: Scope): string {
        const callee = node(of.callee);
        if (callee?.type !== "Identifier") return "unknown";
        const name = callee.name as string;
        const meaning = this.#types.project.meaning(scope.module, name);
        if (meaning.kind === "global") return /^(?:Date|URL|Response|Request|Headers|Blob|FormData|Uint8Array)$/.test(name) ? name : "unknown";
        if (roleOf(this.#types, meaning) === undefined) return "unknown";
        const args = argumentsOf(of).map((arg) => this.#types.text(arg, scope));
        if (args.length === 0 && isClass(meaning) && meaning.declaration.typeParameters) return "unknown";
        const text = this.#types.named(meaning, name, args);
        this.#stubs.add(text);
        return text;
    }

    #inferredResult(member: Node, scope: Scope): string {
        const body = node(member.body);
        if (body === undefined || member.generator === true) return "unknown";
        const returns: Node[] = [];
        walk(body, (one) => {
            if (/^(?:Function|Class|Object(?:Method)|ArrowFunction)/.test(one.type)) return false;
            if (one.type === "ReturnStatement") returns.push(one);
            return true;
        });
        const given = returns.filter(({ argument }) => argument);
        if (given.length === 0) return "void";
        const last = nodes(body.body).at(-1);
        if (given.length < returns.length || !/^(?:Return|Throw)Statement$/.test(last?.type ?? "")) return "unknown";
        return union(given.map((one) => this.#inferred(node(one.argument), scope)));
    }
}

function union(texts: string[]): string {
    const distinct = [...new Set(texts)];
    return distinct.includes("unknown") ? "unknown" : distinct.join(" | ");
}
