#include "host/outbound.h"
#include "base/buf.h"
#include "base/egress_wire.h"
#include "base/macros.h"
#include "host/launch.h"
#include "host/paths.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct outbound {
    uv_poll_t poll;
    int fd;
    pid_t pid;
    uint16_t port;
    const struct outbound_handler *handler;
    void *context;
    bool is_lost;
};

static int send_message(struct outbound *o, uint32_t op, const void *text, size_t len, int fd) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec parts[2] = {{&op, sizeof op}, {(void *)text, len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
    if (len >= EGRESS_MESSAGE_BYTES_MAX) return -EMSGSIZE;
    if (fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(o->fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void lose(struct outbound *o) {
    if (o->is_lost) return;
    o->is_lost = true;
    uv_poll_stop(&o->poll);
    o->handler->on_lost(o->context);
}

void outbound_own_port(struct outbound *o, uint16_t port) {
    char text[16];
    o->port = port;
    int n = snprintf(text, sizeof text, "%u", port);
    send_message(o, EGRESS_PORT, text, (size_t)n, -1);
}

void outbound_stay(struct outbound *o, int cpu) {
    char text[16];
    int n = snprintf(text, sizeof text, "%d", cpu);
    send_message(o, EGRESS_STAY, text, (size_t)n, -1);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct outbound *o = poll->data;
    struct {
        uint32_t op;
        char text[600];
    } message;
    (void)events;
    ssize_t n = status < 0 ? 0 : recv(o->fd, &message, sizeof message - 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < (ssize_t)sizeof message.op) {
        lose(o);
        return;
    }
    ((char *)&message)[n] = 0;
    if (message.op != EGRESS_HELLO) return;
    if (o->port) outbound_own_port(o, o->port); /* this worker is a new one */
    o->handler->on_ready(o->context, message.text[0] ? message.text : NULL);
}

int outbound_put_start(const struct outbound_config *config, struct buf *out) {
    int r = buf_printf(out, "{\"secrets\":%s,\"policies\":%s,\"fixed\":%s", config->secrets_json ? config->secrets_json : "{}",
                       config->policies_json ? config->policies_json : "{}", config->has_fixed_policies ? "true" : "false");
    if (r == 0 && config->dns) {
        r = buf_append_text(out, ",\"dns\":");
        if (r == 0) r = buf_append_json(out, config->dns, strlen(config->dns));
    }
    if (r == 0 && config->ca_file) {
        r = buf_append_text(out, ",\"caFile\":");
        if (r == 0) r = buf_append_json(out, config->ca_file, strlen(config->ca_file));
    }
    if (r == 0 && config->proxy) {
        r = buf_append_text(out, ",\"proxy\":");
        if (r == 0) r = buf_append_json(out, config->proxy, strlen(config->proxy));
    }
    return r == 0 ? buf_append_text(out, "}") : r;
}

static int launch(struct outbound *o, const struct outbound_config *config, const char *start) {
    char path[PATH_MAX];
    int sockets[2], r = paths_egress_binary(path, sizeof path);
    if (r == 0 && access(path, X_OK) < 0) r = -errno;
    if (r < 0) return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) return -errno;
    o->pid = launch_egress(path, config->number, start, sockets[1], config->log_fd);
    r = o->pid < 0 ? o->pid : 0;
    close(sockets[1]);
    if (r < 0)
        close(sockets[0]);
    else
        o->fd = sockets[0];
    return r;
}

int outbound_start(uv_loop_t *loop, const struct outbound_config *config, const struct outbound_handler *handler,
                   void *context, struct outbound **ret) {
    struct outbound *o = calloc(1, sizeof *o);
    struct buf start = {0};
    if (!o) return -ENOMEM;
    *o = (struct outbound){.handler = handler, .context = context};
    int r = outbound_put_start(config, &start);
    if (r == 0) r = buf_append(&start, "", 1);
    if (r == 0) r = launch(o, config, (const char *)buf_bytes(&start));
    buf_done(&start);
    if (r < 0) {
        free(o);
        return r;
    }
    CHECK(uv_poll_init(loop, &o->poll, o->fd) == 0);
    o->poll.data = o;
    CHECK(uv_poll_start(&o->poll, UV_READABLE, on_readable) == 0);
    *ret = o;
    return 0;
}

static void on_poll_closed(uv_handle_t *handle) {
    free(handle->data);
}

void outbound_free(struct outbound *o) {
    if (!o) return;
    o->is_lost = true;
    launch_kill(o->pid); /* the worker below it dies of that */
    while (waitpid(o->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    uv_close((uv_handle_t *)&o->poll, on_poll_closed);
    close(o->fd);
}

int outbound_attach(struct outbound *o, const char *name, const char *policies_json) {
    struct buf text = {0};
    int sockets[2];
    int r = buf_append_text(&text, "{\"worker\":");
    if (r == 0) r = buf_append_json(&text, name, strlen(name));
    if (r == 0) r = buf_printf(&text, ",\"policies\":%s}", policies_json);
    if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0) r = -errno;
    if (r == 0) {
        r = send_message(o, EGRESS_ATTACH, buf_bytes(&text), buf_len(&text), sockets[1]);
        close(sockets[1]);
        if (r < 0) close(sockets[0]);
    }
    buf_done(&text);
    return r < 0 ? r : sockets[0];
}
