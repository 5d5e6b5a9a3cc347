/* Part of `mayfly doctor`: questions to the kernel. None of them changes anything that outlives the question. */
#include "host/cgroups.h"
#include "host/doctor.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

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

/* What the layers around cells do not tell: those come from a cell, under `layers`. */
void doctor_probe_defences(struct report *report) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_QUESTION);
    if (abi > 0)
        report_add(report, DEFENCES, "Landlock", FINDING_NOTE, NULL, "ABI %ld; 4 adds sockets, 6 signals", abi);
}

/* --- cgroups ---------------------------------------------------------------------------------------------------- */

void doctor_probe_cgroups(struct report *report) {
    static const char hint[] = "run as root, or let systemd delegate a group (Delegate=yes)";
    struct cgroups groups;
    cgroups_begin(&(struct cgroups_config){0}, &groups);
    report_add(report, CGROUPS, "memory", groups.has_memory ? FINDING_YES : FINDING_NO, hint, "%s",
               "all cells together have nine tenths of the machine's at most");
    report_add(report, CGROUPS, "pids", groups.has_pids ? FINDING_YES : FINDING_NO, hint, "%s",
               "all cells together have nine tenths of the process numbers at most");
    for (unsigned i = 0; i < groups.len; i++)
        report_add(report, CGROUPS, "group", FINDING_NOTE, NULL, "would be made in %.120s", groups.of[i].home);
    cgroups_end(&groups, 100);
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
