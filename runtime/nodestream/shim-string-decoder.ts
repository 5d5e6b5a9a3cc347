// `string_decoder`, as readable-stream asks for it.

import { load } from "../node/main";

const { StringDecoder } = load("string_decoder") as { StringDecoder: unknown };
export { StringDecoder };
