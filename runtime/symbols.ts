// The engine does not know explicit resource management yet. These symbols must be there before any class of the
// runtime is defined, so this file is imported first.

import { define } from "./web/lazy";

for (const name of ["dispose", "asyncDispose"] as const) {
    if (!(name in Symbol)) define(Symbol, name, Symbol(`Symbol.${name}`));
}
