/* Sends to an address, not over the connection: another program's abstract socket. */
#include "tests/escape/escapes.h"
#include <sys/socket.h>
#include <sys/un.h>

const char *escape_abstract_address(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0neighbour"};
    sendto(3, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address);
    return "sendto with an address returned";
}
