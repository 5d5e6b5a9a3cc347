/* Prepares what holders do: in the zygote, a copy of its memory in a file (the image), and a list of all that is mapped (the
   plan). See rewind.h. */
#include "cell/rewind.h"
#include "base/landlock.h"
#include "base/macros.h"
#include "cell/cell.h"
#include "cell/engine.h"
#include "cell/jail.h"
#include "cell/memory_query.h"
#include "cell/rewind_plan.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* As are these of userfaultfd: the kernel itself takes the protection of a page away at its first write, and tells nobody. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

#define PAGE_BYTES        4096ul
#define IMAGE_BYTES       (64ul << 20)
#define PLAN_BYTES        ((sizeof(struct plan) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1))
#define MAPS_BYTES        (128 << 10)
#define REGIONS_A_SCAN    512
#define ADDRESSES_END     ((1ul << 47) - PAGE_BYTES)
#define ASIDE_FD          64
#define RSEQ_UNREGISTER   1

#define ARENA_BYTES_MIN (64ul << 20)
#define CAGE_BYTES_MIN  (16ul << 30)

/* Image pages with no more between them than so many absent ones are one area: these are zeroes in the image, too. */
#define ABSENT_PAGES_MAX 16

/* Mappings of no more pages are the image's, absent ones as well: a library's data, so that no span need be there. */
#define SMALL_PAGES_MAX 16

/* A span goes on behind so many areas that need no search. */
#define AREAS_WITHIN_SPAN_MAX 8

static struct plan *the_plan; /* NULL: there will be no holders */
static uint8_t *image;        /* read-only, of the file; a second mapping is written, and gone with rewind_keep */
static uint8_t *image_written;
static size_t image_len;
static int image_fd = -1, image_written_fd = -1, proc_fd = -1, maps_fd = -1, pagemap_fd = -1;
static int locked_ruleset = -1;
static sigset_t signals_blocked;

/* --- While /proc is there ----------------------------------------------------------------------------------------- */

/* The kernel writes to, and reads, what was registered when a holder wakes up: that must not be a cell's to write. */
static int forget_rseq(void) {
    if (__rseq_size == 0) return 0;
    void *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    return syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_UNREGISTER, RSEQ_SIG) < 0 ? -errno : 0;
}

/* Whether a process could have memory where no holder looks for it. */
static bool has_high_addresses(void) {
    void *at = mmap((void *)(1ul << 50), PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return true;
    munmap(at, PAGE_BYTES);
    return (uintptr_t)at > ADDRESSES_END;
}

/* So that no cell makes it grow, unless it recurses deeper: a sealed mapping that has grown would not go away again. */
static void grow_stack(void) {
    volatile uint8_t *deep = __builtin_alloca(STACK_BYTES);
    uintptr_t page = ((uintptr_t)deep + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    *deep = 0;
    madvise((void *)page, STACK_BYTES - 2 * PAGE_BYTES, MADV_DONTNEED);
}

/* By which the kernel marks, for this process, what is written. Returns a descriptor or a negative errno. */
static int open_writes(void) {
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (fd < 0) return -errno;
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED};
    if (ioctl(fd, UFFDIO_API, &api) == 0) return fd;
    close(fd);
    return -ENOTSUP;
}

/* Whether it does so here: where the image is mapped as holders map it. */
static bool can_mark_writes(void) {
    int fd = open_writes();
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, image_fd, 0);
    struct uffdio_register marked = {.range = {(uintptr_t)page, PAGE_BYTES}, .mode = UFFDIO_REGISTER_MODE_WP};
    struct uffdio_writeprotect protected = {marked.range, UFFDIO_WRITEPROTECT_MODE_WP};
    bool r = fd >= 0 && page != MAP_FAILED && ioctl(fd, UFFDIO_REGISTER, &marked) == 0 && ioctl(fd, UFFDIO_WRITEPROTECT, &protected) == 0;
    if (page != MAP_FAILED) munmap(page, PAGE_BYTES);
    if (fd >= 0) close(fd);
    return r;
}

/* Whether the kernel can be asked for the mapping at an address. */
static bool can_query(void) {
    struct procmap_query query = {.size = sizeof query, .query_addr = (uintptr_t)image};
    return ioctl(maps_fd, PROCMAP_QUERY, &query) == 0;
}

static int open_image(void) {
    char path[40];
    image_written_fd = memfd_create("image", MFD_CLOEXEC);
    if (image_written_fd < 0 || ftruncate(image_written_fd, IMAGE_BYTES) < 0) return -errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", image_written_fd);
    image_fd = open(path, O_RDONLY | O_CLOEXEC); /* what is mapped by it can never be made writable */
    if (image_fd < 0) return -errno;
    image_written = mmap(NULL, IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, image_written_fd, 0);
    image = mmap(NULL, IMAGE_BYTES, PROT_READ, MAP_SHARED, image_fd, 0);
    if (image == MAP_FAILED || image_written == MAP_FAILED) return -errno;
    madvise(image_written, IMAGE_BYTES, MADV_HUGEPAGE);
    madvise(image, IMAGE_BYTES, MADV_HUGEPAGE);
    return 0;
}

static int open_files(void) {
    proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int r = proc_fd < 0 || maps_fd < 0 || pagemap_fd < 0 ? -errno : open_image();
    return r == 0 && !can_query() ? -ENOTSUP : r;
}

/* With a page that nobody can touch on both sides, so that it stays a mapping of its own. */
static void *map_alone(size_t len) {
    uint8_t *all = mmap(NULL, len + 2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + PAGE_BYTES, len, PROT_READ | PROT_WRITE) < 0) return NULL;
    return all + PAGE_BYTES;
}

static int make_plan(void) {
    struct plan *plan = map_alone(PLAN_BYTES);
    uint8_t *scratch = map_alone(SCRATCH_BYTES);
    if (!plan || !scratch) return -errno;
    plan->scratch_top = (uintptr_t)scratch + SCRATCH_BYTES;
    plan->marks_writes = can_mark_writes();
    the_plan = plan;
    return 0;
}

int rewind_prepare(int *ret_proc_fd) {
#if !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__)
    return -ENOTSUP; /* holder.c's assembler; a sanitizer's shadow of the memory */
#endif
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || syscall(SYS_mseal, page, PAGE_BYTES, 0) < 0) return -errno;
    if (has_high_addresses()) return -ENOTSUP;
    grow_stack();
    int r = forget_rseq();
    if (r == 0) r = open_files();
    if (r == 0) r = make_plan();
    if (r < 0) return r;
    locked_ruleset = landlock_new(true, LANDLOCK_SCOPE_ABSTRACT_SOCKETS | LANDLOCK_SCOPE_SIGNALS);
    *ret_proc_fd = proc_fd;
    return 0;
}

const struct plan *rewind_plan(void) {
    return the_plan;
}

/* --- The plan ----------------------------------------------------------------------------------------------------- */

struct mapping {
    uintptr_t start, end, inode;
    bool is_read, is_written, is_run, is_private, is_special;
};

static int add_hole(struct plan *plan, uintptr_t start, uintptr_t end) {
    if (start >= end) return 0;
    if (plan->holes_len == PLAN_HOLES_MAX) return -E2BIG;
    plan->holes[plan->holes_len++] = (struct stretch){start, end};
    return 0;
}

static int add_area(struct plan *plan, struct area area) {
    if (area.start >= area.end) return 0;
    if (plan->areas_len == PLAN_AREAS_MAX) return -E2BIG;
    plan->areas[plan->areas_len++] = area;
    return 0;
}

static int add_image(struct plan *plan, uintptr_t start, uintptr_t end, enum area_kind kind) {
    if (start >= end) return 0;
    if (image_len + (end - start) > IMAGE_BYTES) return -E2BIG;
    struct area area = {.start = start, .end = end, .kind = (uint8_t)kind, .is_sealed = kind != AREA_TUNED};
    area.image = image + image_len;
    area.image_page = (uint32_t)(image_len / PAGE_BYTES);
    image_len += end - start;
    return add_area(plan, area);
}

/* The engine's cage for the bytes of arrays, the largest of what it sets aside. */
static bool is_cage(const struct mapping *m) {
    return m->inode == 0 && m->end - m->start >= CAGE_BYTES_MIN;
}

/* What the engine sets aside and cuts its pieces from. */
static bool is_arena(const struct mapping *m) {
    return m->inode == 0 && m->end - m->start >= ARENA_BYTES_MIN && !m->is_run;
}

static int add_fresh(struct plan *plan, uintptr_t start, uintptr_t end, const struct mapping *m) {
    struct area area = {.start = start, .end = end, .kind = AREA_FRESH, .is_sealed = true, .is_file = m->inode != 0};
    if (is_arena(m)) {
        area.kind = AREA_LOOSE;
        area.is_sealed = false;
    }
    return add_area(plan, area);
}

/* Present pages are the image's, with the few absent ones between them. */
struct hull {
    struct plan *plan;
    const struct mapping *mapping;
    uintptr_t covered; /* up to here there are areas */
    uintptr_t start, end; /* of pages that become the next image area; start is 0 for none */
};

static bool is_the_cells(const struct mapping *m) {
    return m->start == (uintptr_t)&the_cell; /* under a key of its own (pkey.h), which another mapping would lose */
}

static int close_hull(struct hull *hull) {
    if (!hull->start) return 0;
    int r = add_fresh(hull->plan, hull->covered, hull->start, hull->mapping);
    /* Memory that can be run could not be mapped anew (MDWE). */
    bool is_cages = is_cage(hull->mapping);
    bool is_copied = is_cages || hull->mapping->is_run || is_the_cells(hull->mapping);
    if (r == 0) r = add_image(hull->plan, hull->start, hull->end, is_copied ? AREA_COPY : AREA_IMAGE);
    if (r == 0 && is_cages) hull->plan->areas[hull->plan->areas_len - 1].is_sealed = false;
    hull->covered = hull->end;
    hull->start = 0;
    return r;
}

static int add_present(struct hull *hull, uintptr_t start, uintptr_t end) {
    if (hull->start && start < hull->end) return 0; /* a scan may give a region twice */
    if (hull->start && start > hull->end + ABSENT_PAGES_MAX * PAGE_BYTES) {
        int r = close_hull(hull);
        if (r < 0) return r;
    }
    if (!hull->start) hull->start = start;
    hull->end = end;
    return 0;
}

static int add_pages(struct plan *plan, const struct mapping *m) {
    static struct page_region regions[REGIONS_A_SCAN];
    struct hull hull = {.plan = plan, .mapping = m, .covered = m->start};
    if (m->end - m->start <= SMALL_PAGES_MAX * PAGE_BYTES) {
        hull.start = m->start;
        hull.end = m->end;
        return close_hull(&hull);
    }
    struct pm_scan_arg scan = {.size = sizeof scan, .start = m->start, .end = m->end, .vec = (uintptr_t)regions};
    scan.vec_len = REGIONS_A_SCAN;
    scan.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED;
    scan.return_mask = PAGE_IS_PRESENT;
    for (int len = REGIONS_A_SCAN; len == REGIONS_A_SCAN; scan.start = scan.walk_end) { /* as in holder.c */
        len = ioctl(pagemap_fd, PAGEMAP_SCAN, &scan);
        if (len < 0) return -errno;
        for (int i = 0; i < len; i++) {
            int r = add_present(&hull, regions[i].start, regions[i].end);
            if (r < 0) return r;
        }
    }
    int r = close_hull(&hull);
    return r < 0 ? r : add_fresh(plan, hull.covered, m->end, m);
}

static int add_stack(struct plan *plan, const struct mapping *m) {
    uintptr_t page = plan->stack & ~(PAGE_BYTES - 1);
    int r = add_fresh(plan, m->start, page, m);
    return r < 0 ? r : add_image(plan, page, m->end, AREA_COPY);
}

static bool contains(const struct mapping *m, uintptr_t address) {
    return m->start <= address && address < m->end;
}

/* Whether some of its pages are not its file's. Returns so, or a negative errno. */
static int has_own_pages(const struct mapping *m) {
    struct page_region region;
    struct pm_scan_arg scan = {.size = sizeof scan, .start = m->start, .end = m->end, .vec = (uintptr_t)&region, .vec_len = 1};
    scan.category_mask = scan.category_inverted = PAGE_IS_FILE;
    scan.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED;
    scan.return_mask = PAGE_IS_PRESENT;
    int found = ioctl(pagemap_fd, PAGEMAP_SCAN, &scan);
    return found < 0 ? -errno : found;
}

/* The same bytes without a file. */
static int cut_loose(const struct mapping *m) {
    size_t len = m->end - m->start;
    void *copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return -errno;
    memcpy(copy, (const void *)m->start, len);
    if (mprotect(copy, len, PROT_READ) < 0) return -errno;
    return mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)m->start) == MAP_FAILED ? -errno : 0;
}

/* What cannot be written and never will be. A cell could be rid of what the dynamic loader wrote to a file's pages; to a sealed
   mapping without a file that cannot happen (mm/madvise.c). */
static int keep(struct plan *plan, const struct mapping *m) {
    int r = m->inode != 0 && m->is_private ? has_own_pages(m) : 0;
    if (r > 0) r = m->is_run || !m->is_read ? -ENOTSUP : cut_loose(m);
    if (r < 0) return r;
    if (syscall(SYS_mseal, m->start, m->end - m->start, 0) < 0 && !m->is_special) return -errno;
    return add_area(plan, (struct area){.start = m->start, .end = m->end, .kind = AREA_KEPT});
}

static int add_mapping(struct plan *plan, const struct mapping *m) {
    const void *options = engine_options(the_cell.engine);
    if (m->start == (uintptr_t)plan) { /* sealed when it is complete */
        return add_area(plan, (struct area){.start = m->start, .end = m->end, .kind = AREA_KEPT});
    }
    if (contains(m, (uintptr_t)image_written)) return add_hole(plan, m->start, m->end); /* when there are holders */
    if (m->end == plan->scratch_top) return keep(plan, m);
    if (contains(m, plan->stack)) return add_stack(plan, m);
    if (m->is_written && !m->is_private) return -ENOTSUP;
    if (m->is_written) return add_pages(plan, m);
    if (options && contains(m, (uintptr_t)options)) return add_image(plan, m->start, m->end, AREA_TUNED);
    return keep(plan, m);
}

static bool parse_mapping(const char *line, struct mapping *m) {
    char access[5];
    if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &m->start, &m->end, access, &m->inode) != 4) return false;
    const char *name = strchr(line, '['), *end = strchr(line, '\n');
    m->is_read = access[0] == 'r';
    m->is_written = access[1] == 'w';
    m->is_run = access[2] == 'x';
    m->is_private = access[3] == 'p';
    m->is_special = name && name < end && name[1] == 'v';
    return true;
}

static int add_mappings(struct plan *plan, char *lines) {
    uintptr_t before = 0;
    for (char *line = lines; *line; line = strchr(line, '\n') + 1) {
        struct mapping m;
        if (!parse_mapping(line, &m)) return -EPROTO;
        if (m.start > ADDRESSES_END) break; /* vsyscall, which is the kernel's */
        int r = add_hole(plan, before, m.start);
        if (r == 0) r = add_mapping(plan, &m);
        if (r < 0) return r;
        before = m.end;
    }
    return add_hole(plan, before, ADDRESSES_END);
}

/* Where there may be pages of which no mark tells that they were written. Without marks: everywhere but in the image's own mapping, which
   nobody can write to and which is half of what there is to look at. */
static int add_spans(struct plan *plan) {
    struct stretch *last = NULL;
    unsigned skipped = 0;
    for (unsigned i = 0; i < plan->areas_len; i++) {
        const struct area *area = &plan->areas[i];
        if (area->start == plan->image_start) last = NULL;
        else if (plan->marks_writes && area->kind != AREA_FRESH && area->kind != AREA_LOOSE) skipped++;
        else {
            bool is_near = last && skipped <= AREAS_WITHIN_SPAN_MAX;
            if (!is_near && plan->spans_len == PLAN_SPANS_MAX) return -E2BIG;
            if (!is_near) *(last = &plan->spans[plan->spans_len++]) = (struct stretch){area->start, area->end};
            last->end = area->end;
            skipped = 0;
        }
    }
    return 0;
}

static int read_mappings(char *out, size_t capacity) {
    size_t len = 0;
    for (ssize_t n; (n = pread(maps_fd, out + len, capacity - 1 - len, (off_t)len)) != 0; len += (size_t)n) {
        if (n < 0) return -errno;
    }
    out[len] = 0;
    return len + 1 < capacity ? 0 : -E2BIG;
}

static void close_all(void) {
    int *fds[] = {&image_written_fd, &maps_fd, &pagemap_fd};
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        close(*fds[i]);
        *fds[i] = -1;
    }
}

int rewind_keep(uintptr_t stack) {
    static char lines[MAPS_BYTES];
    struct plan *plan = the_plan;
    plan->stack = stack;
    plan->brk = (uintptr_t)sbrk(0);
    plan->image_start = (uintptr_t)image;
    plan->image_end = plan->image_start + IMAGE_BYTES;
    size_t seal_len;
    plan->seal.code = jail_held_seal(&seal_len);
    plan->seal.len = (uint16_t)seal_len;
    pages_lesson(&plan->lesson, &plan->lesson_len);
    int r = read_mappings(lines, sizeof lines);
    if (r == 0) r = add_mappings(plan, lines);
    if (r == 0) r = add_spans(plan);
    close_all(); /* before the copy: it has them closed, too */
    madvise(image_written, image_len, MADV_POPULATE_WRITE);
    for (unsigned i = 0; r == 0 && i < plan->areas_len; i++) {
        const struct area *area = &plan->areas[i];
        if (area->image) {
            memcpy(image_written + (size_t)area->image_page * PAGE_BYTES, (const void *)area->start, area->end - area->start);
        }
    }
    munmap(image_written, IMAGE_BYTES);
    if (r == 0 && (mprotect(plan, PLAN_BYTES, PROT_READ) < 0 || syscall(SYS_mseal, plan, PLAN_BYTES, 0) < 0)) r = -errno;
    return r;
}

/* --- In a cell, and a holder -------------------------------------------------------------------------------------- */

int rewind_point(int *ret_owner_fd) {
    CHECK(sigprocmask(SIG_SETMASK, NULL, &signals_blocked) == 0);
    int r = holder_point();
    if (r <= 0) return r;
    *ret_owner_fd = r - 1;
    prctl(PR_SET_NAME, "mayfly-cell");
    CHECK(sigprocmask(SIG_SETMASK, &signals_blocked, NULL) == 0);
    struct holder_msg *msg = (struct holder_msg *)(the_plan->scratch_top - SCRATCH_BYTES);
    msg->pid = getpid();
    if (send(HOLDER_MADE_FD, msg, sizeof *msg, MSG_NOSIGNAL) != sizeof *msg) _exit(1);
    return 1;
}

/* This process's own pages and mappings: the files are only for who may be looked into. */
static bool open_own(int *ret_pagemap, int *ret_maps) {
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) return false;
    *ret_pagemap = openat(proc_fd, "self/pagemap", O_RDONLY | O_CLOEXEC);
    *ret_maps = openat(proc_fd, "self/maps", O_RDONLY | O_CLOEXEC);
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* Puts a holder's descriptors where holder.c looks for them, by way of higher numbers, since one may stand in another's
   place; and closes all others. */
static bool place_descriptors(const struct holder_sockets *sockets, int pagemap, int maps, int writes) {
    const int from[] = {sockets->jobs, sockets->made, sockets->reports, pagemap, maps, image_fd, writes};
    const int len = (int)COUNT_OF(from) - !the_plan->marks_writes;
    for (int i = 0; i < len; i++) {
        if (from[i] < 0 || dup3(from[i], ASIDE_FD + i, O_CLOEXEC) < 0) return false;
    }
    for (int i = 0; i < len; i++) {
        if (dup3(ASIDE_FD + i, HOLDER_JOBS_FD + i, O_CLOEXEC) < 0) return false;
    }
    return close_range(0, HOLDER_JOBS_FD - 1, 0) == 0 && close_range((unsigned)(HOLDER_JOBS_FD + len), ~0u, 0) == 0;
}

/* Whoever cannot be one ends, and the zygote sees that. */
static bool be_holder(const struct holder_sockets *sockets) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL); /* no handler runs on what a cell left behind */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NAME, "mayfly-holder") < 0) return false;
    int pagemap, maps, writes = the_plan->marks_writes ? open_writes() : -ENOTSUP;
    if (!open_own(&pagemap, &maps)) return false;
    if (locked_ruleset >= 0 && !landlock_enter(locked_ruleset)) return false;
    return place_descriptors(sockets, pagemap, maps, writes);
}

pid_t rewind_fork_holder(const struct holder_sockets *sockets) {
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); /* the kernel is to write nothing when it ends */
    if (pid != 0) return pid < 0 ? -errno : pid;
    if (!be_holder(sockets)) _exit(1);
    holder_run(the_plan);
}
