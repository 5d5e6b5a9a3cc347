/* Overwrites code that is there: its own. */
#include "tests/escape/escapes.h"
#include <stdint.h>

const char *escape_write_to_code(void) {
    *(volatile uint8_t *)(uintptr_t)escape_write_to_code = 0xc3;
    return "it was written";
}
