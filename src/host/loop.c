#include "host/loop.h"
#include "base/patience.h"
#include <poll.h>

/* For half as long as cells: while it looks, the cells that it waits for have one processor less. */
static bool has_found(uv_loop_t *loop) {
    struct pollfd fd = {.fd = uv_backend_fd(loop), .events = POLLIN};
    for (uint64_t until = uv_hrtime() + PATIENCE_US / 2 * 1000; uv_hrtime() < until;) {
        if (poll(&fd, 1, 0) > 0) return true;
    }
    return false;
}

void loop_run(uv_loop_t *loop) {
    struct patience patience = PATIENCE_INIT;
    for (bool looks = false;; looks = patience_looks(&patience)) {
        if (!looks) {
            if (!uv_run(loop, UV_RUN_ONCE)) return;
            continue;
        }
        /* What callbacks want to watch reaches the kernel in the loop's next turn only: that one does not wait. */
        if (!uv_run(loop, UV_RUN_NOWAIT)) return;
        patience_learn(&patience, has_found(loop));
    }
}
