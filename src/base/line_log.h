/* A file of lines for others to read: what was used, what left. One write a line, so that several may append to one file;
   nobody is waited for, and a line that cannot be written (a full disk, a reader that is behind) is lost and counted. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct line_log {
    int fd; /* the caller's; -1 for none */
    uint64_t lost;
    bool is_cut; /* the last line is not whole */
};

/* Writes a line, which ends with a newline. Returns 0; or a negative errno for the first line that is lost, and 0 for those
   after it; or how many were lost, for the first that is written again. Whoever calls tells the operator. */
int64_t line_log_write(struct line_log *log, const struct buf *line);
