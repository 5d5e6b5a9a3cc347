/* A cell that forgets nothing: keeps a copy of every byte that crosses its socket (ld --wrap), in memory of its own.
   tests/behaviour/secrets.mjs searches that memory from outside for what must never have come there. */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define TAP_BYTES (8u << 20)

/* Found by its mark, which no other memory holds as one piece: it is put together when the first byte comes. */
static struct {
    char mark[24];
    uint64_t len; /* all that came, also what did not fit */
    uint8_t bytes[TAP_BYTES];
} tap;

ssize_t __real_recv(int fd, void *data, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

static void keep(const void *data, ssize_t n) {
    if (n <= 0) return;
    if (tap.len == 0) {
        memcpy(tap.mark, "mayfly tap ", 11);
        memcpy(tap.mark + 11, "begins here", 12);
    }
    if (tap.len < TAP_BYTES) {
        size_t room = TAP_BYTES - tap.len;
        memcpy(tap.bytes + tap.len, data, (size_t)n < room ? (size_t)n : room);
    }
    tap.len += (uint64_t)n;
}

ssize_t __wrap_recv(int fd, void *data, size_t len, int flags) {
    ssize_t n = __real_recv(fd, data, len, flags);
    if (!(flags & MSG_PEEK)) keep(data, n);
    return n;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags) {
    ssize_t n = __real_recvmsg(fd, msg, flags);
    if (n > 0) keep(msg->msg_iov[0].iov_base, n); /* cells read into one piece */
    return n;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags) {
    ssize_t n = __real_send(fd, data, len, flags);
    keep(data, n);
    return n;
}
