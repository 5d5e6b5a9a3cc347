/* The layers that are put around a zygote once, which its cells inherit, and those around each cell. A layer that
   cannot be had is left out and not reported (enum confinement): policy is the supervisor's. */
#pragma once
#include "base/zygote_wire.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;

/* Overwrites what the kernel laid onto the stack at the start: arguments, environment, auxiliary vector. Called by the
   zygote when nothing needs them any more. */
void jail_scrub(int argc, char **argv);

/* Called by the zygote, single-threaded and still with its rights, after it has opened all that it needs and the engine
   has mapped its JIT memory, unless it has none. `proc_fd`: below it files may still be read, -1 for nowhere. The namespaces were made by whoever spawned it (flags as of clone(2)). */
void jail_zygote(int namespaces, bool is_jitless, int proc_fd);

/* What holds now, for this process. */
uint32_t jail_layers(void);

/* Called by a cell right after the fork. Only `owner_fd` stays open (and standard error, in a host worker's cell).
   Returns the layers that hold. */
uint32_t jail_cell(int owner_fd, bool is_host);

/* In the zygote, after jail_zygote: the seal that a holder installs once for itself and its cells, static; without
   instructions where the kernel would not keep those from making processes (of the first root, that is), and each installs its own. */
const struct sock_filter *jail_held_seal(size_t *ret_len);

/* Called by a cell before its owner hears of it: from now on it can do what such a cell needs and no more. One whose
   holder has a seal only gives up to make processes. */
void jail_seal(enum cell_role role, bool is_held);
