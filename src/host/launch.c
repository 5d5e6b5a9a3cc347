#include "host/launch.h"
#include "base/affinity.h"
#include "base/egress_wire.h"
#include "base/macros.h"
#include "base/procfs.h"
#include "base/zygote_wire.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The descriptor that the cell binary expects its control socket at. */
#define CONTROL_FD 3

#define DESCRIPTORS_MAX 2

/* The user that cells become where root starts them, JAIL_ID in their namespace: nobody, and not egress's either. The
   kernel does not count the processes of root, and so could not keep a cell from making any (cell/jail.h). */
#define CELLS_ID 65533

#define NAMESPACES                                                                                                     \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

enum op { OP_ZYGOTE, OP_EGRESS, OP_KILL, OP_FORGET, OP_PRIVATE_BYTES, OP_FIND_LIBRARY };

struct request {
    uint32_t op;
    int32_t value; /* a pid, or the number of an egress_start */
    uint32_t traits; /* of a zygote */
    char text[PATH_MAX];
};

struct answer {
    int64_t result; /* a pid or a negative errno */
    uint64_t bytes;
    char text[PATH_MAX];
};

/* In the process that asks. */
static int spawner_fd = -1;
static pid_t spawner_pid;

/* The zygote that was started ahead, until it is asked for; control -1 is none. Its pidfd is the spawner's to keep. */
static struct {
    pid_t pid;
    int pidfd, control;
    unsigned traits;
} ahead = {.control = -1};

/* --- The children ----------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) _exit(126);
    close(fd);
}

/* Our ids become 0 in the new user namespace: with other ones, exec would drop the rights that the jail needs. */
static void map_ids(const char *uid_map, const char *gid_map) {
    prctl(PR_SET_DUMPABLE, 1); /* the files of a process that is not are root's; exec follows at once */
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", uid_map);
    write_file("/proc/self/gid_map", gid_map);
}

static bool put_map(pid_t pid, const char *name) {
    char path[64], map[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    size_t len = (size_t)snprintf(map, sizeof map, "0 0 1\n%u %u 1\n", JAIL_ID, CELLS_ID);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, map, len) == (ssize_t)len;
    if (fd >= 0) close(fd);
    return is_written;
}

/* In root's process that made it: a child in a user namespace of its own has another user to become there, too. */
static bool map_cells_id(pid_t pid) {
    return geteuid() == 0 && put_map(pid, "uid_map") && put_map(pid, "gid_map");
}

/* In that child, which ends with its maker. */
static bool is_mapped(const int told[2]) {
    char answer = 0;
    close(told[1]);
    if (read(told[0], &answer, 1) != 1) _exit(126);
    return answer;
}

/* In the child, as all here: only calls that are safe after fork, for the parent may have threads. */
static void begin_child(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);        /* a terminal's interrupt goes to the supervisor alone */
    affinity_keep(0, -1); /* whichever processor the parent is kept to now (gather.h) */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
    }
}

static _Noreturn void become_zygote(int control, const char *path, char *const argv[]) {
    begin_child();
    if (control == CONTROL_FD) fcntl(control, F_SETFD, 0);
    else dup2(control, CONTROL_FD);
    /* All symbols are bound at the start, so that no cell has to. */
    char *const environment[] = {"LD_BIND_NOW=1", NULL};
    execve(path, argv, environment);
    _exit(127);
}

/* The environment goes along; egress wipes its copy. */
static _Noreturn void become_egress(int control, int log_fd, int start_fd, const char *path) {
    begin_child();
    /* Out of the way of the numbers that they get. */
    control = fcntl(control, F_DUPFD, 10);
    log_fd = log_fd >= 0 ? fcntl(log_fd, F_DUPFD, 10) : -1;
    start_fd = fcntl(start_fd, F_DUPFD, 10);
    dup2(control, EGRESS_CONTROL_FD);
    if (log_fd >= 0)
        dup2(log_fd, EGRESS_LOG_FD);
    else
        close(EGRESS_LOG_FD);
    dup2(start_fd, EGRESS_START_FD);
    close_range(EGRESS_START_FD + 1, ~0u, 0);
    char *const argv[] = {"mayfly-egress", NULL};
    execv(path, argv);
    _exit(127);
}

/* `parent` is CLONE_PARENT in the spawner, whose children are those of the supervisor. */
static pid_t make_zygote_in(int namespaces, int parent, const char *path, unsigned traits, int control, int *ret_pidfd) {
    char flags[16], traits_text[16], uid_map[32], gid_map[32];
    snprintf(flags, sizeof flags, "%d", namespaces);
    snprintf(traits_text, sizeof traits_text, "%u", traits);
    snprintf(uid_map, sizeof uid_map, "0 %u 1", geteuid());
    snprintf(gid_map, sizeof gid_map, "0 %u 1", getegid());
    char *const argv[] = {"mayfly-cell", flags, traits_text, NULL};
    int made = namespaces == JAIL_OFF ? 0 : namespaces, told[2];
    if (pipe2(told, O_CLOEXEC) < 0) return -errno;
    pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)(made | parent | CLONE_PIDFD) | SIGCHLD, NULL, ret_pidfd, NULL, 0);
    if (pid == 0) {
        if (made & CLONE_NEWUSER && !is_mapped(told)) map_ids(uid_map, gid_map);
        become_zygote(control, path, argv);
    }
    int r = pid < 0 ? -errno : pid;
    char answer = pid > 0 && made & CLONE_NEWUSER && map_cells_id(pid);
    if (write(told[1], &answer, 1) < 0 && r > 0) r = -errno; /* the child ends then, too */
    close(told[0]);
    close(told[1]);
    return r;
}

/* Namespaces that the machine refuses are left out, all or none of them. */
static pid_t make_zygote(int parent, const char *path, bool has_jail, unsigned traits, int control, int *ret_pidfd) {
    if (!has_jail) return make_zygote_in(JAIL_OFF, parent, path, traits, control, ret_pidfd);
    pid_t pid = make_zygote_in(NAMESPACES, parent, path, traits, control, ret_pidfd);
    return pid < 0 ? make_zygote_in(0, parent, path, traits, control, ret_pidfd) : pid;
}

/* A descriptor to read this text from, or a negative errno. */
static int open_text(const char *text) {
    int fd = memfd_create("mayfly-egress-start", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    size_t len = strlen(text);
    if (write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0) return fd;
    close(fd);
    return -ENOSPC;
}

static pid_t make_egress(int parent, const char *path, const char *start, int control, int log_fd, int *ret_pidfd) {
    int start_fd = open_text(start);
    if (start_fd < 0) return start_fd;
    unsigned long flags = (unsigned long)(CLONE_PIDFD | parent) | SIGCHLD;
    pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, ret_pidfd, NULL, 0);
    if (pid == 0) become_egress(control, log_fd, start_fd, path);
    int r = pid < 0 ? -errno : pid;
    close(start_fd);
    return r;
}

/* The file is found by the zygote's mappings: this process links no engine. */
static void find_library(int pid, char *out, size_t out_len) {
    char maps[64], line[PATH_MAX + 128];
    snprintf(maps, sizeof maps, "/proc/%d/maps", pid);
    FILE *file = fopen(maps, "re");
    out[0] = 0;
    while (file && !out[0] && fgets(line, sizeof line, file)) {
        const char *path = strchr(line, '/');
        if (path && strstr(path, "/libjavascriptcoregtk")) snprintf(out, out_len, "%.*s", (int)strcspn(path, "\n"), path);
    }
    if (file) fclose(file);
}

static void forget(const char *variable) {
    char *value = getenv(variable);
    if (!value) return;
    explicit_bzero(value, strlen(value));
    unsetenv(variable);
}

/* --- The spawner ------------------------------------------------------------------------------------------------ */

/* Egress of each host worker, and zygotes that have cells. */
#define CHILDREN_MAX 256

struct child {
    pid_t pid; /* 0: free */
    int pidfd;
};

struct spawner {
    int fd;
    struct child children[CHILDREN_MAX];
    struct launch_config config;
};

/* A free place; NULL when there is none. */
static struct child *find_place(struct spawner *s) {
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (!s->children[i].pid) return &s->children[i];
    }
    return NULL;
}

/* A process is made where its maker is. */
static pid_t start_zygote(struct spawner *s, unsigned traits, int control) {
    struct child *child = find_place(s);
    if (!child) return -EAGAIN;
    int r = cgroups_enter(&s->config.groups);
    pid_t pid = r == 0 ? make_zygote(CLONE_PARENT, s->config.cell_path, true, traits, control, &child->pidfd) : r;
    cgroups_leave(&s->config.groups);
    if (pid > 0) child->pid = pid;
    return pid;
}

/* The supervisor is gone, and what it had started ends. */
static _Noreturn void end(struct spawner *s) {
    cgroups_end(&s->config.groups, CGROUPS_END_MS);
    _exit(0);
}

static pid_t start_egress(struct spawner *s, int32_t number, const int fds[DESCRIPTORS_MAX]) {
    struct child *child = find_place(s);
    if (number < 0 || (size_t)number >= s->config.egress_starts_len) return -EINVAL;
    if (!child) return -EAGAIN;
    pid_t pid = make_egress(CLONE_PARENT, s->config.egress_path, s->config.egress_starts[number], fds[0], fds[1],
                            &child->pidfd);
    if (pid > 0) child->pid = pid;
    return pid;
}

/* One of those that were started here, and no other process that has its number by now. */
static void kill_child(struct spawner *s, pid_t pid) {
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (pid <= 0 || s->children[i].pid != pid) continue;
        syscall(SYS_pidfd_send_signal, s->children[i].pidfd, SIGKILL, NULL, 0);
        close(s->children[i].pidfd);
        s->children[i].pid = 0;
    }
}

static void put_answer(struct spawner *s, const struct request *request, const int fds[DESCRIPTORS_MAX], struct answer *a) {
    switch (request->op) {
    case OP_ZYGOTE:
        a->result = start_zygote(s, request->traits, fds[0]);
        break;
    case OP_EGRESS:
        a->result = start_egress(s, request->value, fds);
        break;
    case OP_KILL: kill_child(s, request->value); break;
    case OP_FORGET: forget(request->text); break;
    case OP_PRIVATE_BYTES: a->result = procfs_private_bytes(request->value, &a->bytes); break;
    case OP_FIND_LIBRARY: find_library(request->value, a->text, sizeof a->text); break;
    default: a->result = -EINVAL;
    }
}

static _Noreturn void spawn_for(struct spawner *s) {
    for (;;) {
        struct request request;
        struct answer answer = {0};
        int fds[DESCRIPTORS_MAX] = {-1, -1};
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof fds)];
        } control;
        struct iovec part = {&request, sizeof request};
        struct msghdr m = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
        ssize_t n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) continue;
        if (n != sizeof request) end(s);
        request.text[sizeof request.text - 1] = 0;
        struct cmsghdr *header = CMSG_FIRSTHDR(&m);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
        put_answer(s, &request, fds, &answer);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            if (fds[i] >= 0) close(fds[i]);
        }
        if (send(s->fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0) end(s);
    }
}

/* Both ends of a control socket and a zygote at one of them. Returns its pid, or a negative errno. */
static pid_t make_connected(const char *path, bool has_jail, unsigned traits, int *ret_control, int *ret_pidfd) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) return -errno;
    pid_t pid = make_zygote(0, path, has_jail, traits, sockets[1], ret_pidfd);
    close(sockets[1]);
    if (pid < 0) close(sockets[0]);
    else *ret_control = sockets[0];
    return pid;
}

void launch_ahead(const char *cell_path, unsigned traits, const struct cgroups *groups) {
    if (cgroups_enter(groups) == 0) {
        ahead.pid = make_connected(cell_path, true, traits, &ahead.control, &ahead.pidfd);
        ahead.traits = traits;
    }
    cgroups_leave(groups);
}

void launch_cancel(void) {
    if (ahead.control < 0) return;
    close(ahead.control);
    close(ahead.pidfd);
    ahead.control = -1;
    while (waitpid(ahead.pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

int launch_begin(const struct launch_config *config) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) return -errno;
    spawner_pid = fork();
    if (spawner_pid == 0) {
        struct spawner s = {.fd = sockets[1], .config = *config};
        prctl(PR_SET_NAME, "mayfly-spawner");
        prctl(PR_SET_DUMPABLE, 0);
        setpgid(0, 0);
        close(sockets[0]);
        if (ahead.control >= 0) {
            close(ahead.control);
            s.children[0] = (struct child){ahead.pid, ahead.pidfd};
        }
        spawn_for(&s);
    }
    if (ahead.control >= 0) close(ahead.pidfd);
    int r = spawner_pid < 0 ? -errno : 0;
    close(sockets[1]);
    if (r < 0) close(sockets[0]);
    else spawner_fd = sockets[0];
    return r;
}

void launch_end(void) {
    if (spawner_fd < 0) return;
    close(spawner_fd);
    spawner_fd = -1;
    while (waitpid(spawner_pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* Sends a request and waits for its answer; the spawner has no other work. */
static void ask(const struct request *request, const int *fds, size_t fds_len, struct answer *ret) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
    } control = {0};
    struct iovec part = {(void *)request, sizeof *request};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds_len > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof *fds * fds_len);
        struct cmsghdr *header = CMSG_FIRSTHDR(&m);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof *fds * fds_len);
        memcpy(CMSG_DATA(header), fds, sizeof *fds * fds_len);
    }
    ssize_t n = sendmsg(spawner_fd, &m, MSG_NOSIGNAL);
    if (n < 0) {
        ret->result = -errno;
        return;
    }
    do n = recv(spawner_fd, ret, sizeof *ret, 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof *ret) *ret = (struct answer){.result = -EPIPE};
    ret->text[sizeof ret->text - 1] = 0;
}

/* --- For the supervisor ----------------------------------------------------------------------------------------- */

pid_t launch_zygote(const char *cell_path, bool has_jail, unsigned traits, int *ret_control) {
    if (spawner_fd < 0) {
        int pidfd = -1;
        pid_t pid = make_connected(cell_path, has_jail, traits, ret_control, &pidfd);
        if (pid >= 0) close(pidfd);
        return pid;
    }
    if (ahead.control >= 0 && ahead.traits == traits) {
        *ret_control = ahead.control;
        ahead.control = -1;
        return ahead.pid;
    }
    int sockets[2];
    struct answer answer;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) return -errno;
    ask(&(struct request){.op = OP_ZYGOTE, .traits = traits}, &sockets[1], 1, &answer);
    close(sockets[1]);
    if (answer.result < 0) close(sockets[0]);
    else *ret_control = sockets[0];
    return (pid_t)answer.result;
}

pid_t launch_egress(const char *egress_path, unsigned number, const char *start, int control, int log_fd) {
    struct answer answer;
    if (spawner_fd < 0) {
        int pidfd = -1;
        pid_t pid = make_egress(0, egress_path, start, control, log_fd, &pidfd);
        if (pid >= 0) close(pidfd);
        return pid;
    }
    ask(&(struct request){.op = OP_EGRESS, .value = (int32_t)number}, (int[]){control, log_fd}, log_fd < 0 ? 1 : 2, &answer);
    return (pid_t)answer.result;
}

void launch_kill(pid_t pid) {
    struct answer answer;
    if (spawner_fd < 0) kill(pid, SIGKILL);
    else ask(&(struct request){.op = OP_KILL, .value = pid}, NULL, 0, &answer);
}

void launch_forget(const char *variable) {
    struct request request = {.op = OP_FORGET};
    struct answer answer;
    forget(variable);
    if (spawner_fd < 0) return;
    CHECK(snprintf(request.text, sizeof request.text, "%s", variable) < (int)sizeof request.text);
    ask(&request, NULL, 0, &answer);
}

int launch_private_bytes(int pid, uint64_t *ret_bytes) {
    struct answer answer;
    if (spawner_fd < 0) return procfs_private_bytes(pid, ret_bytes);
    ask(&(struct request){.op = OP_PRIVATE_BYTES, .value = pid}, NULL, 0, &answer);
    if (answer.result == 0) *ret_bytes = answer.bytes;
    return (int)answer.result;
}

void launch_find_library(int pid, char *out, size_t out_len) {
    struct answer answer;
    if (spawner_fd < 0) {
        find_library(pid, out, out_len);
        return;
    }
    ask(&(struct request){.op = OP_FIND_LIBRARY, .value = pid}, NULL, 0, &answer);
    snprintf(out, out_len, "%s", answer.result == 0 ? answer.text : "");
}
