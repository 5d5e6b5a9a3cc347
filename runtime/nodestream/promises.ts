// node:stream/promises.

import { promises } from "./stream";

const { finished, pipeline } = promises as { finished: unknown; pipeline: unknown };
export { finished, pipeline };
export default promises;
