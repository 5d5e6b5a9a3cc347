/* The bridge of `mayfly mcp` between standard input and output and the server that it has started. */
#pragma once
#include <stdint.h>

/* Passes each line of standard input on as a request and writes each answer as a line, in the order in which they come,
   until standard input has ended and all is answered, or `server` (a pipe that closes when the server ends) closes.
   Returns 0, or -EPIPE if the server or the reader of our output has gone. */
int mcp_stdio_run(uint16_t port, const char *token, int server);
