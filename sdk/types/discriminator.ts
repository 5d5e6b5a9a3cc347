// Discriminated unions of OpenAPI: a property's value tells the variants apart, but often only `discriminator` says
// which. TypeScript needs it in the variants' types.

import { literal, union, type Member } from "./expression";
import { isObject, list, own, pointerSegments, type Json, type SchemaDocument } from "./schema";

/** Whether the schema, or a base of it, gives the property a value of its own already. Each base is looked at once. */
function isMarked(document: SchemaDocument, schema: unknown, property: string): boolean {
    const seen = new Set([document.resolve(schema)]);
    for (const target of seen) {
        const value = document.resolve(own(own(target, "properties"), property));
        if (isObject(value) && (Object.hasOwn(value, "const") || list(own(value, "enum")).length === 1)) return true;
        for (const base of list(own(target, "allOf"))) seen.add(document.resolve(base));
    }
    return false;
}

/** The values that mean this variant: those mapped to it, or else its name. */
function valuesOf(document: SchemaDocument, discriminator: Json, ref: string): string[] {
    const mapping = own(discriminator, "mapping");
    const pointer = document.pointer(ref);
    const means = (target: unknown): boolean =>
        typeof target === "string" &&
        (target === ref || document.pointer(target) === pointer || `#/components/schemas/${target}` === pointer);
    const mapped = Object.entries(isObject(mapping) ? mapping : {}).filter(([, target]) => means(target));
    return mapped.length > 0 ? mapped.map(([value]) => value) : [pointerSegments(ref).at(-1) ?? ""];
}

/** The member that tells a variant of `schema` from the others, if its own type does not. */
export function variantMark(document: SchemaDocument, schema: Json, variant: unknown): Member | undefined {
    const discriminator = own(schema, "discriminator");
    const name = own(discriminator, "propertyName");
    const ref = own(variant, "$ref");
    if (!isObject(discriminator) || typeof name !== "string" || typeof ref !== "string") return undefined;
    if (isMarked(document, variant, name)) return undefined;
    return { name, type: union(valuesOf(document, discriminator, ref).map(literal)), isOptional: false, words: "" };
}
