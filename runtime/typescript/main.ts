// What needs sucrase's parser: types of TypeScript and JSX, which are stripped, and references to live imports, which become reads
// through getters. A part of the runtime: it is a third of all its code, and only who makes many cells has it before one asks.

declare const require: (path: string) => unknown;

// Required, not imported: each module has its own function then. In one function for all, the loops that fill sucrase's tables
// have the engine compile that whole function, which takes 100 ms and 150 MiB.
const live = require("./live") as typeof import("./live");
const strip = require("./strip") as typeof import("./strip");

export const rewriteLive = live.rewriteLive;
export const stripTypes = strip.stripTypes;
