// What a host worker hands to dynamic workers, as far as its source shows: the `env` of code objects that are written out,
// `{ mainModule, modules, env: { DB: ctx.exports.Database({ props }), GREETING: "hello" } }`.

import type { Node } from "../code/parse";
import { propertyKey } from "../types/names";
import { roleOf } from "./classes";
import { node, nodes, type Module, type Project } from "./project";
import { FETCH_SIGNATURE, walk, type Types } from "./types";

/** The bindings of the host worker itself, of its configuration. */
export interface Bindings {
    vars: Record<string, unknown>;
    /** By binding: the entrypoint of this very worker, or null for one of another. */
    services: Record<string, string | null>;
}

/** The members of an object literal that have a name. */
function membersOf(object: Node): [string, Node][] {
    return nodes(object.properties).flatMap((property): [string, Node][] => {
        const key = node(property.key);
        const value = node(property.value);
        if (property.type !== "ObjectProperty" || property.computed === true || key === undefined || value === undefined) return [];
        return [[(key.name ?? key.value) as string, value]];
    });
}

function objectOf(value: Node | undefined, module: Module): Node | undefined {
    if (value?.type === "Identifier") return objectOf(module.locals.get(value.name as string), module);
    if (value?.type === "TSAsExpression" || value?.type === "TSSatisfiesExpression") return objectOf(node(value.expression), module);
    return value?.type === "ObjectExpression" ? value : undefined;
}

/** The env of each code object in the project, with the file that it stands in. */
function* environments(project: Project): Generator<[Module, Node]> {
    for (const module of project.modules.values()) {
        const found: Node[] = [];
        for (const statement of module.body) {
            walk(statement, (one) => {
                if (one.type === "ObjectExpression") found.push(one);
            });
        }
        for (const object of found) {
            const members = new Map(membersOf(object));
            const env = members.has("mainModule") || members.has("modules") ? objectOf(members.get("env"), module) : undefined;
            if (env !== undefined) yield [module, env];
        }
    }
}

function typeOfValue(value: unknown): string {
    if (value === null) return "null";
    if (Array.isArray(value)) {
        const types = [...new Set(value.map(typeOfValue))];
        return types.length === 0 ? "unknown[]" : types.length === 1 && /^\w+$/.test(types[0]!) ? `${types[0]}[]` : `(${types.join(" | ")})[]`;
    }
    if (typeof value !== "object") return typeof value;
    const members = Object.entries(value).map(([name, member]) => `${propertyKey(name)}: ${typeOfValue(member)}`);
    return members.length === 0 ? "{}" : `{ ${members.join("; ")} }`;
}

export class Environment {
    readonly #types: Types;
    readonly #main: Module;
    readonly #bindings: Bindings;

    constructor(types: Types, main: Module, bindings: Bindings) {
        this.#types = types;
        this.#main = main;
        this.#bindings = bindings;
    }

    /** The interface Env; undefined if the source shows none. */
    declare(): string | undefined {
        const all = [...environments(this.#types.project)].map(
            ([module, env]) => new Map(membersOf(env).map(([name, value]) => [name, this.#type(value, module)])),
        );
        if (all.every((env) => env.size === 0)) return undefined;
        const members = [...new Set(all.flatMap((env) => [...env.keys()]))].map((name) => {
            const types = new Set(all.flatMap((env) => env.get(name) ?? []));
            const isEverywhere = all.every((env) => env.has(name));
            return `  ${propertyKey(name)}${isEverywhere ? "" : "?"}: ${[...types].join(" | ")};\n`;
        });
        return `/** What the code finds in env. */\nexport interface Env {\n${members.join("")}}`;
    }

    /** The stub of an exported class. */
    entrypoint(name: string): string | undefined {
        const meaning = this.#types.project.exported(this.#main, name);
        if (meaning?.kind !== "declared" || roleOf(this.#types, meaning) !== "entrypoint") return undefined;
        return this.#types.nameOf(meaning, name === "default" ? meaning.name : name);
    }

    #type(value: Node, module: Module): string {
        switch (value.type) {
            case "StringLiteral":
            case "TemplateLiteral":
                return "string";
            case "NumericLiteral":
                return "number";
            case "BooleanLiteral":
                return "boolean";
            case "NullLiteral":
                return "null";
            case "BigIntLiteral":
                return "bigint";
            case "TSAsExpression":
            case "TSSatisfiesExpression":
                return this.#types.text(node(value.typeAnnotation)!, { module, text: module.text, bound: new Set() });
            case "ObjectExpression":
                return `{ ${membersOf(value).map(([name, member]) => `${propertyKey(name)}: ${this.#type(member, module)}`).join("; ")} }`;
            case "CallExpression":
                return this.#exported(node(value.callee), module) ?? "unknown";
            case "MemberExpression":
                return this.#bound(value) ?? "unknown";
        }
        return "unknown";
    }

    /** `ctx.exports.Name`, `this.ctx.exports.Name`, or `exports.Name` of cloudflare:workers. */
    #exported(callee: Node | undefined, module: Module): string | undefined {
        const of = node(callee?.object);
        if (callee?.type !== "MemberExpression" || of === undefined) return undefined;
        const isContext = of.type === "MemberExpression" && node(of.property)?.name === "exports";
        const imported = of.type === "Identifier" ? module.imports.get(of.name as string) : undefined;
        if (!isContext && !(imported?.from === "cloudflare:workers" && imported.name === "exports")) return undefined;
        const property = node(callee.property);
        return this.entrypoint(((property?.name ?? property?.value) as string | undefined) ?? "");
    }

    /** `env.NAME` or `this.env.NAME`: what the configuration says of it. */
    #bound(value: Node): string | undefined {
        const of = node(value.object);
        const isEnv = of?.name === "env" || node(of?.property)?.name === "env";
        const name = (node(value.property)?.name as string | undefined) ?? "";
        if (!isEnv || value.computed === true) return undefined;
        const { vars, services } = this.#bindings;
        if (Object.hasOwn(vars, name)) return typeOfValue(vars[name]);
        if (!Object.hasOwn(services, name)) return undefined;
        const entrypoint = services[name];
        const own = typeof entrypoint === "string" ? this.entrypoint(entrypoint) : undefined;
        return own ?? `{ ${FETCH_SIGNATURE} }`;
    }
}
