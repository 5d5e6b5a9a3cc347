#include "host/paths.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find(const char *variable, const char *name, char *out, size_t out_len) {
    char program[PATH_MAX] = "";
    const char *path = secure_getenv(variable);
    int n;
    if (path && path[0]) {
        n = snprintf(out, out_len, "%s", path);
    } else {
        ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
        program[len > 0 ? len : 0] = 0;
        char *slash = strrchr(program, '/');
        n = snprintf(out, out_len, "%.*s%s", slash ? (int)(slash - program) + 1 : 0, program, name);
    }
    return n >= 0 && (size_t)n < out_len ? 0 : -ENAMETOOLONG;
}

int paths_cell_binary(char *out, size_t out_len) {
    return find("MAYFLY_CELL", "mayfly-cell", out, out_len);
}

int paths_egress_binary(char *out, size_t out_len) {
    return find("MAYFLY_EGRESS", "mayfly-egress", out, out_len);
}
