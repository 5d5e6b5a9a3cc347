/* A look at a cell from outside: is it over a limit and goes on? Cells end by themselves when they are (cell/budget.h);
   one that does not has been taken over by its worker, and is killed by whoever owns it. Used by the supervisor and by
   libmayfly. */
#pragma once
#include "base/limits.h"
#include <stdbool.h>
#include <stdint.h>

/* How often to look. A cell gets so much more than its limits before it is found. */
#define POLICE_MS 250

/* A cell that waits may use one part of so many of the time for itself (cell/fold.h). */
#define POLICE_OWN_PART 500

struct police {
    int pid;                            /* 0 if it is not known: then nothing is found */
    uint32_t cpu_ms_max, memory_mb_max; /* 0: none */
    uint64_t code_bytes;                /* which came with the worker, and are not charged */
    bool is_called;                     /* a call began since the last look; to be set by the owner */
    uint64_t cpu_us, cpu_us_called;     /* at the last look; at the last call's begin */
    uint64_t looks;                     /* since then */
};

/* Looks; `cell_bytes` is what each cell has from the start. Returns the limit that the cell is over, or LIMIT_NONE. */
enum limit police_look(struct police *police, uint64_t cell_bytes);
