#include "cell/hugepages.h"
#include "base/macros.h"
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096ul
#define PAGE_MASK  (~(PAGE_BYTES - 1))

struct span {
    uintptr_t start, end;
};

struct wanted {
    const char *name;
    struct span code; /* and constants */
};

/* From the library's code to the tables for exceptions behind its constants; of these, and of the symbols before the code,
   nothing is read once it is linked. */
static int find_code(struct dl_phdr_info *library, size_t size, void *context) {
    (void)size;
    struct wanted *wanted = context;
    if (!strstr(library->dlpi_name, wanted->name)) return 0;
    struct span code = {0};
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        uintptr_t start = library->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
        if (part->p_type == PT_LOAD && part->p_flags & PF_X) code = (struct span){start & PAGE_MASK, end};
        else if (part->p_type == PT_LOAD && !(part->p_flags & PF_W) && start < code.end + PAGE_BYTES && code.end < end) code.end = end;
        if (part->p_type == PT_GNU_EH_FRAME && code.start < start && start < code.end) code.end = start;
    }
    wanted->code = (struct span){code.start, code.end & PAGE_MASK};
    return 1;
}

/* Anonymous memory that lies in a huge page as `start` does, so that moving it keeps its pages whole. */
static uint8_t *reserve_like(uintptr_t start, size_t len, uint8_t **ret_all) {
    uint8_t *all = mmap(NULL, len + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    *ret_all = all;
    return all + ((start - (uintptr_t)all) & (HUGE_BYTES - 1));
}

long hugepages_move_library(const char *name) {
    struct wanted wanted = {.name = name};
    if (!dl_iterate_phdr(find_code, &wanted)) return 0;
    struct span span = wanted.code;
    size_t len = span.end - span.start;
    if (len < HUGE_BYTES) return 0;
    uint8_t *all, *copy = reserve_like(span.start, len, &all);
    if (!copy) return -ENOMEM;
    madvise(copy, len, MADV_HUGEPAGE);
    madvise((void *)span.start, len, MADV_POPULATE_READ); /* a fault for every sixteen pages otherwise */
    memcpy(copy, (const void *)span.start, len);
    if (mprotect(copy, len, PROT_READ | PROT_EXEC) < 0 ||
        mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)span.start) == MAP_FAILED) {
        long r = -errno;
        munmap(all, len + HUGE_BYTES);
        return r;
    }
    if (copy > all) munmap(all, (size_t)(copy - all));
    size_t after = HUGE_BYTES - (size_t)(copy - all);
    if (after > 0) munmap(copy + len, after);
    return (long)len;
}
