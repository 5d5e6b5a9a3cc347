/* The way out as the supervisor and libmayfly see it: starts the egress process, keeps its configuration, hands out
   channels to it. The process that links this has no network of its own and forgets the secrets. On one libuv loop. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct outbound;

/* JSON texts; NULL is the default of each field. */
struct outbound_config {
    const char *secrets_json;  /* {NAME: {env | file | credential: WHERE}} */
    const char *policies_json; /* {NAME: policy}, to be checked at the start */
    const char *dns;           /* "address[:port],..." instead of the system's resolvers */
    const char *ca_file;       /* authorities to trust besides the system's */
    const char *proxy;         /* "http://[user:password@]host[:port]" to go through, or "env:NAME" of such a text */
    int log_fd;                /* for lines of JSON; -1 for none; borrowed */
    bool has_fixed_policies;   /* no others will ever be used in this process */
    unsigned number;           /* among the egress_starts of launch.h, if there is a spawner */
};

struct outbound_handler {
    /* The process is up, for the first time or again; or error says why it will not be. */
    void (*on_ready)(void *context, const char *error);
    /* It is gone for good, with the secrets; to be freed by its owner. */
    void (*on_lost)(void *context);
};

/* Appends what the process is told at its start. Returns 0 or -ENOMEM. */
int outbound_put_start(const struct outbound_config *config, struct buf *out);

/* Starts the process. Returns 0 or a negative errno. */
int outbound_start(uv_loop_t *loop, const struct outbound_config *config, const struct outbound_handler *handler,
                   void *context, struct outbound **ret);

/* Ends the process and everything under way in it. NULL is fine. */
void outbound_free(struct outbound *outbound);

/* Makes a channel for a cell of the worker `name` that may use these policies, {NAME: policy}, which it calls by their
   place in the object. Returns the cell's end of it, or a negative errno. */
int outbound_attach(struct outbound *outbound, const char *name, const char *policies_json);

/* The processor that the process is to stay on, or -1 for any. */
void outbound_stay(struct outbound *outbound, int cpu);

/* Tells of a port of this process's own, which no request may go to. */
void outbound_own_port(struct outbound *outbound, uint16_t port);
