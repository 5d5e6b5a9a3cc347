// JSON Schema to TypeScript. A schema becomes an expression; what a $ref means becomes a named type, declared once and
// rendered when it is asked for. The same document gives the same text, whatever is asked for first.
//
// Never more than the document: schemas are hostile, so depth and work have limits, past which stands `unknown`.

import { propertyText, type Docs } from "./comments";
import { AliasCycles } from "./cycles";
import { variantMark } from "./discriminator";
import * as E from "./expression";
import { camelCase, Names, pascalCase, quote } from "./names";
import { isObject, list, own, pointerSegments, requiredNames, SchemaDocument, type Json } from "./schema";

const DEPTH_MAX = 20;
/** Schemas that one declaration may go through. */
const STEPS_MAX = 20_000;
/** An enum up to this length stands where it is used instead of under a name. */
const SMALL_CHARACTERS_MAX = 40;

/** Segments of a pointer that say nothing about what stands there. */
const SILENT_SEGMENTS = /^(?:components|schemas|definitions|\$defs|properties|paths|content|schema|responses|items|\d+)$/;

/** What a reference may point to in an OpenAPI document beside schemas. */
const NO_SCHEMA = /^#\/components\/(?:parameters|responses|requestBodies|headers|examples|links|callbacks|pathItems|securitySchemes)\/[^/]+$/;

/**
 * What a type describes: what callers pass in, what they get, or both. Of the latter, those that are bodies say what their
 * members mean, as those of inputs do; words at each part of them would be paid for by all who only read.
 */
export type Use = "input" | "output" | "body" | "part";

export interface RendererOptions {
    /** The name of the type that `#` means. */
    rootName?: string;
    /** What inputs take as binary. */
    binaryInput?: E.Expression;
    /** What the type at a pointer describes; answers if nobody says. */
    useOf?: (pointer: string) => Use;
}

/** Where a schema stands. `alias` is the named type whose own expression it belongs to without anything between. */
interface Place {
    depth: number;
    use: Use;
    alias?: string;
}

/** What the parts of a schema that describe an object come to. */
interface Shape {
    members: Map<string, unknown>;
    required: Set<string>;
    /** Types of all other properties; `true` for any. */
    index: unknown[];
    /** References to what stands beside it. */
    bases: unknown[];
    hasVariants: boolean;
}

export interface NamedType {
    name: string;
    declaration: string;
    /** Pointers of the named types that it mentions. */
    mentions: Set<string>;
}

export class Renderer {
    readonly document: SchemaDocument;
    readonly #docs: Docs;
    readonly #names: Names;
    readonly #cycles: AliasCycles;
    readonly #nameOf = new Map<string, string>();
    readonly #options: RendererOptions;
    readonly #omitted = new Map<string, string[]>();
    readonly #types = new Map<string, NamedType>();
    #mentions = new Set<string>();
    #steps = 0;

    /**
     * `names` may be shared, so that several documents' types do not collide: of two of one name the later document's gets
     * a number. All are named here, so that no name depends on what is asked for first.
     */
    constructor(document: SchemaDocument, docs: Docs, names: Names = Names.ofTypes(), options: RendererOptions = {}) {
        this.document = document;
        this.#docs = docs;
        this.#names = names;
        this.#options = options;
        this.#cycles = new AliasCycles(document);
        const schemas = own(own(document.root, "components"), "schemas");
        for (const key of Object.keys(isObject(schemas) ? schemas : {})) {
            this.#nameOf.set(`#/components/schemas/${key}`, names.claim(pascalCase(key)));
        }
        for (const pointer of document.targets()) if (!NO_SCHEMA.test(pointer)) this.#name(pointer);
    }

    /** The expression for a schema, and the named types that it mentions. */
    expression(schema: unknown, isInput: boolean): { type: E.Expression; mentions: Set<string> } {
        return this.#collecting(() => this.#schema(schema, { depth: 0, use: isInput ? "input" : "output" }));
    }

    /** An object's members, for who puts several objects into one. */
    members(schema: unknown, isInput: boolean): { members: E.Member[]; mentions: Set<string> } {
        const { type: members, mentions } = this.#collecting(() => {
            const shape = this.#emptyShape();
            this.#collectShape(schema, shape);
            return this.#membersOf(shape, { depth: 0, use: isInput ? "input" : "output" });
        });
        return { members, mentions };
    }

    /** The declaration of what stands at a pointer, rendered once. */
    named(pointer: string): NamedType {
        const known = this.#types.get(pointer);
        if (known) return known;
        const use = this.#useOf(pointer);
        const { type, mentions } = this.#collecting(() => this.#schema(this.document.at(pointer), { depth: 0, use, alias: pointer }));
        const name = this.#name(pointer);
        const made = { name, declaration: `type ${name} = ${type.text};`, mentions };
        this.#types.set(pointer, made);
        return made;
    }

    /** Where the type of this name stands; undefined if none has it. */
    pointerOf(name: string): string | undefined {
        for (const [pointer, known] of this.#nameOf) if (known === name) return pointer;
        return undefined;
    }

    #useOf(pointer: string): Use {
        return this.#options.useOf?.(pointer) ?? "output";
    }

    #collecting<T>(render: () => T): { type: T; mentions: Set<string> } {
        const [mentions, steps] = [this.#mentions, this.#steps];
        this.#mentions = new Set();
        this.#steps = 0;
        try {
            return { type: render(), mentions: this.#mentions };
        } finally {
            [this.#mentions, this.#steps] = [mentions, steps];
        }
    }

    #name(pointer: string): string {
        const known = this.#nameOf.get(pointer);
        if (known !== undefined) return known;
        if (pointer === "#") return this.#keep(pointer, this.#names.claim(this.#options.rootName ?? "Root"));
        const telling = pointerSegments(pointer).filter((segment) => !SILENT_SEGMENTS.test(segment));
        return this.#keep(pointer, this.#names.claim(pascalCase(telling.slice(-3).map(camelCase).join("-"))));
    }

    #keep(pointer: string, name: string): string {
        this.#nameOf.set(pointer, name);
        return name;
    }

    // --- Schemas -----------------------------------------------------------------------------------------------------

    #schema(schema: unknown, place: Place): E.Expression {
        if (schema === false) return E.plain("never");
        if (!isObject(schema) || place.depth > DEPTH_MAX || ++this.#steps > STEPS_MAX) return E.UNKNOWN;
        const type = this.#withoutNull(schema, place);
        return own(schema, "nullable") === true ? E.union([type, E.NULL]) : type;
    }

    #withoutNull(schema: Json, place: Place): E.Expression {
        const values = own(schema, "enum");
        if (Object.hasOwn(schema, "const")) return E.literal(schema.const);
        if (Array.isArray(values) && values.length > 0) return E.union(values.map(E.literal));
        const parts: E.Expression[] = [];
        if (typeof own(schema, "$ref") === "string") parts.push(this.#reference(schema.$ref as string, place, false));
        parts.push(this.#typed(schema, place));
        for (const key of ["anyOf", "oneOf"]) {
            const variants = own(schema, key);
            if (Array.isArray(variants) && variants.length > 0) parts.push(this.#variants(schema, variants, place));
        }
        return E.intersection(parts);
    }

    #variants(schema: Json, variants: unknown[], place: Place): E.Expression {
        const inner = { ...place, depth: place.depth + 1 };
        return E.union(
            variants.map((variant) => {
                const type = this.#schema(variant, inner);
                const mark = variantMark(this.document, schema, variant);
                return mark === undefined ? type : E.intersection([type, E.objectOf([mark])]);
            }),
        );
    }

    /** What a $ref means: a name, or the thing itself where that is shorter. */
    #reference(ref: string, place: Place, isBase: boolean): E.Expression {
        const pointer = this.#finalPointer(ref);
        if (pointer === undefined) return E.UNKNOWN;
        const target = this.document.at(pointer);
        if (!isObject(target)) return target === false ? E.plain("never") : E.UNKNOWN;
        const small = this.#small(target, place);
        if (small) return small;
        if (place.alias !== undefined && this.#cycles.closes(place.alias, pointer, isBase)) {
            return isBase ? this.#ownShape(target, place) : E.UNKNOWN;
        }
        this.#mentions.add(pointer);
        const omitted = place.use === "input" ? this.#demandedReadOnly(pointer) : [];
        if (omitted.length === 0) return E.plain(this.#name(pointer));
        return E.plain(`Omit<${this.#name(pointer)}, ${omitted.map(quote).join(" | ")}>`);
    }

    /** Members that answers of this type always have and no caller passes in. Of variants and maps none can be omitted. */
    #demandedReadOnly(pointer: string): string[] {
        const known = this.#omitted.get(pointer);
        if (known) return known;
        const { type: shape } = this.#collecting(() => {
            const made = this.#emptyShape();
            this.#collectShape(this.document.at(pointer), made);
            return made;
        });
        const names = [...shape.members].filter(([name, schema]) => shape.required.has(name) && this.#says(schema, "readOnly"));
        const canOmit = this.#useOf(pointer) !== "input" && !shape.hasVariants && shape.index.length === 0;
        const omitted = canOmit ? names.map(([name]) => name) : [];
        this.#omitted.set(pointer, omitted);
        return omitted;
    }

    /** Where a chain of schemas that are nothing but references ends. */
    #finalPointer(ref: string): string | undefined {
        const seen = new Set<string>();
        for (let pointer = this.document.pointer(ref); pointer !== undefined && !seen.has(pointer); ) {
            seen.add(pointer);
            const target = this.document.at(pointer);
            if (!isObject(target) || typeof own(target, "$ref") !== "string" || Object.keys(target).length > 1) return pointer;
            pointer = this.document.pointer(target.$ref as string);
        }
        return undefined;
    }

    #small(target: Json, { use }: Place): E.Expression | undefined {
        const isPlain = ["$ref", "allOf", "anyOf", "oneOf", "properties", "items", "additionalProperties"].every(
            (key) => !Object.hasOwn(target, key),
        );
        const isTyped = Object.hasOwn(target, "type") || Object.hasOwn(target, "enum") || Object.hasOwn(target, "const");
        if (!isPlain || !isTyped || list(own(target, "enum")).length > 20) return undefined;
        const type = this.#schema(target, { depth: 0, use });
        return type.text.length <= SMALL_CHARACTERS_MAX ? type : undefined;
    }

    // --- Types -------------------------------------------------------------------------------------------------------

    #typed(schema: Json, place: Place): E.Expression {
        const type = own(schema, "type");
        const types = Array.isArray(type) ? type : [type ?? this.#impliedType(schema)];
        return E.union(types.map((name) => this.#ofType(name, schema, place)));
    }

    #impliedType(schema: Json): string | undefined {
        const has = (...keys: string[]): boolean => keys.some((key) => Object.hasOwn(schema, key));
        if (has("properties", "additionalProperties", "patternProperties")) return "object";
        if (has("items", "prefixItems")) return "array";
        return has("allOf") || (has("$ref") && has("required")) ? "allOf" : undefined;
    }

    #ofType(name: unknown, schema: Json, place: Place): E.Expression {
        switch (name) {
            case "string":
                if (own(schema, "format") !== "binary") return E.plain("string");
                return place.use === "input" ? (this.#options.binaryInput ?? E.BYTES) : E.BYTES;
            case "integer":
            case "number":
                return E.plain("number");
            case "boolean":
            case "null":
                return E.plain(name);
            case "array":
                return this.#array(schema, place);
            case "object":
                return this.#object(schema, place);
            case "allOf": {
                const type = this.#object(schema, place);
                return type === E.ANY_OBJECT ? E.UNKNOWN : type;
            }
            default:
                return E.UNKNOWN;
        }
    }

    #array(schema: Json, place: Place): E.Expression {
        const inner: Place = { depth: place.depth + 1, use: place.use };
        const items = own(schema, "items");
        const prefix = own(schema, "prefixItems") ?? (Array.isArray(items) ? items : undefined);
        if (!Array.isArray(prefix)) return E.arrayOf(this.#schema(items, inner));
        const rest = Array.isArray(items) ? own(schema, "additionalItems") : items;
        const countMin = typeof own(schema, "minItems") === "number" ? (schema.minItems as number) : prefix.length;
        const types = prefix.map((item) => this.#schema(item, inner));
        return E.tupleOf(types, countMin, rest === undefined || rest === false ? undefined : this.#schema(rest, inner));
    }

    // --- Objects -----------------------------------------------------------------------------------------------------

    #emptyShape(): Shape {
        return { members: new Map(), required: new Set(), index: [], bases: [], hasVariants: false };
    }

    #object(schema: Json, place: Place): E.Expression {
        const shape = this.#emptyShape();
        const parts: E.Expression[] = [];
        this.#collectParts(schema, shape, parts, { ...place, depth: place.depth + 1 });
        this.#requireOthers(schema, shape);
        return E.intersection([this.#shapeType(shape, place), ...parts]);
    }

    #shapeType(shape: Shape, place: Place): E.Expression {
        const members = this.#membersOf(shape, place);
        const index = this.#indexOf(shape, members, place);
        return members.length === 0 && index === undefined ? E.ANY_OBJECT : E.objectOf(members, index);
    }

    /** Puts what a schema says itself into the shape, and what it takes from elsewhere into the parts. */
    #collectParts(schema: Json, shape: Shape, parts: E.Expression[], place: Place): void {
        this.#collectOwn(schema, shape);
        for (const base of list(own(schema, "allOf"))) {
            if (!isObject(base)) continue;
            if (typeof own(base, "$ref") === "string") {
                shape.bases.push(base);
                parts.push(this.#reference(base.$ref as string, place, true));
            } else if (this.#isMergeable(base) && place.depth < DEPTH_MAX) {
                this.#collectParts(base, shape, parts, { ...place, depth: place.depth + 1 });
            } else parts.push(this.#schema(base, place));
        }
    }

    /** Members of references that are required here and not there stand here as well; their words stay there. */
    #requireOthers(schema: Json, shape: Shape): void {
        const wanted = [...shape.required].filter((name) => !shape.members.has(name));
        if (wanted.length === 0) return;
        const others = this.#emptyShape();
        for (const base of Object.hasOwn(schema, "$ref") ? [...shape.bases, schema] : shape.bases) this.#collectShape(base, others);
        for (const name of wanted.filter((one) => others.members.has(one) && !others.required.has(one))) {
            shape.members.set(name, { allOf: [others.members.get(name)] });
        }
    }

    #isMergeable(schema: Json): boolean {
        const type = own(schema, "type") ?? "object";
        return (
            type === "object" && ["anyOf", "oneOf", "enum", "const", "nullable"].every((key) => !Object.hasOwn(schema, key))
        );
    }

    #collectOwn(schema: Json, shape: Shape): void {
        const properties = own(schema, "properties");
        for (const [name, property] of Object.entries(isObject(properties) ? properties : {})) {
            const known = shape.members.get(name);
            shape.members.set(name, known === undefined ? property : { allOf: [known, property] });
        }
        for (const name of requiredNames(schema)) shape.required.add(name);
        const patterns = own(schema, "patternProperties");
        shape.index.push(...Object.values(isObject(patterns) ? patterns : {}));
        const additional = own(schema, "additionalProperties");
        if (additional === true || isObject(additional)) shape.index.push(additional);
    }

    /** A schema's members with all that it takes from elsewhere, each base once; for objects that are put into others. */
    #collectShape(schema: unknown, shape: Shape): void {
        const targets = new Set([this.document.resolve(schema)]);
        for (const target of targets) {
            if (!isObject(target) || ++this.#steps > STEPS_MAX) continue;
            this.#collectOwn(target, shape);
            shape.hasVariants ||= Object.hasOwn(target, "anyOf") || Object.hasOwn(target, "oneOf");
            for (const base of list(own(target, "allOf"))) targets.add(this.document.resolve(base));
        }
    }

    /** A base's members without its variants, of which the type in question is one. */
    #ownShape(target: Json, place: Place): E.Expression {
        const shape = this.#emptyShape();
        this.#collectShape(target, shape);
        return this.#shapeType(shape, { ...place, alias: undefined });
    }

    #membersOf(shape: Shape, place: Place): E.Member[] {
        const inner: Place = { depth: place.depth + 1, use: place.use };
        const members = [...shape.members].filter(([, schema]) => !this.#isHidden(schema, place));
        return members.map(([name, schema]) => {
            const said = isObject(schema) ? schema : {};
            return {
                name,
                type: this.#schema(schema, inner),
                isOptional: !shape.required.has(name),
                words: propertyText(name, said, this.#docs, place.use === "input" || place.use === "body"),
            };
        });
    }

    /** Whether a member, or what it refers to or is put together of, says this of itself. */
    #says(schema: unknown, key: "readOnly" | "writeOnly"): boolean {
        return [schema, this.document.resolve(schema), ...list(own(schema, "allOf"))].some((part) => own(part, key) === true);
    }

    /** Callers pass in nothing that is read-only, and get nothing that is write-only. */
    #isHidden(schema: unknown, { use }: Place): boolean {
        return (use === "input" && this.#says(schema, "readOnly")) || (use === "output" && this.#says(schema, "writeOnly"));
    }

    /** The index signature; with members beside it, it must hold for them too, and `unknown` does. */
    #indexOf(shape: Shape, members: E.Member[], place: Place): string | undefined {
        if (shape.index.length === 0) return undefined;
        const type = E.union(shape.index.map((schema) => this.#schema(schema, { depth: place.depth + 1, use: place.use })));
        const holds = members.every((member) => !member.isOptional && member.type.text === type.text);
        return `[key: string]: ${holds ? type.text : E.UNKNOWN.text}`;
    }
}

/** The types that these pointers mean and all that those mention, nearest first. */
export function closure(renderer: Renderer, pointers: Iterable<string>): NamedType[] {
    const reached = new Set(pointers);
    const types: NamedType[] = [];
    for (const pointer of reached) {
        const type = renderer.named(pointer);
        types.push(type);
        for (const mention of type.mentions) reached.add(mention);
    }
    return types;
}
