#include "host/source.h"
#include "base/macros.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* wrangler's default rules, and TypeScript. */
static const struct {
    const char *suffix, *kind;
} kinds[] = {
    {".js", "js"},     {".mjs", "js"},    {".ts", "ts"},     {".tsx", "ts"},   {".mts", "ts"},  {".jsx", "ts"},
    {".cjs", "cjs"},   {".json", "json"}, {".txt", "text"},  {".html", "text"}, {".sql", "text"}, {".md", "text"},
    {".bin", "data"},  {".wasm", "wasm"},
};

static const char *kind_of(const char *name) {
    size_t len = strlen(name);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t n = strlen(kinds[i].suffix);
        if (len > n && strcmp(name + len - n, kinds[i].suffix) == 0) return kinds[i].kind;
    }
    return "js";
}

/* The real path of a name inside the real root. */
static int resolve(const char *root_dir, const char *name, char out[PATH_MAX]) {
    char root[PATH_MAX], joined[PATH_MAX];
    if (!realpath(root_dir, root)) return -errno;
    if (snprintf(joined, sizeof joined, "%s/%s", root, name) >= (int)sizeof joined) return -ENAMETOOLONG;
    if (!realpath(joined, out)) return -errno;
    size_t n = strlen(root);
    return strncmp(out, root, n) == 0 && (out[n] == '/' || n == 1) ? 0 : -EACCES;
}

static int read_all(int fd, struct source *ret) {
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return -ENOENT;
    if (st.st_size > SOURCE_BYTES_MAX) return -EFBIG;
    size_t len = (size_t)st.st_size;
    char *data = malloc(len + 1);
    if (!data) return -ENOMEM;
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, data + done, len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int r = n < 0 ? -errno : -EIO;
            free(data);
            return r;
        }
        done += (size_t)n;
    }
    ret->data = data;
    ret->len = len;
    return 0;
}

int source_read(const char *root_dir, const char *name, struct source *ret) {
    char path[PATH_MAX];
    int r = resolve(root_dir, name, path);
    if (r < 0) return r;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return -errno;
    r = read_all(fd, ret);
    close(fd);
    if (r == 0) ret->kind = kind_of(name);
    return r;
}

void source_done(struct source *source) {
    free(source->data);
    source->data = NULL;
}
