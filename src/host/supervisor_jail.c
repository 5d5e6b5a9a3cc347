#include "host/supervisor_jail.h"
#include "base/confinement.h"
#include "base/landlock.h"
#include "base/macros.h"
#include "host/call_filter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const uint32_t supervisor_layers = CONFINEMENT_NO_CAPABILITIES | CONFINEMENT_NO_NEW_PRIVILEGES |
                                   CONFINEMENT_NOT_DUMPABLE | CONFINEMENT_LANDLOCK | CONFINEMENT_SYSCALL_FILTER;

/* What /proc says of a cell's size is for everybody to read; the rest the kernel hides from this process, since cells
   are outside its Landlock domain. */
#define CELLS_DIR "/proc"

static bool drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    for (int i = 0; i <= CAP_LAST_CAP; i++) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0;
}

/* --- Landlock --------------------------------------------------------------------------------------------------- */

static bool let_read(int ruleset, const char *dir) {
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
    rule.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rule.parent_fd < 0) return false;
    bool holds = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return holds;
}

static bool close_files(const char *const *project_dirs, size_t len) {
    int ruleset = landlock_new(true, LANDLOCK_SCOPE_ABSTRACT_SOCKETS | LANDLOCK_SCOPE_SIGNALS);
    if (ruleset < 0) return false;
    bool holds = let_read(ruleset, CELLS_DIR);
    for (size_t i = 0; i < len && holds; i++) holds = let_read(ruleset, project_dirs[i]);
    if (holds) return landlock_enter(ruleset);
    close(ruleset);
    return false;
}

/* --- System calls ----------------------------------------------------------------------------------------------- */

static const int allowed[] = {
    SCMP_SYS(accept4),                                                  /* clients */
    SCMP_SYS(wait4),                                                    /* zygotes that end, and egress */
    SCMP_SYS(stat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),          /* the project's files, the engine's library */
    SCMP_SYS(lstat),    SCMP_SYS(readlink),   SCMP_SYS(readlinkat),     /* realpath */
    SCMP_SYS(getcwd),   SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(getcpu),   SCMP_SYS(sched_setaffinity),                    /* gather.h */
    SCMP_SYS(clock_getres),                                             /* police.h: libc asks it whether a process has a clock */
};

#define NOT_ONLY_READ (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

static bool filter_calls(void) {
    scmp_filter_ctx filter = call_filter_new();
    if (!filter) return false;
    int r = call_filter_add(filter, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    if (r == 0) {
        struct scmp_arg_cmp only_read = {2, SCMP_CMP_MASKED_EQ, NOT_ONLY_READ, 0};
        r = call_filter_allow_if(filter, SCMP_SYS(openat), only_read);
    }
    struct scmp_arg_cmp itself = {1, SCMP_CMP_EQ, 0, 0};
    if (r == 0) r = call_filter_allow_if(filter, SCMP_SYS(setpriority), itself); /* its children: cell/budget.c */
    return call_filter_load(filter, r) == 0;
}

/* --- All of it -------------------------------------------------------------------------------------------------- */

uint32_t supervisor_jail_enter(const char *const *project_dirs, size_t len) {
    const struct rlimit none = {0, 0};
    uint32_t layers = 0;
#ifdef __SANITIZE_ADDRESS__
    return 0; /* the sanitizer looks at its own process from a second one when it ends */
#endif
    setrlimit(RLIMIT_CORE, &none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) layers |= CONFINEMENT_NO_NEW_PRIVILEGES;
    if (close_files(project_dirs, len)) layers |= CONFINEMENT_LANDLOCK;
    if (drop_capabilities()) layers |= CONFINEMENT_NO_CAPABILITIES;
    if (prctl(PR_SET_DUMPABLE, 0) == 0) layers |= CONFINEMENT_NOT_DUMPABLE;
    if (filter_calls()) layers |= CONFINEMENT_SYSCALL_FILTER;
    return layers;
}

uint32_t supervisor_jail_try(void) {
    uint32_t layers = 0;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) return 0;
    pid_t pid = fork();
    if (pid == 0) {
        layers = supervisor_jail_enter((const char *[]){"/"}, 1);
        _exit(write(pipes[1], &layers, sizeof layers) < 0);
    }
    close(pipes[1]);
    if (read(pipes[0], &layers, sizeof layers) != sizeof layers) layers = 0;
    close(pipes[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return layers;
}
