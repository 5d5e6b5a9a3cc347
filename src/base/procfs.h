/* What /proc says about another process. */
#pragma once
#include <stdint.h>

/* Memory that belongs to the process alone, in bytes: what ending it would give back. Returns 0 or a negative errno. */
int procfs_private_bytes(int pid, uint64_t *ret_bytes);
