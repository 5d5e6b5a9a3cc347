// What the named types of a document describe: what callers pass in, what they get, or one and the other.

import type { Use } from "../types/renderer";
import { isObject, list, own, type SchemaDocument } from "../types/schema";

/** Keys behind which stand no schemas. */
const NO_SCHEMAS = new Set(["example", "examples", "enum", "default", "const"]);

/** The pointers of all that these values refer to, and that this refers to. */
function reachedFrom(document: SchemaDocument, roots: unknown[]): Set<string> {
    const reached = new Set<string>();
    const seen = new Set<unknown>();
    const waiting = roots;
    while (waiting.length > 0) {
        const value = waiting.pop();
        if (typeof value !== "object" || value === null || seen.has(value)) continue;
        seen.add(value);
        const ref = own(value, "$ref");
        const pointer = typeof ref === "string" ? document.pointer(ref) : undefined;
        if (pointer !== undefined && !reached.has(pointer)) {
            reached.add(pointer);
            waiting.push(document.at(pointer));
        }
        for (const [key, inner] of Object.entries(value)) {
            // Among properties, no key has a meaning.
            if (key === "properties" && isObject(inner)) waiting.push(...Object.values(inner));
            else if (!NO_SCHEMAS.has(key)) waiting.push(inner);
        }
    }
    return reached;
}

/** The schemas of a body: one for each form in which it can go over. */
function schemasOf(document: SchemaDocument, body: unknown): unknown[] {
    const content = own(document.resolve(body), "content");
    return Object.values(isObject(content) ? content : {}).map((media) => own(media, "schema"));
}

/** What is written in the operations of a document: what callers pass in and what they get. */
function written(document: SchemaDocument): { parameters: unknown[]; bodies: unknown[]; responses: unknown[] } {
    const paths = own(document.root, "paths");
    const items = Object.values(isObject(paths) ? paths : {}).map((item) => document.resolve(item));
    const operations = items.flatMap((item) => (isObject(item) ? [item, ...Object.values(item).filter(isObject)] : []));
    return {
        parameters: operations.flatMap((operation) => list(own(operation, "parameters"))),
        bodies: operations.flatMap((operation) => schemasOf(document, own(operation, "requestBody"))),
        responses: operations.map((operation) => own(operation, "responses")),
    };
}

/** Tells what a type describes; looks at all operations of the document when it is first asked. */
export function usesOf(document: SchemaDocument): (pointer: string) => Use {
    const look = () => {
        const { parameters, bodies, responses } = written(document);
        return {
            wholes: new Set(bodies.map((schema) => document.resolve(schema))),
            inputs: reachedFrom(document, [...parameters, ...bodies]),
            outputs: reachedFrom(document, responses),
        };
    };
    let found: ReturnType<typeof look> | undefined;
    return (pointer) => {
        const { wholes, inputs, outputs } = (found ??= look());
        if (!inputs.has(pointer)) return "output";
        if (!outputs.has(pointer)) return "input";
        return wholes.has(document.at(pointer)) ? "body" : "part";
    };
}
