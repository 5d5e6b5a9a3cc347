/* Opens the root directory, the one thing that there is. */
#include "tests/escape/escapes.h"
#include <fcntl.h>
#include <unistd.h>

const char *escape_open_file(void) {
    openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
    return "openat returned";
}
