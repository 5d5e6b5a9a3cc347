#include "host/egress_jail.h"
#include "base/landlock.h"
#include "base/macros.h"
#include "host/call_filter.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The user that egress becomes when it is started by root; else nobody. */
#define EGRESS_USER "mayfly-egress"
#define NOBODY      65534

static void note(struct egress_jail *jail, const char *layer) {
    size_t len = strlen(jail->layers);
    snprintf(jail->layers + len, sizeof jail->layers - len, "%s%s", len ? ", " : "", layer);
}

static int become_nobody(struct egress_jail *jail) {
    if (geteuid() != 0) return 0;
    const struct passwd *user = getpwnam(EGRESS_USER);
    uid_t uid = user ? user->pw_uid : NOBODY;
    gid_t gid = user ? user->pw_gid : NOBODY;
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) return -errno;
    note(jail, "uid");
    return 0;
}

int egress_jail_enter(struct egress_jail *jail) {
    const struct rlimit none = {0, 0};
    *jail = (struct egress_jail){0};
    int r = become_nobody(jail);
    if (r < 0) return r;
    /* After the change of user, which makes a process dumpable or not by its own lights. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    setrlimit(RLIMIT_CORE, &none);
    int ruleset = landlock_new(false, 0);
    if (ruleset >= 0 && landlock_enter(ruleset)) note(jail, "Landlock");
    return 0;
}

/* What libcurl, OpenSSL and c-ares call besides. */
static const int allowed[] = {SCMP_SYS(sendmmsg),        SCMP_SYS(recvmmsg),  SCMP_SYS(connect),    SCMP_SYS(bind),
                              SCMP_SYS(select),          SCMP_SYS(pselect6),  SCMP_SYS(nanosleep),  SCMP_SYS(uname),
                              SCMP_SYS(clock_nanosleep), SCMP_SYS(sysinfo),   SCMP_SYS(membarrier), SCMP_SYS(rseq),
                              SCMP_SYS(set_robust_list)};

/* Some libraries look for files and can do without. */
static const int without_files[] = {SCMP_SYS(open),   SCMP_SYS(openat),   SCMP_SYS(stat),  SCMP_SYS(newfstatat),
                                    SCMP_SYS(access), SCMP_SYS(readlink), SCMP_SYS(statx), SCMP_SYS(faccessat)};

/* It connects, and nobody connects to it. */
static const int deadly[] = {SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4)};

int egress_jail_filter(struct egress_jail *jail) {
#ifdef __SANITIZE_ADDRESS__
    (void)jail; /* the sanitizer's own threads and maps would not pass */
    return 0;
#endif
    scmp_filter_ctx filter = call_filter_new();
    if (!filter) return -ENOMEM;
    int r = call_filter_add(filter, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    if (r == 0) r = call_filter_add(filter, SCMP_ACT_ERRNO(EACCES), without_files, COUNT_OF(without_files));
    if (r == 0) r = call_filter_add(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT_OF(deadly));
    /* Sockets of the internet only. */
    if (r == 0) r = call_filter_allow_if(filter, SCMP_SYS(socket), (struct scmp_arg_cmp){0, SCMP_CMP_EQ, AF_INET, 0});
    if (r == 0) r = call_filter_allow_if(filter, SCMP_SYS(socket), (struct scmp_arg_cmp){0, SCMP_CMP_EQ, AF_INET6, 0});
    if (r == 0) r = call_filter_allow_if(filter, SCMP_SYS(sched_setaffinity), (struct scmp_arg_cmp){0, SCMP_CMP_EQ, 0, 0});
    r = call_filter_load(filter, r);
    if (r == 0) note(jail, "seccomp");
    return r;
}
