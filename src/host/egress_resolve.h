/* Names to addresses, by DNS alone and without a search list, on the egress process's loop. What is public, and what a
   policy lets pass, is its callers' to judge of each answer. */
#pragma once
#include "host/egress_address.h"
#include <uv.h>

#define RESOLVE_ADDRESSES_MAX 16

/* Reads the system's resolvers, or takes "address[:port],..." instead. Before the process closes itself in. Returns 0
   or a negative errno. */
int resolve_start(uv_loop_t *loop, const char *servers);

struct resolution;

/* len is 0 when there is no address, and then `why` says why. */
typedef void resolve_done(void *context, const struct address *addresses, size_t len, const char *why);

/* `done` comes once, perhaps from inside this call, unless the resolution is given up. NULL without memory or when done
   came already. */
struct resolution *resolve_begin(const char *host, resolve_done *done, void *context);
void resolve_give_up(struct resolution *resolution);
