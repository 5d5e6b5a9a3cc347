/* Which processors a process may run on: all that it was given at its start, or one for a while. */
#pragma once

/* The processor that this thread runs on now; -1 where there is no other. */
int affinity_here(void);

/* Keeps a process of the same user (0: the calling thread) to one processor, or with cpu -1 to none. Where that is
   refused all stays as it was: it is for speed alone. */
void affinity_keep(int pid, int cpu);
