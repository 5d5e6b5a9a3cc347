/* The pages of a fresh cell. Most of what a cell costs is getting pages: each that it writes is copied on its own, in an
   exception of its own. So a trainee forked from the zygote does a cell's usual work and notes which pages that wrote;
   every cell then gets them in batches before it is claimed: where many lie together, as one huge page copied whole.

     zygote: pages_learn      cell: forked --pages_take--> quick, large --pages_return--> small

   A huge page is quick but large. A cell that lives on gives what it did not change back to what all cells share. */
#pragma once
#include <stdbool.h>

/* In the zygote, before the jail hides /proc, with the engine's memory as cells will find it: puts that on huge pages,
   then forks a trainee, which calls `work` and reports. Returns the number of ranges learned, or a negative errno;
   without any, pages_take does nothing. */
int pages_learn(void (*work)(void *context), void *context);

/* In a cell: makes the learned pages present, as copies of the cell's own. */
void pages_take(void);

/* In a cell that lives long and may be large: whatever else it takes comes as huge pages. */
void pages_grow_large(void);

/* In a cell with one thread: gives back what it took and did not change. Takes about a millisecond. */
void pages_return(void);

/* Whether pages_return has something to give back. */
bool pages_are_large(void);
