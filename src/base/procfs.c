#include "base/procfs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

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

int procfs_anonymous_bytes(int pid, uint64_t *ret_bytes) {
    char path[32], line[128];
    if (pid == 0) snprintf(path, sizeof path, "/proc/self/statm"); /* in a process namespace the number is another's */
    else snprintf(path, sizeof path, "/proc/%d/statm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0) return -ESRCH;
    line[n] = 0;
    unsigned long long resident, shared;
    if (sscanf(line, "%*u %llu %llu", &resident, &shared) != 2 || resident < shared) return -ESRCH;
    *ret_bytes = (resident - shared) * (unsigned long long)sysconf(_SC_PAGESIZE);
    return 0;
}

int procfs_has_writable_code(void) {
    FILE *file = fopen("/proc/self/maps", "re");
    char line[512], access[5];
    int found = file ? 0 : -errno;
    while (file && found == 0 && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*x-%*x %4s", access) == 1) found = access[1] == 'w' && access[2] == 'x';
    }
    if (file) fclose(file);
    return found;
}

int procfs_cpu_us(int pid, uint64_t *ret_us) {
    clockid_t clock;
    struct timespec used;
    int r = clock_getcpuclockid(pid, &clock);
    if (r != 0) return -r;
    if (clock_gettime(clock, &used) < 0) return -errno;
    *ret_us = (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
    return 0;
}
