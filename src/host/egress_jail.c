#include "host/egress_jail.h"
#include "base/macros.h"
#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
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

/* Every access to files that this kernel's Landlock knows is refused: no rule allows any. */
static void close_files(struct egress_jail *jail) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return;
    struct landlock_ruleset_attr all = {.handled_access_fs = (1u << 13) - 1};
    if (abi >= 2) all.handled_access_fs |= 1u << 13; /* refer */
    if (abi >= 3) all.handled_access_fs |= 1u << 14; /* truncate */
    int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (fd < 0) return;
    if (syscall(SYS_landlock_restrict_self, fd, 0) == 0) note(jail, "Landlock");
    close(fd);
}

int egress_jail_enter(struct egress_jail *jail) {
    const struct rlimit none = {0, 0};
    *jail = (struct egress_jail){0};
    int r = become_nobody(jail);
    if (r < 0) return r;
    /* After the change of user, which makes a process dumpable or not by its own lights. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    setrlimit(RLIMIT_CORE, &none);
    close_files(jail);
    return 0;
}

/* What libuv, libcurl, OpenSSL, c-ares and malloc call once they run. What is not here fails with ENOSYS, as on a
   kernel without it: a newer library may ask for something new and has another way then. */
static const int allowed[] = {SCMP_SYS(read),
                              SCMP_SYS(write),
                              SCMP_SYS(readv),
                              SCMP_SYS(writev),
                              SCMP_SYS(close),
                              SCMP_SYS(fstat),
                              SCMP_SYS(lseek),
                              SCMP_SYS(recvfrom),
                              SCMP_SYS(recvmsg),
                              SCMP_SYS(sendto),
                              SCMP_SYS(sendmsg),
                              SCMP_SYS(sendmmsg),
                              SCMP_SYS(recvmmsg),
                              SCMP_SYS(connect),
                              SCMP_SYS(shutdown),
                              SCMP_SYS(bind),
                              SCMP_SYS(getsockname),
                              SCMP_SYS(getpeername),
                              SCMP_SYS(getsockopt),
                              SCMP_SYS(setsockopt),
                              SCMP_SYS(fcntl),
                              SCMP_SYS(ioctl),
                              SCMP_SYS(epoll_ctl),
                              SCMP_SYS(epoll_wait),
                              SCMP_SYS(epoll_pwait),
                              SCMP_SYS(epoll_create1),
                              SCMP_SYS(poll),
                              SCMP_SYS(ppoll),
                              SCMP_SYS(select),
                              SCMP_SYS(pselect6),
                              SCMP_SYS(pipe2),
                              SCMP_SYS(eventfd2),
                              SCMP_SYS(brk),
                              SCMP_SYS(munmap),
                              SCMP_SYS(mremap),
                              SCMP_SYS(madvise),
                              SCMP_SYS(futex),
                              SCMP_SYS(rt_sigaction),
                              SCMP_SYS(rt_sigprocmask),
                              SCMP_SYS(rt_sigreturn),
                              SCMP_SYS(sigaltstack),
                              SCMP_SYS(clock_gettime),
                              SCMP_SYS(clock_nanosleep),
                              SCMP_SYS(nanosleep),
                              SCMP_SYS(gettimeofday),
                              SCMP_SYS(time),
                              SCMP_SYS(getrandom),
                              SCMP_SYS(getpid),
                              SCMP_SYS(gettid),
                              SCMP_SYS(getuid),
                              SCMP_SYS(geteuid),
                              SCMP_SYS(getgid),
                              SCMP_SYS(getegid),
                              SCMP_SYS(uname),
                              SCMP_SYS(sysinfo),
                              SCMP_SYS(sched_yield),
                              SCMP_SYS(sched_getaffinity),
                              SCMP_SYS(restart_syscall),
                              SCMP_SYS(exit),
                              SCMP_SYS(exit_group),
                              SCMP_SYS(membarrier),
                              SCMP_SYS(rseq),
                              SCMP_SYS(set_robust_list)};

/* Some libraries look for files and can do without. */
static const int without_files[] = {SCMP_SYS(open),   SCMP_SYS(openat),   SCMP_SYS(stat),  SCMP_SYS(newfstatat),
                                    SCMP_SYS(access), SCMP_SYS(readlink), SCMP_SYS(statx), SCMP_SYS(faccessat)};

/* Nobody asks for these but an intruder. */
static const int deadly[] = {SCMP_SYS(execve),
                             SCMP_SYS(execveat),
                             SCMP_SYS(fork),
                             SCMP_SYS(vfork),
                             SCMP_SYS(clone),
                             SCMP_SYS(ptrace),
                             SCMP_SYS(process_vm_readv),
                             SCMP_SYS(process_vm_writev),
                             SCMP_SYS(bpf),
                             SCMP_SYS(io_uring_setup),
                             SCMP_SYS(userfaultfd),
                             SCMP_SYS(perf_event_open),
                             SCMP_SYS(mount),
                             SCMP_SYS(unshare),
                             SCMP_SYS(setns),
                             SCMP_SYS(listen),
                             SCMP_SYS(accept),
                             SCMP_SYS(accept4),
                             SCMP_SYS(memfd_create),
                             SCMP_SYS(keyctl),
                             SCMP_SYS(add_key),
                             SCMP_SYS(pidfd_getfd),
                             SCMP_SYS(kexec_load),
                             SCMP_SYS(init_module)};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t len) {
    int r = 0;
    for (size_t i = 0; i < len && r == 0; i++) r = seccomp_rule_add(filter, action, calls[i], 0);
    return r;
}

/* Sockets of the internet only, and memory that is never code. libcurl wakes itself by a pair of its own. */
static int add_conditions(scmp_filter_ctx filter) {
    static const struct {
        int call;
        struct scmp_arg_cmp condition;
    } rules[] = {{SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_INET, 0}},
                 {SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_INET6, 0}},
                 {SCMP_SYS(socketpair), {0, SCMP_CMP_EQ, AF_UNIX, 0}},
                 {SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
                 {SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}}};
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(rules) && r == 0; i++) {
        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].condition);
    }
    return r;
}

int egress_jail_filter(struct egress_jail *jail) {
#ifdef __SANITIZE_ADDRESS__
    (void)jail; /* the sanitizer's own threads and maps would not pass */
    return 0;
#endif
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter) return -ENOMEM;
    int r = add_all(filter, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    if (r == 0) r = add_all(filter, SCMP_ACT_ERRNO(EACCES), without_files, COUNT_OF(without_files));
    if (r == 0) r = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT_OF(deadly));
    if (r == 0) r = add_conditions(filter);
    if (r == 0) r = seccomp_load(filter);
    seccomp_release(filter);
    if (r == 0) note(jail, "seccomp");
    return r;
}
