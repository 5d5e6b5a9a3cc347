#include "host/loop.h"
#include "base/patience.h"
#include <poll.h>

static bool has_found(struct patience *patience, uv_loop_t *loop) {
    struct pollfd fd = {.fd = uv_backend_fd(loop), .events = POLLIN};
    unsigned looks = patience_looks(patience);
    bool found = false;
    for (unsigned i = 0; i < looks && !found; i++) found = poll(&fd, 1, 0) > 0;
    if (looks > 0) patience_learn(patience, found);
    return found;
}

void loop_run(uv_loop_t *loop) {
    struct patience patience = PATIENCE_INIT;
    /* What callbacks want to watch reaches the kernel in the loop's next turn only: that one does not wait. */
    while (uv_run(loop, UV_RUN_NOWAIT)) {
        if (!has_found(&patience, loop) && !uv_run(loop, UV_RUN_ONCE)) return;
    }
}
