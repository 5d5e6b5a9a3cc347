// What the workers of the benchmark fetch: a small answer over keep-alive HTTP. A process of its own; prints its port.
import { createServer } from "node:http";

const server = createServer((request, response) => response.end("origin"));
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
