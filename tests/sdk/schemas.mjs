// JSON Schema to TypeScript, rule by rule: a schema, and the type that is to come out, with the named types behind it.

import { equal, importSdk } from "./bundle.mjs";

const { typeOfSchema, declareTool, declareTools, ToolDeclarer, Names, sanitizeToolName, firstSentence } = await importSdk("schemas", {
    "types/tool": ["typeOfSchema", "declareTool", "declareTools", "ToolDeclarer"],
    "types/names": ["Names", "sanitizeToolName"],
    "types/comments": ["firstSentence"],
});

const long = Array.from({ length: 30 }, (_, n) => `value-${n}`);
let deep = { type: "string" };
for (let n = 0; n < 40; n++) deep = { type: "array", items: deep };
let wide = { type: "string" };
for (let n = 0; n < 18; n++) wide = { allOf: [{ anyOf: [wide, wide, { type: "number" }] }] };

const cases = [
    // Primitives, literals, null.
    ["string", { type: "string" }, "string"],
    ["integer", { type: "integer" }, "number"],
    ["number", { type: "number" }, "number"],
    ["boolean", { type: "boolean" }, "boolean"],
    ["null", { type: "null" }, "null"],
    ["binary", { type: "string", format: "binary" }, "Uint8Array"],
    ["true", true, "unknown"],
    ["false", false, "never"],
    ["nothing said", {}, "unknown"],
    ["no schema at all", 7, "unknown"],
    ["unknown type", { type: "file" }, "unknown"],
    ["type array", { type: ["string", "null"] }, "string | null"],
    ["null comes last", { type: ["null", "string", "number"] }, "string | number | null"],
    ["nullable", { type: "string", nullable: true }, "string | null"],
    ["enum", { enum: ["a", "b", 3, true, null] }, '"a" | "b" | 3 | true | null'],
    ["nullable enum", { type: "string", nullable: true, enum: ["a", null] }, '"a" | null'],
    ["enum of objects", { enum: [{ a: [1, "x"] }] }, '{ a: [1, "x"] }'],
    ["enum with quotes", { enum: ['say "hi"\n', "\u2028"] }, '"say \\"hi\\"\\n" | "\\u2028"'],
    ["empty enum", { type: "string", enum: [] }, "string"],
    ["const", { const: "fixed" }, '"fixed"'],
    ["const null", { const: null }, "null"],
    ["negative", { const: -1.5 }, "-1.5"],
    // Arrays and tuples.
    ["array", { type: "array", items: { type: "string" } }, "string[]"],
    ["array of union", { type: "array", items: { type: ["string", "null"] } }, "(string | null)[]"],
    ["array of anything", { type: "array" }, "unknown[]"],
    ["items without type", { items: { type: "number" } }, "number[]"],
    ["prefixItems", { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] }, "[string, number]"],
    ["prefixItems, rest", { prefixItems: [{ type: "string" }], items: { type: "number" } }, "[string, ...number[]]"],
    ["prefixItems, none more", { prefixItems: [{ type: "string" }], items: false }, "[string]"],
    ["array items", { type: "array", items: [{ type: "string" }, {}] }, "[string, unknown]"],
    ["minItems", { prefixItems: [{ type: "string" }, { type: ["number", "null"] }], minItems: 1 }, "[string, (number | null)?]"],
    // Objects.
    ["object", { type: "object", properties: { a: { type: "string" }, b: {} }, required: ["a"] }, "{ a: string; b?: unknown }"],
    ["open object", { type: "object" }, "Record<string, unknown>"],
    ["closed empty object", { type: "object", properties: {}, additionalProperties: false }, "Record<string, unknown>"],
    ["map", { type: "object", additionalProperties: { type: "number" } }, "{ [key: string]: number }"],
    ["additionalProperties true", { type: "object", additionalProperties: true }, "{ [key: string]: unknown }"],
    ["members and map that agree", { properties: { a: { type: "number" } }, required: ["a"], additionalProperties: { type: "number" } }, "{ a: number; [key: string]: number }"],
    ["members and map that do not", { properties: { a: { type: "string" } }, required: ["a"], additionalProperties: { type: "number" } }, "{ a: string; [key: string]: unknown }"],
    ["patternProperties", { type: "object", patternProperties: { "^x-": { type: "string" } } }, "{ [key: string]: string }"],
    ["keys in quotes", { properties: { "a-b": {}, "1": {}, ok_$: {}, "né": {}, 'q"': {}, "": {} } }, '{ "1"?: unknown; "a-b"?: unknown; ok_$?: unknown; "né"?: unknown; "q\\""?: unknown; ""?: unknown }'],
    ["__proto__", JSON.parse('{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"number"}}}'), "{ __proto__?: string; constructor?: number }"],
    ["required but not described", { type: "object", required: ["a"] }, "Record<string, unknown>"],
    ["required that is no list", { type: "object", properties: { a: { type: "string", required: true } }, required: true }, "{ a?: string }"],
    // Combinations.
    ["anyOf", { anyOf: [{ type: "string" }, { type: "number" }, { type: "string" }] }, "string | number"],
    ["oneOf", { oneOf: [{ type: "string" }, { type: "null" }] }, "string | null"],
    ["anything in a union", { anyOf: [{ type: "string" }, {}] }, "unknown"],
    ["never in a union", { anyOf: [{ type: "string" }, false] }, "string"],
    ["allOf of objects", { allOf: [{ properties: { a: {} } }, { type: "object", properties: { b: {} }, required: ["a"] }] }, "{ a: unknown; b?: unknown }"],
    ["allOf with a union", { allOf: [{ properties: { a: {} } }, { oneOf: [{ properties: { b: {} } }, { properties: { c: {} } }] }] }, "{ a?: unknown } & ({ b?: unknown } | { c?: unknown })"],
    ["allOf of what is none", { allOf: [{ type: "string" }] }, "string"],
    ["allOf that says nothing", { allOf: [{ description: "x" }] }, "unknown"],
    ["same member twice", { allOf: [{ properties: { a: { type: "string" } } }, { properties: { a: { description: "x" } } }] }, "{ a?: string }"],
    ["variants that only require", { type: "object", properties: { a: {}, b: {} }, anyOf: [{ required: ["a"] }, { required: ["b"] }] }, "{ a?: unknown; b?: unknown }"],
    ["type beside variants", { type: "object", oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] }, "{ a?: unknown } | { b?: unknown }"],
    ["formats of one string", { type: "string", anyOf: [{ format: "date" }, { format: "time" }] }, "string"],
    // References.
    ["$ref", { $ref: "#/$defs/a", $defs: { a: { properties: { x: {} } } } }, "A\ntype A = { x?: unknown };"],
    ["small $ref", { type: "array", items: { $ref: "#/$defs/a" }, $defs: { a: { type: "string", enum: ["p", "q"] } } }, '("p" | "q")[]'],
    ["$ref to the root", { type: "object", properties: { children: { type: "array", items: { $ref: "#" } } } }, "{ children?: T[] }\ntype T = { children?: T[] };"],
    ["encoded $ref", { $ref: "#/$defs/a~1b%20c", $defs: { "a/b c": { properties: { x: {} } } } }, "ABC\ntype ABC = { x?: unknown };"],
    ["$ref by anchor", { $ref: "#here", $defs: { a: { $anchor: "here", properties: { x: {} } } } }, "A\ntype A = { x?: unknown };"],
    ["$ref by id", { $ref: "https://example.com/a", $defs: { a: { $id: "https://example.com/a", properties: { x: {} } } } }, "A\ntype A = { x?: unknown };"],
    ["$ref to nothing", { $ref: "#/$defs/missing" }, "unknown"],
    ["$ref to elsewhere", { $ref: "other.json#/a" }, "unknown"],
    ["chain of $refs", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { properties: { x: {} } } } }, "B\ntype B = { x?: unknown };"],
    ["$refs in a circle", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } }, "unknown"],
    ["union with itself", { $ref: "#/$defs/a", $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }, { type: "array", items: { $ref: "#/$defs/a" } }] } } }, "A\ntype A = unknown;"],
    ["recursion through arrays", { $ref: "#/$defs/json", $defs: { json: { anyOf: [{ type: "string" }, { type: "array", items: { $ref: "#/$defs/json" } }] } } }, "Json\ntype Json = string | Json[];"],
    ["recursion through a map", { $ref: "#/$defs/m", $defs: { m: { additionalProperties: { $ref: "#/$defs/m" } } } }, "M\ntype M = { [key: string]: M };"],
    ["base that names its variants", { $ref: "#/$defs/pet", $defs: { pet: { type: "object", properties: { name: { type: "string" } }, oneOf: [{ $ref: "#/$defs/cat" }] }, cat: { allOf: [{ $ref: "#/$defs/pet" }, { properties: { lives: { type: "number" } } }] } } }, "Pet\ntype Pet = { name?: string } & Cat;\ntype Cat = { lives?: number } & { name?: string };"],
    ["$ref with words beside it", { properties: { a: { $ref: "#/$defs/a", description: "x" } }, $defs: { a: { type: "object", properties: { b: {} } } } }, "{ /** x */ a?: A }\ntype A = { b?: unknown };"],
    // Required here, described there.
    ["required of a base", { allOf: [{ $ref: "#/$defs/a" }], required: ["x"], $defs: { a: { properties: { x: { type: "string", description: "Of whom" }, y: {} } } } }, "{ x: string } & A\ntype A = { /** Of whom */ x?: string; y?: unknown };"],
    ["required beside a base", { allOf: [{ $ref: "#/$defs/a" }, { required: ["x"] }], properties: { z: {} }, $defs: { a: { properties: { x: { type: "string" } } } } }, "{ z?: unknown; x: string } & A\ntype A = { x?: string };"],
    ["required of a base's base", { allOf: [{ $ref: "#/$defs/b" }], required: ["x"], $defs: { a: { properties: { x: { $ref: "#/$defs/a" } } }, b: { allOf: [{ $ref: "#/$defs/a" }] } } }, "{ x: A } & B\ntype B = A;\ntype A = { x?: A };"],
    ["required there as well", { allOf: [{ $ref: "#/$defs/a" }], required: ["x"], $defs: { a: { properties: { x: {} }, required: ["x"] } } }, "A\ntype A = { x: unknown };"],
    ["required beside a $ref", { $ref: "#/$defs/a", required: ["x"], $defs: { a: { properties: { x: { type: "string" } } } } }, "A & { x: string }\ntype A = { x?: string };"],
    ["required and nowhere", { allOf: [{ $ref: "#/$defs/a" }], required: ["z"], $defs: { a: { properties: { x: {} } } } }, "A\ntype A = { x?: unknown };"],
    // Discriminators.
    ["discriminator by name", { oneOf: [{ $ref: "#/components/schemas/Cat" }, { $ref: "#/components/schemas/Dog" }], discriminator: { propertyName: "kind" }, components: { schemas: { Cat: { properties: { kind: { type: "string" } } }, Dog: { properties: { kind: { type: "string" } } } } } }, 'Cat & { kind: "Cat" } | Dog & { kind: "Dog" }\ntype Cat = { kind?: string };\ntype Dog = { kind?: string };'],
    ["discriminator by mapping", { oneOf: [{ $ref: "#/$defs/Cat" }], discriminator: { propertyName: "kind", mapping: { c: "#/$defs/Cat", k: "#/$defs/Cat" } }, $defs: { Cat: { properties: { kind: { type: "string" } } } } }, 'Cat & { kind: "c" | "k" }\ntype Cat = { kind?: string };'],
    ["discriminator that the variant has", { oneOf: [{ $ref: "#/$defs/Cat" }], discriminator: { propertyName: "kind" }, $defs: { Cat: { properties: { kind: { const: "Cat" } } } } }, 'Cat\ntype Cat = { kind?: "Cat" };'],
    // Words.
    ["description", { properties: { a: { type: "string", description: "Who it is. And more." } } }, "{ /** Who it is */ a?: string }"],
    ["description that repeats", { properties: { user_id: { type: "string", description: "The ID of the user." } } }, "{ user_id?: string }"],
    ["format", { properties: { a: { type: "string", format: "date-time" } } }, "{ /** date-time */ a?: string }"],
    ["format that the name tells", { properties: { created_at: { type: "string", format: "date-time" } } }, "{ created_at?: string }"],
    ["description and format", { properties: { a: { type: "string", format: "uuid", description: "Whose" } } }, "{ /** Whose (uuid) */ a?: string }"],
    ["end of a comment", { properties: { a: { description: "x */ evil(); /* y" } } }, "{ /** x *\\/ evil(); /* y */ a?: unknown }"],
    ["lines in a description", { properties: { a: { description: "one\r\ntwo\u2028three\u0000" } } }, "{ /** one two three */ a?: unknown }"],
    // Limits.
    ["depth", deep, `unknown${"[]".repeat(21)}`],
    ["work", wide, "unknown"],
    ["long enum", { $ref: "#/$defs/e", $defs: { e: { enum: long } } }, `E\ntype E = ${long.map((v) => JSON.stringify(v)).join(" | ")};`],
];

for (const [name, schema, expected] of cases) {
    let actual;
    try {
        const { type, types } = typeOfSchema(schema, "T");
        actual = [type.text, ...types].join("\n");
    } catch (error) {
        actual = error.stack;
    }
    equal(`schemas: ${name}`, actual, expected);
}

for (const [name, expected] of Object.entries({
    "": "_", "get-weather": "get_weather", "a.b c": "a_b_c", "3d": "_3d", delete: "delete_", "né!": "n", "!!": "_", $x: "$x", then: "then_", toJSON: "toJSON_",
})) {
    equal(`schemas: tool name ${JSON.stringify(name)}`, sanitizeToolName(name), expected);
}

equal("schemas: a sentence", firstSentence("See [the guide](https://example.com/x). More."), "See the guide");
equal("schemas: a long sentence is cut at a word", firstSentence("word ".repeat(40)).length <= 101, true);

const names = Names.ofTypes();
const tool = { name: "get-weather", description: "Weather of a city. Long story.", inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }, outputSchema: { type: "object", properties: { celsius: { type: "number" } }, required: ["celsius"] } };
equal("schemas: a tool", declareTool(tool, names).text, "/** Weather of a city */\nget_weather(input: { city: string }): Promise<{ celsius: number }>;");
equal("schemas: a tool without input", declareTool({ name: "now", inputSchema: { type: "object", properties: {}, additionalProperties: false } }, names).text, "now(): Promise<unknown>;");
equal("schemas: a tool whose input may be left out", declareTool({ name: "f", inputSchema: { type: "object", properties: { n: { type: "number" } } } }, names).text, "f(input?: { n?: number }): Promise<unknown>;");
equal("schemas: a namespace", declareTools("weather", [tool]), "declare const weather: {\n  /** Weather of a city */\n  get_weather(input: { city: string }): Promise<{ celsius: number }>;\n};\n");

const described = { $ref: "#/$defs/a", $defs: { a: { properties: { x: { type: "string", description: "Of whom" }, made: { type: "string", readOnly: true }, key: { type: "string", writeOnly: true } } } } };
const passed = declareTool({ name: "g", inputSchema: described, outputSchema: described }, Names.ofTypes());
equal("schemas: what is passed in has words, and what is answered has none", passed.types.map(({ declaration }) => declaration).join(" "), "type A = { /** Of whom */ x?: string; key?: string }; type A2 = { x?: string; made?: string };");

// Two tools with a type of one name: whoever is asked first, the first tool's has the name.
const withItem = (name, property) => ({ name, inputSchema: { type: "object", properties: { item: { $ref: "#/$defs/Item" } }, $defs: { Item: { type: "object", properties: { [property]: { type: "string" } } } } } });
const types = Names.ofTypes();
const [one, two] = [new ToolDeclarer(withItem("one", "a"), types), new ToolDeclarer(withItem("two", "b"), types)];
equal("schemas: names do not depend on what is asked for first", [two, one].map(({ declared }) => declared.types[0].declaration).join(" "), "type Item2 = { b?: string }; type Item = { a?: string };");
equal("schemas: a tool's type by its name", [one.type("Item"), two.type("Item2"), two.type("Item")].map((found) => found.map(({ name }) => name).join()).join(" "), "Item Item2 ");
