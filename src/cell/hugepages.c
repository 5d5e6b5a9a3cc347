#include "cell/hugepages.h"
#include "base/macros.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

struct span {
    uintptr_t start, end;
};

/* The library's mappings from its first on, as far as they are adjacent and not writable. */
static long find_library(const char *name, struct span *ret) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return -errno;
    struct span span = {0}, m;
    char line[512], access[5];
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &m.start, &m.end, access) != 3) continue;
        bool belongs = strstr(line, name) && access[0] == 'r' && access[1] == '-' && access[3] == 'p';
        if (!span.start && belongs) span = m;
        else if (span.start && belongs && m.start == span.end) span.end = m.end;
        else if (span.start) break;
    }
    fclose(maps);
    *ret = span;
    return span.start != 0;
}

/* Anonymous memory that lies in a huge page as `start` does, so that moving it keeps its pages whole. */
static uint8_t *reserve_like(uintptr_t start, size_t len, uint8_t **ret_all) {
    uint8_t *all = mmap(NULL, len + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    *ret_all = all;
    return all + ((start - (uintptr_t)all) & (HUGE_BYTES - 1));
}

long hugepages_move_library(const char *name) {
    struct span span;
    long r = find_library(name, &span);
    size_t len = r > 0 ? span.end - span.start : 0;
    if (r <= 0 || len < HUGE_BYTES) return r < 0 ? r : 0;
    uint8_t *all, *copy = reserve_like(span.start, len, &all);
    if (!copy) return -ENOMEM;
    madvise(copy, len, MADV_HUGEPAGE);
    madvise((void *)span.start, len, MADV_POPULATE_READ); /* a fault for every sixteen pages otherwise */
    memcpy(copy, (const void *)span.start, len);
    if (mprotect(copy, len, PROT_READ | PROT_EXEC) < 0 ||
        mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)span.start) == MAP_FAILED) {
        r = -errno;
        munmap(all, len + HUGE_BYTES);
        return r;
    }
    if (copy > all) munmap(all, (size_t)(copy - all));
    size_t after = HUGE_BYTES - (size_t)(copy - all);
    if (after > 0) munmap(copy + len, after);
    return (long)len;
}
