// Public OpenAPI documents, whole: TypeScript's compiler accepts what is declared for all their operations, the text is
// the same each time and for each order of asking, and nothing is lost on the way.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import ts from "typescript";
import { importSdk, notOk, ok, ROOT, test } from "./bundle.mjs";

const { readOpenApi, Declarer, declareOperations } = await importSdk("documents", {
    "openapi/operations": ["readOpenApi"],
    "openapi/declare": ["Declarer", "declareOperations"],
});
const PEERS = join(ROOT, "build/peers/node_modules");
const { parse } = createRequire(join(PEERS, "x.js"))("yaml");

/** Each document and how many operations it has, counted in the document itself by another way (grep). */
export const documents = {
    github: ["../../documents/github.json", 1223],
    figma: ["@figma/rest-api-spec/openapi/openapi.yaml", 54],
    blockfrost: ["@blockfrost/openapi/openapi.yaml", 129],
    directus: ["@directus/specs/dist/openapi.json", 136],
    idealPostcodes: ["@ideal-postcodes/openapi/dist/openapi.json", 31],
    rclone: ["rclone-openapi/openapi.yaml", 101],
    starTrek: ["@readme/oas-examples/3.0/json/star-trek.json", 120],
    readme: ["@readme/oas-examples/3.1/json/readme.json", 54],
    trainTravel: ["@readme/oas-examples/3.1/json/train-travel.json", 7],
    discriminators: ["@readme/oas-examples/3.0/json/discriminators.json", 10],
};

/** The rest of a collection that was made to be difficult; how many operations each has is not counted here. */
for (const directory of ["@readme/oas-examples/3.0/json", "@readme/oas-examples/3.1/json"]) {
    for (const file of readdirSync(join(PEERS, directory)).filter((name) => name.endsWith(".json"))) {
        documents[`${directory.slice(-8, -5)}-${file.slice(0, -5)}`] ??= [`${directory}/${file}`, undefined];
    }
}

const directory = join(ROOT, "build/sdk-test/declared");
mkdirSync(directory, { recursive: true });
const files = [];

for (const [name, [path, count]] of Object.entries(documents)) {
    await test(`documents: ${name}`, () => {
        const source = readFileSync(join(PEERS, path), "utf8");
        const root = path.endsWith(".json") ? JSON.parse(source) : parse(source);
        const api = readOpenApi(root);
        const problems = api.problems.filter((problem) => !/requests have none$/.test(problem)); // some have bodies with GET
        if (problems.length > 0) throw new Error(problems.join("; "));
        if (api.operations.length !== (count ?? api.operations.length)) throw new Error(`${api.operations.length} operations, not ${count}`);
        for (const docs of ["brief", "full"]) {
            const text = declareOperations(new Declarer(api, docs), "api", api.operations);
            if (text !== declareOperations(new Declarer(readOpenApi(root), docs), "api", api.operations)) {
                throw new Error("not the same text twice");
            }
            const file = join(directory, `${name}-${docs}.ts`);
            writeFileSync(file, `${text}interface File { name: string }\nexport { api };\n`);
            files.push(file);
        }
        // Asked for in the opposite order, each operation reads the same.
        const [forward, backward] = [new Declarer(api), new Declarer(api)];
        const texts = new Map(api.operations.map((operation) => [operation, forward.operation(operation).text]));
        for (const operation of api.operations.toReversed()) {
            if (backward.operation(operation).text !== texts.get(operation)) throw new Error(`order matters to ${operation.id}`);
        }
    });
}

const program = ts.createProgram(files, {
    noEmit: true,
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts"],
    module: ts.ModuleKind.ESNext,
    types: [],
});
for (const file of files) {
    const source = program.getSourceFile(file);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    const label = `documents: tsc accepts ${file.slice(directory.length + 1)}`;
    if (found.length === 0) ok(label);
    else notOk(label, found.slice(0, 5).map((d) => `${d.start}: ${ts.flattenDiagnosticMessageText(d.messageText, "\n")}`).join("; "));
}
