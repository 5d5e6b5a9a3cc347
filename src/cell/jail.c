/* The jail, as far as it stands today: namespaces, an empty root, no rights, resource limits, one socket. The system call
   filter, Landlock and the rest come with the jail's own issue and belong here. Runs in the zygote and in cells. */
#include "cell/jail.h"
#include "base/confinement.h"
#include "base/macros.h"
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors of a host worker's cell: one for each cell that it loaded. */
#define HOST_DESCRIPTORS_MAX 65536

/* Replaces the root by an empty tmpfs. Any directory that surely exists serves as the place to mount it. */
static bool empty_root(void) {
    const char *place = "/proc";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return false;
    if (mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=555") < 0) return false;
    if (chdir(place) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) return false;
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return false;
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

static bool drop_capabilities(void) {
    for (int i = 0; i <= CAP_LAST_CAP; i++) {
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno == EPERM && geteuid() == 0) return false;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    return syscall(SYS_capset, &header, none) == 0;
}

uint32_t jail_zygote(int namespaces) {
    static const struct {
        int flag;
        uint32_t layer;
    } names[] = {
        {CLONE_NEWUSER, CONFINEMENT_USER_NAMESPACE}, {CLONE_NEWNS, CONFINEMENT_MOUNT_NAMESPACE},
        {CLONE_NEWPID, CONFINEMENT_PID_NAMESPACE},   {CLONE_NEWNET, CONFINEMENT_NET_NAMESPACE},
        {CLONE_NEWIPC, CONFINEMENT_IPC_NAMESPACE},   {CLONE_NEWUTS, CONFINEMENT_UTS_NAMESPACE},
        {CLONE_NEWCGROUP, CONFINEMENT_CGROUP_NAMESPACE},
    };
    uint32_t layers = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (namespaces & names[i].flag) layers |= names[i].layer;
    }
    if (namespaces & CLONE_NEWUTS && sethostname("cell", 4) < 0) layers &= ~(uint32_t)CONFINEMENT_UTS_NAMESPACE;
    if (namespaces & CLONE_NEWNS && empty_root()) layers |= CONFINEMENT_EMPTY_ROOT;
    if (drop_capabilities()) layers |= CONFINEMENT_NO_CAPABILITIES;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) layers |= CONFINEMENT_NO_NEW_PRIVILEGES;
    return layers;
}

static void limit(int resource, rlim_t n) {
    struct rlimit r;
    if (getrlimit(resource, &r) < 0) return;
    if (r.rlim_max != RLIM_INFINITY && n > r.rlim_max) n = r.rlim_max;
    r = (struct rlimit){n, n};
    CHECK(setrlimit(resource, &r) == 0);
}

static void keep_only(int owner_fd, const int *keep, int keep_len, bool is_host) {
    int next = is_host ? 3 : 0; /* standard error is for the host worker's cell; a dynamic one has its LOG frames */
    for (;;) {
        int nearest = owner_fd >= next ? owner_fd : -1;
        for (int i = 0; i < keep_len; i++) {
            if (keep[i] >= next && (nearest < 0 || keep[i] < nearest)) nearest = keep[i];
        }
        if (nearest > next) CHECK(close_range((unsigned)next, (unsigned)nearest - 1, 0) == 0);
        if (nearest < 0) break;
        next = nearest + 1;
    }
    CHECK(close_range((unsigned)next, ~0u, 0) == 0);
}

void jail_cell(int owner_fd, const int *keep, int keep_len, bool is_host) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    keep_only(owner_fd, keep, keep_len, is_host);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_MEMLOCK, 0);
    limit(RLIMIT_MSGQUEUE, 0);
    limit(RLIMIT_NOFILE, is_host ? HOST_DESCRIPTORS_MAX : 16);
}
