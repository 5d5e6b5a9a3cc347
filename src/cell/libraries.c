#include "cell/libraries.h"
#include "base/macros.h"
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

/* What a cell calls: the engine, what that calls by itself, what both are built on, and the libraries behind WebCrypto
   and compression. */
static const char *const needed[] = {
    "/libjavascriptcoregtk-",
    "/libicudata",
    "/libicui18n",
    "/libicuuc",
    "/libglib-2",
    "/libatomic",
    "/libgcc_s",
    "/libstdc++",
    "/libm.",
    "/libc.",
    "/ld-",
    "/libasan",
    "/libubsan",
    "/libcrypto",
    "/libz.so",
    "/libbrotli",
};

static bool is_needed(const char *path) {
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        if (strstr(path, needed[i])) return true;
    }
    return !strstr(path, ".so"); /* the program itself */
}

int libraries_leave_behind(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start, end;
    char line[512];
    int left = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        char *path = strchr(line, '/'), access[5];
        if (!path || is_needed(path) || sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3) continue;
        /* Their code alone: whoever resolves a name, or starts a thread, has the linker read all libraries' tables. */
        if (access[2] != 'x') continue;
        if (madvise((void *)start, end - start, MADV_DONTFORK) == 0) left++;
    }
    if (maps) fclose(maps);
    return left;
}
