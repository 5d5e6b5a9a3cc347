// Tools that describe themselves by JSON Schemas, as those of MCP servers do, declared like operations. A schema's
// references lead into itself, so each tool has documents of its own, and a bad schema costs its tool alone.

import { comment, operationText, type Docs } from "./comments";
import * as E from "./expression";
import { Names, pascalCase, propertyKey, sanitizeToolName } from "./names";
import { closure, Renderer } from "./renderer";
import { isObject, own, requiredNames, SchemaDocument } from "./schema";

export interface Tool {
    name: string;
    description?: string;
    inputSchema?: unknown;
    outputSchema?: unknown;
}

/** A declared tool: its signature with its words, and the declarations that it needs. */
export interface DeclaredTool {
    name: string;
    text: string;
    types: string[];
}

/** A type expression for a schema, and the declarations of the types that it mentions. */
export function typeOfSchema(schema: unknown, name: string, names = Names.ofTypes(), docs: Docs = "brief", isInput = true) {
    const renderer = new Renderer(new SchemaDocument(schema), docs, names, name);
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

export function declareTool(tool: Tool, names: Names, docs: Docs = "brief"): DeclaredTool {
    const title = pascalCase(tool.name);
    const input = typeOfSchema(tool.inputSchema, `${title}Input`, names, docs, true);
    const output = typeOfSchema(tool.outputSchema, `${title}Output`, names, docs, false);
    const optional = canOmit(tool.inputSchema) ? "?" : "";
    const parameters = hasNoMembers(tool.inputSchema) ? "" : `input${optional}: ${input.type.text}`;
    const note = comment(operationText("", tool.description ?? "", docs));
    const name = sanitizeToolName(tool.name);
    const signature = `${propertyKey(name)}(${parameters}): Promise<${output.type.text}>;`;
    return { name, text: note === "" ? signature : `${note}\n${signature}`, types: [...input.types, ...output.types] };
}

/** The declaration of a namespace with these tools. */
export function declareTools(namespace: string, tools: Tool[], docs: Docs = "brief", names = Names.ofTypes()): string {
    const declared = tools.map((tool) => declareTool(tool, names, docs));
    const lines = declared.map(({ text }) => `  ${E.indent(text)}\n`);
    const types = declared.flatMap((tool) => tool.types).map((type) => `${type}\n`);
    return `declare const ${namespace}: {\n${lines.join("")}};\n${types.join("")}`;
}
