// Types of a project as text that stands alone: what a type names is declared along with it under a name that is free,
// and what cannot be known here (of packages, of values) is `unknown`.

import { parse } from "@babel/parser";
import type { Node } from "../code/parse";
import { Names } from "../types/names";
import { node, nodes, type Meaning, type Module, type Project } from "./project";

/** Where a piece of type stands. */
export interface Scope {
    module: Module;
    text: string;
    /** Names of type parameters. */
    bound: ReadonlySet<string>;
}

export type Declared = Extract<Meaning, { kind: "declared" | "typedef" }>;

/** What every worker's TypeScript knows. */
const GLOBALS = new Set(
    (
        "Array ReadonlyArray Promise PromiseLike Awaited Record Partial Required Readonly Pick Omit Exclude Extract NonNullable " +
        "Parameters ReturnType InstanceType Uppercase Lowercase Capitalize Uncapitalize NoInfer Map ReadonlyMap Set ReadonlySet " +
        "Date RegExp Error TypeError RangeError SyntaxError Function Object String Number Boolean Symbol BigInt ArrayBuffer " +
        "SharedArrayBuffer ArrayBufferLike ArrayBufferView DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array " +
        "Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array Iterable Iterator IterableIterator " +
        "Generator AsyncIterable AsyncIterator AsyncGenerator Request RequestInit RequestInfo Response ResponseInit Headers " +
        "HeadersInit BodyInit Blob File FormData URL URLSearchParams ReadableStream WritableStream TransformStream AbortSignal " +
        "DOMException CryptoKey WebSocket"
    ).split(" "),
);

/** Cloudflare's types as they look from the other side. */
const FETCH = "fetch(input: Request | string | URL, init?: RequestInit): Promise<Response>";
const CLOUDFLARE: Record<string, (args: string[]) => string> = {
    RpcStub: ([type]) => type ?? "object",
    Stub: ([type]) => type ?? "object",
    RpcPromise: ([type]) => `Promise<${type ?? "unknown"}>`,
    RpcTarget: () => "object",
    WorkerEntrypoint: () => `{ ${FETCH} }`,
    Fetcher: () => `{ ${FETCH} }`,
    Service: ([type]) => type ?? `{ ${FETCH} }`,
};

export const FETCH_SIGNATURE = `${FETCH};`;

function childrenOf(of: Node): Node[] {
    return Object.entries(of).flatMap(([key, value]) => {
        if (/^(?:loc|extra|leadingComments|trailingComments|innerComments|errors)$/.test(key)) return [];
        return (Array.isArray(value) ? value : [value]).filter((one): one is Node => typeof (one as Node | null)?.type === "string");
    });
}

/** Calls `visit` for a node and all below it that it returns true for. */
export function walk(of: Node, visit: (one: Node) => boolean | void): void {
    if (visit(of) === false) return;
    for (const child of childrenOf(of)) walk(child, visit);
}

function parameterName({ name }: Node): string {
    return typeof name === "string" ? name : ((name as Node).name as string);
}

/** The type parameters that a node brings. */
function boundBy(of: Node): string[] {
    const names = nodes(node(of.typeParameters)?.params).filter(({ type }) => type === "TSTypeParameter").map(parameterName);
    const own = node(of.typeParameter);
    if (own !== undefined) names.push(parameterName(own));
    if (of.type === "TSMappedType" && typeof of.key === "object" && of.key !== null) names.push(parameterName(of.key as Node));
    if (of.type === "TSConditionalType") {
        walk(node(of.extendsType)!, (one) => {
            if (one.type === "TSInferType") names.push(parameterName(node(one.typeParameter)!));
        });
    }
    return names;
}

export function within(scope: Scope, names: Iterable<string>): Scope {
    return { ...scope, bound: new Set([...scope.bound, ...names]) };
}

export class Types {
    readonly project: Project;
    readonly #names = Names.ofTypes();
    readonly #given = new Map<string, string>();
    /** Declarations that were named and are not written yet. */
    readonly queue: { meaning: Declared; name: string }[] = [];

    constructor(project: Project) {
        this.project = project;
        for (const name of GLOBALS) this.#names.claim(name);
    }

    claim(name: string): string {
        return this.#names.claim(name);
    }

    /** The name under which a declaration is written. `wanted` is what it is called where it is asked for first. */
    nameOf(meaning: Declared, wanted = meaning.name): string {
        const key = `${meaning.module.name}\0${meaning.name}`;
        let name = this.#given.get(key);
        if (name === undefined) {
            name = this.#names.claim(/^[A-Za-z_$][\w$]*$/.test(wanted) ? wanted : "Default");
            this.#given.set(key, name);
            this.queue.push({ meaning, name });
        }
        return name;
    }

    // --- Text --------------------------------------------------------------------------------------------------------

    /** A type's text with all names in it as they are declared here. */
    text(of: Node, scope: Scope): string {
        const edits: { start: number; end: number; text: string }[] = [];
        this.#edit(of, scope, edits);
        let text = "";
        let at = of.start;
        for (const edit of edits.sort((a, b) => a.start - b.start)) {
            text += scope.text.slice(at, edit.start) + edit.text;
            at = edit.end;
        }
        return text + scope.text.slice(at, of.end);
    }

    /** The text of a type that stands in a comment. */
    jsdoc(type: string, scope: Scope): string {
        const found = this.parsed(type);
        return found === undefined ? "unknown" : this.text(found.node, { ...scope, text: found.text });
    }

    /** A type that stands in a comment; undefined if it is none. */
    parsed(type: string): { node: Node; text: string } | undefined {
        const text = `type _ = ${type};`;
        try {
            const { program } = parse(text, { sourceType: "module", plugins: ["typescript"] }) as unknown as { program: Node };
            const found = node(nodes(program.body)[0]?.typeAnnotation);
            return found && { node: found, text };
        } catch {
            return undefined;
        }
    }

    #edit(of: Node, outer: Scope, edits: { start: number; end: number; text: string }[]): void {
        const names = boundBy(of);
        const scope = names.length > 0 ? within(outer, names) : outer;
        const put = (text: string): void => void edits.push({ start: of.start, end: of.end, text });
        switch (of.type) {
            case "TSTypeReference":
                return put(this.#reference(node(of.typeName)!, argumentsOf(of), scope));
            case "TSExpressionWithTypeArguments":
            case "TSInterfaceHeritage":
                return put(this.#reference(node(of.expression)!, argumentsOf(of), scope));
            case "TSImportType":
                return put(this.#importType(of, scope));
            case "TSTypeQuery":
                return put("unknown");
        }
        for (const child of childrenOf(of)) this.#edit(child, scope, edits);
    }

    #reference(name: Node, args: Node[], scope: Scope): string {
        const texts = args.map((arg) => this.text(arg, scope));
        if (name.type !== "Identifier") return this.#qualified(name, texts, scope);
        const id = name.name as string;
        if (scope.bound.has(id)) return withArguments(id, texts);
        return this.named(this.project.meaning(scope.module, id), id, texts);
    }

    /** `ns.Type`, or a member of an enumeration. */
    #qualified(name: Node, texts: string[], scope: Scope): string {
        const left = node(name.left ?? name.object);
        const right = (node(name.right ?? name.property)?.name as string | undefined) ?? "";
        if (left?.type !== "Identifier") return "unknown";
        const imported = scope.module.imports.get(left.name as string);
        if (imported?.name === "*") return this.named(this.project.imported(scope.module, { from: imported.from, name: right }), right, texts);
        const meaning = this.project.meaning(scope.module, left.name as string);
        if (meaning.kind === "global") return this.named({ kind: "package", from: "", name: right }, right, texts);
        if (meaning.kind !== "declared" || meaning.declaration.type !== "TSEnumDeclaration") return "unknown";
        return enumValues(meaning.declaration).get(right) ?? "unknown";
    }

    #importType(of: Node, scope: Scope): string {
        const argument = node(of.argument);
        const from = (argument?.value ?? (argument?.literal as Node | undefined)?.value) as string | undefined;
        const name = node(of.qualifier);
        if (from === undefined || name?.type !== "Identifier") return "unknown";
        const texts = argumentsOf(of).map((arg) => this.text(arg, scope));
        return this.named(this.project.imported(scope.module, { from, name: name.name as string }), name.name as string, texts);
    }

    /** A reference to what a name means. */
    named(meaning: Meaning, id: string, texts: string[]): string {
        if (meaning.kind === "package" && meaning.name === "*") return "unknown";
        const cloudflare = Object.hasOwn(CLOUDFLARE, id) ? CLOUDFLARE[id] : undefined;
        if (meaning.kind === "package") return cloudflare?.(texts) ?? "unknown";
        if (meaning.kind === "global") return GLOBALS.has(id) ? withArguments(id, texts) : (cloudflare?.(texts) ?? "unknown");
        if (meaning.kind === "declared" && !/^(?:Class|TS(?:Interface|TypeAlias|Enum))/.test(meaning.declaration.type)) return "unknown";
        return withArguments(this.nameOf(meaning), texts);
    }
}

/** The arguments between the angle brackets of a reference. */
export function argumentsOf(of: Node): Node[] {
    return nodes(node(of.typeParameters ?? of.typeArguments)?.params);
}

function withArguments(name: string, texts: string[]): string {
    return texts.length === 0 ? name : `${name}<${texts.join(", ")}>`;
}

/** The members of an enumeration as the types of their values. */
export function enumValues(declaration: Node): Map<string, string> {
    const values = new Map<string, string>();
    let next: number | undefined = 0;
    for (const member of nodes(declaration.members ?? node(declaration.body)?.members)) {
        const id = node(member.id)!;
        const init = node(member.initializer);
        if (init?.type === "StringLiteral") values.set((id.name ?? id.value) as string, JSON.stringify(init.value));
        if (init !== undefined) next = init.type === "NumericLiteral" ? (init.value as number) : undefined;
        if (init?.type !== "StringLiteral") values.set((id.name ?? id.value) as string, next === undefined ? "number" : String(next));
        if (next !== undefined) next++;
    }
    return values;
}
