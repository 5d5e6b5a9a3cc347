/* Writes to the cell's descriptors, as a bug of the engine can: while JavaScript runs. The probe stands before the engine,
   where the key is open, so it closes it first. */
#include "cell/cell.h"
#include "tests/escape/escapes.h"

const char *escape_control_state(void) {
    pkey_close();
    the_cell.first.fd = 0;
    pkey_open();
    return "the owner's descriptor was replaced";
}
