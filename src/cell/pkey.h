/* Memory protection keys: what a cell's control state (its descriptors, what each may say, its limits) lies under, where
   the processor has them. The key is closed while JavaScript runs and open in the natives that it calls, so that a bug of
   the engine which writes where it likes does not write there. Code that has been taken over can open it: that is for the
   profile without JIT and the system call filter to prevent and to bound. Elsewhere nothing here does anything. Costs two
   instructions each way and no system call; pkeys(7). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* What lies under the key has pages of its own. */
#define PKEY_PAGE_BYTES 4096

/* Puts memory (whole pages) under a new key, which is open; all forks inherit it. Called once, by the zygote. Returns
   whether this machine can. */
bool pkey_protect(void *memory, size_t len);

/* For the calling thread; the kernel closes it in handlers of signals. Async-signal-safe. */
void pkey_open(void);
void pkey_close(void);
