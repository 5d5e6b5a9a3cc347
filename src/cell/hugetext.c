#include "cell/hugetext.h"
#include "base/macros.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES (2ul << 20)

struct mapping {
    uintptr_t start, end;
};

static long find_text(const char *name, struct mapping *ret) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return -errno;
    char line[512], access[5];
    long found = 0;
    while (!found && fgets(line, sizeof line, maps)) {
        struct mapping m;
        if (sscanf(line, "%lx-%lx %4s", &m.start, &m.end, access) != 3 || strcmp(access, "r-xp") != 0) continue;
        if (!strstr(line, name)) continue;
        *ret = m;
        found = 1;
    }
    fclose(maps);
    return found;
}

/* Anonymous memory that lies in a huge page as `start` does, so that moving it keeps its pages whole. */
static uint8_t *reserve_like(uintptr_t start, size_t len, uint8_t **ret_all) {
    uint8_t *all = mmap(NULL, len + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    *ret_all = all;
    return all + ((start - (uintptr_t)all) & (HUGE_BYTES - 1));
}

long hugetext_move(const char *name) {
    struct mapping text;
    long r = find_text(name, &text);
    size_t len = r > 0 ? text.end - text.start : 0;
    if (r <= 0 || len < HUGE_BYTES) return r < 0 ? r : 0;
    uint8_t *all, *copy = reserve_like(text.start, len, &all);
    if (!copy) return -ENOMEM;
    madvise(copy, len, MADV_HUGEPAGE);
    memcpy(copy, (const void *)text.start, len);
    if (mprotect(copy, len, PROT_READ | PROT_EXEC) < 0 ||
        mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)text.start) == MAP_FAILED) {
        r = -errno;
        munmap(all, len + HUGE_BYTES);
        return r;
    }
    if (copy > all) munmap(all, (size_t)(copy - all));
    size_t after = HUGE_BYTES - (size_t)(copy - all);
    if (after > 0) munmap(copy + len, after);
    return (long)len;
}
