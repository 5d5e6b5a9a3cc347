// `buffer`, as readable-stream asks for it: that of node:buffer.

import { load } from "../node/main";

const { Buffer, Blob } = load("buffer") as { Buffer: unknown; Blob: unknown };
export { Blob, Buffer };
