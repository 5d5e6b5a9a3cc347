#include "cell/pages.h"
#include "base/macros.h"
#include "cell/hugepages.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_BYTES   4096u
#define RANGES_MAX   8192
#define PAGES_A_READ 4096
#define HUGE_PAGES   (HUGE_BYTES / PAGE_BYTES)

/* Chunks: huge pages of the engine's memory. */
#define CHUNKS_MAX 64

#define ARENAS_MAX 64

/* A chunk with so many present pages is worth one huge page in the zygote, for all cells to read. */
#define COLLAPSE_PAGES_MIN 64

/* With so many written pages, copying a chunk whole is cheaper than page by page (0.3 to 0.7 ms against 16 to 26 us a
   written page and 2 to 9 a read one; docs/performance.md). */
#ifdef __SANITIZE_ADDRESS__
#define CHUNK_WRITES_MIN 48 /* chunks that hold the sanitizer's red zones cannot be copied */
#else
#define CHUNK_WRITES_MIN 12
#endif

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

/* Chunks that cells take whole: at `start`, and what it was like in the zygote lies at `original`. A fork brings along
   the original alone. */
struct chunk {
    uintptr_t start, original;
};

static struct lesson *the_lesson;
static struct range arenas[ARENAS_MAX]; /* where the engine finds new memory */
static int arenas_len;
static struct chunk chunks[CHUNKS_MAX];
static int chunks_len;
static bool are_taken;

/* --- Walking the process's own memory --------------------------------------------------------------------------- */

struct walk {
    void (*page)(void *context, uintptr_t page, uint64_t entry);
    void *context;
    bool is_private_only; /* anonymous and writable memory alone */
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
    uintptr_t start, end, inode;
    while (maps && pagemap >= 0 && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &start, &end, access, &inode) != 4) continue;
        if (access[0] != 'r' || access[3] != 'p' || end - start > MAPPING_BYTES_MAX) continue;
        if (strstr(line, "[v")) continue;
        if (walk->is_private_only && (inode != 0 || strncmp(access, "rw-", 3) != 0 || strstr(line, "[heap]"))) continue;
        walk_mapping(walk, pagemap, start, end);
    }
    if (maps) fclose(maps);
    if (pagemap >= 0) close(pagemap);
}

/* --- In the zygote: huge pages ---------------------------------------------------------------------------------- */

/* How many pages of which chunks are there; the walk comes in order of addresses. */
struct count {
    uintptr_t start[CHUNKS_MAX];
    int pages[CHUNKS_MAX];
    int len;
};

static void count_page(void *context, uintptr_t page, uint64_t entry) {
    struct count *count = context;
    uintptr_t start = page & ~(HUGE_BYTES - 1);
    (void)entry;
    if (count->len == 0 || count->start[count->len - 1] != start) {
        if (count->len == CHUNKS_MAX) return;
        count->start[count->len++] = start;
    }
    count->pages[count->len - 1]++;
}

static void collapse_chunks(void) {
    static struct count count;
    walk_memory(&(struct walk){count_page, &count, true});
    for (int i = 0; i < count.len; i++) {
        if (count.pages[i] >= COLLAPSE_PAGES_MIN && hugepages_collapse(count.start[i]) == 0) {
            chunks[chunks_len++].start = count.start[i];
        }
    }
}

static void find_arenas(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    struct range at = {0};
    uintptr_t inode;
    while (maps && fgets(line, sizeof line, maps) && arenas_len < ARENAS_MAX) {
        if (sscanf(line, "%lx-%lx rw%*cp %*x %*s %lu", &at.start, &at.end, &inode) != 3) continue;
        if (inode == 0 && !strchr(line, '[') && at.end - at.start >= HUGE_BYTES) arenas[arenas_len++] = at;
    }
    if (maps) fclose(maps);
}

static bool keep_original(struct chunk *chunk, uintptr_t place) {
    if (madvise((void *)place, HUGE_BYTES, MADV_HUGEPAGE) < 0) return false;
    memcpy((void *)place, (const void *)chunk->start, HUGE_BYTES);
    chunk->original = place;
    return madvise((void *)chunk->start, HUGE_BYTES, MADV_DONTFORK) == 0;
}

/* Keeps the chunks that were often written, and makes their originals. */
static void choose_chunks(const struct lesson *lesson) {
    int chosen = 0;
    for (int i = 0; i < chunks_len; i++) {
        uintptr_t written = 0;
        for (int k = 0; k < lesson->len; k++) {
            const struct range *range = &lesson->ranges[k];
            uintptr_t start = range->start > chunks[i].start ? range->start : chunks[i].start;
            uintptr_t end = range->end < chunks[i].start + HUGE_BYTES ? range->end : chunks[i].start + HUGE_BYTES;
            if (range->is_written && start < end) written += (end - start) / PAGE_BYTES;
        }
        if (written >= CHUNK_WRITES_MIN) chunks[chosen++].start = chunks[i].start;
    }
    size_t len = ((size_t)chosen + 1) * HUGE_BYTES;
    void *place = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t first = ((uintptr_t)place + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    if (place == MAP_FAILED) chosen = 0;
    for (chunks_len = 0; chunks_len < chosen; chunks_len++) {
        if (!keep_original(&chunks[chunks_len], first + (uintptr_t)chunks_len * HUGE_BYTES)) break;
    }
}

static bool is_in_chunk(uintptr_t page) {
    for (int i = 0; i < chunks_len; i++) {
        if (page - chunks[i].start < HUGE_BYTES) return true;
    }
    return false;
}

/* Pages of chunks that are taken whole need no range. */
static void drop_ranges_of_chunks(struct lesson *lesson) {
    int kept = 0;
    for (int i = 0; i < lesson->len; i++) {
        if (!is_in_chunk(lesson->ranges[i].start)) lesson->ranges[kept++] = lesson->ranges[i];
    }
    lesson->len = kept;
}

/* --- In the trainee --------------------------------------------------------------------------------------------- */

static void note_page(void *context, uintptr_t page, uint64_t entry) {
    struct lesson *lesson = context;
    if (!(entry & (PAGEMAP_FILE | PAGEMAP_EXCLUSIVE))) return;
    bool is_written = !(entry & PAGEMAP_FILE);
    struct range *last = lesson->len ? &lesson->ranges[lesson->len - 1] : NULL;
    bool begins_chunk = page % HUGE_BYTES == 0;
    if (last && last->end == page && last->is_written == is_written && !begins_chunk) {
        last->end += PAGE_BYTES;
    } else if (lesson->len < RANGES_MAX) {
        lesson->ranges[lesson->len++] = (struct range){page, page + PAGE_BYTES, is_written};
    }
}

int pages_learn(void (*work)(void *context), void *context) {
    struct lesson *lesson = mmap(NULL, sizeof *lesson, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lesson == MAP_FAILED) return -errno;
    collapse_chunks();
    find_arenas();
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) {
        work(context);
        walk_memory(&(struct walk){note_page, lesson, false});
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status != 0) {
        munmap(lesson, sizeof *lesson);
        chunks_len = 0;
        return -ECHILD;
    }
    choose_chunks(lesson);
    drop_ranges_of_chunks(lesson);
    mprotect(lesson, sizeof *lesson, PROT_READ);
    the_lesson = lesson;
    return lesson->len;
}

/* --- In a cell -------------------------------------------------------------------------------------------------- */

static void take_chunk(const struct chunk *chunk) {
    void *start = (void *)chunk->start;
    CHECK(mmap(start, HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start);
    madvise(start, HUGE_BYTES, MADV_HUGEPAGE);
    memcpy(start, (const void *)chunk->original, HUGE_BYTES);
}

void pages_take(void) {
    if (!the_lesson) return;
    for (int i = 0; i < chunks_len; i++) take_chunk(&chunks[i]);
    are_taken = chunks_len > 0;
    for (int i = 0; i < the_lesson->len; i++) {
        const struct range *range = &the_lesson->ranges[i];
        /* A range that is gone or has changed since only costs its faults later. */
        madvise((void *)range->start, range->end - range->start,
                range->is_written ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    }
}

void pages_grow_large(void) {
    for (int i = 0; i < arenas_len; i++) {
        madvise((void *)arenas[i].start, arenas[i].end - arenas[i].start, MADV_HUGEPAGE); /* or as before */
    }
}

/* Writes the pages that differ into the original, then puts that back in place of the huge page. */
static void return_chunk(const struct chunk *chunk) {
    for (size_t i = 0, n; i < HUGE_PAGES; i += n) {
        uint8_t *now = (uint8_t *)chunk->start + i * PAGE_BYTES, *was = (uint8_t *)chunk->original + i * PAGE_BYTES;
        for (n = 0; i + n < HUGE_PAGES && memcmp(now + n * PAGE_BYTES, was + n * PAGE_BYTES, PAGE_BYTES) != 0; n++) {}
        if (n == 0) {
            n = 1;
            continue;
        }
        madvise(was, n * PAGE_BYTES, MADV_POPULATE_WRITE);
        memcpy(was, now, n * PAGE_BYTES);
    }
    CHECK(mremap((void *)chunk->original, HUGE_BYTES, HUGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
                 (void *)chunk->start) == (void *)chunk->start);
}

bool pages_are_large(void) {
    return are_taken;
}

void pages_return(void) {
    if (!are_taken) return;
    for (int i = 0; i < chunks_len; i++) return_chunk(&chunks[i]);
    are_taken = false;
}
