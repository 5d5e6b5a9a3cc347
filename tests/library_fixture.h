/* What the tests of libmayfly share: one loader, a code to fill in, and short ways to load and call. */
#pragma once
#include "tests/check.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mayfly.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct mf_loader *the_loader;
static struct mf_code code;
static struct mf_module module;
static struct mf_error error;
static struct noted { char text[4096]; } logged, asked;

static inline struct mf_loader *loader(void) {
    if (!the_loader && mf_loader_new(NULL, &the_loader, &error) < 0) {
        printf("# no loader: %s\n", error.message);
        exit(1);
    }
    return the_loader;
}

__attribute__((destructor)) static void end_loader(void) {
    mf_loader_free(the_loader);
}

static inline void on_log(void *ctx, const char *level, const char *message) {
    (void)ctx;
    size_t len = strlen(logged.text);
    snprintf(logged.text + len, sizeof logged.text - len, "%s: %s\n", level, message);
}

/* Sets `code` to one JavaScript module. */
static inline void begin(const char *source) {
    mf_code_init(&code);
    module = (struct mf_module){"main.js", MF_KIND_BY_NAME, source, strlen(source)};
    code.modules = &module;
    code.modules_len = 1;
    code.on_log = on_log;
    code.limits.wall_ms = 20000;
    logged.text[0] = asked.text[0] = 0;
    error = (struct mf_error){.message = "(no error)"};
}

static inline struct mf_worker *load_code(void) {
    struct mf_worker *worker = NULL;
    int r = mf_worker_load(loader(), &code, &worker, &error);
    return r < 0 ? NULL : worker;
}

static inline struct mf_worker *load(const char *source) {
    begin(source);
    return load_code();
}

/* The result of a call, or "!name: message"; in a buffer of its own until the next call. */
static inline const char *call(struct mf_worker *worker, const char *method, const char *args) {
    static char out[8192];
    char *json = NULL;
    if (!worker) {
        snprintf(out, sizeof out, "!not loaded: %s: %s", error.name, error.message);
    } else if (mf_worker_call(worker, NULL, method, args, &json, &error) < 0) {
        snprintf(out, sizeof out, "!%s: %s", error.name, error.message);
    } else {
        snprintf(out, sizeof out, "%s", json);
    }
    mf_free(json);
    return out;
}

/* Loads, calls the default export and frees. */
static inline const char *run(const char *source, const char *args) {
    struct mf_worker *worker = load(source);
    const char *result = call(worker, "", args);
    mf_worker_free(worker);
    return result;
}

/* What an asynchronous call came to. */
struct outcome {
    int times, result;
    char json[256], message[sizeof error.message], death[sizeof error.death];
};

static inline void on_done(void *ctx, int result, const char *json, const struct mf_error *why) {
    struct outcome *outcome = ctx;
    outcome->times++;
    outcome->result = result;
    snprintf(outcome->json, sizeof outcome->json, "%s", json ? json : "");
    snprintf(outcome->message, sizeof outcome->message, "%s", why ? why->message : "");
    snprintf(outcome->death, sizeof outcome->death, "%s", why ? why->death : "");
}

static inline void on_loaded(void *ctx, struct mf_worker *worker, int result, const struct mf_error *why) {
    (void)worker;
    on_done(ctx, result, NULL, why);
}

/* Runs a loader as a foreign event loop would, until *times says n. Strict: it looks only when the descriptor says so,
   and gives up after 20 s of silence. */
static inline bool dispatch_until(struct mf_loader *l, const int *times, int n) {
    struct pollfd fd = {.fd = mf_loader_fd(l), .events = POLLIN};
    while (*times < n) {
        if (poll(&fd, 1, 20000) <= 0) return false;
        mf_loader_dispatch(l);
    }
    return true;
}

/* The processes whose parent is `parent`, as many as fit. */
static inline int children_of(int parent, int *ret, int max) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    FILE *f = fopen(path, "re");
    int n = 0;
    while (f && n < max && fscanf(f, "%d", &ret[n]) == 1) n++;
    if (f) fclose(f);
    return n;
}

static inline bool is_holder(int pid) {
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(name, sizeof name, f)) name[strcspn(name, "\n")] = 0;
    if (f) fclose(f);
    return strcmp(name, "mayfly-holder") == 0;
}

/* A zygote's cells, as many as fit: its children, or those of its holders. */
static inline int cells_of(int zygote, int *ret, int max) {
    int makers[256], n = 0;
    for (int i = 0, len = children_of(zygote, makers, 256); i < len && n < max; i++) {
        if (is_holder(makers[i])) n += children_of(makers[i], ret + n, max - n);
        else ret[n++] = makers[i];
    }
    return n;
}

static inline int count_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}
