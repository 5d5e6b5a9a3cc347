/* What /proc says about another process. */
#pragma once
#include <stdint.h>

/* Memory that belongs to the process alone, in bytes: what ending it would give back. Returns 0 or a negative errno. */
int procfs_private_bytes(int pid, uint64_t *ret_bytes);

/* Memory that no file backs, shared or not, in bytes: a quick look. Process 0 is the caller. Returns 0 or a negative errno. */
int procfs_anonymous_bytes(int pid, uint64_t *ret_bytes);

/* Whether any memory of this process can be both written and run. Returns 1, 0 or a negative errno. */
int procfs_has_writable_code(void);

/* CPU time that a process has used, in microseconds. Returns 0 or a negative errno. */
int procfs_cpu_us(int pid, uint64_t *ret_us);
