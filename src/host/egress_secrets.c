#include "host/egress_secrets.h"
#include "base/macros.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECRETS_MAX 256
#define VAULT_BYTES ((size_t)1 << 20)

extern char **environ;

static struct secret secrets[SECRETS_MAX];
static size_t secrets_len;
static char *vault; /* all values, one behind the other */
static size_t vault_used;

/* memfd_secret's pages leave the kernel's own map; where it is not to be had, locked pages that no core dump takes. */
static char *open_vault(void) {
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    void *memory = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, VAULT_BYTES) == 0)
        memory = mmap(NULL, VAULT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (memory == MAP_FAILED) {
        memory = mmap(NULL, VAULT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return NULL;
        mlock(memory, VAULT_BYTES);
    }
    madvise(memory, VAULT_BYTES, MADV_DONTDUMP);
    return memory;
}

static ssize_t read_secret_file(const char *path, char *out, size_t out_len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return -errno;
    size_t len = 0;
    ssize_t n;
    while (len < out_len && (n = read(fd, out + len, out_len - len)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            n = -errno;
            close(fd);
            return n;
        }
        len += (size_t)n;
    }
    close(fd);
    return len == out_len ? -EFBIG : (ssize_t)len;
}

/* Writes the value to `out`; returns its length or a negative errno. */
static ssize_t fetch(const json_t *source, char *out, size_t out_len) {
    const char *env = json_string_value(json_object_get(source, "env"));
    const char *file = json_string_value(json_object_get(source, "file"));
    const char *credential = json_string_value(json_object_get(source, "credential"));
    if (json_object_size(source) != 1) return -EINVAL;
    if (env) {
        const char *value = getenv(env);
        size_t len = value ? strlen(value) : 0;
        if (!value) return -ENOENT;
        if (len >= out_len) return -EFBIG;
        memcpy(out, value, len);
        return (ssize_t)len;
    }
    if (file) return read_secret_file(file, out, out_len);
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (!credential || strchr(credential, '/') || credential[0] == '.') return -EINVAL;
    if (!dir) return -ENOENT;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, credential) >= (int)sizeof path) return -ENAMETOOLONG;
    return read_secret_file(path, out, out_len);
}

/* Why there is no value, and what to do. */
static void explain(const json_t *source, int error, char *ret_why, size_t why_len) {
    const char *env = json_string_value(json_object_get(source, "env"));
    const char *file = json_string_value(json_object_get(source, "file"));
    const char *credential = json_string_value(json_object_get(source, "credential"));
    if (error == -EINVAL)
        snprintf(ret_why, why_len, "name one of env, file and credential");
    else if (env && error == -ENOENT)
        snprintf(ret_why, why_len, "the environment variable %s is not set; set it before the start", env);
    else if (credential && error == -ENOENT && !getenv("CREDENTIALS_DIRECTORY"))
        snprintf(ret_why, why_len, "there are no credentials; a systemd unit hands them over with LoadCredential=%s:FILE",
                 credential);
    else {
        const char *what = error == -ENODATA ? "is empty" : error == -EILSEQ ? "has control characters" : NULL;
        snprintf(ret_why, why_len, "%s %s%s%s", env ? "the environment variable" : file ? "the file" : "the credential",
                 env ? env : file ? file : credential, what ? " " : ": ", what ? what : strerror(-error));
    }
}

static int load_one(const char *name, const json_t *source, char *ret_why, size_t why_len) {
    if (secrets_len == SECRETS_MAX || VAULT_BYTES - vault_used < SECRET_BYTES_MAX + 1) {
        snprintf(ret_why, why_len, "too many secrets");
        return -E2BIG;
    }
    char *value = vault + vault_used;
    ssize_t n = fetch(source, value, SECRET_BYTES_MAX + 1);
    while (n > 0 && (value[n - 1] == '\n' || value[n - 1] == '\r')) n--; /* as editors end files */
    if (n == 0) n = -ENODATA;
    for (ssize_t i = 0; i < n; i++) {
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f) n = -EILSEQ;
    }
    if (n < 0) {
        explicit_bzero(value, SECRET_BYTES_MAX + 1);
        int len = snprintf(ret_why, why_len, "the secret %s: ", name);
        if (len >= 0 && (size_t)len < why_len) explain(source, (int)n, ret_why + len, why_len - (size_t)len);
        return (int)n;
    }
    value[n] = 0;
    secrets[secrets_len] = (struct secret){strdup(name), value, (size_t)n};
    CHECK(secrets[secrets_len++].name);
    vault_used += (size_t)n + 1;
    return 0;
}

static void wipe_environment(void) {
    for (char **entry = environ; *entry; entry++) explicit_bzero(*entry, strlen(*entry));
    environ[0] = NULL;
}

int secrets_load(const json_t *sources, char *ret_why, size_t why_len) {
    const char *name;
    json_t *source;
    int r = 0;
    vault = open_vault();
    CHECK(vault);
    json_object_foreach((json_t *)sources, name, source) {
        if (r == 0) r = load_one(name, source, ret_why, why_len);
    }
    wipe_environment();
    if (r == 0 && mprotect(vault, VAULT_BYTES, PROT_READ) < 0) r = -errno;
    return r;
}

const struct secret *secret_find(const char *name) {
    for (size_t i = 0; i < secrets_len; i++) {
        if (strcmp(secrets[i].name, name) == 0) return &secrets[i];
    }
    return NULL;
}
