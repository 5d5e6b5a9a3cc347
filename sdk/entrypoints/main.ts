// `mayfly types`: TypeScript declarations of what a host worker hands to dynamic workers, of its source alone. Runs as a
// worker in a cell (src/host/types.c starts it), since it parses files of others; it asks for each file by name.

import type { Node } from "../code/parse";
import { Classes } from "./classes";
import { docOf } from "./jsdoc";
import { Environment, type Bindings } from "./env";
import { node, Project } from "./project";
import { enumValues, Types, within, type Declared } from "./types";

type Answer = { text: string } | { errors: string[] };

/** The program's side: the text of a file of the host worker's project, or null. */
interface Files {
    read(name: string): Promise<string | null>;
}

function declare(types: Types, classes: Classes, meaning: Declared, name: string): string {
    if (meaning.kind === "typedef") {
        const { type, description, templates } = meaning.typedef;
        const names = templates.map(([template]) => template);
        const scope = within({ module: meaning.module, text: "", bound: new Set() }, names);
        const note = description === "" ? "" : `/** ${description} */\n`;
        return `${note}type ${name}${names.length === 0 ? "" : `<${names.join(", ")}>`} = ${types.jsdoc(type, scope)};`;
    }
    const { module, declaration } = meaning;
    if (/^Class/.test(declaration.type)) return classes.declare({ ...meaning, kind: "declared" }, name);
    const { description } = docOf(declaration);
    const note = description === "" ? "" : `/** ${description} */\n`;
    if (declaration.type === "TSEnumDeclaration") return `${note}type ${name} = ${[...new Set(enumValues(declaration).values())].join(" | ") || "never"};`;
    return note + renamed(types, module.text, declaration, name, { module, text: module.text, bound: new Set() });
}

/** An interface or a type alias as it is written, under its name here. */
function renamed(types: Types, text: string, declaration: Node, name: string, scope: Parameters<Types["text"]>[1]): string {
    const whole = types.text(declaration, scope);
    const head = text.slice(declaration.start, node(declaration.id)!.end);
    return head.replace(/^declare\s+/, "").replace(/[\w$]+$/, () => name) + whole.slice(head.length);
}

export default async function typesOf(main: string, bindings: Bindings, env: { FILES: Files }): Promise<Answer> {
    const project = await Project.open(main, async (name) => (await env.FILES.read(name)) ?? undefined);
    if (project.errors.length > 0) return { errors: project.errors };
    const types = new Types(project);
    const module = project.modules.get(main)!;
    types.claim("Env");
    const environment = new Environment(types, module, bindings);
    const shown = environment.declare();
    const texts = shown === undefined ? [] : [shown];
    const offered = new Set<string>();
    if (shown === undefined) {
        for (const name of project.exportedNames(module)) {
            const found = environment.entrypoint(name);
            if (found !== undefined) offered.add(found);
        }
        if (offered.size === 0) return { errors: [`${main}: exports no class that extends WorkerEntrypoint, and no env for a dynamic worker is written out`] };
    }
    const classes = new Classes(types);
    for (let next = types.queue.shift(); next; next = types.queue.shift()) {
        const text = declare(types, classes, next.meaning, next.name);
        texts.push(offered.has(next.name) ? text.replace(/^interface /m, "export interface ") : text);
    }
    return { text: `${texts.join("\n")}\n` };
}
