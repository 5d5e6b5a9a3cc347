/* What the command line of `mayfly serve` says. */
#pragma once
#include "host/cgroups.h"
#include "host/host_worker.h"
#include "host/ingress.h"
#include "host/limits.h"
#include "host/pool.h"
#include <stdbool.h>

#define SERVE_WORKERS_MAX 64

/* Texts are borrowed from the arguments, descriptors stay open as long as the process. */
struct serve_options {
    struct operator_limits limits; /* they go before the configurations' */
    struct pool_config pool;
    struct host_worker_config worker; /* what all workers have in common */
    struct ingress_config ingress;
    struct cgroups_config cgroups;
    const char *rpc_path, *rpc_entrypoint; /* --rpc, or NULL */
    const char *health_path;               /* --health, or NULL */
    bool tests_scheduled;                  /* --test-scheduled */
};

/* Reads the options; the 1 to SERVE_WORKERS_MAX arguments from optind(3) on are the workers'. Returns 0 to go on, 1 when help
   was printed, -1 after an error, which was printed. */
int serve_options_parse(struct serve_options *ret, int argc, char **argv);

/* Splits ADDRESS:PORT, or [IPv6]:PORT, in place, and has *ret borrow the address (127.0.0.1 for none). Returns 0 or -EINVAL. */
int serve_parse_listen(char *text, struct ingress_config *ret);
