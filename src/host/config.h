/* What `mayfly serve` is to serve: a wrangler.jsonc, wrangler.json or wrangler.toml, or a bare module. The file is
   parsed by a worker in a cell (runtime/config), never in this process; what that says is checked again here. */
#pragma once
#include "base/buf.h"
#include "host/limits.h"
#include <stdbool.h>

/* A Worker Loader binding. Loaders of the same id share their named workers; NULL is an id of the binding's own. */
struct config_loader {
    char *binding, *id;
    int way; /* the place in policies_json of what its workers may reach; WAY_INHERITED or WAY_CLOSED */
    bool is_jitless; /* its workers are never compiled */
};

enum { WAY_INHERITED = -1, WAY_CLOSED = -2 };

/* A binding that makes outbounds for load(). */
struct config_outbound {
    char *binding;
    int way;
};

/* A binding to a host worker, perhaps this one; entrypoint NULL is the default export. Or a tail consumer, which is no
   binding. */
struct config_service {
    char *binding, *entrypoint;
    char *service; /* the worker's name */
    char *at;      /* "FILE:LINE:COLUMN: services[N].service", for messages */
    char *props;   /* JSON, or NULL */
    int worker;    /* its place among those that are served, set by who serves them; SERVICE_SELF: this one */
};

enum { SERVICE_SELF = -1 };

/* Invariant of a struct that config_read gave: all but `warning` and the NULLs above is there, and main_path lies
   in root_dir. */
struct config {
    char *name;
    char *root_dir;  /* absolute; module names are relative to it */
    char *main_name; /* the main module's name: its path from root_dir, without "./" */
    char *main_path; /* absolute */
    char *compatibility_date;
    char **compatibility_flags;
    size_t compatibility_flags_len;
    char *vars_json; /* an object */
    struct config_loader *loaders;
    size_t loaders_len;
    struct config_service *services;
    size_t services_len;
    char **crons; /* cron expressions that were checked */
    size_t crons_len;
    struct config_service *tails; /* whose tail handlers hear of its calls */
    size_t tails_len;
    struct operator_limits limits; /* of dynamic workers */
    char *warning;                 /* one line, or NULL */
    /* Of the command line: where clients call an entrypoint by Cap'n Web, and which (NULL: the default one); borrowed. */
    const char *rpc_path, *rpc_entrypoint;
    bool has_test_scheduled; /* of the command line: requests may run scheduled events */
    struct config_outbound *outbounds;
    size_t outbounds_len;
    char *secrets_json;  /* {NAME: {env | file | credential: WHERE}}, or NULL */
    char *policies_json; /* {NAME: policy}; the first is the worker's own */
    bool has_policies;   /* the file says something about outbounds */
    bool is_closed;      /* the worker's own policy is null */
};

/* Reads the file at `path`, or in the directory `path` the first of wrangler.json, .jsonc and .toml. A bare .js, .mjs,
   .jsx, .ts, .mts or .tsx file is a worker named after it, with one loader, LOADER. Returns 0, or a negative errno with
   the text for the user, one line for each problem, to be freed. Blocks, and starts a cell of its own for it. */
int config_read(const char *path, struct config *ret, char **ret_problems);

/* The same for a project that this program has made: `answer` is what the reading worker (runtime/config) would say of
   its configuration, and no cell is needed. */
int config_take(const char *root_dir, const char *answer, struct config *ret, char **ret_problems);

void config_done(struct config *config);

/* Appends the head of a LOAD frame for the host worker; its tail is the main module alone, of this kind and size.
   Returns 0 or -ENOMEM. */
int config_put_load(const struct config *config, const char *main_kind, size_t main_bytes, struct buf *out);
