/* Makes memory that a neighbour can attach. */
#include "tests/escape/escapes.h"
#include <sys/shm.h>

const char *escape_shared_memory(void) {
    shmget(1234, 4096, IPC_CREAT | 0600);
    return "shmget returned";
}
