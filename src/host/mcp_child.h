/* A server of the Model Context Protocol that `mayfly mcp` has started: a process of the operator's choice, with the
   operator's rights, that reads messages from its standard input and writes messages to its standard output, a line
   each. What it writes is passed on unread. Runs in the keeper (mcp_children.c), on its loop. */
#pragma once
#include "host/mcp_project.h"
#include <sys/types.h>
#include <uv.h>

struct mcp_child;

struct mcp_child_handler {
    /* Bytes of its standard output, borrowed. Returns whether more is welcome now; if not, mcp_child_resume says when.
     */
    bool (*on_output)(void *context, const void *data, size_t len);
    /* Its standard output has ended: the last call. */
    void (*on_end)(void *context);
};

/* Starts the source's command in a process group of its own. Its standard error comes line by line on ours, with the
   source's name in front, up to a limit. Returns 0 or a negative errno; a command that cannot be executed says so on
   standard error and ends. */
int mcp_child_start(uv_loop_t *loop, const struct mcp_source *source, const struct mcp_child_handler *handler,
                    void *context, struct mcp_child **ret);

void mcp_child_resume(struct mcp_child *child);

/* Copies a message and the end of its line to its standard input. Returns 0, -ENOBUFS when what it has not read yet is
   too much, or -EPIPE when it reads no more. */
int mcp_child_send(struct mcp_child *child, const void *message, size_t len);

/* Asks it to end, by the end of its input and SIGTERM, and ends its whole group a second later. The handler is not
   called again, and the child frees itself when nothing is left of it. */
void mcp_child_end(struct mcp_child *child);

/* To be called on SIGCHLD: reaps whatever has ended. */
void mcp_child_reap(void);

/* Children of which something is left. */
unsigned mcp_child_count(void);
