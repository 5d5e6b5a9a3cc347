// A TypeScript file as a source: its exported functions are the tools, declared as they are written. The file runs in a
// sandbox of its own, kept under its name; the code that calls it runs in another.

import { missingMethod } from "../code/errors";
import { babel } from "../code/parsers";
import { firstSentence } from "../types/comments";
import { callableName, Names, propertyKey } from "../types/names";
import type { Node } from "../code/parse";
import type { Declaration, Entry, Source } from "./catalog";
import { typeOfExpression, typeOfLiteral } from "./value-type";

/** Calls an exported function of the file, in its sandbox. */
export type CallExport = (name: string, args: unknown[]) => Promise<unknown>;

const node = (value: unknown): Node | undefined => value as Node | undefined;
const nodes = (value: unknown): Node[] => ((value as (Node | null)[] | undefined) ?? []).filter((item) => item !== null);
const nameOf = (id: unknown): string => String(node(id)?.name ?? node(id)?.value ?? "");

const TYPE = /^TS(?:Interface|TypeAlias|Enum)Declaration$/;
const FUNCTION = /^(?:FunctionDeclaration|TSDeclareFunction|FunctionExpression|ArrowFunctionExpression)$/;
/** Expressions whose value may be a function; which only the sandbox finds out. */
const MAYBE_FUNCTION = /^(?:(?:Optional)?(?:Call|Member)|TaggedTemplate|Await|Conditional|Logical)Expression$/;
/** What only says the type of an expression, or nothing. */
const AROUND = /^(?:TS(?:As|Satisfies|NonNull)Expression|TSTypeAssertion|ParenthesizedExpression)$/;

/** Types of what the sandbox makes an array of: an iterator's items, see sources.ts. */
const ITERATOR = /^(?:(?:Async)?(?:Generator|Iterator|IterableIterator|IteratorObject)|AsyncIterable)$/;

/** Types of parameters that are told apart when a function is called: an object where a number is wanted has no use. */
const CHECKED: Record<string, string> = { TSNumberKeyword: "number", TSStringKeyword: "string", TSBooleanKeyword: "boolean", TSTypeLiteral: "object" };

/** A parameter that is needed, and what of its type can be checked. */
interface Wanted {
    name: string;
    type: string;
}

/** A type of a value that is longer is any. */
const VALUE_TYPE_CHARACTERS_MAX = 1500;

/** The text of a comment in front, without its marks. */
function commentOf(statement: Node): string {
    const comments = (statement.leadingComments as { type: string; value: string }[] | undefined) ?? [];
    const last = comments.at(-1);
    if (!last) return "";
    return last.value.replace(/^\*/, "").replace(/^\s*\* ?/gm, "").trim();
}

function children(parent: Node): Node[] {
    const values = Object.entries(parent).filter(([key]) => !/Comments$/.test(key)).flatMap(([, value]) => value as unknown);
    return values.filter((value): value is Node => typeof value === "object" && value !== null && typeof (value as Node).type === "string");
}

// --- The file --------------------------------------------------------------------------------------------------------

/** A place in the text where a declaration needs another text than the file's. */
interface Mention {
    start: number;
    end: number;
    /** `mentioned` gets the types of the file that the text names. */
    text(mentioned: Set<string>): string;
}

/** `A` of `A.B.C`. */
const rootOf = (name: Node | undefined): string => (name?.type === "TSQualifiedName" ? rootOf(node(name.left)) : name?.type === "Identifier" ? nameOf(name) : "");

/** A name that the file gives to a function or to something else, with all that is written of it. */
interface Value {
    comment: string;
    /** Functions, of which several are overloads and their implementation; or one expression. */
    written: Node[];
    /** The type that a variable was given. */
    annotation?: Node | undefined;
}

class ToolFile {
    readonly #source: string;
    readonly #values = new Map<string, Value>();
    /** Interfaces of one name are one. */
    readonly #types = new Map<string, Node[]>();
    /** What the file's types are called in declarations: no name is another source's. */
    readonly #claimed = new Map<string, string>();
    /** What comes from other files, and namespaces: nobody who reads declarations knows them. */
    readonly #foreign = new Set<string>();
    /** Where types are mentioned, the outer of two places first. */
    readonly #mentions: Mention[] = [];
    /** Exported names and the local ones behind them. */
    readonly exported = new Map<string, string>();

    constructor(source: string, names: Names) {
        this.#source = source;
        const file = babel().parse(source, { sourceType: "module", plugins: ["typescript"], attachComment: true }) as unknown as { program: Node };
        const statements = nodes(file.program.body);
        for (const statement of statements) this.#take(statement);
        for (const name of this.#types.keys()) this.#claimed.set(name, names.claim(name));
        for (const statement of statements) this.#findMentions(statement);
        this.#mentions.sort((a, b) => a.start - b.start || b.end - a.end);
    }

    #take(statement: Node): void {
        const declaration = node(statement.declaration) ?? statement;
        const comment = commentOf(statement) || commentOf(declaration);
        const isDefault = statement.type === "ExportDefaultDeclaration";
        const isExported = isDefault || statement.type === "ExportNamedDeclaration";
        const define = (name: string, written: Node, annotation?: Node): void => {
            const known = this.#values.get(name);
            if (known) known.written.push(written);
            else this.#values.set(name, { comment, written: [written], annotation });
            if (isExported) this.exported.set(isDefault ? "default" : name, name);
        };
        if (declaration.type === "ImportDeclaration") {
            for (const specifier of nodes(declaration.specifiers)) this.#foreign.add(nameOf(specifier.local));
        } else if (declaration.type === "TSModuleDeclaration" || declaration.type === "TSImportEqualsDeclaration") {
            this.#foreign.add(nameOf(declaration.id));
        } else if (TYPE.test(declaration.type) || declaration.type === "ClassDeclaration") {
            const name = nameOf(declaration.id);
            if (name !== "") this.#types.set(name, [...(this.#types.get(name) ?? []), declaration]);
        } else if (FUNCTION.test(declaration.type)) {
            define(nameOf(declaration.id) || "default", declaration);
        } else if (declaration.type === "VariableDeclaration") {
            for (const item of nodes(declaration.declarations)) {
                const id = node(item.id)!;
                const annotation = node(node(id.typeAnnotation)?.typeAnnotation);
                if (id.type === "Identifier" && node(item.init)) define(nameOf(id), node(item.init)!, annotation);
            }
        } else if (isDefault) {
            if (declaration.type === "Identifier") this.exported.set("default", nameOf(declaration));
            else define("default", declaration);
        }
        if (statement.type !== "ExportNamedDeclaration" || statement.source || statement.exportKind === "type") return;
        for (const specifier of nodes(statement.specifiers)) this.exported.set(nameOf(specifier.exported), nameOf(specifier.local));
    }

    /** Names in the places of types: what a type is called, and what is meant by it. */
    #findMentions(parent: Node): void {
        const id = { TSTypeReference: parent.typeName, TSExpressionWithTypeArguments: parent.expression, TSInterfaceHeritage: parent.expression, TSClassImplements: parent.expression, TSQualifiedName: parent.left, TSTypeQuery: parent.exprName }[parent.type];
        const own = TYPE.test(parent.type) || parent.type === "ClassDeclaration" ? parent.id : undefined;
        for (const place of [id, own, parent.superClass].map(node)) {
            if (place?.type === "Identifier" && this.#types.has(nameOf(place))) {
                const name = nameOf(place);
                this.#mentions.push({ start: place.start, end: place.start + name.length, text: (mentioned) => (mentioned.add(name), this.#claimed.get(name)!) });
            }
        }
        const text = this.#foreignText(parent);
        if (text) this.#mentions.push({ start: parent.start, end: parent.end, text });
        for (const child of children(parent)) this.#findMentions(child);
    }

    /** What stands in a declaration for a type that it cannot name; undefined if it can. */
    #foreignText(type: Node): Mention["text"] | undefined {
        const name = node(type.typeName ?? type.expression ?? type.exprName);
        const root = rootOf(name);
        const isForeign = this.#foreign.has(root) && (name!.type === "TSQualifiedName" || !this.#types.has(root));
        switch (type.type) {
            case "TSImportType":
                return () => "unknown";
            case "TSTypeReference":
                return isForeign ? () => "unknown" : undefined;
            case "TSExpressionWithTypeArguments":
            case "TSInterfaceHeritage":
                return isForeign ? () => "Object" : undefined;
            case "TSTypeQuery": {
                const isEnum = this.#types.get(root)?.some((written) => written.type === "TSEnumDeclaration");
                const isOwn = isForeign || this.#values.has(root) || this.#types.has(root) || name?.type === "TSImportType";
                return isOwn && !isEnum ? (mentioned) => (name!.type === "Identifier" ? this.#typeOfValue(root, mentioned) : "any") : undefined;
            }
        }
        return undefined;
    }

    /** The type of what a name stands for, as far as it is written out; can stand anywhere. */
    #typeOfValue(name: string, mentioned: Set<string>, depth = 0): string {
        const value = this.#values.get(name);
        const written = value?.written.at(-1);
        if (!value || !written || depth > 5) return "any";
        if (value.annotation) return `(${this.#slice(value.annotation, mentioned)})`;
        if (FUNCTION.test(written.type)) return written.typeParameters ? "any" : `((${this.#parameters(nodes(written.params), mentioned)}) => ${this.#result(node(written.returnType), mentioned)})`;
        const type = typeOfExpression(written, {
            textOf: (part) => this.#source.slice(part.start, part.end),
            annotated: (part) => this.#slice(part, mentioned),
            named: (other) => this.#typeOfValue(other, mentioned, depth + 1),
        });
        return type.length > VALUE_TYPE_CHARACTERS_MAX ? "any" : type;
    }

    // --- Text --------------------------------------------------------------------------------------------------------

    /** A part of the file, with the names that its types have in declarations; `mentioned` gets those types. */
    #slice(part: Node | undefined, mentioned: Set<string>): string {
        if (!part) return "";
        let text = "";
        let at = part.start;
        for (const { start, end, text: stands } of this.#mentions) {
            if (start < at || end > part.end) continue;
            text += this.#source.slice(at, start) + stands(mentioned);
            at = end;
        }
        return text + this.#source.slice(at, part.end);
    }

    #annotation(of: Node | undefined, mentioned: Set<string>): string {
        return this.#slice(node(of?.typeAnnotation), mentioned);
    }

    /** Parameters without defaults, which make them optional, and without patterns, which say what becomes of them inside. */
    #parameters(all: Node[], mentioned: Set<string>): string {
        const parameters = all.map((parameter) => (parameter.type === "TSParameterProperty" ? node(parameter.parameter)! : parameter)).filter((parameter) => nameOf(parameter) !== "this");
        const isOptional = (parameter: Node): boolean => parameter.type === "AssignmentPattern" || parameter.type === "RestElement" || parameter.optional === true;
        const texts = parameters.map((parameter, index) => {
            const isRest = parameter.type === "RestElement";
            const target = node(parameter.type === "AssignmentPattern" ? parameter.left : isRest ? parameter.argument : parameter)!;
            const name = target.type === "Identifier" ? nameOf(target) : `${isRest ? "rest" : "input"}${index > 0 ? index + 1 : ""}`;
            const annotation = node(target.typeAnnotation) ?? node(parameter.typeAnnotation);
            const byDefault = parameter.type === "AssignmentPattern" ? typeOfLiteral(node(parameter.right)!) : undefined;
            const type = this.#annotation(annotation, mentioned) || (isRest ? "unknown[]" : (byDefault ?? "unknown"));
            if (isRest) return `...${name}: ${type}`;
            if (!isOptional(parameter)) return `${name}: ${type}`;
            return parameters.slice(index).every(isOptional) ? `${name}?: ${type}` : `${name}: ${type} | undefined`;
        });
        return texts.join(", ");
    }

    #result(of: Node | undefined, mentioned: Set<string>): string {
        const type = node(of?.typeAnnotation);
        if (type?.type === "TSTypePredicate") return type.asserts === true ? "void" : "boolean";
        return this.#slice(type, mentioned) || "unknown";
    }

    /** An array of what an iterator gives, where the type is one or a promise of one. */
    #items(annotation: Node | undefined, mentioned: Set<string>): string | undefined {
        let type = annotation?.type === "TSTypeAnnotation" ? node(annotation.typeAnnotation) : annotation;
        const first = (): Node | undefined => nodes(node(type?.typeParameters)?.params)[0];
        if (type?.type === "TSTypeReference" && nameOf(type.typeName) === "Promise") type = first();
        if (type?.type !== "TSTypeReference" || !ITERATOR.test(nameOf(type.typeName)) || this.#types.has(nameOf(type.typeName))) return undefined;
        const item = first();
        return item ? `Array<${this.#slice(item, mentioned)}>` : "unknown[]";
    }

    #signature(name: string, written: Node, mentioned: Set<string>): string {
        const parameters = this.#parameters(nodes(written.params ?? written.parameters), mentioned);
        const annotation = node(written.returnType ?? written.typeAnnotation);
        const result = this.#items(annotation, mentioned) ?? (written.generator === true ? "unknown[]" : this.#result(annotation, mentioned));
        const promised = /^Promise\s*</.test(result) ? result : `Promise<${result}>`;
        return `${propertyKey(name)}${this.#slice(node(written.typeParameters), mentioned)}(${parameters}): ${promised};`;
    }

    /** The signature by a type that stands for the whole function. */
    #typedSignature(name: string, type: Node, mentioned: Set<string>): string {
        if (type.type === "TSFunctionType") return this.#signature(name, type, mentioned);
        const text = this.#slice(type, mentioned);
        return `${propertyKey(name)}(...args: Parameters<${text}>): Promise<Awaited<ReturnType<${text}>>>;`;
    }

    /** The signatures of what a local name stands for; none if it is no function. */
    #signatures(name: string, local: string, mentioned: Set<string>, depth = 0): string[] {
        const value = this.#values.get(local);
        const written = value?.written ?? [];
        const overloads = written.filter(({ type }) => type === "TSDeclareFunction");
        let last = written.at(-1);
        let annotation = value?.annotation;
        if (!last || depth > 10) return [];
        if (overloads.length > 0) return overloads.map((overload) => this.#signature(name, overload, mentioned));
        while (AROUND.test(last.type)) {
            annotation ??= node(last.typeAnnotation);
            last = node(last.expression)!;
        }
        const isFunction = FUNCTION.test(last.type);
        if (last.type === "Identifier" && !annotation) return this.#signatures(name, nameOf(last), mentioned, depth + 1);
        if (!isFunction && !MAYBE_FUNCTION.test(last.type) && last.type !== "Identifier") return [];
        if (annotation) return [this.#typedSignature(name, annotation, mentioned)];
        return [isFunction ? this.#signature(name, last, mentioned) : `${propertyKey(name)}(...args: any[]): Promise<any>;`];
    }

    /** The tool that an export is, with the types that it mentions; undefined if it is no function. */
    tool(name: string, exported: string): { comment: string; signature: string; mentioned: Set<string> } | undefined {
        const local = this.exported.get(exported)!;
        const mentioned = new Set<string>();
        const signatures = this.#signatures(name, local, mentioned);
        return signatures.length === 0 ? undefined : { comment: this.#values.get(local)!.comment, signature: signatures.join("\n"), mentioned };
    }

    /** What a function's parameters want as far as that is plain, for each in its place; of overloads nothing is. */
    wanted(exported: string): (Wanted | undefined)[] {
        const value = this.#values.get(this.exported.get(exported)!);
        const [written, ...more] = value?.written ?? [];
        if (!written || more.length > 0 || value?.annotation || !FUNCTION.test(written.type)) return [];
        const parameters = nodes(written.params).filter((parameter) => nameOf(parameter) !== "this");
        return parameters.map((parameter) => {
            const type = CHECKED[node(node(parameter.typeAnnotation)?.typeAnnotation)?.type ?? ""];
            return type !== undefined && parameter.type === "Identifier" && parameter.optional !== true ? { name: nameOf(parameter), type } : undefined;
        });
    }

    // --- Types -------------------------------------------------------------------------------------------------------

    /** What is public of a class, as an interface: its methods stay in the sandbox. */
    #interface(name: string, written: Node, mentioned: Set<string>): string {
        const members = nodes(node(written.body)!.body).flatMap((member): string[] => {
            if (nameOf(member.key) === "constructor") {
                return nodes(member.params).filter(({ type, accessibility }) => type === "TSParameterProperty" && accessibility !== "private" && accessibility !== "protected").map((parameter) => `${this.#parameters([parameter], mentioned)};`);
            }
            if (member.static === true || member.accessibility === "private" || member.accessibility === "protected" || member.computed === true) return [];
            if (member.type !== "ClassProperty") return [];
            const type = this.#annotation(node(member.typeAnnotation), mentioned) || "unknown";
            return [`${propertyKey(nameOf(member.key))}${member.optional === true ? "?" : ""}: ${type};`];
        });
        const base = node(written.superClass);
        const isKnown = base?.type === "Identifier" && this.#types.has(nameOf(base));
        const heritage = isKnown ? ` extends ${this.#slice(base, mentioned)}${this.#slice(node(written.superTypeParameters), mentioned)}` : "";
        const body = members.length === 0 ? "{}" : `{\n${members.map((member) => `    ${member}\n`).join("")}}`;
        return `interface ${name}${this.#slice(node(written.typeParameters), mentioned)}${heritage} ${body}`;
    }

    /** The declarations of these types of the file and of those that they mention. */
    declarations(wanted: Iterable<string>): Declaration[] {
        const reached = new Set(wanted);
        const made: Declaration[] = [];
        for (const local of reached) {
            const name = this.#claimed.get(local)!;
            const texts = this.#types.get(local)!.map((written) => (written.type === "ClassDeclaration" ? this.#interface(name, written, reached) : this.#slice(written, reached)));
            made.push({ name, text: texts.join("\n") });
        }
        return made;
    }

    /** The type that has this name in declarations. */
    typeCalled(name: string): string | undefined {
        for (const [local, claimed] of this.#claimed) if (claimed === name) return local;
        return undefined;
    }
}

// --- The source ------------------------------------------------------------------------------------------------------

/** Refuses arguments that cannot be meant: one object for several parameters, one parameter of several. */
function checkArguments(label: string, wanted: (Wanted | undefined)[], args: unknown[]): void {
    for (const [index, parameter] of wanted.entries()) {
        if (parameter === undefined) continue;
        const { name, type } = parameter;
        const given = args[index];
        if (given === undefined) throw new TypeError(`${label}: missing ${name}`);
        const isObject = typeof given === "object";
        if (isObject !== (type === "object") && given !== null) throw new TypeError(`${label} takes ${type === "object" ? "an object" : `a ${type}`} for ${name}, and was given ${isObject ? "an object" : `a ${typeof given}`}`);
    }
}

interface Tool {
    exported: string;
    wanted: (Wanted | undefined)[];
    entry: Entry;
    declaration: Declaration;
    mentioned: Set<string>;
}

function toolsOf(file: ToolFile): Map<string, Tool> {
    const tools = new Map<string, Tool>();
    const names = new Names([...file.exported.keys()]);
    for (const [exported, local] of file.exported) {
        const wanted = exported === "default" && !file.exported.has(local) ? local : exported;
        const callable = callableName(wanted);
        const name = callable === exported ? exported : names.claim(callable);
        const found = file.tool(name, exported);
        if (!found) continue;
        const summary = firstSentence(found.comment, 120);
        const note = summary === "" ? "" : `/** ${summary.replaceAll("*/", "*\\/")} */\n`;
        const entry = { name, summary, words: found.comment };
        tools.set(name, { exported, wanted: file.wanted(exported), entry, declaration: { name, text: note + found.signature }, mentioned: found.mentioned });
    }
    return tools;
}

export function typeScriptSource(namespace: string, source: string, names: Names, call: CallExport): Source {
    const file = new ToolFile(source, names);
    const tools = toolsOf(file);
    if (tools.size === 0) throw new Error("It exports no function.");
    return {
        namespace,
        title: namespace,
        entries: [...tools.values()].map(({ entry }) => entry),
        declare(wanted) {
            const found = wanted.map((name) => tools.get(name)!);
            return { signatures: found.map(({ declaration }) => declaration), types: file.declarations(found.flatMap(({ mentioned }) => [...mentioned])) };
        },
        type(name) {
            const local = file.typeCalled(name);
            return local === undefined ? [] : file.declarations([local]);
        },
        async call(name, args) {
            const tool = tools.get(name);
            if (!tool) throw new TypeError(missingMethod(namespace, name, tools.keys()));
            checkArguments(`${namespace}.${name}`, tool.wanted, args);
            return call(tool.exported, args);
        },
    };
}
