#include "cell/pkey.h"
#include "base/macros.h"
#include <stdint.h>
#include <sys/mman.h>

static int key = -1;

bool pkey_protect(void *memory, size_t len) {
    CHECK((uintptr_t)memory % PKEY_PAGE_BYTES == 0 && len % PKEY_PAGE_BYTES == 0);
    int made = pkey_alloc(0, 0);
    if (made < 0) return false;
    if (pkey_mprotect(memory, len, PROT_READ | PROT_WRITE, made) < 0) {
        pkey_free(made);
        return false;
    }
    key = made;
    return true;
}

void pkey_open(void) {
    if (key >= 0) pkey_set(key, 0);
}

void pkey_close(void) {
    if (key >= 0) pkey_set(key, PKEY_DISABLE_ACCESS);
}
