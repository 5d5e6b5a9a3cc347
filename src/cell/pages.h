/* The pages of a fresh cell. Most of what one costs is getting pages: each that it writes is copied on its own, in an
   exception of its own. So a trainee forked from the zygote does a cell's usual work and notes which pages that wrote;
   whoever makes cells then gets them in batches: a holder once (rewind.h), where there are none each cell. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Of a variable that every cell writes: those lie together, so that they are one page of a cell's own. */
#define OF_EACH_CELL __attribute__((section("of_each_cell")))

/* In the zygote, before the jail hides /proc, with the engine's memory as cells will find it: forks a trainee, which calls
   `work` and reports. Returns the number of ranges learned, or a negative errno; without any, pages_take does nothing. */
int pages_learn(void (*work)(void *context), void *context);

/* Pages that a cell will touch, with addresses of the zygote's. */
struct page_range {
    uintptr_t start, end;
    bool is_written;
};

/* What was learned: read-only memory that stays. */
void pages_lesson(const struct page_range **ret, int *ret_len);

/* In a cell: makes the learned pages present, as copies of the cell's own. */
void pages_take(void);

/* In a cell that lives long and may be large: whatever else it takes comes as huge pages. */
void pages_grow_large(void);
