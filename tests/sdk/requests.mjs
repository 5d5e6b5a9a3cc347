// From an operation and what code gives it to the request, rule by rule, and from answers to values.

import { equal, importSdk } from "./bundle.mjs";

const { readOpenApi, buildRequest, readResponse, serverOf, Declarer, declareOperations, checkExpansion } = await importSdk("requests", {
    "openapi/operations": ["readOpenApi"],
    "openapi/request": ["buildRequest", "readResponse", "serverOf"],
    "openapi/declare": ["Declarer", "declareOperations"],
    "types/schema": ["checkExpansion"],
});

const BASE = "http://server";

const apiOf = (operation, method, more) =>
    readOpenApi({ openapi: "3.1.0", paths: { "/p": { [method]: { operationId: "f", responses: {}, ...operation } } }, ...more });

/** What an operation sends for an input, or the message of why it does not. */
async function sent(operation, input, method = "post", more = {}) {
    const api = apiOf(operation, method, more);
    try {
        const request = buildRequest(api, api.operations[0], input, BASE, "f");
        const { url, headers } = request;
        return { url: url.slice(BASE.length), headers, type: headers.get("content-type"), body: await request.text() };
    } catch (error) {
        return { message: error.message };
    }
}

/** What is written of the operation as a type, without its words. */
const declared = (operation, more) => new Declarer(apiOf(operation, "post", more)).operation(apiOf(operation, "post", more).operations[0]).text;

const bodyOf = (type, schema, more) => ({ requestBody: { required: true, content: { [type]: { schema, ...more } } } });
const answering = (type, schema = { type: "string" }) => ({ responses: { 200: { description: "", content: { [type]: { schema } } } } });

async function cases(title, rows) {
    for (const [name, got, expected] of rows) equal(`requests: ${title}: ${name}`, JSON.stringify(await got), JSON.stringify(expected));
}

// --- Content types ---------------------------------------------------------------------------------------------------

const kinds = {
    text: ["text/plain; charset=utf-8", "text/csv", "application/xml", "image/svg+xml", "application/yaml", "application/javascript", "application/x-www-form-urlencoded", "application/x-ndjson", "application/json-seq"],
    bytes: ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/x-platform-thing", "application/zip", "multipart/form-data; boundary=x", "application/vnd.ms-htmlhelp", "image/png"],
    json: ["application/json; charset=utf-8", "application/problem+json", "Application/JSON", "text/json"],
};
const answered = async (type) => {
    const value = await readResponse(new Response(new TextEncoder().encode("[1]"), { headers: { "content-type": type } }), "f");
    return typeof value === "string" ? "text" : value instanceof Uint8Array ? "bytes" : "json";
};
const outputOf = (type) => ({ string: "text", Uint8Array: "bytes", "number[]": "json" })[/Promise<(.*)>/.exec(declared(answering(type, { type: "array", items: { type: "number" } })))[1]];
for (const [kind, types] of Object.entries(kinds)) {
    await cases("answers", types.flatMap((type) => [[type, answered(type), kind], [`${type} as a type`, outputOf(type), kind]]));
}

// --- Values ----------------------------------------------------------------------------------------------------------

const query = (name, schema = {}, more) => ({ name, in: "query", schema, ...more });
const inQuery = (schema, more) => ({ parameters: [query("a", schema, more)] });
const inHeader = (schema, more) => ({ parameters: [{ name: "X-A", in: "header", schema, ...more }] });
const inCookie = (schema, more) => ({ parameters: [{ name: "a", in: "cookie", schema, ...more }] });
const urlOf = async (...args) => ((got) => got.message ?? decodeURIComponent(got.url))(await sent(...args));
const headerOf = async (name, ...args) => ((got) => got.message ?? got.headers.get(name))(await sent(...args));
const contentOf = async (...args) => ((got) => got.message ?? got.body)(await sent(...args));
const json = (schema) => bodyOf("application/json", schema);
const form = (schema, encoding) => bodyOf("application/x-www-form-urlencoded", schema, { encoding });
const object = { type: "object", properties: { a: {} } };
const list = { type: "array", items: {} };
const day = { type: "string", format: "date" };
const bytes = new Uint8Array([104, 105, 255]);
const itself = {};
itself.a = itself;

await cases("values", [
    ["a date in a query", urlOf(inQuery(), { a: new Date(0) }), "/p?a=1970-01-01T00:00:00.000Z"],
    ["a day in a query", urlOf(inQuery(day), { a: new Date(0) }), "/p?a=1970-01-01"],
    ["days", urlOf(inQuery({ allOf: [{ items: day }] }), { a: [new Date(0)] }), "/p?a=1970-01-01"],
    ["a list for one text", urlOf(inQuery({ type: "string" }), { a: ["b", null, 1, "c"] }), "/p?a=b,1,c"],
    ["a list for one text that is referred to", urlOf(inQuery({ $ref: "#/components/schemas/T" }), { a: ["b", "c"] }, "post", { components: { schemas: { T: { type: "string" } } } }), "/p?a=b,c"],
    ["a list for a text or a list", urlOf(inQuery({ type: ["string", "array"] }), { a: ["b", "c"] }), "/p?a=b&a=c"],
    ["a date in a header", headerOf("x-a", inHeader(), { "X-A": new Date(0) }), "1970-01-01T00:00:00.000Z"],
    ["a date in a form", contentOf(form(object), { a: new Date(0) }), "a=1970-01-01T00%3A00%3A00.000Z"],
    ["a date in JSON", contentOf(json({ properties: { a: day } }), { a: new Date(0) }), '{"a":"1970-01-01"}'],
    ["an invalid date", urlOf(inQuery(), { a: new Date(NaN) }), "f: a is an invalid Date"],
    ["a Set", urlOf(inQuery(list), { a: new Set([1, 2]) }), "/p?a=1&a=2"],
    ["a Map", urlOf(inQuery({}, { style: "deepObject" }), { a: new Map([["k", 1]]) }), "/p?a[k]=1"],
    ["Sets and Maps in JSON", contentOf(json(object), { a: [new Set([new Map([[1, 2]])])] }), '{"a":[[{"1":2}]]}'],
    ["a Map with objects as keys", urlOf(inQuery(), { a: new Map([[{}, 1]]) }), "f: a is a Map with keys that are no text"],
    ["numbers of a typed array", contentOf(json(object), { a: new Float32Array([1, 0.5]) }), '{"a":[1,0.5]}'],
    ["a BigInt", contentOf(json(object), { a: [5n, 2n ** 60n] }), '{"a":[5,"1152921504606846976"]}'],
    ["no number", contentOf(json(object), { a: { b: [NaN] } }), "f: a.b[0] is NaN, which no request can carry"],
    ["a RegExp", contentOf(json(object), { a: /x/ }), "f: a is a RegExp, which no request can carry"],
    ["a function", urlOf(inQuery(), { a: () => 1 }), "f: a is a function, which no request can carry"],
    ["what contains itself", contentOf(json(object), { a: itself }), "f: a.a contains itself"],
    ["what shares very much", contentOf(json(object), { a: shared(40) }).then((message) => message.replace(/a(?:\[\d\])+/, "a[...]")), "f: a[...] makes more than 2000000 values of the argument"],
    ["a Date as the input", urlOf(inQuery(), new Date()), "f takes one object with named properties."],
    ["bytes in a query", urlOf(inQuery(), { a: bytes }), "f: a is bytes, which this operation cannot take there: give it text, in base64 if that is meant"],
    ["bytes as base64 in a query", urlOf(inQuery({ format: "byte" }), { a: bytes }), "/p?a=aGn/"],
    ["a parameter called constructor", urlOf({ parameters: [query("constructor"), query("a")] }, { a: 1 }), "/p?a=1"],
    ["a parameter that is needed, called constructor", urlOf({ parameters: [query("constructor", {}, { required: true })] }, {}), "f: missing constructor"],
]);

// --- Styles ----------------------------------------------------------------------------------------------------------

const deep = { style: "deepObject" };
const asJson = { content: { "application/json": { schema: {} } }, schema: undefined };
const address = { email: "a@b.c", address: { city: "Oslo" }, expand: ["a"], ids: ["1,2", "3"], note: null, plain: { k: "v" }, list: [1, null, 2] };
const encoding = { address: { ...deep, explode: true }, expand: deep, ids: { style: "form", explode: false } };

await cases("styles", [
    ["members of members", urlOf(inQuery({}, deep), { a: { b: [1, 2], c: { d: "z", e: null }, f: [{ g: 1 }] } }), "/p?a[b][]=1&a[b][]=2&a[c][d]=z&a[f][0][g]=1"],
    ["a list as deepObject", urlOf(inQuery({}, deep), { a: ["x"] }), "/p?a[]=x"],
    ["null in a list", urlOf(inQuery(), { a: [1, null] }), "/p?a=1"],
    ["text/plain in a query", urlOf(inQuery(undefined, { content: { "text/plain": {} } }), { a: "plain text" }), "/p?a=plain text"],
    ["JSON in a query", urlOf(inQuery(undefined, asJson), { a: "b" }), '/p?a="b"'],
    ["JSON in a header", headerOf("x-a", inHeader(undefined, asJson), { "X-A": { x: [1] } }), '{"x":[1]}'],
    ["JSON in a cookie", headerOf("cookie", inCookie(undefined, asJson), { a: { x: 1 } }), "a=%7B%22x%22%3A1%7D"],
    ["what no header can carry", headerOf("x-a", inHeader(), { "X-A": "a\r\nb" }), "f: X-A cannot be sent as a header: it has line ends or letters beyond Latin-1"],
    ["a list in a cookie", headerOf("cookie", inCookie(list, { explode: false }), { a: ["x", "y z"] }), "a=x,y%20z"],
    ["an exploded list in a cookie", headerOf("cookie", inCookie(list), { a: ["x", "y"] }), "a=x; a=y"],
    ["an object in a cookie", headerOf("cookie", inCookie({}, { explode: false }), { a: { k: "v", l: 1 } }), "a=k,v,l,1"],
    ["a form", contentOf(form(object, encoding), address), "email=a%40b.c&address%5Bcity%5D=Oslo&expand%5B%5D=a&ids=1%2C2,3&plain=%7B%22k%22%3A%22v%22%7D&list=1&list=2"],
    ["spaces in a form", contentOf(form(object), { a: "1 2+3&" }), "a=1+2%2B3%26"],
]);

// --- Bodies ----------------------------------------------------------------------------------------------------------

const text = (body) => body?.replaceAll(/----mayfly-[-0-9a-f]{36}/g, "~").replaceAll("\r\n", "|");
const partsOf = async (schema, input, encoding) => text(await contentOf(bodyOf("multipart/form-data", schema, { encoding }), input));
const multipart = (head, content) => `--~|Content-Disposition: form-data; ${head}||${content}|--~--|`;
const both = { requestBody: { content: { ...bodyOf("application/json", object).requestBody.content, ...bodyOf("multipart/form-data", { properties: { a: {}, extra: {} } }).requestBody.content } } };
const hello = new TextEncoder().encode("hello");
const typeOf = async (...args) => (await sent(...args)).type?.replace(/----.*/, "~");

await cases("bodies", [
    ["bytes by multipart", typeOf(both, { a: hello }), "multipart/form-data; boundary=~"],
    ["bytes in a list by multipart", typeOf(both, { a: [hello] }), "multipart/form-data; boundary=~"],
    ["what only multipart has", contentOf(both, { extra: hello }).then(text), multipart('name="extra"; filename="extra"|Content-Type: application/octet-stream', "hello")],
    ["no bytes by JSON", typeOf(both, { a: 1 }), "application/json"],
    ["base64 in JSON", contentOf(json({ properties: { a: { format: "byte" }, b: { contentEncoding: "base64url" } } }), { a: bytes, b: bytes.buffer }), '{"a":"aGn/","b":"aGn_"}'],
    ["bytes in JSON", contentOf(json({ properties: { a: { properties: { b: { format: "binary" } } } } }), { a: { b: bytes } }), "f: a.b is bytes, which this operation cannot take there: give it text, in base64 if that is meant"],
    ["a file in JSON", contentOf(json(object), { a: new File([], "x") }), "f: a is a File, which this operation cannot take there"],
    ["a file with its name", partsOf(object, { a: new File(["hello"], 'a"b.mp3', { type: "audio/mpeg" }) }), multipart('name="a"; filename="a%22b.mp3"|Content-Type: audio/mpeg', "hello")],
    ["a Blob", partsOf(object, { a: new Blob(["hello"]) }, { a: { contentType: "audio/mpeg" } }), multipart('name="a"; filename="a"|Content-Type: audio/mpeg', "hello")],
    ["types of which none is said", partsOf(object, { a: hello }, { a: { contentType: "image/png, image/*" } }), multipart('name="a"; filename="a"|Content-Type: application/octet-stream', "hello")],
    ["a type by the schema", partsOf({ properties: { a: { contentMediaType: "image/png" } } }, { a: hello }), multipart('name="a"; filename="a"|Content-Type: image/png', "hello")],
    ["a JSON part", partsOf(object, { a: { x: 1 }, b: null }), multipart('name="a"|Content-Type: application/json', '{"x":1}')],
    ["a text part with a type", partsOf(object, { a: "# hi" }, { a: { contentType: "text/markdown" } }), multipart('name="a"|Content-Type: text/markdown', "# hi")],
    ["an object where a part is XML", partsOf(object, { a: { x: 1 } }, { a: { contentType: "text/xml" } }), "f: a is sent as text/xml: give it as text or bytes"],
    ["a list as parts", partsOf(object, { a: [1, "b"] }), '--~|Content-Disposition: form-data; name="a"||1|--~|Content-Disposition: form-data; name="a"||b|--~--|'],
    ["an object as XML", contentOf(bodyOf("application/xml", object), { body: { a: 1 } }), "f: body is sent as application/xml: give it as text or bytes"],
    ["text as XML", contentOf(bodyOf("application/xml", object), { body: "<a/>" }), "<a/>"],
    ["bytes as they are", contentOf(bodyOf("application/octet-stream"), { body: hello.buffer }), "hello"],
    ["a Blob as it is", sent(bodyOf("application/zip"), { body: new Blob(["hello"], { type: "x/y" }) }).then(({ type, body }) => [type, body]), ["application/zip", "hello"]],
    ["any type", sent(bodyOf("*/*"), { body: { a: 1 } }).then(({ type, body }) => [type, body]), ["application/json", '{"a":1}']],
    ["JSON lines", contentOf(bodyOf("application/x-ndjson", list), { body: [{ a: 1 }, { b: new Date(0) }] }), '{"a":1}\n{"b":"1970-01-01T00:00:00.000Z"}\n'],
    ["a list where an object would do as well", contentOf(json({ oneOf: [object, list] }), { body: [1] }), "[1]"],
    ["an object where a list would do as well", contentOf(json({ oneOf: [list, object] }), { body: { a: 1 } }), '{"a":1}'],
    ["variants of one object", contentOf(json({ allOf: [object], anyOf: [{ required: ["a"] }] }), { a: 1 }), '{"a":1}'],
    ["none with GET", urlOf(json(object), { a: 1 }, "get"), "f takes no a. It takes nothing."],
    ["none with GET, and that is said", apiOf(json(object), "get").problems, ["GET /p: its request body, for GET requests have none"]],
]);

await cases("types", [
    ["XML is text", declared(bodyOf("application/xml", object)), "f(input: { body: string }): Promise<unknown>;"],
    ["JSON lines are a list", declared(bodyOf("application/x-ndjson", list)), "f(input: { body: unknown[] }): Promise<unknown>;"],
    ["bytes without a schema", declared(bodyOf("application/octet-stream")), "f(input: { body: Uint8Array }): Promise<unknown>;"],
    ["a file", declared(bodyOf("multipart/form-data", { properties: { a: { type: "array", items: { type: "string", format: "binary" } } } })), "f(input: { a?: (Uint8Array | File)[] }): Promise<unknown>;"],
]);

const serverAt = (url) => {
    try {
        return serverOf(apiOf({}, "get", { servers: [{ url }] }));
    } catch (error) {
        return error.message;
    }
};
await cases("servers", [
    ["an address", serverAt("http://h/base/"), "http://h/base"],
    ["a query", serverAt("http://h/base?key=1"), "the server's address http://h/base?key=1 has a query or a fragment, behind which no path can stand"],
]);

// --- Documents that are small and lead far ----------------------------------------------------------------------------

const fan = (leaf) => {
    const schemas = { S10: leaf };
    for (let n = 0; n < 10; n++) schemas[`S${n}`] = { allOf: Array(10).fill({ $ref: `#/components/schemas/S${n + 1}` }) };
    return { components: { schemas } };
};
const fanned = { $ref: "#/components/schemas/S0" };
const wide = { oneOf: [fanned], discriminator: { propertyName: "kind" } };
await cases("documents that lead far", [
    ["a body", contentOf(json(fanned), { a: new Date(0) }, "post", fan(object)), '{"a":"1970-01-01T00:00:00.000Z"}'],
    ["its type", declared(json(fanned), fan(object)), "f(input: S0): Promise<unknown>;"],
    ["a discriminator", declared(json({ properties: { b: wide } }), fan(object)), 'f(input: { b?: S0 & { kind: "S0" } }): Promise<unknown>;'],
    ["what is shared is looked at once", apiOf({}, "get", { "x-a": shared(40) }).operations.length, 1],
    ["what contains itself is looked at once", declared(json({ $ref: "other" }), { "x-a": itself }), "f(input: { body: unknown }): Promise<unknown>;"],
    ["aliases that make too much", checked(shared(40)), "its aliases make 2199023255551 values of it, and 2000000 are the most"],
    ["aliases that contain themselves", checked(itself), "its aliases make an endless document of it, and 2000000 are the most"],
    ["aliases that make little", checked([shared(10), shared(10)]), undefined],
]);

/** Lists of two, each of which is the same list of two. */
function shared(levels) {
    return levels === 0 ? [] : Array(2).fill(shared(levels - 1));
}

function checked(root) {
    try {
        return checkExpansion(root);
    } catch (error) {
        return error.message;
    }
}

// --- References that lead out of the document --------------------------------------------------------------------------

const bundled = "leads out of the document, which has to be bundled into one";
const problemsAt = (item) => readOpenApi({ openapi: "3.0.0", paths: { "/a": item } }).problems;
await cases("lost references", [
    ["a path", problemsAt({ $ref: "./a.yaml" }), [`/a: its $ref ./a.yaml ${bundled}`]],
    ["parameters", problemsAt({ parameters: [{ $ref: "p.yaml#/a" }], get: { parameters: [{ $ref: "#/b" }, query("c")] } }), [`GET /a: a parameter, for its $ref p.yaml#/a ${bundled}`, "GET /a: a parameter, for its $ref #/b leads nowhere"]],
    ["a body", problemsAt({ post: { requestBody: { $ref: "b.yaml" } } }), [`POST /a: its request body, for its $ref b.yaml ${bundled}`]],
]);

// --- Types that go both ways -------------------------------------------------------------------------------------------

const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const said = (more) => ({ type: "string", description: "Of whom", ...more });
const people = {
    User: { type: "object", required: ["id", "name"], properties: { id: said({ readOnly: true }), name: said(), key: said({ writeOnly: true }), part: ref("Part") } },
    Part: { type: "object", required: ["id"], properties: { id: said({ readOnly: true }), x: said() } },
    Draft: { type: "object", required: ["id"], properties: { id: said({ readOnly: true }), x: said(), made: { $ref: "#/components/schemas/Text", readOnly: true } } },
    Text: { type: "string", minLength: 1 },
    Answer: { type: "object", properties: { key: said({ writeOnly: true }), x: said() } },
    Group: { type: "object", required: ["id"], properties: { id: said({ readOnly: true }) }, additionalProperties: ref("User") },
};
function typesOf(input, output) {
    const api = readOpenApi({ openapi: "3.1.0", paths: { "/p": { post: { operationId: "f", ...json(input), ...answering("application/json", output) } } }, components: { schemas: people } });
    return declareOperations(new Declarer(api), "api", api.operations).replace(/^.*\{\n {2}f/, "f").replace("\n};\n", "\n").replace(/\n {2}/g, " ").trim();
}
await cases("types", [
    ["a body that is answered as well", typesOf(ref("User"), ref("User")), 'f(input: Omit<User, "id">): Promise<User>;\ntype User = { /** Of whom */ id: string; /** Of whom */ name: string; /** Of whom */ key?: string; part?: Part };\ntype Part = { id: string; x?: string };'],
    ["a part that is answered as well", typesOf({ properties: { a: ref("Part") } }, ref("Part")), 'f(input: { a?: Omit<Part, "id"> }): Promise<Part>;\ntype Part = { id: string; x?: string };'],
    ["a body that is not answered", typesOf(ref("Draft"), {}), "f(input: Draft): Promise<unknown>;\ntype Draft = { /** Of whom */ x?: string };"],
    ["an answer that is no body", typesOf({}, ref("Answer")), "f(input: { body: unknown }): Promise<Answer>;\ntype Answer = { x?: string };"],
    ["a body that is written out", typesOf(people.User, {}), "f(input: { /** Of whom */ name: string; /** Of whom */ key?: string; part?: Part }): Promise<unknown>;\ntype Part = { /** Of whom */ x?: string };"],
    ["a map with what is read-only", typesOf(ref("Group"), ref("Group")).split(";")[0], "f(input: Group): Promise<Group>"],
]);

// --- Parameters of a path --------------------------------------------------------------------------------------------

{
    const parameters = [{ name: "id", in: "query", schema: { type: "number" }, description: "Which" }, { name: "page", in: "query", schema: {} }];
    const api = readOpenApi({ openapi: "3.0.0", paths: { "/users/{id}/{kind}/{id}": { get: { operationId: "f", parameters, responses: {} } } } });
    equal("requests: what a document says of a placeholder in the wrong place", new Declarer(api).operation(api.operations[0]).text, "f(input: { page?: unknown; /** Which */ id: number; kind: string }): Promise<unknown>;");
    equal("requests: is sent where it belongs", buildRequest(api, api.operations[0], { id: 7, kind: "a b", page: 2 }, BASE, "f").url, `${BASE}/users/7/a%20b/7?page=2`);
}

// --- A body within another -------------------------------------------------------------------------------------------

{
    const operation = { parameters: [query("page")], ...bodyOf("application/json", { type: "object", properties: { name: { type: "string" } } }) };
    await cases("a body's properties stand among the others", [
        ["none of them does", sent(operation, { page: 1, body: { name: "a" } }), { message: "f takes no body. It takes page, name." }],
        ["one does", sent(operation, { name: "a", data: { more: 1 } }).then(({ body }) => body), '{"name":"a","data":{"more":1}}'],
        ["what holds no object", sent(operation, { data: "text" }).then(({ body }) => body), '{"data":"text"}'],
    ]);
}
