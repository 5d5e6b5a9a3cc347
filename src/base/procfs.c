#include "base/procfs.h"
#include <errno.h>
#include <stdio.h>

int procfs_private_bytes(int pid, uint64_t *ret_bytes) {
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    if (!file) return -errno;
    unsigned long long sum = 0, kb;
    int found = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "Private_Clean: %llu", &kb) == 1 || sscanf(line, "Private_Dirty: %llu", &kb) == 1) {
            sum += kb * 1024;
            found++;
        }
    }
    fclose(file);
    if (found != 2) return -ESRCH;
    *ret_bytes = sum;
    return 0;
}
