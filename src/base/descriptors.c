#include "base/descriptors.h"
#include <string.h>
#include <sys/socket.h>

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t descriptors_send(int socket, const void *data, size_t len, int fd, int flags) {
    union control control = {0};
    struct iovec part = {(void *)data, len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &msg, flags);
}

ssize_t descriptors_recv(int socket, void *data, size_t len, int flags, int *ret_fd) {
    union control control;
    struct iovec part = {data, len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(socket, &msg, flags | MSG_CMSG_CLOEXEC);
    *ret_fd = -1;
    struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    }
    return n;
}
