import { parse, stringify, v4, v5, v7, validate, version } from "uuid";

export const run = () => [v5("mayfly.example", v5.DNS), validate(v4()), version(v4()), version(v7()), stringify(parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))];
export const expected = ["7a099d2e-e8cb-52b9-94f1-1d0d4516689e", true, 4, 7, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"];
