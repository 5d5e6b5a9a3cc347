/* Learned prefaulting. Most of what a fresh cell costs is page faults: each page that it writes is copied on its own, in
   an exception of its own. A trainee forked from the zygote does a cell's usual work and notes which pages that
   touched; every cell then has the kernel copy the same pages in batches before it is claimed. */
#pragma once

/* In the zygote, before the jail hides /proc: forks a trainee, which calls `work` and reports. Returns the number of
   ranges learned, or a negative errno; without any, prefault_touch does nothing. */
int prefault_learn(void (*work)(void *context), void *context);

/* In a cell: makes the learned pages present, private ones as copies of the cell's own. */
void prefault_touch(void);
