#include "host/cgroups.h"
#include "base/macros.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIDS_FALLBACK 32768

static int put(const char *dir, const char *file, const char *text) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static int put_number(const char *dir, const char *file, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return put(dir, file, text);
}

static bool has(const char *dir, const char *file) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, F_OK) == 0;
}

/* --- Where this process is -------------------------------------------------------------------------------------- */

/* Whether a list with commas has this word. */
static bool lists(const char *list, const char *word) {
    size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += len) {
        if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == 0)) return true;
    }
    return false;
}

/* The mount of a hierarchy: `controller` of version 1, or NULL for version 2. */
static bool find_mount(const char *controller, char *out) {
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char line[PATH_MAX + 512], path[PATH_MAX], type[32], options[256];
    bool found = false;
    while (mounts && !found && fgets(line, sizeof line, mounts)) {
        if (sscanf(line, "%*s %4095s %31s %255s", path, type, options) != 3) continue;
        found = controller ? strcmp(type, "cgroup") == 0 && lists(options, controller) : strcmp(type, "cgroup2") == 0;
    }
    if (mounts) fclose(mounts);
    if (found) snprintf(out, PATH_MAX, "%s", path);
    return found;
}

/* The path in that hierarchy. A container may see its mount from within: then the group is the mount itself. */
static bool find_home(const char *controller, char *out) {
    char mount[PATH_MAX], line[PATH_MAX + 128];
    if (!find_mount(controller, mount)) return false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    snprintf(out, PATH_MAX, "%s", mount);
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        if (controller ? !lists(controllers + 1, controller) : controllers[1] != 0) continue;
        struct stat status;
        char joined[PATH_MAX];
        int n = snprintf(joined, sizeof joined, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
        if (n < (int)sizeof joined && stat(joined, &status) == 0) snprintf(out, PATH_MAX, "%s", joined);
    }
    if (file) fclose(file);
    return true;
}

/* --- Making them ------------------------------------------------------------------------------------------------ */

static bool make(const char *parent, const char *name, char *out) {
    int n = snprintf(out, PATH_MAX, "%s/%s", parent, name);
    return n < PATH_MAX && (mkdir(out, 0755) == 0 || errno == EEXIST);
}

/* Removes what supervisors left that were killed with all that was theirs. Of a group with processes the kernel keeps
   hold by itself. */
static void sweep(const char *home) {
    DIR *dir = opendir(home);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int pid, end = 0;
        if (sscanf(entry->d_name, "mayfly-%d%n", &pid, &end) != 1 || entry->d_name[end] != 0) continue;
        if (kill(pid, 0) < 0 && errno == ESRCH) unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    if (dir) closedir(dir);
}

static struct cgroup *add(struct cgroups *groups, const char *home) {
    struct cgroup *group = &groups->of[groups->len];
    char name[32];
    snprintf(name, sizeof name, "mayfly-%d", getpid());
    snprintf(group->home, sizeof group->home, "%s", home);
    sweep(home);
    if (!make(home, name, group->path)) return NULL;
    groups->len++;
    return group;
}

static void add_v1(struct cgroups *groups, const char *controller, const char *file, uint64_t limit, bool *ret_holds) {
    char home[PATH_MAX];
    if (!find_home(controller, home)) return;
    struct cgroup *group = add(groups, home);
    *ret_holds = group && put_number(group->path, file, limit) == 0;
}

/* A group of version 2 has processes or controlled children, not both: this process moves into a child of its own. */
static bool delegate(const char *home, char *leaf) {
    if (!make(home, "mayfly", leaf) || put(leaf, "cgroup.procs", "0") < 0) return false;
    put(home, "cgroup.subtree_control", "+memory");
    put(home, "cgroup.subtree_control", "+pids");
    return true;
}

static void read_controllers(const char *dir, char *out, int out_len) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/cgroup.controllers", dir);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(out, out_len, file)) out[0] = 0;
    if (file) fclose(file);
}

static void add_v2(struct cgroups *groups, const struct cgroups_config *limits) {
    char home[PATH_MAX], leaf[PATH_MAX];
    if (!find_home(NULL, home) || !has(home, "cgroup.subtree_control")) return;
    snprintf(leaf, sizeof leaf, "%s", home);
    char controllers[256];
    read_controllers(home, controllers, sizeof controllers);
    if (!strstr(controllers, "memory") && !strstr(controllers, "pids")) return;
    if (!delegate(home, leaf)) return;
    struct cgroup *group = add(groups, home);
    if (!group) return;
    snprintf(group->home, sizeof group->home, "%s", leaf);
    groups->has_memory = put_number(group->path, "memory.max", limits->memory_bytes) == 0;
    groups->has_pids = put_number(group->path, "pids.max", limits->pids) == 0;
}

static uint64_t pids_of_machine(void) {
    unsigned long long max = PIDS_FALLBACK;
    FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
    if (file && fscanf(file, "%llu", &max) != 1) max = PIDS_FALLBACK;
    if (file) fclose(file);
    return max;
}

/* Whether a process can really move in. */
static bool works(const struct cgroups *groups) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(cgroups_enter(groups) < 0);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0;
}

void cgroups_begin(const struct cgroups_config *config, struct cgroups *ret) {
    struct cgroups_config limits = *config;
    struct sysinfo machine;
    *ret = (struct cgroups){0};
    if (!limits.memory_bytes && sysinfo(&machine) == 0)
        limits.memory_bytes = (uint64_t)machine.totalram * machine.mem_unit / 10 * 9;
    if (!limits.pids) limits.pids = pids_of_machine() / 10 * 9;
    add_v2(ret, &limits);
    if (!ret->has_memory && !ret->has_pids) {
        add_v1(ret, "memory", "memory.limit_in_bytes", limits.memory_bytes, &ret->has_memory);
        add_v1(ret, "pids", "pids.max", limits.pids, &ret->has_pids);
    }
    if ((ret->has_memory || ret->has_pids) && works(ret)) return;
    cgroups_end(ret, 0);
    *ret = (struct cgroups){0};
}

void cgroups_end(struct cgroups *groups, unsigned ms) {
    for (unsigned i = 0; i < groups->len; i++) {
        while (rmdir(groups->of[i].path) < 0 && errno == EBUSY && ms > 0) {
            usleep(10000);
            ms = ms > 10 ? ms - 10 : 0;
        }
    }
    groups->len = 0;
}

/* --- Moving ----------------------------------------------------------------------------------------------------- */

int cgroups_enter(const struct cgroups *groups) {
    int r = 0;
    for (unsigned i = 0; i < groups->len && r == 0; i++) r = put(groups->of[i].path, "cgroup.procs", "0");
    return r;
}

int cgroups_leave(const struct cgroups *groups) {
    int r = 0;
    for (unsigned i = 0; i < groups->len; i++) {
        int moved = put(groups->of[i].home, "cgroup.procs", "0");
        if (moved < 0) r = moved;
    }
    return r;
}
