/* How often to look for work before going to sleep. To be woken costs a process 15 us and more on a virtual machine, twice
   what many an answer takes (docs/performance.md): one that waits looks first some times without waiting. As long as
   that finds nothing it is tried ever more seldom, so that who has nothing to do takes no processor. Linux does the same
   for virtual processors (Documentation/virt/kvm/halt-polling.rst). */
#pragma once
#include <stdbool.h>

#define PATIENCE_LOOKS    32 /* a system call each, of about a microsecond: no more than to be woken twice */
#define PATIENCE_SKIP_MAX 64

/* Begins with its first wait skipped: nobody is in a hurry then. */
struct patience {
    unsigned skip, skipped;
};

#define PATIENCE_INIT ((struct patience){.skip = 1})

/* How often to look before the next sleep: often 0. */
static inline unsigned patience_looks(struct patience *patience) {
    if (patience->skipped < patience->skip) {
        patience->skipped++;
        return 0;
    }
    patience->skipped = 0;
    return PATIENCE_LOOKS;
}

/* What came of looking. */
static inline void patience_learn(struct patience *patience, bool has_found) {
    if (has_found) patience->skip = 0;
    else if (patience->skip == 0) patience->skip = 1;
    else if (patience->skip < PATIENCE_SKIP_MAX) patience->skip *= 2;
}
