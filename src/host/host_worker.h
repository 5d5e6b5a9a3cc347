/* A host worker of `mayfly serve`: its cell, which is started anew when it ends, and its way out. Runs in the supervisor.

       waiting for the pool --> starting --> serving --> ended --(after a while)--> starting ... */
#pragma once
#include "host/host_cell.h"
#include "host/outbound.h"

struct host_worker;

/* Borrowed, all of it, for as long as the worker lives. */
struct host_worker_config {
    struct host_cell_config cell;
    struct outbound_config outbound;
    bool is_quiet; /* errors only */
};

struct host_worker_handler {
    /* It has started, for the first time. */
    void (*on_started)(void *context);
    /* It has never started and never will; `what` failed, and `why`. */
    void (*on_failed)(void *context, const char *what, const char *why);
    /* It wants to call the host worker of this number: one end of a channel whose other end that one has, or a negative
       errno. */
    int (*on_service)(void *context, unsigned number);
};

/* Never NULL. Nothing happens before host_worker_start. */
struct host_worker *host_worker_new(uv_loop_t *loop, const struct host_worker_config *config,
                                    const struct host_worker_handler *handler, void *context);

/* Starts what its policies need before anything else: the egress process. Returns 0 or a negative errno. */
int host_worker_prepare(struct host_worker *worker);

/* The pools can be taken from, or again: starts the cell if there is none. They must outlive the worker. */
void host_worker_start(struct host_worker *worker, struct pool *const pools[static PROFILES]);

/* What the pools tell: a cell more, a cell that ended (perhaps this worker's, or one that it holds), no cell to be had. */
void host_worker_pool_grew(struct host_worker *worker);
void host_worker_pool_death(struct host_worker *worker, const struct zygote_death *death);
void host_worker_pool_stalled(struct host_worker *worker, enum profile profile, const char *reason);

/* A port of this process, which the worker's requests may not go to. */
void host_worker_own_port(struct host_worker *worker, uint16_t port);

/* The cell, or NULL while it cannot take requests. */
struct host_cell *host_worker_cell(const struct host_worker *worker);
bool host_worker_has_started(const struct host_worker *worker);

/* Hands over one end of a channel on which another host worker calls this one, as soon as it is up. Takes the descriptor.
   Returns 0 or a negative errno, -EAGAIN if it will not be up. */
int host_worker_connect(struct host_worker *worker, int fd);

/* A line of the operator's log, in this worker's name. */
void host_worker_log(void *worker, const char *level, const char *message);

/* No restarts any more. */
void host_worker_stop(struct host_worker *worker);

/* Ends the cell and the way out; the memory goes at the loop's next turn. */
void host_worker_free(struct host_worker *worker);
