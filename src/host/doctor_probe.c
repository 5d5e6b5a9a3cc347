/* Part of `mayfly doctor`: questions to the kernel. None of them changes anything that outlives the question. */
#include "host/doctor.h"
#include <errno.h>
#include <limits.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Newer than the headers of Debian 12, or under other names there. */
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE     62
#define PR_SCHED_CORE_GET 0
#endif
#define LANDLOCK_VERSION_QUESTION 1

#define DEFENCES "defences"
#define CGROUPS  "cgroups"
#define LIMITS   "limits"

/* The first line of a file, or "" when it cannot be read. */
static const char *read_line(const char *path, char *out, int out_len) {
    FILE *f = fopen(path, "re");
    if (!f || !fgets(out, out_len, f)) out[0] = 0;
    if (f) fclose(f);
    out[strcspn(out, "\n")] = 0;
    return out;
}

static bool is_zero(const char *path) {
    char line[32];
    return strcmp(read_line(path, line, sizeof line), "0") == 0;
}

const char *doctor_namespace_hint(void) {
    if (is_zero("/proc/sys/kernel/unprivileged_userns_clone")) return "sysctl -w kernel.unprivileged_userns_clone=1";
    if (is_zero("/proc/sys/user/max_user_namespaces")) return "sysctl -w user.max_user_namespaces=10000";
    char line[8];
    read_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", line, sizeof line);
    if (strcmp(line, "1") == 0)
        return "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile with userns";
    return "in a container: let its seccomp profile allow clone with namespaces and mount (or run it privileged)";
}

/* --- Defences --------------------------------------------------------------------------------------------------- */

static void add_defence(struct report *report, const char *name, bool is_there, const char *what, const char *hint) {
    if (is_there)
        report_add(report, DEFENCES, name, FINDING_UNUSED, NULL, "%s", what);
    else
        report_add(report, DEFENCES, name, FINDING_NO, hint, "%s", what);
}

static bool has_seccomp_kill(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void probe_landlock(struct report *report) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_QUESTION);
    static const char hint[] = "add landlock to the kernel's lsm= list; needs Linux 5.13";
    if (abi > 0)
        report_add(report, DEFENCES, "Landlock", FINDING_UNUSED, NULL, "ABI %ld; files, and sockets from 4 on", abi);
    else
        report_add(report, DEFENCES, "Landlock", FINDING_NO, hint, "no files but those allowed");
}

static bool has_protection_keys(void) {
    int key = pkey_alloc(0, 0);
    if (key >= 0) pkey_free(key);
    return key >= 0;
}

static bool has_core_scheduling(void) {
    unsigned long cookie = 0;
    return prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, 0 /* this thread */, &cookie) == 0;
}

static void probe_speculation(struct report *report) {
    static const struct {
        const char *name;
        int misfeature;
        const char *meaning;
    } controls[] = {
        {"store bypass control", PR_SPEC_STORE_BYPASS, "Spectre 4 can be closed for a process"},
        {"indirect branch control", PR_SPEC_INDIRECT_BRANCH, "Spectre 2 can be closed for a process"},
    };
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        int state = prctl(PR_GET_SPECULATION_CTRL, controls[i].misfeature, 0, 0, 0);
        if (state == PR_SPEC_NOT_AFFECTED || state == PR_SPEC_FORCE_DISABLE || state == PR_SPEC_DISABLE) {
            report_add(report, DEFENCES, controls[i].name, FINDING_YES, NULL, "%s",
                       state == PR_SPEC_NOT_AFFECTED ? "this processor needs none" : "closed for all processes");
        } else {
            add_defence(report, controls[i].name, state > 0 && state & PR_SPEC_PRCTL, controls[i].meaning,
                        "the kernel or the processor's microcode does not offer it");
        }
    }
}

void doctor_probe_defences(struct report *report) {
    int tsc;
    add_defence(report, "seccomp filter", has_seccomp_kill(), "system calls by list, kill by default",
                "needs CONFIG_SECCOMP_FILTER");
    probe_landlock(report);
    add_defence(report, "MDWE", prctl(PR_GET_MDWE, 0, 0, 0, 0) >= 0,
                "no new executable memory (memory-deny-write-execute)", "needs Linux 6.3");
    add_defence(report, "protection keys", has_protection_keys(), "pku: pages that most code cannot touch",
                "needs a processor with pku, and a hypervisor that passes it on");
    add_defence(report, "rdtsc trap", prctl(PR_GET_TSC, &tsc, 0, 0, 0) == 0, "no cycle counter for timing attacks",
                "x86 only");
    add_defence(report, "core scheduling", has_core_scheduling(), "no stranger on the sibling hyper-thread",
                "needs Linux 5.14 with CONFIG_SCHED_CORE, and a processor with hyper-threads");
    probe_speculation(report);
}

/* --- cgroups ---------------------------------------------------------------------------------------------------- */

struct cgroup_mounts {
    char unified[PATH_MAX]; /* "" without one */
    char controllers[320];  /* of both */
    bool has_v1;
};

static void add_controllers(struct cgroup_mounts *mounts, const char *names) {
    size_t len = strlen(mounts->controllers);
    snprintf(mounts->controllers + len, sizeof mounts->controllers - len, " %s ", names);
}

static void find_mounts(struct cgroup_mounts *ret) {
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char line[PATH_MAX + 512], path[PATH_MAX], type[32], options[256];
    while (mounts && fgets(line, sizeof line, mounts)) {
        if (sscanf(line, "%*s %4095s %31s %255s", path, type, options) != 3) continue;
        if (strcmp(type, "cgroup2") == 0) snprintf(ret->unified, sizeof ret->unified, "%s", path);
        if (strcmp(type, "cgroup") != 0) continue;
        ret->has_v1 = true;
        const char *name = strrchr(path, '/') + 1;
        if (strcmp(name, "systemd") != 0) add_controllers(ret, name);
    }
    if (mounts) fclose(mounts);
}

void doctor_probe_cgroups(struct report *report) {
    struct cgroup_mounts mounts = {0};
    char path[PATH_MAX + 32], controllers[160];
    find_mounts(&mounts);
    if (mounts.unified[0]) {
        snprintf(path, sizeof path, "%s/cgroup.controllers", mounts.unified);
        add_controllers(&mounts, read_line(path, controllers, sizeof controllers));
    }
    const char *kind = mounts.has_v1 ? mounts.unified[0] ? "v1 and v2 (hybrid)" : "v1" : mounts.unified[0] ? "v2" : "";
    static const char hint[] = "mount cgroup2 at /sys/fs/cgroup, or let the container have it";
    if (!kind[0]) {
        report_add(report, CGROUPS, "hierarchy", FINDING_NO, hint,
                   "none: memory and CPU of cells cannot be capped by it");
        return;
    }
    report_add(report, CGROUPS, "hierarchy", FINDING_UNUSED, NULL, "%s", kind);
    static const char *const wanted[][2] = {{"memory", " memory "}, {"cpu", " cpu "}, {"pids", " pids "}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        bool is_there = strstr(mounts.controllers, wanted[i][1]) != NULL;
        report_add(report, CGROUPS, wanted[i][0], is_there ? FINDING_UNUSED : FINDING_NO,
                   "switch the controller on in the parent's cgroup.subtree_control", "%s",
                   is_there ? "controller is there" : "controller is absent");
    }
    bool is_writable = access(mounts.unified[0] ? mounts.unified : "/sys/fs/cgroup/memory", W_OK) == 0;
    report_add(report, CGROUPS, "delegation", is_writable ? FINDING_UNUSED : FINDING_NO,
               "run as root, or let systemd delegate a group (Delegate=yes)", "%s",
               is_writable ? "groups can be made here" : "no right to make groups");
}

/* --- Limits ----------------------------------------------------------------------------------------------------- */

void doctor_probe_limits(struct report *report) {
    char line[64];
    struct utsname kernel;
    struct rlimit files;
    if (uname(&kernel) == 0) {
        report_add(report, LIMITS, "kernel", FINDING_NOTE, NULL, "%s %s %s", kernel.sysname, kernel.release,
                   kernel.machine);
    }
    report_add(report, LIMITS, "processors", FINDING_NOTE, NULL, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    report_add(report, LIMITS, "page size", FINDING_NOTE, NULL, "%ld bytes", sysconf(_SC_PAGESIZE));
    read_line("/proc/sys/vm/overcommit_memory", line, sizeof line);
    bool is_strict = strcmp(line, "2") == 0;
    report_add(report, LIMITS, "overcommit", is_strict ? FINDING_NO : FINDING_NOTE, "sysctl -w vm.overcommit_memory=0",
               "%s%s", line, is_strict ? ": strict; each cell counts with all that its engine reserves" : "");
    read_line("/proc/sys/kernel/pid_max", line, sizeof line);
    report_add(report, LIMITS, "pid_max", FINDING_NOTE, NULL, "%s; each cell is a process", line);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        bool is_low = files.rlim_max < 4096;
        report_add(report, LIMITS, "RLIMIT_NOFILE", is_low ? FINDING_NO : FINDING_NOTE, "ulimit -Hn 65536",
                   "%llu now, %llu at most; each cell is a descriptor", (unsigned long long)files.rlim_cur,
                   (unsigned long long)files.rlim_max);
    }
}
