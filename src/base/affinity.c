#include "base/affinity.h"
#include <sched.h>
#include <stdbool.h>

/* Asked for before anything is kept, so that it is what this process was given. */
static const cpu_set_t *all(void) {
    static cpu_set_t set;
    static bool is_known;
    if (!is_known && sched_getaffinity(0, sizeof set, &set) < 0) CPU_ZERO(&set);
    is_known = true;
    return &set;
}

int affinity_here(void) {
    return CPU_COUNT(all()) > 1 ? sched_getcpu() : -1;
}

void affinity_keep(int pid, int cpu) {
    cpu_set_t one = *all();
    if (cpu >= CPU_SETSIZE || CPU_COUNT(&one) < 2) return;
    if (cpu >= 0) {
        CPU_ZERO(&one);
        CPU_SET((unsigned)cpu, &one);
    }
    sched_setaffinity(pid, sizeof one, &one);
}
