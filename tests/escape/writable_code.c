/* Writes machine code where memory can be both written and run, and runs it. With the JIT there is such memory, which is
   why a worker can have a cell without. The probe looked for it in the zygote, before /proc was gone. */
#include "tests/escape/escapes.h"
#include <stdint.h>
#include <string.h>

const char *escape_writable_code(void) {
    static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
    uint8_t *place = escape_writable_code_at;
    int (*run)(void);
    if (!place) return NULL;
    memcpy(place, code, sizeof code);
    memcpy(&run, &place, sizeof run);
    return run() == 42 ? "code of its own ran" : NULL;
}
