// Operations as TypeScript that a model reads: one line each, one object in, the answer's value out.

import { comment, operationText, propertyText, type Docs } from "../types/comments";
import * as E from "../types/expression";
import { Names, propertyKey } from "../types/names";
import { closure, Renderer } from "../types/renderer";
import { isObject, own } from "../types/schema";
import { isJson, isJsonLines, isMultipart, isText, isUrlencoded } from "./media";
import type { Api, Operation, Parameter, RequestBody } from "./operations";
import { usesOf } from "./uses";

export interface Declared {
    name: string;
    /** `/** words *\/` and the signature, one or more lines. */
    text: string;
    mentions: Set<string>;
}

/** What successful answers carry: their JSON, or text, or bytes. */
function mediaExpression(renderer: Renderer, content: unknown, mentions: Set<string>): E.Expression {
    const types = isObject(content) ? Object.keys(content) : [];
    if (types.length === 0) return E.plain("void");
    const json = types.find(isJson);
    if (json !== undefined) {
        const { type, mentions: inner } = renderer.expression(own((content as Record<string, unknown>)[json], "schema"), false);
        for (const pointer of inner) mentions.add(pointer);
        return type;
    }
    return types.every(isText) ? E.plain("string") : E.BYTES;
}

export class Declarer {
    readonly renderer: Renderer;
    readonly #docs: Docs;
    readonly #api: Api;

    constructor(api: Api, docs: Docs = "brief", names: Names = Names.ofTypes()) {
        this.#api = api;
        this.#docs = docs;
        this.renderer = new Renderer(api.document, docs, names, { binaryInput: E.FILE, useOf: usesOf(api.document) });
    }

    operation(operation: Operation): Declared {
        const mentions = new Set<string>();
        const input = this.#input(operation, mentions);
        const output = this.#output(operation, mentions);
        const words = operationText(operation.summary, operation.description, this.#docs);
        const note = comment(operation.isDeprecated ? `@deprecated ${words}`.trim() : words);
        const signature = `${propertyKey(operation.name)}(${input}): Promise<${output.text}>;`;
        return { name: operation.name, text: note === "" ? signature : `${note}\n${signature}`, mentions };
    }

    #input({ parameters, body }: Operation, mentions: Set<string>): string {
        const members = parameters.map((parameter) => this.#parameter(parameter, mentions));
        const parts: E.Expression[] = [];
        if (body) this.#body(body, members, parts, mentions);
        if (members.length > 0) parts.unshift(E.objectOf(members));
        if (parts.length === 0) return "";
        const canOmit = members.every(({ isOptional }) => isOptional) && (!body?.isRequired || body.property !== undefined);
        const isMergedReference = body?.property === undefined && parts.length > (members.length > 0 ? 1 : 0);
        return `input${canOmit && !isMergedReference ? "?" : ""}: ${E.intersection(parts).text}`;
    }

    #parameter({ property, schema, description, isRequired }: Parameter, mentions: Set<string>): E.Member {
        const { type, mentions: inner } = this.renderer.expression(schema, true);
        for (const pointer of inner) mentions.add(pointer);
        const said = { ...(isObject(schema) ? schema : {}), ...(description === "" ? {} : { description }) };
        return { name: property, type, isOptional: !isRequired, words: propertyText(property, said, this.#docs, true) };
    }

    /** A body that is written out joins the parameters' members; one that has a name is mentioned by it. */
    #body(body: RequestBody, members: E.Member[], parts: E.Expression[], mentions: Set<string>): void {
        const collect = (inner: Set<string>): void => {
            for (const pointer of inner) mentions.add(pointer);
        };
        if (body.property !== undefined) {
            const { type, mentions: inner } = this.#wholeBody(body);
            collect(inner);
            members.push({ name: body.property, type, isOptional: !body.isRequired, words: "" });
            return;
        }
        const schema = isObject(body.schema) ? body.schema : {};
        const isWritten = ["$ref", "allOf", "anyOf", "oneOf"].every((key) => !Object.hasOwn(schema, key));
        if (isWritten) {
            const { members: own, mentions: inner } = this.renderer.members(schema, true);
            collect(inner);
            members.push(...own);
            return;
        }
        const { type, mentions: inner } = this.renderer.expression(schema, true);
        collect(inner);
        parts.push(type);
    }

    /** A body that is one value. What has no form in JSON goes as text or bytes, whatever its schema says that these mean. */
    #wholeBody({ mediaType, schema }: RequestBody): { type: E.Expression; mentions: Set<string> } {
        const isValue = [isJson, isJsonLines, isMultipart, isUrlencoded].some((is) => is(mediaType)) || mediaType.includes("*");
        if (isValue || own(this.#api.document.resolve(schema), "type") === "string") return this.renderer.expression(schema, true);
        return { type: isText(mediaType) ? E.plain("string") : E.BYTES, mentions: new Set() };
    }

    #output({ responses }: Operation, mentions: Set<string>): E.Expression {
        const successes = Object.entries(responses).filter(([status]) => /^2(?:\d\d|XX)$/i.test(status));
        const answers = successes.length > 0 ? successes : Object.entries(responses).filter(([status]) => status === "default");
        const types = answers.map(([, value]) =>
            mediaExpression(this.renderer, own(this.#api.document.resolve(value), "content"), mentions),
        );
        return types.length === 0 ? E.UNKNOWN : E.union(types);
    }
}

/** The declaration of one namespace with these operations, and of all types that they mention. */
export function declareOperations(declarer: Declarer, namespace: string, operations: Operation[]): string {
    const declared = operations.map((operation) => declarer.operation(operation));
    const lines = declared.map(({ text }) => `  ${E.indent(text)}\n`);
    const types = closure(declarer.renderer, new Set(declared.flatMap(({ mentions }) => [...mentions])));
    const declarations = types.map(({ declaration }) => `${declaration}\n`);
    return `declare const ${namespace}: {\n${lines.join("")}};\n${declarations.join("")}`;
}
