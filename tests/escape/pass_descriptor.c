/* Sends its owner a descriptor. */
#include "tests/escape/escapes.h"
#include <sys/socket.h>

const char *escape_pass_descriptor(void) {
    struct msghdr message = {0};
    sendmsg(3, &message, MSG_NOSIGNAL);
    return "sendmsg returned";
}
