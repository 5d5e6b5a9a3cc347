/* Opens a socket of the internet. */
#include "tests/escape/escapes.h"
#include <sys/socket.h>

const char *escape_network(void) {
    socket(AF_INET, SOCK_STREAM, 0);
    return "socket returned";
}
