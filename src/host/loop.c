#include "host/loop.h"
#include "base/patience.h"
#include <poll.h>

static bool has_found(uv_loop_t *loop, unsigned looks) {
    struct pollfd fd = {.fd = uv_backend_fd(loop), .events = POLLIN};
    for (unsigned i = 0; i < looks; i++) {
        if (poll(&fd, 1, 0) > 0) return true;
    }
    return false;
}

void loop_run(uv_loop_t *loop) {
    struct patience patience = PATIENCE_INIT;
    for (unsigned looks = 0;; looks = patience_looks(&patience)) {
        if (looks == 0) {
            if (!uv_run(loop, UV_RUN_ONCE)) return;
            continue;
        }
        /* What callbacks want to watch reaches the kernel in the loop's next turn only: that one does not wait. */
        if (!uv_run(loop, UV_RUN_NOWAIT)) return;
        patience_learn(&patience, has_found(loop, looks));
    }
}
