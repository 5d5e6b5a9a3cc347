/* mayfly-egress: the only process with a network and with secrets. It is started by the supervisor or by libmayfly with
   its control socket as descriptor 3 and, perhaps, a log as descriptor 4.

   Lock-in, in this order: secrets, certificates and resolvers are read; then root becomes nobody, no process may look
   into this one, no file can be opened (Landlock). This first process, the keeper, then only forks the one that works,
   and forks it again should it crash. That one puts a system call filter on itself (egress_jail.c) before it reads the
   first byte that a cell or a server wrote.

   It must never open a file, resolve by anything but DNS, connect to an address that no rule was asked about, or write
   a secret's value anywhere but into a request. */
#include "base/affinity.h"
#include "base/egress_wire.h"
#include "base/macros.h"
#include "host/egress_jail.h"
#include "host/egress_private.h"
#include "host/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORTS_MAX      16
#define INTERFACES_MAX 256

#define RESTART_MS_FIRST 20
#define RESTART_MS_MAX   2000

/* The exit status of a worker whose supervisor is gone. */
#define DONE 0

static uint16_t own_ports[PORTS_MAX];
static size_t own_ports_len;
static struct address interfaces[INTERFACES_MAX];
static size_t interfaces_len;

bool egress_is_own(const struct address *address, uint16_t port) {
    const char *kind = address_special(address);
    bool is_local = kind && (strcmp(kind, "loopback") == 0 || strcmp(kind, "unspecified") == 0);
    for (size_t i = 0; i < interfaces_len && !is_local; i++)
        is_local = memcmp(&interfaces[i], address, sizeof *address) == 0;
    for (size_t i = 0; i < own_ports_len && is_local; i++) {
        if (own_ports[i] == port) return true;
    }
    return false;
}

static void read_interfaces(void) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0) return;
    for (struct ifaddrs *i = list; i && interfaces_len < INTERFACES_MAX; i = i->ifa_next) {
        if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6)) continue;
        address_from_sockaddr(i->ifa_addr, &interfaces[interfaces_len++]);
    }
    freeifaddrs(list);
}

/* --- Control ---------------------------------------------------------------------------------------------------- */

static void say_hello(const char *text) {
    uint32_t op = EGRESS_HELLO;
    char message[600];
    memcpy(message, &op, sizeof op);
    int n = snprintf(message + sizeof op, sizeof message - sizeof op, "%s", text);
    if (send(EGRESS_CONTROL_FD, message, sizeof op + (size_t)n, MSG_NOSIGNAL) < 0) _exit(DONE);
}

/* Receives one message. Returns the length of its text, 0 at the end, or -EAGAIN. A descriptor goes to *ret_fd, or -1.
 */
static ssize_t receive(int flags, uint32_t *ret_op, char *text, size_t text_len, int *ret_fd) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec parts[2] = {{ret_op, sizeof *ret_op}, {text, text_len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(EGRESS_CONTROL_FD, &msg, flags | MSG_CMSG_CLOEXEC);
    *ret_fd = -1;
    if (n < 0) return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    return n < (ssize_t)sizeof *ret_op ? 0 : n - (ssize_t)sizeof *ret_op;
}

static void take_message(uv_loop_t *loop, uint32_t op, const char *text, size_t len, int fd) {
    if (op == EGRESS_ATTACH && fd >= 0) {
        tenant_attach(loop, fd, text, len);
        fd = -1;
    } else if (op == EGRESS_PORT && own_ports_len < PORTS_MAX) {
        own_ports[own_ports_len++] = (uint16_t)strtoul(text, NULL, 10);
    } else if (op == EGRESS_STAY) {
        affinity_keep(0, atoi(text));
    }
    if (fd >= 0) close(fd);
}

static void on_control(uv_poll_t *poll, int status, int events) {
    static char text[EGRESS_MESSAGE_BYTES_MAX];
    (void)events;
    for (;;) {
        uint32_t op;
        int fd;
        ssize_t n = status < 0 ? 0 : receive(MSG_DONTWAIT, &op, text, sizeof text - 1, &fd);
        if (n == -EAGAIN) return;
        if (n == 0) _exit(DONE);
        text[n] = 0;
        take_message(poll->loop, op, text, (size_t)n, fd);
    }
}

/* --- The process that works ------------------------------------------------------------------------------------- */

static _Noreturn void work(struct egress_jail *jail, const char *servers) {
    uv_loop_t loop;
    uv_poll_t control;
    char hello[200];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    CHECK(uv_loop_init(&loop) == 0);
    if (resolve_start(&loop, servers) < 0) {
        snprintf(hello, sizeof hello, "the name servers %.100s cannot be used: name them as ADDRESS[:PORT],...",
                 servers ? servers : "of the system");
        say_hello(hello);
        _exit(DONE);
    }
    CHECK(uv_poll_init(&loop, &control, EGRESS_CONTROL_FD) == 0);
    CHECK(uv_poll_start(&control, UV_READABLE, on_control) == 0);
    int r = egress_jail_filter(jail);
    if (r < 0) {
        snprintf(hello, sizeof hello, "no system call filter: %s", strerror(-r));
        say_hello(hello);
        _exit(DONE);
    }
    say_hello("");
    loop_run(&loop);
    _exit(DONE);
}

/* Ports that the supervisor told the worker of are gone with it; they come again with the next start. */
static _Noreturn void keep(struct egress_jail *jail, const char *servers) {
    unsigned delay_ms = RESTART_MS_FIRST;
    for (;;) {
        struct timespec began, ended;
        clock_gettime(CLOCK_MONOTONIC, &began);
        pid_t pid = fork();
        if (pid == 0) work(jail, servers);
        int status = 0;
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == DONE && pid > 0) _exit(0);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        if (ended.tv_sec - began.tv_sec > 10) delay_ms = RESTART_MS_FIRST;
        fprintf(stderr, "mayfly: egress ended with wait status %#x and is started again\n", (unsigned)status);
        usleep(delay_ms * 1000);
        delay_ms = delay_ms * 2 < RESTART_MS_MAX ? delay_ms * 2 : RESTART_MS_MAX;
    }
}

/* --- Start ------------------------------------------------------------------------------------------------------ */

static int prepare(const json_t *start, char *why, size_t why_len) {
    const char *ca_file = json_string_value(json_object_get(start, "caFile"));
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    snprintf(why, why_len, "cannot read the certificates of authorities%s%s", ca_file ? " in " : "",
             ca_file ? ca_file : "");
    int r = http_start(ca_file);
    const char *proxy = json_string_value(json_object_get(start, "proxy"));
    if (r == 0 && proxy) r = http_use_proxy(proxy, why, why_len);
    if (r == 0) r = secrets_load(json_object_get(start, "secrets"), why, why_len);
    if (r == 0) r = tenant_check(json_object_get(start, "policies"), why, why_len);
    if (r == 0 && json_is_true(json_object_get(start, "fixed"))) tenant_fix(json_object_get(start, "policies"));
    read_interfaces();
    if (fcntl(EGRESS_LOG_FD, F_GETFD) >= 0) log_open(EGRESS_LOG_FD);
    return r;
}

/* From the file that whoever started this process made. */
static json_t *read_start(void) {
    FILE *file = fdopen(EGRESS_START_FD, "r");
    json_t *start = file ? json_loadf(file, 0, NULL) : NULL;
    if (file) fclose(file);
    return start;
}

int main(void) {
    char why[300], *servers = NULL;
    struct egress_jail jail;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "mayfly-egress");
    signal(SIGPIPE, SIG_IGN);
    json_t *start = read_start();
    if (!start) return 2;
    const char *given = json_string_value(json_object_get(start, "dns"));
    if (given) servers = strdup(given);
    int r = prepare(start, why, sizeof why);
    json_decref(start);
    if (r == 0 && (r = egress_jail_enter(&jail)) < 0)
        snprintf(why, sizeof why, "cannot give up its rights: %s", strerror(-r));
    if (r < 0) {
        say_hello(why);
        return 1;
    }
    keep(&jail, servers);
}
