#include "cell/prefault.h"
#include "base/macros.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_BYTES    4096u
#define RANGES_MAX    8192
#define PAGES_A_READ  4096

/* Larger mappings are address space that was set aside (the engine's cage, a sanitizer's shadow), with hardly a page in
   it; the kernel would report it page by page. */
#define MAPPING_BYTES_MAX (16ull << 30)

/* Bits of an entry of /proc/PID/pagemap; see the kernel's Documentation/admin-guide/mm/pagemap.rst. */
#define PAGEMAP_PRESENT   (1ull << 63)
#define PAGEMAP_FILE      (1ull << 61)
#define PAGEMAP_EXCLUSIVE (1ull << 56)

struct range {
    uintptr_t start, end;
    bool is_written;
};

/* Shared with the trainee, read-only to the cells. */
struct lesson {
    int len;
    struct range ranges[RANGES_MAX];
};

static struct lesson *the_lesson;

static void note(struct lesson *lesson, uintptr_t page, bool is_written) {
    struct range *last = lesson->len ? &lesson->ranges[lesson->len - 1] : NULL;
    if (last && last->end == page && last->is_written == is_written) {
        last->end += PAGE_BYTES;
    } else if (lesson->len < RANGES_MAX) {
        lesson->ranges[lesson->len++] = (struct range){page, page + PAGE_BYTES, is_written};
    }
}

static void note_mapping(struct lesson *lesson, int pagemap, uintptr_t start, uintptr_t end) {
    static uint64_t entries[PAGES_A_READ];
    for (uintptr_t at = start; at < end; at += sizeof entries / sizeof *entries * (uintptr_t)PAGE_BYTES) {
        size_t n = (end - at) / PAGE_BYTES < PAGES_A_READ ? (end - at) / PAGE_BYTES : PAGES_A_READ;
        ssize_t got = pread(pagemap, entries, n * sizeof *entries, (off_t)(at / PAGE_BYTES * sizeof *entries));
        for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *entries; i++) {
            uint64_t entry = entries[i];
            if (!(entry & PAGEMAP_PRESENT)) continue;
            if (entry & (PAGEMAP_FILE | PAGEMAP_EXCLUSIVE)) {
                note(lesson, at + i * PAGE_BYTES, !(entry & PAGEMAP_FILE));
            }
        }
    }
}

/* In the trainee: walks its own mappings. */
static void study(struct lesson *lesson) {
    FILE *maps = fopen("/proc/self/maps", "re");
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    char line[512], access[5];
    uintptr_t start, end;
    while (maps && pagemap >= 0 && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || access[0] != 'r' || access[3] != 'p') continue;
        if (end - start > MAPPING_BYTES_MAX || strstr(line, "[v") || strstr(line, "[stack]")) continue;
        note_mapping(lesson, pagemap, start, end);
    }
}

int prefault_learn(void (*work)(void *context), void *context) {
    struct lesson *lesson =
        mmap(NULL, sizeof *lesson, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lesson == MAP_FAILED) return -errno;
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) {
        work(context);
        study(lesson);
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

void prefault_touch(void) {
    if (!the_lesson) return;
    for (int i = 0; i < the_lesson->len; i++) {
        const struct range *range = &the_lesson->ranges[i];
        /* A range that is gone or has changed since only costs its faults later. */
        madvise((void *)range->start, range->end - range->start,
                range->is_written ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    }
}
