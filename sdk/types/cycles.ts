// Where named types may not mention each other: TypeScript refuses an alias that is itself through unions,
// intersections and other aliases alone. `type Pet = Cat | Dog; type Cat = Pet & {...}` is such a circle, and a common one.
//
// Circles with a base in them (allOf) are cut there, where the base's own members can stand instead; all others are cut
// at each of their links. Whether a link is cut depends on the document alone, not on what was rendered before.

import { isObject, list, own, type SchemaDocument } from "./schema";

interface Links {
    variants: Set<string>;
    bases: Set<string>;
}

const DEPTH_MAX = 20;

export class AliasCycles {
    readonly #document: SchemaDocument;
    readonly #links = new Map<string, Links>();
    readonly #reached = new Map<string, Set<string>>();

    constructor(document: SchemaDocument) {
        this.#document = document;
    }

    /** Whether the link from one named type to another has to be cut. */
    closes(from: string, to: string, isBase: boolean): boolean {
        return this.#reachedFrom(to, isBase).has(from);
    }

    /** What a type is through links alone, itself included; `withBases` counts the links of both kinds. */
    #reachedFrom(pointer: string, withBases: boolean): Set<string> {
        const key = `${withBases ? "b" : "v"}${pointer}`;
        const known = this.#reached.get(key);
        if (known) return known;
        const reached = new Set([pointer]);
        for (const next of reached) {
            const { variants, bases } = this.#linksOf(next);
            for (const link of variants) reached.add(link);
            if (withBases) for (const link of bases) reached.add(link);
        }
        this.#reached.set(key, reached);
        return reached;
    }

    #linksOf(pointer: string): Links {
        const known = this.#links.get(pointer);
        if (known) return known;
        const links: Links = { variants: new Set(), bases: new Set() };
        this.#links.set(pointer, links);
        this.#walk(this.#document.at(pointer), links, 0);
        return links;
    }

    #walk(schema: unknown, links: Links, depth: number): void {
        if (!isObject(schema) || depth > DEPTH_MAX) return;
        this.#add(own(schema, "$ref"), links.variants);
        for (const key of ["anyOf", "oneOf"]) {
            for (const variant of list(own(schema, key))) this.#walk(variant, links, depth + 1);
        }
        for (const base of list(own(schema, "allOf"))) {
            if (typeof own(base, "$ref") === "string") this.#add(own(base, "$ref"), links.bases);
            else this.#walk(base, links, depth + 1);
        }
    }

    /** Chains of mere references are links as well: each of them is followed here. */
    #add(ref: unknown, links: Set<string>): void {
        for (let hops = 0; typeof ref === "string" && hops < DEPTH_MAX; hops++) {
            const pointer = this.#document.pointer(ref);
            if (pointer === undefined) return;
            links.add(pointer);
            const target = this.#document.at(pointer);
            ref = isObject(target) && Object.keys(target).length === 1 ? own(target, "$ref") : undefined;
        }
    }
}
