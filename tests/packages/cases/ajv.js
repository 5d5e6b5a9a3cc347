// ajv compiles its validators with new Function, which Workers refuse; its users compile them before (standalone code).
import standalone from "ajv-standalone:schema";

export const run = () => [standalone({ id: 1, name: "x" }), standalone({ id: "1" }), standalone.errors.map((e) => e.keyword)];
export const expected = [true, false, ["required"]];
