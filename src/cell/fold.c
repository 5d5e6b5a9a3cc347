/* Folds a cell's memory, and unfolds it. See fold.h. In between, all variables have the zygote's values; so this file has none, uses
   no library (tools/check-layers.sh sees to that), and knows what is in its registers, on the stack and in the plan: those are
   never folded. */
#include "cell/fold.h"
#include "cell/bare.h"
#include <sys/mman.h>
#include <sys/syscall.h>

#ifdef __x86_64__

#define WORDS_A_PAGE (PAGE_BYTES / sizeof(uint64_t))

/* Changes of all pages; whatever does not fit stays where it is. */
#define CHANGES_BYTES (1ul << 20)

/* A page with more is kept whole: there is little to save. */
#define CHANGED_WORDS_MAX (WORDS_A_PAGE / 2)

/* A sequence of ranges of pages that follow each other; each range is followed by its pages' changes. */
struct range {
    uint64_t start, pages;
};

/* Which words of a page, by a bit each; these words follow. */
struct changes {
    uint64_t which[WORDS_A_PAGE / 64];
};

#define PAGE_CHANGES_BYTES_MAX (sizeof(struct range) + sizeof(struct changes) + PAGE_BYTES)

/* Returns the end of what it wrote at `out`, which has room for a page. */
INLINE uint64_t *put_changes(uint64_t *out, const uint64_t *now, const uint64_t *was) {
    struct changes *changes = (struct changes *)out;
    uint64_t *words = (uint64_t *)(changes + 1);
    for (size_t i = 0; i < WORDS_A_PAGE; i += 64) {
        uint64_t which = 0;
        for (size_t j = 0; j < 64; j++) {
            uint64_t is_changed = now[i + j] != was[i + j];
            *words = now[i + j];
            words += is_changed;
            which |= is_changed << j;
        }
        changes->which[i / 64] = which;
    }
    return words;
}

/* Returns the end of what it read. */
INLINE const uint64_t *apply_changes(const uint64_t *in, uint64_t *page) {
    const struct changes *changes = (const struct changes *)in;
    const uint64_t *words = (const uint64_t *)(changes + 1);
    for (size_t i = 0; i < WORDS_A_PAGE; i += 64) {
        for (uint64_t which = changes->which[i / 64]; which; which &= which - 1) page[i + (size_t)__builtin_ctzl(which)] = *words++;
    }
    return words;
}

INLINE void drop(uintptr_t start, uintptr_t end) {
    if (start < end) call(SYS_madvise, (long)start, (long)(end - start), MADV_DONTNEED, 0, 0, 0);
}

/* What is written by `fold`. */
struct folded {
    uint64_t *at, *end;
};

/* Keeps what has changed of some pages of an area, and drops them. */
INLINE void fold_pages(struct folded *folded, const struct area *area, uintptr_t start, uintptr_t end) {
    struct range *range = NULL;
    uintptr_t dropped = start; /* up to here all pages are, or are kept */
    for (uintptr_t at = start; at < end; at += PAGE_BYTES) {
        uintptr_t was = (uintptr_t)area->image + (at - area->start);
        if (is_as_was(at, was, PAGE_BYTES)) {
            range = NULL;
            continue;
        }
        uint64_t *body = range ? folded->at : folded->at + sizeof *range / sizeof *body, *after = body;
        bool has_room = (size_t)(folded->end - folded->at) * sizeof *body >= PAGE_CHANGES_BYTES_MAX;
        if (has_room) after = put_changes(body, (uint64_t *)at, (uint64_t *)was);
        if (after == body || (size_t)(after - body) > sizeof(struct changes) / sizeof *body + CHANGED_WORDS_MAX) {
            drop(dropped, at);
            dropped = at + PAGE_BYTES;
            range = NULL;
            continue;
        }
        if (!range) *(range = (struct range *)folded->at) = (struct range){at, 0};
        range->pages++;
        folded->at = after;
    }
    drop(dropped, end);
}

/* Those pages that most cells write: to look at all of the image takes five times as long, and finds a tenth more. */
INLINE void fold(const struct plan *plan, struct folded *folded) {
    const struct area *area = plan->areas, *areas_end = plan->areas + plan->areas_len;
    for (int i = 0; i < plan->lesson_len; i++) {
        const struct page_range *range = &plan->lesson[i];
        for (uintptr_t at = range->start, end; range->is_written && at < range->end; at = end) {
            while (area < areas_end && area->end <= at) area++;
            if (area == areas_end) return;
            bool is_before = at < area->start;
            end = is_before ? area->start : area->end;
            if (end > range->end) end = range->end;
            if (!is_before && area->kind == AREA_IMAGE) fold_pages(folded, area, at, end);
        }
    }
}

INLINE void unfold(const uint64_t *in, const uint64_t *end) {
    while (in < end) {
        const struct range *range = (const struct range *)in;
        in += sizeof *range / sizeof *in;
        call(SYS_madvise, (long)range->start, (long)(range->pages * PAGE_BYTES), MADV_POPULATE_WRITE, 0, 0, 0);
        for (uint64_t i = 0; i < range->pages; i++) in = apply_changes(in, (uint64_t *)(range->start + i * PAGE_BYTES));
    }
}

int fold_poll(const struct plan *plan, struct pollfd *fds, nfds_t fds_len, int timeout_ms) {
    uintptr_t used = ((uintptr_t)__builtin_frame_address(0) & ~(PAGE_BYTES - 1)) - PAGE_BYTES; /* of the stack */
    uint64_t *changes = (uint64_t *)call(SYS_mmap, 0, CHANGES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((uintptr_t)changes > (uintptr_t)-PAGE_BYTES) return (int)call(SYS_poll, (long)fds, (long)fds_len, timeout_ms, 0, 0, 0);
    struct folded folded = {changes, changes + CHANGES_BYTES / sizeof *changes};
    fold(plan, &folded);
    drop(plan->image_start, plan->image_end); /* what all was compared with: 9 page tables */
    drop(plan->scratch_top - SCRATCH_BYTES, plan->scratch_top); /* the holder's stack */
    drop(used - STACK_BYTES, used);
    long r = call(SYS_poll, (long)fds, (long)fds_len, timeout_ms, 0, 0, 0);
    unfold(changes, folded.at);
    call(SYS_munmap, (long)changes, CHANGES_BYTES, 0, 0, 0, 0);
    return (int)r;
}

#else

/* Where there are no holders, nobody folds. */
int fold_poll(const struct plan *plan, struct pollfd *fds, nfds_t fds_len, int timeout_ms) {
    (void)plan;
    return poll(fds, fds_len, timeout_ms);
}

#endif
