#include "host/zygote.h"
#include "base/descriptors.h"
#include "base/macros.h"
#include "host/launch.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct zygote {
    uv_poll_t poll;
    int fd;
    pid_t pid;
    const struct zygote_handler *handler;
    void *context;
    uint64_t anonymous_bytes;
    bool lost, rewinds;
};

static void lose(struct zygote *z, const char *reason) {
    if (z->lost) return;
    z->lost = true;
    uv_poll_stop(&z->poll);
    z->handler->on_lost(z->context, reason);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct zygote *z = poll->data;
    (void)events;
    for (int i = 0; i < 64 && !z->lost; i++) {
        struct zygote_msg msg;
        ssize_t n = status < 0 ? 0 : recv(z->fd, &msg, sizeof msg, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n != sizeof msg) {
            lose(z, "the zygote ended");
            return;
        }
        msg.text[sizeof msg.text - 1] = 0;
        if (msg.op == ZYGOTE_HELLO && msg.text[0]) {
            lose(z, msg.text);
        } else if (msg.op == ZYGOTE_HELLO) {
            z->anonymous_bytes = msg.peak_bytes;
            z->rewinds = msg.rewinds;
            z->handler->on_ready(z->context, msg.confinement);
        } else if (msg.op == ZYGOTE_DIED) {
            z->handler->on_death(z->context, &(struct zygote_death){msg.cell, msg.status, msg.cpu_us, msg.peak_bytes});
        }
    }
}

int zygote_start(uv_loop_t *loop, const struct zygote_config *config, const struct zygote_handler *handler, void *context,
                 struct zygote **ret) {
    if (access(config->path, X_OK) < 0) return -errno;
    int control = -1;
    struct zygote *z = calloc(1, sizeof *z);
    pid_t pid = z ? launch_zygote(config->path, config->has_jail, config->traits, &control) : -ENOMEM;
    if (pid < 0) {
        free(z);
        return pid;
    }
    *z = (struct zygote){.fd = control, .pid = pid, .handler = handler, .context = context};
    CHECK(uv_poll_init(loop, &z->poll, z->fd) == 0);
    z->poll.data = z;
    CHECK(uv_poll_start(&z->poll, UV_READABLE, on_readable) == 0);
    *ret = z;
    return 0;
}

int zygote_fork(struct zygote *z, uint32_t cell, enum cell_role role, int fd) {
    struct zygote_msg msg = {.op = ZYGOTE_FORK, .cell = cell, .role = role};
    ssize_t n = descriptors_send(z->fd, &msg, sizeof msg, fd, MSG_NOSIGNAL);
    int r = n < 0 ? -errno : 0;
    close(fd);
    return r;
}

void zygote_kill(struct zygote *z, uint32_t cell) {
    struct zygote_msg msg = {.op = ZYGOTE_KILL, .cell = cell};
    if (send(z->fd, &msg, sizeof msg, MSG_NOSIGNAL) < 0) return; /* it is gone, and so are its cells */
}

void zygote_keep(struct zygote *z, uint32_t cell) {
    struct zygote_msg msg = {.op = ZYGOTE_KEEP, .cell = cell};
    if (send(z->fd, &msg, sizeof msg, MSG_NOSIGNAL) < 0) return;
}

int zygote_pid(const struct zygote *z) {
    return z->pid;
}

static void on_poll_closed(uv_handle_t *handle) {
    free(handle->data);
}

void zygote_stop(struct zygote *z) {
    if (!z) return;
    z->lost = true;
    launch_kill(z->pid);
    while (waitpid(z->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    uv_close((uv_handle_t *)&z->poll, on_poll_closed);
    close(z->fd);
}

bool zygote_rewinds(const struct zygote *z) {
    return z->rewinds;
}

uint64_t zygote_anonymous_bytes(const struct zygote *z) {
    return z->anonymous_bytes;
}

enum limit zygote_exceeded_limit(int status) {
    int limit = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) - LIMIT_EXIT_STATUS_FIRST : 0;
    return limit > LIMIT_NONE && limit < LIMITS ? (enum limit)limit : LIMIT_NONE;
}

void zygote_describe_death(int status, char *out, size_t out_len) {
    if (status < 0) {
        snprintf(out, out_len, "could not be started: %s", strerror(-status));
    } else if (zygote_exceeded_limit(status) == LIMIT_CPU) {
        snprintf(out, out_len, "exceeded its CPU time limit");
    } else if (zygote_exceeded_limit(status) == LIMIT_MEMORY) {
        snprintf(out, out_len, "exceeded its memory limit");
    } else if (WIFEXITED(status)) {
        snprintf(out, out_len, "exited with status %d", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        snprintf(out, out_len, "was killed with signal 9 (Killed)");
    } else if (WIFSIGNALED(status)) {
        snprintf(out, out_len, "crashed with signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(out, out_len, "ended with wait status %#x", (unsigned)status);
    }
}
