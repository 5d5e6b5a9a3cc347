// Tools that describe themselves by JSON Schemas, as those of MCP servers do, declared like operations. A schema's
// references lead into itself, so each tool has documents of its own, and a bad schema costs its tool alone.

import { comment, operationText, type Docs } from "./comments";
import * as E from "./expression";
import { Names, pascalCase, propertyKey, sanitizeToolName } from "./names";
import { closure, Renderer, type NamedType } from "./renderer";
import { isObject, own, requiredNames, SchemaDocument } from "./schema";

export interface Tool {
    name: string;
    description?: string;
    inputSchema?: unknown;
    outputSchema?: unknown;
}

/** A declared tool: its signature with its words, and the types that it needs. */
export interface DeclaredTool {
    name: string;
    text: string;
    types: NamedType[];
}

/** A type expression for a schema, and the declarations of the types that it mentions. */
export function typeOfSchema(schema: unknown, name: string, names = Names.ofTypes(), docs: Docs = "brief", isInput = true) {
    const renderer = new Renderer(new SchemaDocument(schema), docs, names, { rootName: name, useOf: () => (isInput ? "input" : "output") });
    const { type, mentions } = renderer.expression(schema, isInput);
    return { type, types: closure(renderer, mentions).map(({ declaration }) => declaration) };
}

/** Whether a caller may leave the input out. */
function canOmit(schema: unknown): boolean {
    return isObject(schema) && requiredNames(schema).size === 0;
}

function hasNoMembers(schema: unknown): boolean {
    if (!isObject(schema)) return schema === undefined;
    const properties = own(schema, "properties");
    const hasMore = ["anyOf", "oneOf", "allOf", "$ref", "patternProperties", "const", "enum"].some((key) => Object.hasOwn(schema, key));
    const additional = own(schema, "additionalProperties");
    return !hasMore && Object.keys(isObject(properties) ? properties : {}).length === 0 && (additional ?? false) === false;
}

/** A tool's declaration: its types are named at once, and rendered when somebody asks. */
export class ToolDeclarer {
    readonly #tool: Tool;
    readonly #docs: Docs;
    readonly #input: Renderer;
    readonly #output: Renderer;
    #declared: DeclaredTool | undefined;

    constructor(tool: Tool, names: Names, docs: Docs = "brief") {
        const title = pascalCase(tool.name);
        this.#tool = tool;
        this.#docs = docs;
        this.#input = new Renderer(new SchemaDocument(tool.inputSchema), docs, names, { rootName: `${title}Input`, useOf: () => "input" });
        this.#output = new Renderer(new SchemaDocument(tool.outputSchema), docs, names, { rootName: `${title}Output` });
    }

    get declared(): DeclaredTool {
        return (this.#declared ??= this.#declare());
    }

    #declare(): DeclaredTool {
        const { inputSchema, outputSchema, description } = this.#tool;
        const input = this.#input.expression(inputSchema, true);
        const output = this.#output.expression(outputSchema, false);
        const optional = canOmit(inputSchema) ? "?" : "";
        const parameters = hasNoMembers(inputSchema) ? "" : `input${optional}: ${input.type.text}`;
        const note = comment(operationText("", description ?? "", this.#docs));
        const name = sanitizeToolName(this.#tool.name);
        const signature = `${propertyKey(name)}(${parameters}): Promise<${output.type.text}>;`;
        const types = [...closure(this.#input, input.mentions), ...closure(this.#output, output.mentions)];
        return { name, text: note === "" ? signature : `${note}\n${signature}`, types };
    }

    /** The type of this name and those that it mentions; none if the tool has no such type. */
    type(name: string): NamedType[] {
        for (const renderer of [this.#input, this.#output]) {
            const pointer = renderer.pointerOf(name);
            if (pointer !== undefined) return closure(renderer, [pointer]);
        }
        return [];
    }
}

export function declareTool(tool: Tool, names: Names, docs: Docs = "brief"): DeclaredTool {
    return new ToolDeclarer(tool, names, docs).declared;
}

/** The declaration of a namespace with these tools. */
export function declareTools(namespace: string, tools: Tool[], docs: Docs = "brief", names = Names.ofTypes()): string {
    const declared = tools.map((tool) => declareTool(tool, names, docs));
    const lines = declared.map(({ text }) => `  ${E.indent(text)}\n`);
    const types = declared.flatMap((tool) => tool.types).map(({ declaration }) => `${declaration}\n`);
    return `declare const ${namespace}: {\n${lines.join("")}};\n${types.join("")}`;
}
