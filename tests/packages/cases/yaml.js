import { parse, parseDocument, stringify } from "yaml";

export const run = () => {
    const document = parseDocument("# kept\na: &x [1, 0x10]\nb: *x\nc: |\n  two\n  lines\n");
    document.set("d", true);
    return [parse("- {a: 1}\n- !!set {x, y}\n")[0], document.toJS(), String(document).startsWith("# kept"), stringify({ a: ["x: y", null] })];
};
export const expected = [{ a: 1 }, { a: [1, 16], b: [1, 16], c: "two\nlines\n", d: true }, true, 'a:\n  - "x: y"\n  - null\n'];
