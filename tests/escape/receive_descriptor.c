/* Takes descriptors from its owner, should that send any. */
#include "tests/escape/escapes.h"
#include <sys/socket.h>

const char *escape_receive_descriptor(void) {
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec part = {&byte, 1};
    for (int fd = 0; fd < 32; fd++) {
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(fd, &message, MSG_DONTWAIT | MSG_PEEK) >= 0 && message.msg_controllen > 0) return "a descriptor came";
    }
    return NULL;
}
