/* Looks for descriptors beside the one socket. */
#include "tests/escape/escapes.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

const char *escape_descriptors(void) {
    static char found[200];
    int len = 0, n = 0;
    for (int fd = 0; fd < 100000; fd++) {
        if (write(fd, "", 0) < 0 && errno == EBADF) continue;
        if (n++ < 10) len += snprintf(found + len, sizeof found - (size_t)len, " %d", fd);
    }
    return n == 1 ? NULL : found;
}
