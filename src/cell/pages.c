#include "cell/pages.h"
#include "base/macros.h"
#include "cell/hugepages.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_BYTES   4096u
#define RANGES_MAX   8192
#define PAGES_A_READ 4096

#define ARENAS_MAX 64

/* Larger mappings are address space that was set aside (the engine's cage, a sanitizer's shadow), with hardly a page in
   it; the kernel would report it page by page. */
#define MAPPING_BYTES_MAX (16ull << 30)

/* Bits of an entry of /proc/PID/pagemap; see the kernel's Documentation/admin-guide/mm/pagemap.rst. */
#define PAGEMAP_PRESENT   (1ull << 63)
#define PAGEMAP_FILE      (1ull << 61)
#define PAGEMAP_EXCLUSIVE (1ull << 56)

/* Shared with the trainee, read-only to the cells. */
struct lesson {
    int len;
    struct page_range ranges[RANGES_MAX];
};

static struct lesson *the_lesson;
static struct page_range arenas[ARENAS_MAX]; /* where the engine finds new memory */
static int arenas_len;
static bool grows_large;

/* --- Walking the process's own memory --------------------------------------------------------------------------- */

struct walk {
    void (*page)(void *context, uintptr_t page, uint64_t entry);
    void *context;
};

static void walk_mapping(const struct walk *walk, int pagemap, uintptr_t start, uintptr_t end) {
    static uint64_t entries[PAGES_A_READ];
    for (uintptr_t at = start; at < end; at += sizeof entries / sizeof *entries * (uintptr_t)PAGE_BYTES) {
        size_t n = (end - at) / PAGE_BYTES < PAGES_A_READ ? (end - at) / PAGE_BYTES : PAGES_A_READ;
        ssize_t got = pread(pagemap, entries, n * sizeof *entries, (off_t)(at / PAGE_BYTES * sizeof *entries));
        size_t entries_len = got > 0 ? (size_t)got / sizeof *entries : 0;
        for (size_t i = 0; i < entries_len; i++) {
            if (entries[i] & PAGEMAP_PRESENT) walk->page(walk->context, at + i * PAGE_BYTES, entries[i]);
        }
    }
}

static void walk_memory(const struct walk *walk) {
    FILE *maps = fopen("/proc/self/maps", "re");
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    char line[512], access[5];
    uintptr_t start, end;
    while (maps && pagemap >= 0 && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3) continue;
        if (access[0] != 'r' || access[3] != 'p' || end - start > MAPPING_BYTES_MAX) continue;
        if (strstr(line, "[v")) continue;
        walk_mapping(walk, pagemap, start, end);
    }
    if (maps) fclose(maps);
    if (pagemap >= 0) close(pagemap);
}

/* --- In the zygote ------------------------------------------------------------------------------------------------ */

static void find_arenas(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    struct page_range at = {0};
    uintptr_t inode;
    while (maps && fgets(line, sizeof line, maps) && arenas_len < ARENAS_MAX) {
        if (sscanf(line, "%lx-%lx rw%*cp %*x %*s %lu", &at.start, &at.end, &inode) != 3) continue;
        if (inode == 0 && !strchr(line, '[') && at.end - at.start >= HUGE_BYTES) arenas[arenas_len++] = at;
    }
    if (maps) fclose(maps);
}

/* --- In the trainee --------------------------------------------------------------------------------------------- */

static void note_page(void *context, uintptr_t page, uint64_t entry) {
    struct lesson *lesson = context;
    if (!(entry & (PAGEMAP_FILE | PAGEMAP_EXCLUSIVE))) return;
    bool is_written = !(entry & PAGEMAP_FILE);
    struct page_range *last = lesson->len ? &lesson->ranges[lesson->len - 1] : NULL;
    if (last && last->end == page && last->is_written == is_written) {
        last->end += PAGE_BYTES;
    } else if (lesson->len < RANGES_MAX) {
        lesson->ranges[lesson->len++] = (struct page_range){page, page + PAGE_BYTES, is_written};
    }
}

int pages_learn(void (*work)(void *context), void *context) {
    struct lesson *lesson = mmap(NULL, sizeof *lesson, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lesson == MAP_FAILED) return -errno;
    find_arenas();
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) {
        work(context);
        walk_memory(&(struct walk){note_page, lesson});
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status != 0) {
        munmap(lesson, sizeof *lesson);
        return -ECHILD;
    }
    mprotect(lesson, sizeof *lesson, PROT_READ);
    the_lesson = lesson;
    return lesson->len;
}

void pages_lesson(const struct page_range **ret, int *ret_len) {
    *ret = the_lesson ? the_lesson->ranges : NULL;
    *ret_len = the_lesson ? the_lesson->len : 0;
}

/* --- In a cell -------------------------------------------------------------------------------------------------- */

void pages_take(void) {
    if (!the_lesson) return;
    for (int i = 0; i < the_lesson->len; i++) {
        const struct page_range *range = &the_lesson->ranges[i];
        /* A range that is gone or has changed since only costs its faults later. */
        madvise((void *)range->start, range->end - range->start,
                range->is_written ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    }
}

static void want_huge(uintptr_t start, size_t len) {
    madvise((void *)start, len, MADV_HUGEPAGE); /* or as before */
}

void pages_grow_large(void) {
    grows_large = true;
    for (int i = 0; i < arenas_len; i++) want_huge(arenas[i].start, arenas[i].end - arenas[i].start);
}

/* In the place of libc's: the engine's heap goes on in arenas that it maps when those that the zygote had are full. */
void *mmap_for_engine(void *at, size_t len, int protection, int flags, int fd, off_t offset) __asm__("mmap")
    __attribute__((visibility("default"), used));

void *mmap_for_engine(void *at, size_t len, int protection, int flags, int fd, off_t offset) {
    long start = syscall(SYS_mmap, at, len, protection, flags, fd, offset);
    bool is_arena = start != -1 && flags & MAP_ANONYMOUS && protection == (PROT_READ | PROT_WRITE) && len >= HUGE_BYTES;
    if (grows_large && is_arena) want_huge((uintptr_t)start, len);
    return (void *)start;
}
