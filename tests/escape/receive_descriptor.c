/* Takes descriptors from its owner, should that send any. */
#include "tests/escape/escapes.h"
#include <sys/socket.h>

const char *escape_receive_descriptor(void) {
    struct msghdr message = {0};
    recvmsg(3, &message, MSG_DONTWAIT);
    return "recvmsg returned";
}
