/* What a supervisor can do once it has locked itself in, and what it cannot: each act is tried in a child that has. */
#include "check.h"
#include "base/egress_wire.h"
#include "base/frame.h"
#include "host/launch.h"
#include "host/supervisor_jail.h"
#include "base/confinement.h"
#include "base/macros.h"
#include "base/procfs.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIED 1000 /* + the signal's number */

static char dir[] = "/tmp/mayfly-test-XXXXXX", inside[64];

/* 0, the errno of a failure, or DIED + signal. */
static int in_jail(int (*act)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        if (supervisor_jail_enter((const char *const[]){dir}, 1) != supervisor_layers) _exit(255);
        errno = 0;
        _exit(act() < 0 ? errno : 0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? DIED + WTERMSIG(status) : WEXITSTATUS(status);
}

#define ACT(name, expected, expression)                                                                                \
    static int act_##name(void) {                                                                                      \
        return (int)(expression);                                                                                      \
    }                                                                                                                  \
    TEST(name) {                                                                                                       \
        EXPECT_INT(in_jail(act_##name), expected);                                                                     \
    }

TEST(all_layers_hold_here) {
    int fd = mkdtemp(dir) ? 0 : -1;
    snprintf(inside, sizeof inside, "%s/file", dir);
    if (fd == 0) fd = open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    EXPECT(fd > 0 && write(fd, "text", 4) == 4);
    close(fd);
    EXPECT_INT((int)supervisor_jail_try(), (int)supervisor_layers);
}

/* As the police does (police.h). */
static int look_at_another(void) {
    uint64_t cpu_us, bytes;
    int r = procfs_cpu_us(1, &cpu_us);
    if (r == 0) r = procfs_anonymous_bytes(1, &bytes);
    errno = -r;
    return r;
}

/* What it goes on to do. */
ACT(reads_what_a_cell_has_used, 0, look_at_another())
ACT(reads_its_project, 0, open(inside, O_RDONLY | O_CLOEXEC))
ACT(reads_how_large_a_cell_is, 0, open("/proc/1/statm", O_RDONLY))
ACT(makes_a_socket_pair, 0, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}))
ACT(takes_memory, 0, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0)

/* What it does not any more. */
ACT(no_file_elsewhere, EACCES, open("/etc/passwd", O_RDONLY))
ACT(no_directory_to_list, EACCES, open(dir, O_RDONLY | O_DIRECTORY))
ACT(no_writing_to_its_project, ENOSYS, open(inside, O_WRONLY))
ACT(no_new_file, ENOSYS, open("/tmp/mayfly-test-new", O_WRONLY | O_CREAT, 0600))
ACT(no_removing, ENOSYS, unlink(inside))
ACT(no_changing_of_modes, ENOSYS, chmod(inside, 0777))
ACT(no_memory_of_others, EACCES, open("/proc/1/mem", O_RDONLY))
ACT(no_environment_of_others, EACCES, open("/proc/1/environ", O_RDONLY))
ACT(no_socket_of_the_internet, ENOSYS, socket(AF_INET, SOCK_STREAM, 0))
ACT(no_socket_of_the_machine, ENOSYS, socket(AF_UNIX, SOCK_STREAM, 0))
ACT(no_connecting, ENOSYS, connect(0, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, sizeof(struct sockaddr_in)))
ACT(no_executable_memory, ENOSYS, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0)
ACT(no_other_user, ENOSYS, syscall(SYS_setuid, 65534))
ACT(no_settings_of_its_process, ENOSYS, prctl(PR_SET_DUMPABLE, 1))
ACT(no_signal, ENOSYS, kill(getppid(), 0))
ACT(no_signal_by_way_of_a_descriptor, ENOSYS, fcntl(0, F_SETOWN, getppid()))
ACT(no_signal_of_its_choice, ENOSYS, fcntl(0, F_SETSIG, SIGKILL))
ACT(no_typing_into_a_terminal, ENOSYS, ioctl(0, TIOCSTI, "x"))
ACT(no_clone3, ENOSYS, syscall(SYS_clone3, NULL, 0))
ACT(no_process, DIED + SIGSYS, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0))
ACT(no_program, DIED + SIGSYS, execl("/bin/true", "true", NULL))
ACT(no_tracing, DIED + SIGSYS, ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
ACT(no_mount, DIED + SIGSYS, mount("none", dir, "tmpfs", 0, ""))
ACT(no_namespace, DIED + SIGSYS, unshare(CLONE_NEWUSER))
ACT(no_file_without_name, DIED + SIGSYS, memfd_create("x", 0))
ACT(no_bpf, DIED + SIGSYS, syscall(SYS_bpf, 0, NULL, 0))
ACT(no_io_uring, DIED + SIGSYS, syscall(SYS_io_uring_setup, 1, NULL))
ACT(no_descriptor_of_another, DIED + SIGSYS, syscall(SYS_pidfd_getfd, 0, 0, 0))

/* --- The spawner ------------------------------------------------------------------------------------------------ */

static int status_of(pid_t pid) {
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* 0, or the number of the step that failed. */
static int use_spawner(void) {
    uint64_t bytes = 0;
    int control = -1;
    const struct launch_config config = {.cell_path = "/bin/true", .egress_path = "/bin/true", .egress_starts = (const char *const[]){"{}"}, .egress_starts_len = 1};
    setenv("MAYFLY_TEST_SECRET", "x", 1);
    if (launch_begin(&config) < 0) return 1;
    if (supervisor_jail_enter((const char *const[]){dir}, 1) != supervisor_layers) return 2;
    if (status_of(launch_zygote("ignored: the path is the spawner's", false, 0, &control)) != 0) return 3;
    /* An ordinary user's spawner is let into cells, which are in namespaces that it made, and not into its supervisor. */
    if (geteuid() == 0 && (launch_private_bytes(getpid(), &bytes) < 0 || bytes == 0)) return 4;
    if (launch_private_bytes(0, &bytes) >= 0) return 5;
    launch_forget("MAYFLY_TEST_SECRET");
    if (getenv("MAYFLY_TEST_SECRET")) return 6;
    if (launch_egress("ignored", 1, "ignored", 0, -1) != -EINVAL) return 8; /* it knows of one */
    if (status_of(launch_egress("ignored", 0, "ignored", 0, -1)) != 0) return 9;
    launch_kill(0); /* there is none */
    launch_end();
    return launch_zygote("/bin/true", true, 0, &control) > 0 ? 7 : 0; /* on its own it cannot: this kills */
}

/* Sends a message with a descriptor to an egress process. */
static void attach(int control, const char *text, int fd) {
    uint32_t op = EGRESS_ATTACH;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } extra = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)}};
    struct iovec parts[2] = {{&op, sizeof op}, {(void *)text, strlen(text)}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = &extra, .msg_controllen = sizeof extra.bytes};
    memcpy(CMSG_DATA(&extra.header), &fd, sizeof fd);
    sendmsg(control, &msg, MSG_NOSIGNAL);
}

/* What egress answers to a request, when it was started with one policy, and whoever holds its control socket says another. */
static bool ask_egress(const char *start, char *answer, size_t answer_len) {
    static const char request[] = "{\"way\":0,\"method\":\"GET\",\"url\":\"http://127.0.0.1:1/\",\"headers\":[]}";
    int control[2], channel[2];
    struct buf frame = {0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, channel) < 0) return false;
    pid_t pid = launch_egress("build/mayfly-egress", 0, start, control[1], -1);
    attach(control[0], "{\"worker\":\"w\",\"policies\":{\"p\":{\"allow\":[{\"hosts\":[\"127.0.0.1\"],\"schemes\":[\"http\"],\"ports\":\"*\"}]}}}",
           channel[1]);
    frame_put(&frame, FRAME_FETCH, FRAME_FIN | FRAME_NOBODY, 1, request, sizeof request - 1, NULL, 0);
    bool is_sent = send(channel[0], buf_bytes(&frame), buf_len(&frame), 0) > 0;
    ssize_t n = is_sent ? recv(channel[0], answer, answer_len - 1, 0) : 0;
    for (ssize_t i = 0; i < n; i++) answer[i] = answer[i] ? answer[i] : ' ';
    answer[n > 0 ? n : 0] = 0;
    buf_done(&frame);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 2; i++) close(control[i]), close(channel[i]);
    return true;
}

TEST(policies_of_egress_are_those_of_its_start) {
    char answer[2000];
    EXPECT(ask_egress("{\"secrets\":{},\"policies\":{\"p\":null},\"fixed\":false}", answer, sizeof answer));
    CHECK_OR_RETURN(strstr(answer, "onnect"), "%s", answer); /* it tried */
    EXPECT(ask_egress("{\"secrets\":{},\"policies\":{\"p\":null},\"fixed\":true}", answer, sizeof answer));
    CHECK_OR_RETURN(strstr(answer, "is not allowed"), "%s", answer);
}

TEST(a_spawner_starts_what_the_supervisor_cannot) {
    pid_t pid = fork();
    if (pid == 0) _exit(use_spawner());
    int status;
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT_INT(WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status), SIGSYS);
    unlink(inside);
    rmdir(dir);
}

TEST_MAIN()
