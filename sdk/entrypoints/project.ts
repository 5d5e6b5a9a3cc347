// The files of a host worker as syntax trees, and what a name in one of them means: a declaration here or in another
// file, something of a package, or something that every worker has. Reads nothing but what `read` gives.

import { parse, type ParserPlugin } from "@babel/parser";
import type { Node } from "../code/parse";
import { typedefsOf, type Typedef } from "./jsdoc";

export const node = (value: unknown): Node | undefined => (value ?? undefined) as Node | undefined;
export const nodes = (value: unknown): Node[] => ((value as (Node | null)[] | undefined) ?? []).filter((one) => one !== null);

/** A name that comes from elsewhere; "*" is all of it. */
interface Imported {
    from: string;
    name: string;
}

export interface Module {
    name: string;
    text: string;
    isTyped: boolean;
    body: Node[];
    imports: Map<string, Imported>;
    /** Declarations at the top, by name. */
    locals: Map<string, Node>;
    typedefs: Map<string, Typedef>;
    /** By exported name: a local name, or one of another file. */
    exports: Map<string, string | Imported>;
    stars: string[];
}

/** What a name means. A declaration is told from others by its module and name. */
export type Meaning =
    | { kind: "declared"; module: Module; name: string; declaration: Node }
    | { kind: "typedef"; module: Module; name: string; typedef: Typedef }
    | { kind: "package"; from: string; name: string }
    | { kind: "global" };

/** Reads a file of the project by its name there; undefined if there is none. */
export type ReadFile = (name: string) => Promise<string | undefined>;

const MODULES_MAX = 1000;
const DEFAULT_LOCAL = "*default*";

/** What an import may leave out, and TypeScript's habit of naming a file as it will be called. */
function fileNames(name: string): string[] {
    const bare = name.replace(/\.([cm]?)jsx?$/, ".$1");
    const typed = bare === name ? [] : [`${bare}ts`, `${bare}tsx`];
    return [name, ...typed, ...[".ts", ".tsx", ".d.ts", ".js", ".mjs", "/index.ts", "/index.js"].map((ending) => name + ending)];
}

/** The name of a file beside another one; undefined if it would lie outside of the project. */
function beside(referrer: string, path: string): string | undefined {
    const segments = path.startsWith("/") ? [] : referrer.split("/").slice(0, -1);
    for (const segment of path.split("/")) {
        if (segment === "" || segment === ".") continue;
        if (segment !== "..") segments.push(segment);
        else if (segments.pop() === undefined) return undefined;
    }
    return segments.join("/");
}

function nameOf(part: unknown): string {
    const { name, value } = part as { name?: string; value?: string };
    return name ?? value ?? "";
}

/** The declaration in a statement, or itself. */
function declarationIn(statement: Node): Node {
    return node(statement.declaration) ?? statement;
}

export class Project {
    readonly modules = new Map<string, Module>();
    readonly errors: string[] = [];
    readonly #read: ReadFile;
    /** What a specifier in a file leads to. */
    readonly #found = new Map<string, Module | undefined>();

    private constructor(read: ReadFile) {
        this.#read = read;
    }

    /** Reads the main module and all that it imports by a path. */
    static async open(main: string, read: ReadFile): Promise<Project> {
        const project = new Project(read);
        const module = await project.#load(main);
        if (module === undefined && project.errors.length === 0) project.errors.push(`${main}: there is no such file`);
        return project;
    }

    async #load(name: string): Promise<Module | undefined> {
        const known = this.modules.get(name);
        if (known !== undefined || this.modules.size >= MODULES_MAX) return known;
        const text = await this.#read(name);
        if (text === undefined) return undefined;
        const module = this.#parse(name, text);
        if (module === undefined) return undefined;
        this.modules.set(name, module);
        const wanted = [...module.imports.values(), ...module.exports.values()].flatMap((one) => (typeof one === "string" ? [] : [one.from]));
        for (const specifier of new Set([...wanted, ...module.stars, ...inlineImports(text)])) {
            this.#found.set(`${name}\0${specifier}`, await this.#find(name, specifier));
        }
        return module;
    }

    async #find(referrer: string, specifier: string): Promise<Module | undefined> {
        if (!/^\.{0,2}\//.test(specifier)) return undefined;
        const path = beside(referrer, specifier);
        for (const name of path === undefined ? [] : fileNames(path)) {
            if (!/\.[cm]?[jt]sx?$/.test(name)) continue;
            const found = await this.#load(name);
            if (found !== undefined) return found;
        }
        return undefined;
    }

    #parse(name: string, text: string): Module | undefined {
        const isTyped = /\.[cm]?tsx?$/.test(name);
        const plugins: ParserPlugin[] = ["decorators", "explicitResourceManagement"];
        if (isTyped) plugins.push(name.endsWith(".d.ts") ? ["typescript", { dts: true }] : "typescript");
        if (!isTyped || name.endsWith("x")) plugins.push("jsx");
        try {
            const { program } = parse(text, { sourceType: "module", plugins, attachComment: true }) as unknown as { program: Node };
            return readModule(name, text, isTyped, nodes(program.body));
        } catch (error) {
            const { message, loc } = error as { message: string; loc?: { line: number; column: number } };
            const place = loc === undefined ? name : `${name}:${loc.line}:${loc.column + 1}`;
            this.errors.push(`${place}: ${message.replace(/ \(\d+:\d+\)$/, "")}`);
            return undefined;
        }
    }

    // --- What names mean ---------------------------------------------------------------------------------------------

    meaning(module: Module, name: string): Meaning {
        const declaration = module.locals.get(name);
        if (declaration !== undefined) return { kind: "declared", module, name, declaration };
        const typedef = module.typedefs.get(name);
        if (typedef !== undefined) return { kind: "typedef", module, name, typedef };
        const imported = module.imports.get(name);
        return imported === undefined ? { kind: "global" } : this.imported(module, imported);
    }

    imported(module: Module, { from, name }: Imported, seen = new Set<string>()): Meaning {
        const target = this.#found.get(`${module.name}\0${from}`);
        if (target === undefined) return { kind: "package", from, name };
        return this.exported(target, name, seen) ?? { kind: "package", from, name };
    }

    /** What a module exports under a name. */
    exported(module: Module, name: string, seen = new Set<string>()): Meaning | undefined {
        const key = `${module.name}\0${name}`;
        if (seen.has(key)) return undefined;
        seen.add(key);
        const found = module.exports.get(name);
        if (typeof found === "string") return this.meaning(module, found);
        if (found !== undefined) return this.imported(module, found, seen);
        if (module.typedefs.has(name)) return this.meaning(module, name);
        for (const star of name === "default" ? [] : module.stars) {
            const target = this.#found.get(`${module.name}\0${star}`);
            const meaning = target && this.exported(target, name, seen);
            if (meaning !== undefined) return meaning;
        }
        return undefined;
    }

    /** All names that a module exports, in the order of the file. */
    exportedNames(module: Module, seen = new Set<Module>()): string[] {
        if (seen.has(module)) return [];
        seen.add(module);
        const names = [...module.exports.keys()];
        for (const star of module.stars) {
            const target = this.#found.get(`${module.name}\0${star}`);
            if (target) names.push(...this.exportedNames(target, seen).filter((name) => name !== "default"));
        }
        return [...new Set(names)];
    }
}

/** The specifiers of `import("./types.js").Row`, which stand in types and in comments. */
function inlineImports(text: string): string[] {
    return [...text.matchAll(/\bimport\s*\(\s*(["'])([^"'\n]+)\1\s*\)/g)].map((match) => match[2]!);
}

function readModule(name: string, text: string, isTyped: boolean, body: Node[]): Module {
    const module: Module = {
        name, text, isTyped, body, imports: new Map(), locals: new Map(), typedefs: isTyped ? new Map() : typedefsOf(text), exports: new Map(), stars: [],
    };
    for (const statement of body) {
        if (statement.type === "ImportDeclaration") readImport(module, statement);
        else if (statement.type === "ExportAllDeclaration") module.stars.push(nameOf(statement.source));
        else readStatement(module, statement);
    }
    return module;
}

function readImport(module: Module, statement: Node): void {
    const from = nameOf(statement.source);
    for (const specifier of nodes(statement.specifiers)) {
        const imported =
            specifier.type === "ImportSpecifier" ? nameOf(specifier.imported) : specifier.type === "ImportNamespaceSpecifier" ? "*" : "default";
        module.imports.set(nameOf(specifier.local), { from, name: imported });
    }
}

function readStatement(module: Module, statement: Node): void {
    const isExported = /^Export(?:Named|Default)Declaration$/.test(statement.type);
    const declaration = declarationIn(statement);
    const comments = { leadingComments: statement.leadingComments ?? declaration.leadingComments };
    for (const [local, declared] of declarationsOf(declaration)) {
        module.locals.set(local, { ...declared, ...comments });
        if (statement.type === "ExportNamedDeclaration") module.exports.set(local, local);
    }
    if (statement.type === "ExportDefaultDeclaration") {
        const id = node(declaration.id) ?? (declaration.type === "Identifier" ? declaration : undefined);
        const local = id === undefined ? DEFAULT_LOCAL : nameOf(id);
        if (id === undefined) module.locals.set(local, { ...declaration, ...comments });
        module.exports.set("default", local);
    }
    if (!isExported) return;
    const from = statement.source ? nameOf(statement.source) : undefined;
    for (const specifier of nodes(statement.specifiers)) {
        const local = specifier.type === "ExportNamespaceSpecifier" ? "*" : nameOf(specifier.local);
        module.exports.set(nameOf(specifier.exported), from === undefined ? local : { from, name: local });
    }
}

/** Names and what they stand for: of a variable, its value. */
function declarationsOf(declaration: Node): [string, Node][] {
    if (declaration.type === "VariableDeclaration") {
        return nodes(declaration.declarations).flatMap((item) => {
            const init = node(item.init);
            return node(item.id)?.type === "Identifier" && init ? [[nameOf(item.id), init] as [string, Node]] : [];
        });
    }
    return node(declaration.id)?.type === "Identifier" ? [[nameOf(declaration.id), declaration]] : [];
}
