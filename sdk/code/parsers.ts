// The parsers of others, each built when it is first needed. Built with the rest at the start they cost it more than a
// second: as variables of one large function, sucrase's tables are slow for the engine to compile.

declare const require: (name: string) => unknown;

export const babel = () => require("@babel/parser") as typeof import("@babel/parser");
export const sucrase = () => require("sucrase") as typeof import("sucrase");
export const yaml = () => require("js-yaml") as typeof import("js-yaml");
