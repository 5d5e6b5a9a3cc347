/* How often to look for work before going to sleep. To be woken costs a process 15 us and more on a virtual machine, twice
   what many an answer takes (docs/performance.md): one that waits looks first some times without waiting. As long as
   that finds nothing it is tried ever more seldom, so that who has nothing to do takes no processor. Linux does the same
   for virtual processors (Documentation/virt/kvm/halt-polling.rst). */
#pragma once
#include <stdbool.h>

#define PATIENCE_US       48 /* to look for at a time: no more than to sleep and be woken, there and back */
#define PATIENCE_SKIP_MAX 64

/* How often a socket can be found empty in PATIENCE_US, for those that have no clock to look at: 0.3 us each on one
   virtual machine, 1.1 on another. */
extern unsigned patience_looks_at_socket;

/* Finds that out, in 100 us; before the jail, whose filter makes each look a little dearer. */
void patience_measure(void);

/* Begins with its first wait skipped: nobody is in a hurry then. */
struct patience {
    unsigned skip, skipped;
};

#define PATIENCE_INIT ((struct patience){.skip = 1})

/* Whether to look, for PATIENCE_US, before the next sleep: often not. */
static inline bool patience_looks(struct patience *patience) {
    if (patience->skipped < patience->skip) {
        patience->skipped++;
        return false;
    }
    patience->skipped = 0;
    return true;
}

/* What came of looking. */
static inline void patience_learn(struct patience *patience, bool has_found) {
    if (has_found) patience->skip = 0;
    else if (patience->skip == 0) patience->skip = 1;
    else if (patience->skip < PATIENCE_SKIP_MAX) patience->skip *= 2;
}
