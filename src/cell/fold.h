/* A cell at rest, folded. Most of the pages that a cell has written differ from the image (rewind.h) by a few words: a hello worker's
   1,400 KiB by 45. So while it waits, these words are kept and the pages given back; when it is woken, the words are put where they
   were: 1.5 ms of CPU for the one, 0.8 for the other (docs/performance.md). */
#pragma once
#include "cell/rewind_plan.h"
#include <poll.h>

/* In a cell that a holder made and that nothing shares memory with, its signals blocked (a handler would find the zygote's
   variables): waits as poll(2) does, folded meanwhile. Returns what that returns, or a negative errno. */
int fold_poll(const struct plan *plan, struct pollfd *fds, nfds_t fds_len, int timeout_ms);
