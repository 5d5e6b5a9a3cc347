// `events`, as readable-stream asks for it.

import { load } from "../node/main";

const { EventEmitter } = load("events") as { EventEmitter: unknown };
export { EventEmitter };
