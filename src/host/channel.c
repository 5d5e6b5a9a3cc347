#include "host/channel.h"
#include "base/descriptors.h"
#include "base/macros.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES    (64 * 1024)
#define GRANTS_MAX    256

#define BIT(type) (1u << (type))
#define STREAMS   (BIT(FRAME_FETCH) | BIT(FRAME_RESPONSE) | BIT(FRAME_DATA) | BIT(FRAME_RESET) | BIT(FRAME_STOP) | BIT(FRAME_WINDOW))

const uint32_t host_channel_from_idle = BIT(FRAME_READY);
const uint32_t host_channel_from_worker = BIT(FRAME_STARTED) | BIT(FRAME_CALL) | BIT(FRAME_RETURN) | BIT(FRAME_THROW) |
                                          BIT(FRAME_LOG) | BIT(FRAME_BUSY) | BIT(FRAME_EXCEEDED) |
                                          BIT(FRAME_ABORTED) | BIT(FRAME_RESET);
const uint32_t host_channel_from_host = BIT(FRAME_STARTED) | BIT(FRAME_LOG) | BIT(FRAME_CLAIM) | BIT(FRAME_TOUCH) |
                                        BIT(FRAME_SOURCE) | BIT(FRAME_RELEASE) | BIT(FRAME_EXCEEDED) |
                                        BIT(FRAME_ABORTED) | BIT(FRAME_OUTBOUND) | BIT(FRAME_SERVICE) | BIT(FRAME_WANT) |
                                        STREAMS;

/* A descriptor that goes out with the byte at `offset` of everything ever queued. */
struct grant {
    uint64_t offset;
    int fd;
};

struct host_channel {
    uv_poll_t poll;
    uv_prepare_t flush; /* active while something is queued and unsent */
    int fd;
    int handles; /* of the two above, not yet closed by libuv */
    uint32_t accepted;
    struct buf in, out;
    uint64_t sent; /* bytes that went out so far */
    struct grant grants[GRANTS_MAX];
    int grants_len;
    int peer; /* process id */
    bool polls_out, freed, ended;
    const struct host_channel_handler *handler;
    void *context;
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_prepare(uv_prepare_t *prepare);

static void watch(struct host_channel *c) {
    int r = uv_poll_start(&c->poll, UV_READABLE | (c->polls_out ? UV_WRITABLE : 0), on_poll);
    CHECK(r == 0);
}

static void pass_credentials(struct host_channel *c, int on) {
    CHECK(setsockopt(c->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
}

struct host_channel *host_channel_new(uv_loop_t *loop, int fd, uint32_t accepted,
                                      const struct host_channel_handler *handler, void *context) {
    struct host_channel *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    *c = (struct host_channel){.fd = fd, .handles = 2, .accepted = accepted, .handler = handler, .context = context};
    pass_credentials(c, 1);
    CHECK(uv_poll_init(loop, &c->poll, fd) == 0);
    CHECK(uv_prepare_init(loop, &c->flush) == 0);
    c->poll.data = c->flush.data = c;
    watch(c);
    return c;
}

static void on_handle_closed(uv_handle_t *handle) {
    struct host_channel *c = handle->data;
    if (--c->handles == 0) free(c);
}

/* Frees all but the struct, which libuv's handles keep until they are closed. */
static void dispose(struct host_channel *c, bool close_fd) {
    CHECK(!c->freed);
    c->freed = true;
    uv_close((uv_handle_t *)&c->poll, on_handle_closed);
    uv_close((uv_handle_t *)&c->flush, on_handle_closed);
    if (close_fd) close(c->fd);
    for (int i = 0; i < c->grants_len; i++) close(c->grants[i].fd);
    buf_done(&c->in);
    buf_done(&c->out);
}

void host_channel_free(struct host_channel *c) {
    if (c) dispose(c, true);
}

int host_channel_release(struct host_channel *c) {
    if (buf_len(&c->out) > 0) return -EBUSY;
    int fd = c->fd;
    dispose(c, false);
    return fd;
}

void host_channel_accept(struct host_channel *c, uint32_t accepted) {
    c->accepted = accepted;
}

void host_channel_set_context(struct host_channel *c, const struct host_channel_handler *handler, void *context) {
    c->handler = handler;
    c->context = context;
}

int host_channel_peer(const struct host_channel *c) {
    return c->peer;
}

size_t host_channel_waiting(const struct host_channel *c) {
    return buf_len(&c->out);
}

static void end(struct host_channel *c, int error) {
    if (c->ended || c->freed) return;
    c->ended = true;
    uv_poll_stop(&c->poll);
    uv_prepare_stop(&c->flush);
    c->handler->on_closed(c->context, error);
}

/* --- Writing ---------------------------------------------------------------------------------------------------- */

/* Sends one piece: up to the next descriptor's place, or from there on with it. */
static ssize_t send_piece(struct host_channel *c) {
    const uint8_t *data = buf_bytes(&c->out);
    size_t len = buf_len(&c->out);
    struct grant *next = c->grants_len ? &c->grants[0] : NULL;
    if (next && next->offset == c->sent) {
        if (c->grants_len > 1 && c->grants[1].offset - c->sent < len) len = c->grants[1].offset - c->sent;
        ssize_t n = descriptors_send(c->fd, data, len, next->fd, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            close(next->fd);
            memmove(c->grants, c->grants + 1, (size_t)--c->grants_len * sizeof *c->grants);
        }
        return n;
    }
    if (next && next->offset - c->sent < len) len = next->offset - c->sent;
    return send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void flush(struct host_channel *c) {
    uv_prepare_stop(&c->flush);
    bool waited = c->polls_out;
    while (buf_len(&c->out) > 0) {
        ssize_t n = send_piece(c);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) {
            end(c, -errno);
            return;
        }
        if (n < 0) break;
        c->sent += (uint64_t)n;
        buf_consume(&c->out, (size_t)n);
    }
    c->polls_out = buf_len(&c->out) > 0;
    if (c->polls_out != waited) watch(c);
    if (waited && !c->polls_out && c->handler->on_drained) c->handler->on_drained(c->context);
}

static void on_prepare(uv_prepare_t *prepare) {
    flush(prepare->data);
}

int host_channel_send(struct host_channel *c, uint8_t type, uint8_t flags, uint32_t id, const char *head,
                      size_t head_len, const void *tail, size_t tail_len) {
    if (c->ended) return -EPIPE;
    if (buf_len(&c->out) > HOST_CHANNEL_OUT_BYTES_MAX) return -ENOBUFS;
    int r = frame_put(&c->out, type, flags, id, head, head_len, tail, tail_len);
    if (r == 0 && !c->polls_out) CHECK(uv_prepare_start(&c->flush, on_prepare) == 0);
    return r;
}

int host_channel_grant(struct host_channel *c, uint8_t flags, uint32_t cell, int fd) {
    int r = c->grants_len == GRANTS_MAX ? -EBUSY : 0;
    uint64_t offset = c->sent + buf_len(&c->out);
    if (r == 0) r = host_channel_send(c, FRAME_GRANT, flags, cell, "", 0, NULL, 0);
    if (r < 0) {
        close(fd);
        return r;
    }
    c->grants[c->grants_len++] = (struct grant){offset, fd};
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------------------------- */

/* Hands on the complete frames. Returns 0, or a negative errno that ends the channel. */
static int take_frames(struct host_channel *c) {
    while (!c->freed && !c->ended) {
        struct frame frame;
        long size = frame_peek(&c->in, c->accepted, &frame);
        if (size <= 0) return (int)size;
        int r = c->handler->on_frame(c->context, &frame);
        if (c->freed) return 0;
        if (r < 0) return r;
        buf_consume(&c->in, (size_t)size);
    }
    return 0;
}

/* Reads, and with the first bytes learns who sent them: cells live in a process namespace of their own. */
static ssize_t receive(struct host_channel *c, void *room) {
    if (c->peer) return recv(c->fd, room, READ_BYTES, MSG_DONTWAIT);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {room, READ_BYTES};
    struct msghdr msg = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
        struct ucred sender;
        memcpy(&sender, CMSG_DATA(header), sizeof sender);
        c->peer = sender.pid;
        pass_credentials(c, 0);
    }
    return n;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct host_channel *c = poll->data;
    /* A cell that died with input unread shows as an error; what it had sent is still to be read, and then its end. */
    if (status < 0) events = UV_READABLE;
    if (events & UV_WRITABLE) flush(c);
    if (c->freed || c->ended || !(events & UV_READABLE)) return;
    uint8_t *room = buf_room(&c->in, READ_BYTES);
    if (!room) {
        end(c, -ENOMEM);
        return;
    }
    ssize_t n = receive(c, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && status == 0) return;
    int error = n == 0 ? -EPIPE : n < 0 ? -errno : 0;
    if (n > 0) buf_add(&c->in, (size_t)n);
    int r = take_frames(c);
    if (!c->freed && (r < 0 || error < 0)) end(c, r < 0 ? r : error);
}
