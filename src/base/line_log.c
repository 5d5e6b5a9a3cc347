#include "base/line_log.h"
#include <errno.h>
#include <poll.h>
#include <sys/uio.h>

static int64_t lose(struct line_log *log, int error) {
    return log->lost++ == 0 ? -error : 0;
}

int64_t line_log_write(struct line_log *log, const struct buf *line) {
    if (log->fd < 0) return 0;
    struct pollfd room = {.fd = log->fd, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0) return lose(log, EAGAIN);
    /* A line that was cut off is ended first. */
    struct iovec parts[] = {{"\n", log->is_cut}, {(void *)buf_bytes(line), buf_len(line)}};
    size_t len = parts[0].iov_len + parts[1].iov_len;
    ssize_t n = writev(log->fd, parts, 2);
    if (n < 0) return lose(log, errno);
    if ((size_t)n < len) {
        log->is_cut = log->is_cut || n > 0;
        return lose(log, ENOSPC);
    }
    int64_t lost = (int64_t)log->lost;
    log->lost = 0;
    log->is_cut = false;
    return lost;
}
