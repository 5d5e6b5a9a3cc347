/* The bridge of `mayfly mcp` between standard input and output and the server that it has started. */
#pragma once
#include <netinet/in.h>

/* Passes each line of standard input on as a request and writes each answer as a line, in the order in which they come,
   until standard input has ended and all is answered, or `server` (a pipe that closes when the server ends) closes.
   Returns 0, -EPIPE if the server or the reader of our output has gone, or -ENODATA if no source can be used. */
int mcp_stdio_run(const struct sockaddr_in *address, const char *token, int server);

/* Asks a server that others speak to whether a source can be used, unless the address has no port, and passes on what
   it says until it ends. Returns -EPIPE then, or -ENODATA if no source can be used. */
int mcp_stdio_watch(const struct sockaddr_in *address, int server);
