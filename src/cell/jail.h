/* The layers that are put around a zygote once, and around each cell after its fork. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Called by the zygote, single-threaded and still with its rights, after it has opened all that it needs. The namespaces
   were made by whoever spawned it (flags as of clone(2)). Returns the layers that hold (enum confinement). A layer that cannot be had is left out: policy is the supervisor's. */
uint32_t jail_zygote(int namespaces);

/* Called by a cell right after the fork: signals, limits, descriptors. Only `owner_fd` and the `keep` descriptors stay
   open (and standard error, in a host cell). */
void jail_cell(int owner_fd, const int *keep, int keep_len, bool is_host);
