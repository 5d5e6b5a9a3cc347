/* The jail around the zygote and its cells. Most of it is inherited by a fork, so that it costs a cell nothing: a
   system call costs about 1 us here, the installation of a long filter 200 us. Runs in the zygote and in cells. */
#include "cell/jail.h"
#include "base/confinement.h"
#include "base/landlock.h"
#include "base/macros.h"
#include "base/procfs.h"
#include "cell/cell.h"
#include "cell/clock.h"
#include "cell/pkey.h"
#include "cell/syscalls.h"
#include <elf.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE        62
#define PR_SCHED_CORE_CREATE 1
#endif
#define SCHED_CORE_THIS_PROCESS 1 /* the kernel's PIDTYPE_TGID */

/* Descriptors of a dynamic worker's cell. */
#define DESCRIPTORS_MAX 32

/* Descriptors of a host worker's cell: one for each cell that it loaded. The zygote may send as many on to holders. */
#define HOST_DESCRIPTORS_MAX 65536

/* What holds for this process; 0 until jail_zygote. */
static uint32_t layers;

/* Compiled once, in the zygote. */
static struct {
    enum syscall_caller caller;
    size_t len;
    struct sock_filter code[SYSCALLS_FILTER_MAX];
} seals[] = {
    [CELL_PLAIN] = {.caller = CALLER_CELL},
    [CELL_THREADS] = {.caller = CALLER_THREADS},
    [CELL_HOST] = {.caller = CALLER_HOST},
};

/* A holder's, for its cells: without instructions where each of those needs one of its own. */
static struct {
    size_t len;
    struct sock_filter code[SYSCALLS_FILTER_MAX];
} held_seal;

static void add_layer(bool holds, enum confinement layer) {
    if (holds) layers |= (uint32_t)layer;
}

/* --- In the zygote ---------------------------------------------------------------------------------------------- */

void jail_scrub(int argc, char **argv) {
    /* Above main's arguments: their pointers, NULL, the environment's, NULL, the auxiliary vector. */
    char **at = argv + argc + 1;
    for (int i = 1; i < argc; i++) explicit_bzero(argv[i], strlen(argv[i]));
    for (; *at; at++) {
        explicit_bzero(*at, strlen(*at));
        *at = NULL;
    }
    for (Elf64_auxv_t *entry = (Elf64_auxv_t *)(at + 1); entry->a_type != AT_NULL; entry++) {
        char *place = (char *)entry->a_un.a_val;
        if (entry->a_type == AT_RANDOM) explicit_bzero(place, 16); /* what stack canaries are made of */
        if (entry->a_type == AT_EXECFN) explicit_bzero(place, strlen(place));
        *entry = (Elf64_auxv_t){.a_type = AT_IGNORE};
    }
    layers |= CONFINEMENT_SCRUBBED;
}

/* Replaces the root by an empty tmpfs. Any directory that surely exists serves as the place to mount it. */
static bool empty_root(void) {
    const char *place = "/proc";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return false;
    if (mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=555") < 0) return false;
    if (chdir(place) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) return false;
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return false;
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

/* In a user namespace of its own; its files are open by now. Where it has one id there is nobody else to be. */
static bool become_other(void) {
    return setgroups(0, NULL) == 0 && setresgid(JAIL_ID, JAIL_ID, JAIL_ID) == 0 && setresuid(JAIL_ID, JAIL_ID, JAIL_ID) == 0;
}

static bool drop_capabilities(int namespaces) {
    for (int i = 0; i <= CAP_LAST_CAP; i++) {
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno == EPERM && geteuid() == 0) return false;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (namespaces & CLONE_NEWUSER) become_other(); /* which takes rights, too */
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    return syscall(SYS_capset, &header, none) == 0;
}

static void add_namespaces(int namespaces) {
    static const struct {
        int flag;
        enum confinement layer;
    } names[] = {
        {CLONE_NEWUSER, CONFINEMENT_USER_NAMESPACE},     {CLONE_NEWNS, CONFINEMENT_MOUNT_NAMESPACE},
        {CLONE_NEWPID, CONFINEMENT_PID_NAMESPACE},       {CLONE_NEWNET, CONFINEMENT_NET_NAMESPACE},
        {CLONE_NEWIPC, CONFINEMENT_IPC_NAMESPACE},       {CLONE_NEWUTS, CONFINEMENT_UTS_NAMESPACE},
        {CLONE_NEWCGROUP, CONFINEMENT_CGROUP_NAMESPACE},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) add_layer(namespaces & names[i].flag, names[i].layer);
    if (namespaces & CLONE_NEWUTS && sethostname("cell", 4) < 0) layers &= ~(uint32_t)CONFINEMENT_UTS_NAMESPACE;
    add_layer(namespaces & CLONE_NEWNS && empty_root(), CONFINEMENT_EMPTY_ROOT);
}

static bool limit(int resource, rlim_t now, rlim_t max) {
    struct rlimit r;
    if (getrlimit(resource, &r) < 0) return false;
    if (r.rlim_max != RLIM_INFINITY && max > r.rlim_max) max = r.rlim_max;
    return setrlimit(resource, &(struct rlimit){now < max ? now : max, max}) == 0;
}

static bool limit_resources(void) {
    return limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_FSIZE, 0, 0) && limit(RLIMIT_MEMLOCK, 0, 0) &&
           limit(RLIMIT_MSGQUEUE, 0, 0) && limit(RLIMIT_NOFILE, HOST_DESCRIPTORS_MAX, HOST_DESCRIPTORS_MAX);
}

/* Closes a kind of speculation for good, or finds that this processor does not have it. */
static bool close_speculation(int kind) {
    int state = prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0);
    if (state == PR_SPEC_NOT_AFFECTED || state == PR_SPEC_DISABLE || state == PR_SPEC_FORCE_DISABLE) return true;
    return prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, 0, 0) == 0;
}

static bool core_alone(void) {
    return prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, SCHED_CORE_THIS_PROCESS, 0) == 0;
}

/* Some hypervisors take the request and do nothing, so a child tries it. */
static bool trap_cycle_counter(void) {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) /* whose allocator reads clocks */
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) < 0) return false;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        __builtin_ia32_rdtsc();
        _exit(0);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status);
#else
    return false;
#endif
}

static int compare_bytes(const void *a, const void *b) {
    return *(const char *)a - *(const char *)b;
}

/* libc looks some things up when it first needs them: the time zone, and to sort more than a kilobyte, how much memory
   the machine has. */
static void make_libc_look_up(void) {
    char bytes[4096] = {1};
    struct tm local;
    qsort(bytes, sizeof bytes, 1, compare_bytes);
    localtime_r(&(time_t){0}, &local);
}

#ifdef __SANITIZE_ADDRESS__

/* A sanitizer reports by calls that the filter kills for, and its report is worth more than the layer. */
static bool filter_calls(bool is_jitless) {
    (void)is_jitless;
    return false;
}

#else

/* Makes a process that ends with what `f` says. 0 if it said true; -1, with errno, if none could be made. */
static int ask_process(bool (*f)(void)) {
    pid_t pid = _Fork();
    if (pid == 0) _exit(f() ? 0 : 1);
    int status = 1;
    if (pid < 0) return -1;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

static bool say_true(void) {
    return true;
}

/* That one can be made without the limit shows that it is the limit which keeps the other. */
static bool makes_none(void) {
    return ask_process(say_true) == 0 && limit(RLIMIT_NPROC, 0, 0) && ask_process(say_true) < 0 && errno == EAGAIN;
}

/* Whether a process without rights that is allowed none makes none: the kernel does not count those of its first root. */
static bool ends_forks(void) {
    return ask_process(makes_none) == 0;
}

static bool filter_calls(bool is_jitless) {
    static struct sock_filter filter[SYSCALLS_FILTER_MAX];
    if (ends_forks()) held_seal.len = syscalls_compile_seal(is_jitless, CALLER_HOLDER, held_seal.code);
    for (size_t i = 0; i < COUNT_OF(seals); i++) seals[i].len = syscalls_compile_seal(is_jitless, seals[i].caller, seals[i].code);
    return syscalls_install(filter, syscalls_compile_wide(is_jitless, filter)) == 0;
}

#endif

void jail_zygote(int namespaces, bool is_jitless, int proc_fd) {
    add_layer(is_jitless && procfs_has_writable_code() == 0, CONFINEMENT_NO_JIT);
    add_namespaces(namespaces);
    add_layer(drop_capabilities(namespaces), CONFINEMENT_NO_CAPABILITIES);
    add_layer(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, CONFINEMENT_NO_NEW_PRIVILEGES);
    add_layer(limit_resources(), CONFINEMENT_RESOURCE_LIMITS);
    add_layer(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, CONFINEMENT_NOT_DUMPABLE);
    add_layer(close_speculation(PR_SPEC_STORE_BYPASS), CONFINEMENT_STORE_BYPASS);
    add_layer(close_speculation(PR_SPEC_INDIRECT_BRANCH), CONFINEMENT_INDIRECT_BRANCH);
    add_layer(core_alone(), CONFINEMENT_CORE_SCHEDULING);
    int ruleset = landlock_new(true, LANDLOCK_SCOPE_ABSTRACT_SOCKETS | LANDLOCK_SCOPE_SIGNALS);
    if (ruleset >= 0 && proc_fd >= 0) landlock_let_read(ruleset, proc_fd); /* until a holder closes that for its cells */
    add_layer(ruleset >= 0 && landlock_enter(ruleset), CONFINEMENT_LANDLOCK);
    add_layer(prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0, CONFINEMENT_MDWE);
    add_layer(pkey_protect(&the_cell, sizeof the_cell), CONFINEMENT_CONTROL_KEY);
    make_libc_look_up();
    clock_coarsen();
    add_layer(trap_cycle_counter(), CONFINEMENT_TSC_TRAP);
    add_layer(filter_calls(is_jitless), CONFINEMENT_SYSCALL_FILTER);
}

uint32_t jail_layers(void) {
    return layers;
}

/* --- In a cell -------------------------------------------------------------------------------------------------- */

/* Standard error is for the host worker's cell; a dynamic one has its LOG frames. */
static void keep_only(int owner_fd, bool is_host) {
    int first = is_host ? 3 : 0;
    if (owner_fd > first) CHECK(close_range((unsigned)first, (unsigned)owner_fd - 1, 0) == 0);
    CHECK(close_range((unsigned)owner_fd + 1, ~0u, 0) == 0);
}

uint32_t jail_cell(int owner_fd, bool is_host) {
    keep_only(owner_fd, is_host);
    /* In a pid namespace the kernel kills all when the zygote, its first process, has ended. */
    if (!(layers & CONFINEMENT_PID_NAMESPACE)) CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    if (layers & CONFINEMENT_CORE_SCHEDULING && !core_alone()) layers &= ~(uint32_t)CONFINEMENT_CORE_SCHEDULING;
    rlim_t descriptors = is_host ? HOST_DESCRIPTORS_MAX : DESCRIPTORS_MAX;
    limit(RLIMIT_NOFILE, descriptors, descriptors);
    return layers | (is_host ? 0 : CONFINEMENT_ONE_SOCKET);
}

const struct sock_filter *jail_held_seal(size_t *ret_len) {
    *ret_len = layers & CONFINEMENT_SYSCALL_FILTER ? held_seal.len : 0;
    return held_seal.code;
}

void jail_seal(enum cell_role role, bool is_held) {
    if (!(layers & CONFINEMENT_SYSCALL_FILTER)) return;
    if (is_held && held_seal.len > 0) CHECK(limit(RLIMIT_NPROC, 0, 0));
    else CHECK(syscalls_install(seals[role].code, seals[role].len) == 0);
}
