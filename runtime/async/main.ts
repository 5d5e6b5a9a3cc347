// What needs a parser of all of JavaScript: AsyncLocalStorage of node:async_hooks, and the value of a script that awaits (completion.ts). A
// part of the runtime, loaded for scripts with such an await, and for workers whose modules name that module. Once it is
// there, their modules are rewritten as they are compiled (rewrite.ts), and contexts are followed (frames.ts).

export { completing } from "./completion";
export { helpers } from "./frames";
export { rewrite } from "./rewrite";
export { AsyncLocalStorage } from "./storage";
export { lowerUsing } from "./using";

import { followPromises } from "./frames";
import { followStreams } from "./streams";

/** From now on contexts are followed; called once. */
export function follow(): void {
    followPromises();
    followStreams();
}
