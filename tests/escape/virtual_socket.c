/* Opens a socket to the hypervisor, for which there is no namespace. */
#include "tests/escape/escapes.h"
#include <sys/socket.h>

const char *escape_virtual_socket(void) {
    socket(AF_VSOCK, SOCK_STREAM, 0);
    return "socket returned";
}
