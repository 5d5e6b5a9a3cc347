/* One control group for all cells of a supervisor, the second line behind each cell's own limits: what they have together
   of memory and processes cannot take the machine with it. Version 2, version 1 and both beside each other; where no
   group can be made there is none, and everything else works. Runs in the supervisor before it locks itself in, and in
   the spawner. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* A group in one hierarchy, and where this process was. */
struct cgroup {
    char path[PATH_MAX], home[PATH_MAX];
};

struct cgroups {
    struct cgroup of[2];
    unsigned len;
    bool has_memory, has_pids;
};

/* What the groups allow together; 0: the machine's memory but a tenth, nine tenths of its process numbers. */
struct cgroups_config {
    uint64_t memory_bytes;
    uint64_t pids;
};

/* Makes the groups, as far as that can be done; `ret` tells how far. */
void cgroups_begin(const struct cgroups_config *config, struct cgroups *ret);

/* How long cells may take to end with their supervisor. */
#define CGROUPS_END_MS 3000

/* Removes them when they are empty; tries for so long. */
void cgroups_end(struct cgroups *groups, unsigned ms);

/* Moves this process in, and back. What it forks in between stays in. Returns 0 or a negative errno. */
int cgroups_enter(const struct cgroups *groups);
int cgroups_leave(const struct cgroups *groups);
