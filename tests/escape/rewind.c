/* What native code can leave behind for the next cell of its holder (cell/rewind.h). The one act tries to change what is
   mapped, writes over all that it can reach, adds what it can, and ends in order, as whoever wants to be followed would.
   The other looks for any of that. */
#include "base/macros.h"
#include "cell/cell.h"
#include "cell/rewind.h"
#include "cell/rewind_plan.h"
#include "tests/escape/escapes.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define PATTERN     0xa5c3e1f00f1e3c5aull
#define LOOKED_AT   (64ul << 10)
#define WORDS_BYTES 400
#define ADDED       ((void *)0x10000000)
#define ADDED_BYTES (1ul << 20)
#define LOW         ((void *)0x1000)
#define LOW_BYTES   0xf000

/* Of the 65,530 mappings that the kernel allows a process. */
#define PIECES     30000
#define PIECES_MIN 60000

static int holder(void) {
    const struct plan *plan = rewind_plan();
    return the_cell.is_held ? ((const struct holder_msg *)(plan->scratch_top - SCRATCH_BYTES))->holder : 0;
}

/* The frame that tells of it, which is the last thing that a cell does: its owner then has it killed. */
static size_t put_words(const char *text, char out[static WORDS_BYTES]) {
    char head[200];
    struct buf frame = {0};
    int len = snprintf(head, sizeof head, "{\"error\":{\"name\":\"Error\",\"message\":\"%s %d\"}}", text, holder());
    CHECK(frame_put(&frame, FRAME_STARTED, 0, 0, head, (size_t)len, NULL, 0) == 0 && buf_len(&frame) <= WORDS_BYTES);
    memcpy(out, buf_bytes(&frame), buf_len(&frame));
    return buf_len(&frame);
}

static _Noreturn void end_with(const char *text) {
    char words[WORDS_BYTES];
    size_t len = put_words(text, words);
    send(the_cell.channels[0].fd, words, len, 0);
    _exit(0);
}

/* Whether anything of a mapping that has to stay as it is could be changed. `is_own`: no file brings back what is in it. */
static const char *how;
static int written; /* some page that can be */

static bool can_change(uintptr_t at, bool is_written, bool is_own) {
    void *page = (void *)(at & ~4095ul);
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (munmap(page, 4096) == 0) how = "munmap";
    if (mprotect(page, 4096, is_written ? PROT_READ : prot) == 0) how = "mprotect";
    if (mmap(page, 4096, prot, flags, -1, 0) == page) how = "mmap";
    if (mremap(page, 4096, 8192, MREMAP_MAYMOVE) != MAP_FAILED) how = "mremap";
    if (!is_written && is_own && madvise(page, 4096, MADV_DONTNEED) == 0) how = "madvise";
    return how != NULL;
}

static uint64_t sum_of(uintptr_t start, uintptr_t end) {
    uint64_t sum = 0;
    for (const uint64_t *word = (const uint64_t *)start; word < (const uint64_t *)end; word++) sum = sum * 31 + *word;
    return sum;
}

/* Whether what is there is not there any more once it was given back: a file has it again, what the dynamic loader filled in no file has. */
static bool can_lose(const struct area *area) {
    uintptr_t end = area->end - area->start < LOOKED_AT ? area->end : area->start + LOOKED_AT;
    size_t len = end - area->start;
    if (end == rewind_plan()->scratch_top || madvise((void *)area->start, len, MADV_POPULATE_READ) < 0) return false;
    uint64_t sum = sum_of(area->start, end);
    if (madvise((void *)area->start, len, MADV_DONTNEED) == 0 && sum_of(area->start, end) != sum) how = "madvise";
    madvise((void *)area->start, len, MADV_DONTNEED); /* so that its holder does not end since it has become too large */
    return how != NULL;
}

static bool can_change_any(void) {
    const struct plan *plan = rewind_plan();
    const uintptr_t kept[] = {(uintptr_t)holder_run, (uintptr_t)plan, (uintptr_t)plan->lesson, (uintptr_t)munmap};
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        if (can_change(kept[i], false, kept[i] == (uintptr_t)plan)) return true;
    }
    for (unsigned i = 0; i < plan->areas_len; i++) {
        const struct area *area = &plan->areas[i];
        if (area->image && can_change((uintptr_t)area->image, false, false)) return true;
        if (area->is_sealed && can_change(area->start, true, true)) return true;
        if (area->kind == AREA_KEPT && can_lose(area)) return true;
    }
    return can_change((uintptr_t)&written, true, true);
}

/* All that the zygote had, and the begin of what it had set aside; of the stack, what is above this frame comes last. */
static bool is_looked_at(const struct area *area) {
    return area->kind == AREA_IMAGE || area->kind == AREA_COPY || area->kind == AREA_LOOSE;
}

static uintptr_t end_of(const struct area *area) {
    bool is_whole = area->kind != AREA_LOOSE || area->end - area->start < LOOKED_AT;
    return is_whole ? area->end : area->start + LOOKED_AT;
}

static inline __attribute__((always_inline)) void fill(uintptr_t start, uintptr_t end) {
    unsigned long words = (end - start) / 8;
    __asm__ volatile("rep stosq" : "+D"(start), "+c"(words) : "a"(PATTERN) : "memory");
}

static void write_bytes(void) {
    uintptr_t more = (uintptr_t)sbrk(0);
    if (syscall(SYS_brk, more + ADDED_BYTES) == (long)(more + ADDED_BYTES)) fill(more, more + ADDED_BYTES);
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    fill((uintptr_t)mmap(ADDED, ADDED_BYTES, prot, flags | MAP_FIXED, -1, 0), (uintptr_t)ADDED + ADDED_BYTES);
    uintptr_t anywhere = (uintptr_t)mmap(NULL, ADDED_BYTES, prot, flags, -1, 0);
    fill(anywhere, anywhere + ADDED_BYTES);
    /* The plan is the one thing that stays readable as it was. */
    const struct plan *plan = rewind_plan();
    uintptr_t stack = plan->stack, scratch = plan->scratch_top - SCRATCH_BYTES;
    for (unsigned i = 0; i < plan->areas_len; i++) {
        const struct area *area = &plan->areas[i];
        if (!is_looked_at(area) || (area->start <= stack && stack < area->end)) continue;
        /* Written where it was, where it was given back, or where it came again after that. */
        if (i % 3 > 0) syscall(SYS_madvise, area->start, end_of(area) - area->start, MADV_DONTNEED);
        if (i % 3 > 1) syscall(SYS_madvise, area->start, end_of(area) - area->start, MADV_POPULATE_READ);
        fill(area->start, end_of(area));
    }
    fill(scratch, scratch + SCRATCH_BYTES);
}

static const struct area *first_area(enum area_kind kind, size_t len_min) {
    const struct plan *plan = rewind_plan();
    for (unsigned i = 0; i < plan->areas_len; i++) {
        if (plan->areas[i].kind == kind && plan->areas[i].end - plan->areas[i].start >= len_min) return &plan->areas[i];
    }
    CHECK(!"there is such an area");
    return NULL;
}

/* Mappings side by side that nothing joins, since they differ in more than their protection. */
static void make_pieces(void) {
    const struct area *area = first_area(AREA_LOOSE, PIECES * 2 * 4096ul);
    for (uintptr_t at = area->end - PIECES * 2 * 4096ul; at < area->end; at += 8192) {
        int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        mmap((void *)at, 4096, prot, flags | MAP_NORESERVE, -1, 0);
        mmap((void *)(at + 4096), 4096, prot, flags, -1, 0);
    }
}

/* What the image has and is not mapped from its file, but the stack. */
static void drop_copies(void) {
    const struct plan *plan = rewind_plan();
    for (unsigned i = 0; i < plan->areas_len; i++) {
        const struct area *area = &plan->areas[i];
        bool is_needed = (area->start <= plan->stack && plan->stack < area->end) || area->start == (uintptr_t)&the_cell;
        if (area->kind == AREA_COPY && !is_needed) syscall(SYS_madvise, area->start, area->end - area->start, MADV_DONTNEED);
    }
}

static void leave_poison(enum poison poison) {
    const struct area *options = first_area(AREA_TUNED, 0);
    void *at = (void *)options->start;
    size_t len = options->end - options->start;
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (poison == POISON_LOW) fill((uintptr_t)mmap(LOW, LOW_BYTES, prot, flags, -1, 0), (uintptr_t)LOW + LOW_BYTES);
    if (poison == POISON_DROP) drop_copies();
    if (poison == POISON_OPTIONS) mmap(at, len, prot, flags, -1, 0);
    if (poison == POISON_WRITABLE) mprotect(at, len, prot);
    if (poison == POISON_UNMAPPED) munmap(at, len);
    if (poison == POISON_PIECES) make_pieces();
    if (poison == POISON_BYTES) write_bytes();
}

_Noreturn void escape_poison(enum poison poison) {
    if (!the_cell.is_held) end_with("no holder");
    if (can_change_any()) {
        char text[60];
        snprintf(text, sizeof text, "escaped: a mapping was changed by %s, in holder", how);
        end_with(text);
    }
    char words[WORDS_BYTES];
    size_t words_len = put_words("poisoned", words);
    int fd = the_cell.channels[0].fd;
    uintptr_t stack = rewind_plan()->stack;
    leave_poison(poison);
    register long flags_of_send __asm__("r10") = MSG_NOSIGNAL;
    register long address __asm__("r8") = 0, address_len __asm__("r9") = 0;
    long sent;
    __asm__ volatile("syscall"
                     : "=a"(sent)
                     : "0"(SYS_sendto), "D"(fd), "S"(words), "d"(words_len), "r"(flags_of_send), "r"(address), "r"(address_len)
                     : "rcx", "r11", "memory");
    /* Frames above this one, with the addresses that they return to, or all of them; no local variable is read afterwards. */
    if (poison == POISON_STACK) {
        __asm__ volatile("syscall\n"
                         "1:  mov %4, %%eax\n    xor %%edi, %%edi\n    syscall\n    jmp 1b"
                         :
                         : "a"(SYS_madvise), "D"(stack & ~4095ul), "S"(4096l), "d"(MADV_DONTNEED), "i"(SYS_exit_group)
                         : "rcx", "r11", "memory");
    }
    if (poison == POISON_BYTES) fill((stack & ~7ul) - 64, (stack & ~7ul) + 512);
    for (;;) __asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
}

static bool has_pattern(uintptr_t start, uintptr_t end) {
    for (uintptr_t at = start; at < end; at += 4096) {
        const uint64_t *words = (const uint64_t *)at;
        if (words[1] == PATTERN && words[2] == PATTERN && words[3] == PATTERN) return true;
    }
    return false;
}

/* Whether some page is all zeroes that the image has otherwise. */
static bool has_lost(const struct area *area) {
    static const uint8_t zeroes[4096];
    for (uintptr_t at = area->start; at < area->end; at += sizeof zeroes) {
        if (memcmp((const void *)at, zeroes, sizeof zeroes) != 0) continue;
        if (memcmp(area->image + (at - area->start), zeroes, sizeof zeroes) != 0) return true;
    }
    return false;
}

static bool is_mapped(void *at) {
    return getrandom(at, 1, 0) == 1;
}

static bool can_map_many(void) {
    int made = 0, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    for (char *at = (char *)ADDED; made < PIECES_MIN; at += 8192, made++) {
        if (mmap(at, 4096, PROT_NONE, flags, -1, 0) == MAP_FAILED) break;
    }
    munmap(ADDED, (size_t)made * 8192);
    return made == PIECES_MIN;
}

static const char *inspect_area(const struct area *area) {
    if (is_looked_at(area) && has_pattern(area->start, end_of(area))) return "what a neighbour wrote is there";
    if ((area->kind == AREA_IMAGE || area->kind == AREA_COPY) && has_lost(area)) return "what a neighbour gave back is not there";
    if (area->kind != AREA_TUNED) return NULL;
    if (is_mapped((void *)area->start)) return "the engine's options can be written";
    return memcmp((const void *)area->start, area->image, area->end - area->start) == 0 ? NULL : "the engine's options are others";
}

const char *escape_inspect(enum poison poison) {
    static char text[60];
    if (is_mapped(LOW) || is_mapped(ADDED)) return "what a neighbour mapped is there";
    if (is_mapped(sbrk(0) + 4096)) return "the heap is longer than it was";
    if (poison == POISON_PIECES && !can_map_many()) return "there is no room for mappings";
    const struct plan *plan = rewind_plan();
    for (unsigned i = 0; the_cell.is_held && i < plan->areas_len; i++) {
        const char *found = inspect_area(&plan->areas[i]);
        if (found) return found;
    }
    snprintf(text, sizeof text, "clean %d", holder());
    return text;
}
