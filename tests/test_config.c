/* Configurations as files: each tests/config/NAME.test holds files and what is to become of the first one. Runs in the
   root of the project. An argument runs only the cases whose names contain it.

       === wrangler.jsonc          a file, its text up to the next ===; a directory if its name ends with a slash
       === expect                  the configuration as `dump` writes it, or the problems */
#include "host/config.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CASES     "tests/config"
#define CASES_MAX 256
#define MARK      "=== "

struct test_case {
    char *first_file, *expected;
};

static void fail_setup(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static char *read_case(const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, CASES "/%s", name);
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 65536);
    if (!f || !text) fail_setup(path);
    if (fread(text, 1, 65535, f) == 65535) fail_setup("too large");
    fclose(f);
    return text;
}

static void write_file(const char *name, const char *text, size_t len) {
    char path[PATH_MAX];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "%.*s", (int)(slash - name), name);
        if (mkdir(path, 0700) < 0 && errno != EEXIST) fail_setup(path);
    }
    if (name[strlen(name) - 1] == '/') return;
    FILE *f = fopen(name, "w");
    if (!f || fwrite(text, 1, len, f) != len || fclose(f) != 0) fail_setup(name);
}

/* Writes the files of a case into the current directory. */
static struct test_case unpack(char *text) {
    struct test_case ret = {0};
    if (strncmp(text, MARK, strlen(MARK)) != 0) fail_setup("a case begins with ===");
    for (char *section = text; section;) {
        char *name = section + strlen(MARK), *body = strchr(name, '\n') + 1, *next = strstr(body, "\n" MARK);
        body[-1] = 0;
        /* A file may be empty: then the next mark follows its own at once. */
        if (strncmp(body, MARK, strlen(MARK)) == 0) next = body - 1;
        size_t len = next < body && next ? 0 : next ? (size_t)(next + 1 - body) : strlen(body);
        if (strcmp(name, "expect") == 0)
            ret.expected = strndup(body, len);
        else
            write_file(name, body, len);
        if (!ret.first_file) ret.first_file = name;
        section = next ? next + 1 : NULL;
    }
    return ret;
}

static char *dump(const struct config *c, const char *root) {
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    fprintf(out, "name: %s\nmain: %s\ndate: %s\nflags:", c->name, c->main_name, c->compatibility_date);
    for (size_t i = 0; i < c->compatibility_flags_len; i++) fprintf(out, " %s", c->compatibility_flags[i]);
    fprintf(out, "\nvars: %s\n", c->vars_json);
    for (size_t i = 0; i < c->loaders_len; i++) {
        fprintf(out, "loader: %s %s%s\n", c->loaders[i].binding, c->loaders[i].id ? c->loaders[i].id : "-",
                c->loaders[i].is_jitless ? ", without JIT" : "");
    }
    for (size_t i = 0; i < c->services_len; i++) {
        const struct config_service *service = &c->services[i];
        fprintf(out, "service: %s %s %s %s (%s)\n", service->binding, service->service,
                service->entrypoint ? service->entrypoint : "-", service->props ? service->props : "-", service->at);
    }
    for (size_t i = 0; i < c->crons_len; i++) fprintf(out, "cron: %s\n", c->crons[i]);
    for (size_t i = 0; i < c->tails_len; i++) fprintf(out, "tailed: by %s\n", c->tails[i].service);
    struct buf limits = {0};
    if (limits_put(&c->limits, &limits) == 0 && buf_len(&limits) > 2) {
        fprintf(out, "limits: %.*s\n", (int)buf_len(&limits), (char *)buf_bytes(&limits));
    }
    buf_done(&limits);
    if (c->warning) fprintf(out, "warning: %s\n", c->warning);
    if (strcmp(c->root_dir, root) != 0) fprintf(out, "root_dir: %s, not %s\n", c->root_dir, root);
    char path[3 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, c->main_name);
    if (strcmp(c->main_path, path) != 0) fprintf(out, "main_path: %s, not %s\n", c->main_path, path);
    fclose(out);
    return text;
}

/* What the case comes to, as text. */
static char *outcome_of(const char *file, const char *root) {
    struct config config;
    char *problems = NULL, *text = NULL;
    if (config_read(file, &config, &problems) == 0) {
        text = dump(&config, root);
        config_done(&config);
    } else if (asprintf(&text, "%s\n", problems) < 0) {
        text = NULL;
    }
    free(problems);
    return text;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static bool run_case(const char *name, const char *home) {
    char root[PATH_MAX] = "/tmp/mayfly-config-XXXXXX";
    char *text = read_case(name);
    if (!mkdtemp(root) || chdir(root) < 0) fail_setup(root);
    struct test_case test = unpack(text);
    char project[2 * PATH_MAX];
    const char *slash = strrchr(test.first_file, '/');
    snprintf(project, sizeof project, "%s%s%.*s", root, slash ? "/" : "", slash ? (int)(slash - test.first_file) : 0,
             test.first_file);
    char *outcome = outcome_of(test.first_file, project);
    bool is_ok = test.expected && outcome && strcmp(outcome, test.expected) == 0;
    if (is_ok)
        printf("ok %s\n", name);
    else
        printf("not ok %s: expected:\n%s# but it is:\n%s", name, test.expected ? test.expected : "(nothing)\n",
               outcome);
    free(outcome);
    free(test.expected);
    free(text);
    if (chdir(home) < 0 || nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0) fail_setup(root);
    return is_ok;
}

static int is_case(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".test") == 0;
}

int main(int argc, char **argv) {
    char home[PATH_MAX];
    struct dirent **entries;
    int n = scandir(CASES, &entries, is_case, alphasort), failed = n == 0;
    if (n < 0 || !getcwd(home, sizeof home)) fail_setup(CASES);
    for (int i = 0; i < n; i++) {
        if (argc < 2 || strstr(entries[i]->d_name, argv[1])) failed += !run_case(entries[i]->d_name, home);
        free(entries[i]);
    }
    free(entries);
    return failed > 0;
}
