#include "cell/channel.h"
#include "base/macros.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)

/* How often to try again to write to a peer that reads: for less than it takes to sleep and be woken; and in all, however it
   doles out its reading. */
#define LOOKS     64
#define LOOKS_MAX 1024

#define BIT(type) (1u << (type))
#define STREAMS   (BIT(FRAME_FETCH) | BIT(FRAME_RESPONSE) | BIT(FRAME_DATA) | BIT(FRAME_RESET) | BIT(FRAME_STOP) | BIT(FRAME_WINDOW))
#define CALLS     (BIT(FRAME_CALL) | BIT(FRAME_RETURN) | BIT(FRAME_THROW))

const uint32_t channel_from_owner = BIT(FRAME_LOAD) | BIT(FRAME_RPC) | CALLS | STREAMS;
const uint32_t channel_from_supervisor =
    BIT(FRAME_GRANT) | BIT(FRAME_EVICT) | BIT(FRAME_DIED) | BIT(FRAME_SOURCE) | BIT(FRAME_OUTBOUND) |
    BIT(FRAME_SERVICE);
const uint32_t channel_from_owned = BIT(FRAME_STARTED) | BIT(FRAME_RPC) | BIT(FRAME_LOG) | BIT(FRAME_BUSY) |
                                     BIT(FRAME_EXCEEDED) | BIT(FRAME_ABORTED) | BIT(FRAME_RESTED) | STREAMS;
const uint32_t channel_from_peer = BIT(FRAME_RPC) | STREAMS;
const uint32_t channel_from_egress = (STREAMS & ~BIT(FRAME_FETCH)) | BIT(FRAME_LOG);

void channel_init(struct channel *channel, int fd, uint32_t accepted) {
    *channel = (struct channel){.fd = fd, .accepted = accepted};
}

void channel_done(struct channel *channel) {
    if (channel->fd >= 0) close(channel->fd);
    for (int i = 0; i < channel->grants_len; i++) close(channel->grants[i]);
    buf_done(&channel->in);
    buf_done(&channel->out);
    *channel = (struct channel){.fd = -1};
}

static void keep_descriptors(struct channel *channel, struct msghdr *msg) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * (int)sizeof fd, sizeof fd);
            if (channel->grants_len < CHANNEL_GRANTS_MAX) {
                channel->grants[channel->grants_len++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

/* Room for what is read next, or NULL: for the rest of a large frame in memory of its own, which can then be given away, or
   for whatever comes. */
static uint8_t *room_to_read(struct buf *in, size_t *ret_len) {
    size_t tail_at, lacks = frame_lacks(in, &tail_at);
    *ret_len = lacks > READ_BYTES ? lacks : READ_BYTES;
    if (lacks > READ_BYTES && in->capacity - in->end < lacks && buf_fit(in, lacks, tail_at) < 0) return NULL;
    return buf_room(in, *ret_len);
}

int channel_read(struct channel *channel, bool waits) {
    size_t len;
    uint8_t *room = room_to_read(&channel->in, &len);
    if (!room) return -ENOMEM;
    ssize_t n;
    if (channel->takes_descriptors) {
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_GRANTS_MAX)];
        } control;
        struct iovec part = {room, len};
        struct msghdr msg = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n > 0) keep_descriptors(channel, &msg);
    } else {
        n = recv(channel->fd, room, len, waits ? 0 : MSG_DONTWAIT);
    }
    if (n == 0) return -EPIPE;
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    buf_add(&channel->in, (size_t)n);
    return (int)n;
}

bool channel_is_alive(const struct channel *channel) {
    char byte;
    ssize_t n = recv(channel->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Returns how much was written before the peer stopped reading, or, if nothing was, a negative errno. */
static ssize_t write_on(int fd, const uint8_t *data, size_t len) {
    size_t done = 0;
    int looks = 0; /* a peer that has just begun to read goes on */
    for (int left = LOOKS_MAX; done < len;) {
        ssize_t n = send(fd, data + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            looks = LOOKS;
            done += (size_t)n;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN && looks-- > 0 && left-- > 0) {
            sched_yield();
            continue;
        }
        return errno == EAGAIN || done > 0 ? (ssize_t)done : -errno;
    }
    return (ssize_t)done;
}

int channel_flush(struct channel *channel) {
    size_t len = buf_len(&channel->out);
    if (len == 0) return 0;
    ssize_t n = write_on(channel->fd, buf_bytes(&channel->out), len);
    if (n < 0) return (int)n;
    buf_consume(&channel->out, (size_t)n);
    if (n > 0) channel->is_amid_frame = (size_t)n < len;
    return 0;
}

void channel_put_tail(struct channel *channel, const uint8_t *tail, size_t len) {
    ssize_t n = 0;
    channel_flush(channel); /* an error comes again, to who can act on it */
    if (buf_len(&channel->out) == 0) n = write_on(channel->fd, tail, len);
    if (n < 0) n = 0;
    channel->is_amid_frame = (size_t)n < len;
    CHECK(buf_append(&channel->out, tail + n, len - (size_t)n) == 0);
}
