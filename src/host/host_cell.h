/* A host worker's cell as the supervisor sees it: loads the worker, hands it requests, carries bodies both ways, and
   gives it cells for what it loads. Runs in the supervisor; the cell runs the operator's code, so its frames are
   checked all the same. */
#pragma once
#include "host/config.h"
#include "host/ingress.h"
#include "host/loader.h"

struct host_cell;

struct host_cell_config {
    const struct config *worker;
    struct loader_config loader;
    bool loads[PROFILES]; /* of which profiles it can load workers */
    bool shows_errors; /* uncaught errors of the fetch handler are shown to clients */
};

struct host_cell_handler {
    /* The worker has started; error NULL, or why it has not. */
    void (*on_started)(void *context, const char *error);
    /* The cell is gone; all its requests have been failed. To be freed by its owner. */
    void (*on_closed)(void *context);
    void (*on_log)(void *context, const char *level, const char *message);
    /* The worker needs its way out: a descriptor for it, or a negative errno. */
    int (*on_outbound)(void *context);
    /* The process of its way out, if it has one, is to stay on this processor, or (-1) anywhere: gather.h. */
    void (*on_stay)(void *context, int cpu);
    /* The worker calls the host worker of this number: a descriptor of the channel to it, or a negative errno. */
    int (*on_service)(void *context, unsigned number);
};

/* Forks the cell from the first of the pools and loads the worker's main module. Returns 0 or a negative errno, -EAGAIN if
   there is no zygote now. */
int host_cell_new(uv_loop_t *loop, struct pool *const pools[static PROFILES], const struct host_cell_config *config,
                  const struct host_cell_handler *handler, void *context, struct host_cell **ret);
void host_cell_free(struct host_cell *cell);

uint32_t host_cell_number(const struct host_cell *cell);
struct loader *host_cell_loader(const struct host_cell *cell);

/* Gives the cell one end of a channel on which another host worker calls it, and takes the descriptor. Returns 0 or a
   negative errno. */
int host_cell_connect(struct host_cell *cell, int fd);

/* Why it died, to be said before on_closed comes: requests under way are answered with it. */
void host_cell_died(struct host_cell *cell, const char *reason);

/* The pool has an idle cell more. */
void host_cell_pool_grew(struct host_cell *cell);

/* What ingress tells of a request that this cell answers; `req`'s user pointer belongs to the host cell. */
void host_cell_request(struct host_cell *cell, struct ingress_req *req);
size_t host_cell_body(struct ingress_req *req, const uint8_t *data, size_t len);
void host_cell_body_end(struct ingress_req *req);
void host_cell_writable(struct ingress_req *req);
void host_cell_request_gone(struct ingress_req *req, bool was_aborted);
